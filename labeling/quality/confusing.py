"""What is taken for what: votes by the noun that a picture shows and the one that they say.

What a picture shows is the answer that came with it, or else its label.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Case, Count, Q, When
from django.db.models.functions import Coalesce

from labeling.models import Choices, Collection, Question
from labeling.overview import as_of_today, votes_on_pictures
from labeling.people import IS_OPEN_TO_ALL
from labeling.quality.kin import Kin
from taxonomy.models import Synset

MOST_NOUNS = 30  # in the picture
MOST_CELLS = 3000  # that are kept, the commonest: all pairs of 54 nouns
SHADES = (0.01, 0.03, 0.1, 0.3)  # between the shades of a cell, by its share of the votes on a noun


@dataclass(frozen=True)
class Said:
    """How often one noun was said of another, or was right."""

    noun: Synset
    n: int
    share: float  # of all votes on what it is
    percent_of_most: int  # how long it is drawn beside the commonest


@dataclass(frozen=True)
class Row:
    """All that was said of one noun."""

    noun: Synset
    n: int
    said: list[Said]
    n_others: int  # votes for nouns that are too rare to be kept, or hidden

    @property
    def others_share(self) -> float:
        return self.n_others / self.n


@dataclass(frozen=True)
class Cell:
    percent: str  # a whole number; "<1" for less, "0" for none
    n: int
    css: (
        str  # "shade-right" where it says what it is, else "shade-0" to 5; "apart" where its column is no kin
    )


@dataclass(frozen=True)
class MapRow:
    noun: Synset
    cells: list[Cell]
    is_apart: bool  # no kin of the row above


@dataclass(frozen=True)
class Confusion:
    """Nouns and what was said of them, by keys; `order` are those in the picture, kin together."""

    nouns: Mapping[int, Synset]
    totals: Mapping[int, int]
    cells: Mapping[tuple[int, int], int]
    order: list[int]
    apart: frozenset[int]  # those of them that are no kin of the one before
    n_nouns: int  # that could be in the picture

    @cached_property
    def choices(self) -> list[Synset]:
        """The nouns of which something was said, by name."""
        return sorted((self.nouns[pk] for pk in self.totals if pk in self.nouns), key=lambda noun: noun.name)

    @cached_property
    def map(self) -> list[MapRow]:
        return [
            MapRow(
                self.nouns[pk],
                [self.cell(pk, said) for said in self.order],
                pk in self.apart,
            )
            for pk in self.order
        ]

    @property
    def heads(self) -> list[tuple[Synset, bool]]:
        return [(self.nouns[pk], pk in self.apart) for pk in self.order]

    def cell(self, pk: int, said: int) -> Cell:
        """Return what the picture says of votes for one noun on pictures that show another."""
        n = self.cells.get((pk, said), 0)
        share = n / self.totals[pk] if n else 0.0
        percent = "<1" if 0 < share < 0.005 else str(round(100 * share))
        shade = 1 + sum(share >= edge for edge in SHADES) if n else 0
        css = f"shade-{'right' if pk == said else shade}{' apart' if said in self.apart else ''}"
        return Cell(percent, n, css)

    def row(self, noun: Synset) -> Row:
        """Return all that was said of a noun, the commonest first."""
        total = self.totals.get(noun.pk, 0)
        said = {to: n for (pk, to), n in self.cells.items() if pk == noun.pk and to in self.nouns}
        most = max(said.values(), default=1)
        ranked = sorted(said.items(), key=lambda cell: (-cell[1], cell[0]))
        return Row(
            noun,
            total,
            [Said(self.nouns[to], n, n / total, round(100 * n / most)) for to, n in ranked],
            total - sum(said.values()),
        )


def measure(collection: Collection, becomes: Mapping[int, int | None], choices: Choices) -> dict[str, Any]:
    counted = _count(collection, becomes)
    totals: Counter[int] = Counter()
    for (noun, _said), n in counted.items():
        totals[noun] += n
    cells = sorted(counted.items(), key=lambda cell: (-cell[1], cell[0]))[:MOST_CELLS]
    pictured, n_nouns = _pictured(cells, choices)
    kin = Kin.of(collection, pictured)
    order = kin.in_order(pictured)
    apart = kin.distances(order)
    return {
        "totals": sorted(totals.items()),
        "cells": [[noun, to, n] for (noun, to), n in cells],
        "order": order,
        "apart": [pk for i, pk in enumerate(order) if i and apart[i - 1, i] == 1],
        "n_nouns": n_nouns,
    }


def _count(collection: Collection, becomes: Mapping[int, int | None]) -> dict[tuple[int, int], int]:
    """Return how often each noun was said of each, both as they count today."""
    came_with_it = Q(question__truth__isnull=False, question__confirmed_at=None)
    is_labelled = Q(question__state=Question.State.SETTLED)
    votes = votes_on_pictures(collection).filter(
        IS_OPEN_TO_ALL, came_with_it | is_labelled, synset__isnull=False, question__narrowing=None
    )
    shows = Coalesce(Case(When(came_with_it, then="question__truth")), "question__label")
    rows = votes.values_list(shows, "synset").annotate(n=Count("pk")).order_by()
    by_said = as_of_today(rows, becomes)
    turned = as_of_today(((said, noun, n) for (noun, said), n in by_said.items()), becomes)
    return {(noun, said): n for (said, noun), n in turned.items()}


def _pictured(cells: Iterable[tuple[tuple[int, int], int]], choices: Choices) -> tuple[list[int], int]:
    """Return the nouns that are confused most often, or all where those are few, as the classes come; and how many
    there are. To say less than what it is, or more, is to confuse nothing.
    """
    confused: dict[int, int] = defaultdict(int)
    for (noun, said), n in cells:
        is_kind = choices.is_above(said, noun) or choices.is_above(noun, said)
        n_wrong = 0 if noun == said or is_kind else n
        for each in (noun,) if is_kind else (noun, said):
            confused[each] += n_wrong
    ranked = sorted(confused, key=lambda pk: (-confused[pk], pk))
    places = {synset.pk: place for place, synset in enumerate(choices.synsets)}
    pictured = sorted(ranked[:MOST_NOUNS], key=lambda pk: (places.get(pk, len(places)), pk))
    return pictured, len(ranked)


def shown(found: Mapping[str, Any]) -> Confusion:
    """Put the nouns to what was counted; those that came to be hidden since are left out. One query."""
    totals = dict(found["totals"])
    cells = {(noun, said): n for noun, said, n in found["cells"]}
    named = {*totals, *(said for _noun, said in cells)}
    nouns = {synset.pk: synset for synset in Synset.objects.shown().filter(pk__among=named)}
    order = [pk for pk in found["order"] if pk in nouns]
    return Confusion(nouns, totals, cells, order, frozenset(found["apart"]), found["n_nouns"])
