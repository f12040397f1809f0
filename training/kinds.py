"""A snapshot's nouns, as they stood when it was frozen -> classes in groups, so that a thousand of them can be read;
and how far apart the nouns are that a network confuses. Pure.

The nouns form a directed acyclic graph, so a class may lie below several hyponyms of a noun. It then counts to the
one with the most classes below: each picture is counted once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labeling.kinship import in_order
from taxonomy.tree import Graph

Ints = NDArray[np.int64]

MOST_GROUPS = 20  # that are told apart at a time


@dataclass(frozen=True)
class Group:
    """Classes that are taken for one: those that count to a noun, or those that are left over (noun is empty)."""

    noun: str  # a wnid
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Meeting:
    """Mistakes between classes that have this noun as their lowest common hypernym; empty where they have none."""

    noun: str
    height: int
    n: int


@dataclass(frozen=True, eq=False)
class Kinds:
    """The nouns of a snapshot: its classes, and what is above each noun, by their wnids."""

    classes: tuple[str, ...]
    hypernyms: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, taxonomy: Mapping[str, Any]) -> Self:
        """Read what Snapshot.taxonomy keeps."""
        nouns = taxonomy["nouns"]
        return cls(tuple(taxonomy["classes"]), {wnid: tuple(nouns[wnid]["hypernyms"]) for wnid in nouns})

    @cached_property
    def place(self) -> dict[str, int]:
        """Each class's index."""
        return {wnid: label for label, wnid in enumerate(self.classes)}

    @cached_property
    def graph(self) -> Graph:
        number = {wnid: i for i, wnid in enumerate(self.hypernyms)}
        edges = [(number[wnid], number[top]) for wnid, tops in self.hypernyms.items() for top in tops]
        hyponym, hypernym = np.array(edges, dtype=np.int64).reshape(-1, 2).T
        return Graph(len(number), hyponym, hypernym)

    @cached_property
    def above(self) -> list[frozenset[str]]:
        """Of each class, every noun above it, and itself."""
        wnids, number = list(self.hypernyms), {wnid: i for i, wnid in enumerate(self.hypernyms)}
        ancestors = self.graph.ancestors()
        return [frozenset(wnids[i] for i in ancestors[number[wnid]]) for wnid in self.classes]

    @cached_property
    def below(self) -> dict[str, frozenset[int]]:
        """Of each noun, the classes at or below it."""
        found: dict[str, set[int]] = {wnid: set() for wnid in self.hypernyms}
        for label, nouns in enumerate(self.above):
            for noun in nouns:
                found[noun].add(label)
        return {noun: frozenset(labels) for noun, labels in found.items()}

    @cached_property
    def heights(self) -> dict[str, int]:
        """Of each noun, the longest way down to a noun that has none below it."""
        return dict(zip(self.hypernyms, self.graph.heights().tolist(), strict=True))

    @cached_property
    def hyponyms(self) -> dict[str, list[str]]:
        """Of each noun those right below it, of "" those with nothing above; in the order of the classes below."""
        found: dict[str, list[str]] = {"": [], **{wnid: [] for wnid in self.hypernyms}}
        for wnid, tops in self.hypernyms.items():
            for top in tops or [""]:
                found[top].append(wnid)
        first = {wnid: min(labels, default=len(self.classes)) for wnid, labels in self.below.items()}
        return {noun: sorted(each, key=lambda wnid: (first[wnid], wnid)) for noun, each in found.items()}

    @cached_property
    def order(self) -> list[int]:
        """The classes as one meets them walking down, so that kin stand together."""
        number = {wnid: i for i, wnid in enumerate(self.hypernyms)}
        label_of = {number[wnid]: label for wnid, label in self.place.items()}
        hypernyms = {number[wnid]: [number[top] for top in tops] for wnid, tops in self.hypernyms.items()}
        return [label_of[i] for i in in_order([number[wnid] for wnid in self.classes], hypernyms)]

    @cached_property
    def top(self) -> str:
        """The lowest noun above all classes, from where one walks down; "" where there is none."""
        return self._down("", frozenset(range(len(self.classes))))

    def classes_of(self, noun: str) -> frozenset[int]:
        """The classes at or below a noun; all of them for ""."""
        return self.below[noun] if noun else frozenset(range(len(self.classes)))

    def groups(self, noun: str, most: int = MOST_GROUPS) -> list[Group]:
        """Return the classes at or below a noun, or all for "", in groups: each by itself where they are `most` at
        most, else by the hyponyms of the noun, each squeezed to the lowest noun above all of its own.
        """
        inside = self.classes_of(noun)
        if len(inside) <= most:
            return [Group(self.classes[label], (label,)) for label in self.order if label in inside]
        left, found = set(inside), {}
        own = self.place.get(noun)
        if own is not None:  # the noun is a class itself, above others
            left.discard(own)
        hyponyms = self.hyponyms[noun]
        for each in sorted(hyponyms, key=lambda wnid: -len(self.below[wnid])):
            found[each] = left & self.below[each]
            left -= found[each]
        groups = [
            Group(self._down(each, frozenset(found[each])), tuple(sorted(found[each])))
            for each in hyponyms
            if found[each]
        ]
        return groups if own is None else [Group(noun, (own,)), *groups]

    def way(self, noun: str) -> list[str]:
        """Return the nouns from the top down to `noun`, without those with the same classes below as the next."""
        way = [noun]
        inside = self.classes_of(self.top)
        while way[0] and way[0] != self.top and self.classes_of(way[0]) != inside:
            tops = self.hypernyms[way[0]]
            way.insert(0, min(tops, key=lambda wnid: (len(self.below[wnid]), wnid)) if tops else "")
        sizes = [len(self.classes_of(each)) for each in way]
        return [each for i, each in enumerate(way) if i + 1 == len(way) or sizes[i] != sizes[i + 1]]

    def meetings(self, confusion: Ints) -> list[Meeting]:
        """Return where the mistakes of a confusion, (n_classes, n_classes), [label, answer], have their lowest common
        hypernyms: the lowest of those first, and among equally high ones the commonest.

        Its height is how bad a mistake is: 0 would be none at all. Over several ways up the least counts; without any
        common hypernym it is one more than the greatest height. Source: ILSVRC 2010 development kit.
        """
        counts: dict[str, int] = {}
        heights = {**self.heights, "": max(self.heights.values(), default=0) + 1}
        for label, answer in zip(*np.nonzero(confusion), strict=True):
            if label != answer:
                common = self.above[label] & self.above[answer]
                noun = min(common, key=lambda wnid: (heights[wnid], wnid), default="")
                counts[noun] = counts.get(noun, 0) + int(confusion[label, answer])
        found = [Meeting(noun, heights[noun], n) for noun, n in counts.items()]
        return sorted(found, key=lambda each: (each.height, -each.n, each.noun))

    def _down(self, noun: str, classes: frozenset[int]) -> str:
        """Return the lowest noun at or below `noun` that still has all of `classes` at or below it."""
        while self.place.get(noun) not in classes:
            lower = [each for each in self.hyponyms[noun] if classes <= self.below[each]]
            if not lower:
                break
            noun = lower[0]
        return noun


def severity(meetings: Iterable[Meeting]) -> float | None:
    """Return the mean height at which mistakes meet, in levels of the taxonomy; None without mistakes.

    Source: Bertinetto et al. (2020), "mistake severity", doi:10.1109/CVPR42600.2020.01252.
    """
    each = [(meeting.height, meeting.n) for meeting in meetings]
    n = sum(count for _height, count in each)
    return sum(height * count for height, count in each) / n if n else None


def rolled_up(confusion: Ints, groups: Sequence[Group]) -> Ints:
    """Return a confusion, (n_classes, n_classes), counted by groups that share no class: (n + 1, n + 1), the last
    being all classes that are in none.
    """
    n = len(groups)
    group = np.full(len(confusion), n)
    for place, each in enumerate(groups):
        group[list(each.classes)] = place
    label, answer = np.nonzero(confusion)
    cells = group[label] * (n + 1) + group[answer]
    found = np.bincount(cells, weights=confusion[label, answer], minlength=(n + 1) ** 2)
    return found.astype(np.int64).reshape(n + 1, n + 1)


def fewer(groups: Sequence[Group], confusion: Ints, most: int = MOST_GROUPS) -> list[Group]:
    """Return at most `most` of the groups: where they are more, those in which most mistakes begin or end, in their
    order, and the others as one without a noun.
    """
    if len(groups) <= most:
        return list(groups)
    cells = rolled_up(confusion, groups)[:-1, :-1]
    n_wrong = cells.sum(axis=0) + cells.sum(axis=1) - 2 * cells.diagonal()
    kept = {*np.argsort(-n_wrong, kind="stable")[: most - 1].tolist()}
    return [*_at(groups, sorted(kept)), Group("", tuple(_rest(groups, kept)))]


def _at(groups: Sequence[Group], places: Iterable[int]) -> Iterator[Group]:
    return (groups[place] for place in places)


def _rest(groups: Sequence[Group], kept: set[int]) -> list[int]:
    return sorted(label for place, each in enumerate(groups) if place not in kept for label in each.classes)
