"""The walk down the nouns of a collection that has too many to show at once: from the widest, level by level."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from labeling.models import Choices
from taxonomy.models import Synset

KEYS = "1234567890"
MOST_KEPT = 64  # trees; each is that of one Choices
MOST_HINTS = 3  # classes that are named beside a noun which they are kinds of


@dataclass(frozen=True)
class Tree:
    """The nouns that are answers, and how they lie. Whoever has few classes is shown those alone, at the top.

    nouns: what a page tells of each; an inner one has the places of its `kinds`, and a `hint` at its classes.
    top: the places of those to begin with.
    """

    nouns: Sequence[dict[str, Any]]
    top: Sequence[int]

    def path(self, at: str) -> list[int]:
        """Return the places of the inner nouns down which `at` leads, wnids with dots between, as far as it does."""
        path: list[int] = []
        for wnid in at.split("."):
            kinds = {self.nouns[place]["wnid"]: place for place in self.below(path)}
            place = kinds.get(wnid)
            if place is None or "kinds" not in self.nouns[place]:
                break
            path.append(place)
        return path

    def below(self, path: Sequence[int]) -> Sequence[int]:
        """Return the places of the nouns to choose from where `path` has led."""
        return self.nouns[path[-1]]["kinds"] if path else self.top

    def address(self, path: Sequence[int]) -> str:
        return "?at=" + ".".join(self.nouns[place]["wnid"] for place in path)

    def level(self, path: Sequence[int]) -> dict[str, Any]:
        """Return what a page shows where `path` has led: nouns to choose from, and the way back up."""
        here = [
            self.nouns[place] | {"href": self.address([*path, place])}
            if "kinds" in self.nouns[place]
            else self.nouns[place]
            for place in self.below(path)
        ]
        steps = [
            {"name": self.nouns[place]["name"], "href": self.address(path[: depth + 1])}
            for depth, place in enumerate(path)
        ]
        return {
            "choices": here,
            "steps": steps,
            "up": self.address(path[:-1]),
            "noun": self.nouns[path[-1]] if path else None,
        }


@lru_cache(maxsize=MOST_KEPT)
def tree_of(choices: Choices) -> Tree:
    """Return the tree of a whole collection's nouns."""
    classes = choices.offered
    if len(classes) <= len(KEYS) or not choices.inner:
        return Tree([_tell(noun) for noun in classes], range(len(classes)))
    synsets = sorted([*choices.inner, *classes], key=lambda noun: (noun.name.casefold(), noun.wnid))
    top: list[int] = []
    kinds: dict[int, list[int]] = defaultdict(list)
    for place, noun in enumerate(synsets):
        parents = choices.parents[noun.pk]
        for parent in parents:
            kinds[parent].append(place)
        if not parents:
            top.append(place)
    hints = {noun.pk: _hint(choices, noun) for noun in choices.inner}
    nouns = [
        _tell(noun) | ({"kinds": kinds[noun.pk], "hint": hints[noun.pk]} if noun.pk in hints else {})
        for noun in synsets
    ]
    return Tree(nouns, top)


def spread(places: Sequence[int], n: int) -> list[int]:
    """Return up to `n` of the places, two at least, as far from one another as they come."""
    last = len(places) - 1
    return list(dict.fromkeys(places[last * i // (n - 1)] for i in range(n))) if places else []


def _tell(noun: Synset) -> dict[str, Any]:
    return {"wnid": noun.wnid, "name": noun.name, "gloss": noun.gloss}


def _hint(choices: Choices, inner: Synset) -> str:
    """Name some classes below a noun, as far apart as their order goes: what it means is seen best by those."""
    places = choices.offered_below(inner)
    some = spread(places, MOST_HINTS)
    named = ", ".join(choices.synsets[place].name for place in some)
    return f"{named}, …" if len(places) > len(some) else named
