"""Class probabilities -> probabilities of every noun above the classes, and what can be said for certain. Pure.

A noun is as likely as the classes at and below it together, each of them once, however many ways lead up to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
SURE = 0.95  # what is said for certain is at least so likely
# A sum of thousands of rounded probabilities may fall just short of what it stands for.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Nouns:
    """The classes of a snapshot and the nouns above them, as it keeps them.

    classes:   wnids; a place among them is what arrays call a label.
    hypernyms: of each noun, classes too, the wnids of those right above it.
    """

    classes: Sequence[str]
    hypernyms: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, taxonomy: Mapping[str, Any]) -> "Nouns":
        """Return those of `Snapshot.taxonomy`."""
        nouns = taxonomy["nouns"].items()
        return cls(taxonomy["classes"], {wnid: noun["hypernyms"] for wnid, noun in nouns})

    @cached_property
    def above(self) -> dict[str, dict[str, int]]:
        """For each class the nouns at and above it, each with the most steps down from there to the class."""
        return {wnid: self._above(wnid) for wnid in self.classes}

    @cached_property
    def below(self) -> dict[str, frozenset[str]]:
        """For each noun the classes at and below it."""
        found: dict[str, set[str]] = {}
        for wnid, above in self.above.items():
            for noun in above:
                found.setdefault(noun, set()).add(wnid)
        return {noun: frozenset(classes) for noun, classes in found.items()}

    def _above(self, wnid: str) -> dict[str, int]:
        steps = {wnid: 0}
        waiting = [wnid]
        while waiting:
            noun = waiting.pop()
            for hypernym in self.hypernyms.get(noun, ()):
                if steps.get(hypernym, -1) <= steps[noun]:
                    steps[hypernym] = steps[noun] + 1
                    waiting.append(hypernym)
        return steps


def roll_up(nouns: Nouns, probabilities: Floats) -> dict[str, float]:
    """Return how likely each noun is, from `probabilities` (n_classes,), which sum to 1."""
    of = dict(zip(nouns.classes, probabilities.tolist(), strict=True))
    return {noun: min(1.0, sum(of[wnid] for wnid in classes)) for noun, classes in nouns.below.items()}


def line(nouns: Nouns, likely: Mapping[str, float], wnid: str) -> list[str]:
    """Return the way from a class up, the class first: at each step the hypernym that says most, which is the least
    likely one. Nouns are left out that have just the classes below them that the one before has: they say no more.
    """
    way = [wnid]
    noun = wnid
    while hypernyms := nouns.hypernyms.get(noun, ()):
        noun = min(hypernyms, key=lambda each: (likely[each], each))
        if nouns.below[noun] != nouns.below[way[-1]]:
            way.append(noun)
    return way


def certain(nouns: Nouns, likely: Mapping[str, float], wnid: str) -> str | None:
    """Return the noun at or above a class that says most and is yet SURE; None where not even the highest is.

    Of those that are sure the one with the fewest classes below it says most, and of equals the lowest.
    """
    steps = nouns.above[wnid]
    sure = [noun for noun in steps if likely[noun] >= SURE - ROUNDING]
    return min(sure, key=lambda noun: (len(nouns.below[noun]), steps[noun], noun), default=None)


def says_something(nouns: Nouns, noun: str) -> bool:
    """Say whether a noun tells anything: whether there is a class that is not below it."""
    return len(nouns.below[noun]) < len(nouns.classes)


@dataclass(frozen=True)
class Believed:
    """How likely a network holds a noun to be."""

    wnid: str
    name: str
    gloss: str
    probability: float

    @property
    def width(self) -> int:
        """Of its bar, of 1000."""
        return round(1000 * self.probability)


@dataclass(frozen=True)
class Told:
    """What a network says of one picture.

    likeliest: the likeliest classes, five at most, the first of them first.
    line:      from a noun above all or most classes down to the likeliest class.
    certain:   the noun of that line that says most and is yet sure; None where none is that says anything.
    """

    likeliest: list[Believed]
    line: list[Believed]
    certain: Believed | None

    @property
    def is_certain(self) -> bool:
        """Whether it is sure of the likeliest class itself."""
        return self.certain == self.likeliest[0]


def tell(taxonomy: Mapping[str, Any], probabilities: Floats, n_likeliest: int = 5) -> Told:
    """taxonomy: Snapshot.taxonomy; probabilities: (n_classes,), summing to 1."""
    nouns = Nouns.of(taxonomy)
    likely = roll_up(nouns, probabilities)

    def believed(wnid: str, probability: float) -> Believed:
        noun = taxonomy["nouns"][wnid]
        return Believed(wnid, noun["name"], noun["gloss"], probability)

    # The likelier first; of equals the one that comes first among the classes.
    order = np.argsort(-probabilities, kind="stable")[:n_likeliest].tolist()
    first = nouns.classes[order[0]]
    sure = certain(nouns, likely, first)
    return Told(
        [believed(nouns.classes[label], float(probabilities[label])) for label in order],
        [believed(wnid, likely[wnid]) for wnid in reversed(line(nouns, likely, first))],
        believed(sure, likely[sure]) if sure and says_something(nouns, sure) else None,
    )
