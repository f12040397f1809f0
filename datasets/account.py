"""A data card -> the numbers that pages draw and the card in Markdown lists. Pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from labeling.splits import SPLITS, TEST, TRAIN

WHOLE = 1000  # units of a drawing's width
FEW = 10  # training pictures of a noun that has fewer are few
LEAST_SHOWN = 10  # nouns that are listed as those that people agree on least


@dataclass(frozen=True)
class Noun:
    """A class with its pictures."""

    label: int
    wnid: str
    name: str
    counts: tuple[int | None, ...]  # by split, in their order; None where it is told nobody
    share: float | None  # of the votes on its training and validation pictures that say it
    bars: tuple[tuple[str, int, int], ...] = ()  # (split, where it begins, its width) in units of the drawing

    @property
    def n_train(self) -> int:
        return self.counts[SPLITS.index(TRAIN)] or 0

    @property
    def n_told(self) -> int:
        return sum(n for n in self.counts if n)

    @property
    def lacks(self) -> tuple[str, ...]:
        """The splits in which it is known to have no picture."""
        return tuple(split for split, n in zip(SPLITS, self.counts, strict=True) if n == 0)


@dataclass(frozen=True)
class Bar:
    """One line of a drawn list."""

    name: Any  # what it is: a number or a text
    n: float
    width: int  # in units of the drawing
    share: float | None = None  # of all


@dataclass(frozen=True)
class Account:
    """What a card says. What was not counted when the snapshot was frozen is empty, or None."""

    nouns: tuple[Noun, ...]
    by_split: Mapping[str, int]
    tells_test: bool  # whether the counts of test pictures are there for each noun
    n_hidden: int  # nouns that are left out
    annotators: Mapping[str, int]
    n_votes: int | None
    alpha: float | None
    share: float | None
    accuracy: float | None
    confidence: tuple[Bar, ...]  # by (from, below); the last one has no end
    votes: tuple[Bar, ...]  # pictures by the number of their votes
    licences: tuple[Bar, ...]
    remainder: tuple[Bar, ...]
    policy: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""

    @property
    def n_images(self) -> int:
        return sum(self.by_split.values())

    @property
    def n_classes(self) -> int:
        return len(self.nouns) + self.n_hidden

    @property
    def n_remainder(self) -> int:
        return int(sum(bar.n for bar in self.remainder))

    @property
    def few(self) -> list[Noun]:
        """Return the nouns with some training pictures, but few."""
        return [noun for noun in self.nouns if 0 < noun.n_train < FEW]

    @property
    def lacking(self) -> list[Noun]:
        """Return the nouns that have no picture in some part."""
        return [noun for noun in self.nouns if noun.lacks]

    @property
    def least_agreed(self) -> list[Noun]:
        """Return the nouns whose votes agree least with their labels, the least first."""
        known = [noun for noun in self.nouns if noun.share is not None]
        return sorted(known, key=lambda noun: (noun.share, noun.label))[:LEAST_SHOWN]

    @property
    def n_people(self) -> int:
        return self.annotators.get("person", 0) + self.annotators.get("guest", 0)

    def n_left_out(self, reason: str) -> int:
        """Return how many settled pictures are in no class for this reason."""
        return int(sum(bar.n for bar in self.remainder if bar.name == reason))


def read(
    card: Mapping[str, Any],
    taxonomy: Mapping[str, Any],
    bounds: Sequence[float],
    *,
    hidden: AbstractSet[str] = frozenset(),
    tells_test: bool = False,
) -> Account:
    """Return what a snapshot's card says; of one that was frozen long ago, what it knows.

    taxonomy: a snapshot's, with the classes in the order of their labels; bounds: of the groups in which labels were
    counted by confidence; hidden: wnids of classes that are not shown; tells_test: whether counts of test pictures
    are told by class. Of small test parts those would tell labels.
    """
    agreement = card.get("agreement", {})
    return Account(
        nouns=nouns(
            card["by_class"],
            {wnid: taxonomy["nouns"][wnid]["name"] for wnid in taxonomy["classes"]},
            shares=agreement.get("by_class", {}),
            hidden=hidden,
            tells_test=tells_test,
        ),
        by_split=card["by_split"],
        tells_test=tells_test,
        n_hidden=len(hidden),
        annotators=card.get("annotators", {}),
        n_votes=card.get("n_votes"),
        alpha=agreement.get("alpha"),
        share=agreement.get("share"),
        accuracy=card.get("accuracy"),
        confidence=_confidence(card.get("confidence", ()), bounds),
        votes=bars(sorted((int(n), pictures) for n, pictures in card.get("votes", {}).items())),
        licences=_largest_first(card.get("licences", {})),
        remainder=_largest_first(card.get("remainder", {})),
        policy=card.get("policy", {}),
        kind=card.get("kind", ""),
    )


def nouns(
    by_class: Mapping[str, Mapping[str, int]],
    names: Mapping[str, str],
    *,
    shares: Mapping[str, float | None] | None = None,
    hidden: AbstractSet[str] = frozenset(),
    tells_test: bool = False,
) -> tuple[Noun, ...]:
    """Return each class that is shown, with its bars drawn against the largest of them.

    by_class: pictures by wnid and split; names: of each class by its wnid, in the order of their labels.
    """
    shares = shares or {}
    counts = {
        wnid: tuple(None if split == TEST and not tells_test else by_class[wnid][split] for split in SPLITS)
        for wnid in names
    }
    most = max((sum(n or 0 for n in each) for wnid, each in counts.items() if wnid not in hidden), default=0)
    return tuple(
        Noun(label, wnid, name, counts[wnid], shares.get(wnid), stacked(counts[wnid], most))
        for label, (wnid, name) in enumerate(names.items())
        if wnid not in hidden
    )


def stacked(counts: Sequence[int | None], most: int) -> tuple[tuple[str, int, int], ...]:
    """Return (split, where it begins, its width) of each part of a bar that is WHOLE wide at `most` pictures.

    counts: by split in their order; what is 0 or None is left out. Ends are rounded and not widths, so that the
    bar's end is right to a unit.
    """
    drawn, so_far = [], 0
    for split, n in zip(SPLITS, counts, strict=True):
        if n:
            begin, end = (round(WHOLE * place / most) for place in (so_far, so_far + n))
            drawn.append((split, begin, end - begin))
            so_far += n
    return tuple(drawn)


def bars(rows: Sequence[tuple[Any, float]]) -> tuple[Bar, ...]:
    """Return a line for each (name, number), drawn against the largest number, with its share of their sum."""
    most, total = max((n for _name, n in rows), default=0), sum(n for _name, n in rows)
    if not total:
        return tuple(Bar(name, n, 0) for name, n in rows)
    return tuple(Bar(name, n, round(WHOLE * n / most), n / total) for name, n in rows)


def _largest_first(counts: Mapping[str, int]) -> tuple[Bar, ...]:
    return bars(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _confidence(counts: Sequence[int], bounds: Sequence[float]) -> tuple[Bar, ...]:
    """Return the groups from the first one with a label on; each is named by (from, below), and the last one has no
    end.
    """
    groups = list(zip([0.0, *bounds], [*bounds, None], strict=True)) if counts else []
    first = next((place for place, n in enumerate(counts) if n), len(counts))
    return bars(list(zip(groups, counts, strict=True))[first:])
