"""Votes for a noun that several classes are below: a dog, breed unknown. Arrays in, arrays out.

Such a vote is read as the class that its annotator would have named, seen through a coarser glass. Of a group S of
classes, an annotator who is right with P = s, and with the confusion of labeling.consensus, whose diagonal is 0,

    P(S | truth t) = sum over o in S of P(o | t) = s * [t in S] + (1 - s) * sum over o in S of confusion[t, o]

Whether somebody answers coarsely may depend on what they saw and not on what is there besides; then the chance of it
is the same for every truth and drops out (coarsening at random: Heitjan & Rubin 1991, doi:10.1214/aos/1176348396).

So a group of one class is a vote for that class, and the group of all says nothing. Between a class t in S and one
u outside, the odds P(S | t) / P(S | u) are a mediant of P(o | t) / P(o | u) over o in S: never above the best that
votes for one class would give. Where all mistakes are alike, they are below those of a vote for t itself, for whoever
is right more often than by chance. Within S it leaves the classes apart as they were, but for what confusion says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tree:
    """The inner nouns above the classes, each a group of the classes below it; arrays call the k-th `n_classes + k`.

    classes: (n,) int64, the classes of each group after those of the one before, each group's in order.
    start:   (n_groups + 1,) int64, where each group begins, and the end.
    """

    classes: Ints
    start: Ints

    @classmethod
    def of(cls, groups: Sequence[Sequence[int]]) -> Self:
        """Of the classes below each inner noun. Raises ValueError if a group is empty."""
        sizes = [len(group) for group in groups]
        if 0 in sizes:
            raise ValueError(
                f"Tree.of: expected classes in each group; found none in group {sizes.index(0)}."
            )
        classes = np.array([place for group in groups for place in sorted(group)], dtype=np.int64)
        return cls(classes, np.cumsum([0, *sizes], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, group: int) -> Ints:
        return self.classes[self.start[group] : self.start[group + 1]]

    def totals(self, values: Floats) -> Floats:
        """Return the sum over each group's classes of `values`, (n_classes,) -> (n_groups,)."""
        sums: Floats = np.add.reduceat(values[self.classes], self.start[:-1]) if len(self) else np.zeros(0)
        return sums

    def members(self, answers: Ints, n_classes: int) -> Floats:
        """Return which classes are in each of these answers, (n_answers, n_classes), 1 or 0; a class is in itself."""
        found = np.zeros((len(answers), n_classes))
        for row, answer in zip(found, answers.tolist(), strict=True):
            row[answer if answer < n_classes else self[answer - n_classes]] = 1
        return found


NO_TREE = Tree.of(())


def likelihood(answers: Ints, right: Floats, confusion: Floats, tree: Tree) -> Floats:
    """Return P(answer | truth) of each vote, [vote, truth], (n_votes, n_classes), all above 0.

    answers: (n_votes,) int64, classes and groups; right: (n_votes, n_classes), P(the voter is right | truth), above 0
    and below 1.
    """
    n_classes = len(confusion)
    asked, which = np.unique(answers, return_inverse=True)
    inside, wrong = tree.members(asked, n_classes)[which], np.empty((len(asked), n_classes))
    # Summed over its few classes, since one question must be quick; a product would read the whole confusion.
    for row, answer in zip(wrong, asked.tolist(), strict=True):
        row[:] = (
            confusion[:, answer if answer < n_classes else tree[answer - n_classes]]
            .reshape(n_classes, -1)
            .sum(1)
        )
    found: Floats = right * inside + (1 - right) * wrong[which]
    return found


def deepest(
    posterior: Floats, answers: Ints, tree: Tree, n_nouns: int, target: float, min_votes: int
) -> tuple[int, float] | None:
    """Return the deepest group that is sure, and its probability: that of the fewest classes among those which reach
    `target` together and which `min_votes` votes at least name, or name something in. None where none is.

    posterior: (n_classes,); answers: (n_votes,) int64, what was said; n_nouns: how many of its groups, the first, may
    be an answer. Of several with as few classes the likelier is the deepest.
    """
    totals = tree.totals(posterior)[:n_nouns]
    sure = np.flatnonzero(totals >= target)
    n_classes = len(posterior)
    said = tree.members(answers, n_classes)
    for k in sorted(sure.tolist(), key=lambda k: (len(tree[k]), -totals[k], k)):
        outside = np.ones(n_classes)
        outside[tree[k]] = 0
        if (said @ outside == 0).sum() >= min_votes:
            return k, float(totals[k])
    return None
