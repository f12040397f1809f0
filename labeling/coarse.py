"""Votes for a noun that several classes are below: a dog, breed unknown. Arrays in, arrays out.

Such a vote is read as the class that its annotator would have named, seen through a coarser glass. Of a group S of
classes, an annotator with skill s and the confusion of labeling.consensus, whose diagonal is 0,

    P(S | truth t) = sum over o in S of P(o | t) = s * [t in S] + (1 - s) * sum over o in S of confusion[t, o]

Whether somebody answers coarsely may depend on what they saw and not on what is there besides; then the chance of it
is the same for every truth and drops out (coarsening at random: Heitjan & Rubin 1991, doi:10.1214/aos/1176348396).

So a group of one class is a vote for that class, and the group of all says nothing. Between a class t in S and one
u outside, the odds P(S | t) / P(S | u) are a mediant of P(o | t) / P(o | u) over o in S: never above the best that
votes for one class would give. Where all mistakes are alike, they are below those of a vote for t itself, for whoever
is right more often than by chance. Within S it leaves the classes apart as they were, but for what confusion says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of classes, one for each inner noun; arrays call the k-th of them `n_classes + k`.

    classes: (n,) int64, the classes of each group after those of the one before, each group's in order.
    start:   (n_groups + 1,) int64, where each group begins, and the end.
    """

    classes: Ints
    start: Ints

    @classmethod
    def of(cls, groups: Sequence[Sequence[int]]) -> Self:
        """Raises ValueError if a group is empty."""
        sizes = [len(group) for group in groups]
        if 0 in sizes:
            raise ValueError(f"groups: expected classes in each; found none in group {sizes.index(0)}.")
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


NO_GROUPS = Groups.of(())


def likelihood(answers: Ints, skills: Floats, confusion: Floats, groups: Groups) -> Floats:
    """Return P(answer | truth) of each vote, [vote, truth], (n_votes, n_classes), all above 0.

    answers: (n_votes,) int64, classes and groups; skills: (n_votes,), above 0 and below 1.
    """
    n_classes = len(confusion)
    asked, which = np.unique(answers, return_inverse=True)
    right, wrong = groups.members(asked, n_classes)[which], np.empty((len(asked), n_classes))
    # Summed over its few classes, since one question must be quick; a product would read the whole confusion.
    for row, answer in zip(wrong, asked.tolist(), strict=True):
        row[:] = (
            confusion[:, answer if answer < n_classes else groups[answer - n_classes]]
            .reshape(n_classes, -1)
            .sum(1)
        )
    found: Floats = skills[:, np.newaxis] * right + (1 - skills[:, np.newaxis]) * wrong[which]
    return found


def deepest(
    posterior: Floats, answers: Ints, groups: Groups, n_nouns: int, target: float, min_votes: int
) -> tuple[int, float] | None:
    """Return the deepest group that is sure, and its probability: that of the fewest classes among those which reach
    `target` together and which `min_votes` votes at least name, or name something in. None where none is.

    posterior: (n_classes,); answers: (n_votes,) int64, what was said; n_nouns: how many of the groups, the first, may
    be an answer. Of several with as few classes the likelier is the deepest.
    """
    totals = groups.totals(posterior)[:n_nouns]
    sure = np.flatnonzero(totals >= target)
    n_classes = len(posterior)
    said = groups.members(answers, n_classes)
    for k in sorted(sure.tolist(), key=lambda k: (len(groups[k]), -totals[k], k)):
        outside = np.ones(n_classes)
        outside[groups[k]] = 0
        if (said @ outside == 0).sum() >= min_votes:
            return k, float(totals[k])
    return None


@dataclass(frozen=True, eq=False)
class Expected:
    """What an E-step finds about some items; see consensus.fit.

    items, label, confidence: (n_rows,), which item a row is, its likeliest class and how likely that is.
    right: (n_annotators,), expected right votes. classes: (n_classes,), expected items of each class.
    errors: (n_classes, n_classes), expected votes [truth, observed], 0 on the diagonal.
    """

    items: Ints
    label: Ints
    confidence: Floats
    right: Floats
    classes: Floats
    errors: Floats
    log_likelihood: float

    def __add__(self, other: "Expected") -> "Expected":
        return Expected(
            np.concatenate([self.items, other.items]),
            np.concatenate([self.label, other.label]),
            np.concatenate([self.confidence, other.confidence]),
            self.right + other.right,
            self.classes + other.classes,
            self.errors + other.errors,
            self.log_likelihood + other.log_likelihood,
        )


@dataclass(frozen=True, eq=False)
class Mixed:
    """The votes on items with a vote for a group, in order of item, answer and annotator."""

    items: Ints  # (n_rows,)
    row_start: Ints  # (n_rows + 1,), a row's first vote, and the end
    annotator: Ints  # (n_votes,)
    which: Ints  # (n_votes,), a vote's answer as a place in `members`
    members: Floats  # (n_answers, n_classes)

    @classmethod
    def of(cls, item: Ints, annotator: Ints, answer: Ints, groups: Groups, n_classes: int) -> Self:
        order = np.lexsort((annotator, answer, item))
        items, row_start = np.unique(item[order], return_index=True)
        asked, which = np.unique(answer[order], return_inverse=True)
        return cls(
            items,
            np.append(row_start, len(order)),
            annotator[order],
            which,
            groups.members(asked, n_classes),
        )

    def expect(self, skill: Floats, prior: Floats, confusion: Floats, block_floats: int) -> Expected:
        """The E-step over these items, every vote's class of `members` being what its annotator saw unseen by us.

        skill: (n_annotators,), mean P(right). With R[v, t] = P(t | votes) / P(vote v | t), the vote was right with
        probability s_v * sum of R[v, t] over t in its group, and said o wrongly of t with (1 - s_v) * confusion[t, o]
        * R[v, t] for each o in it.
        """
        reach = self.members @ confusion.T  # (n_answers, n_classes), [answer, truth]
        n_rows, n_classes = len(self.items), len(prior)
        label, confidence = np.empty(n_rows, dtype=np.int64), np.empty(n_rows)
        right, classes = np.zeros(len(skill)), np.zeros(n_classes)
        weight, log_likelihood = np.zeros_like(self.members), 0.0
        for rows, votes in self._blocks(block_floats // n_classes):
            who, which = self.annotator[votes], self.which[votes]
            s = skill[who, np.newaxis]
            of_vote = s * self.members[which] + (1 - s) * reach[which]  # P(vote | truth)
            starts = self.row_start[rows] - votes.start
            joint = np.log(prior) + np.add.reduceat(np.log(of_vote), starts, axis=0)
            top = joint.max(axis=1)
            joint = np.exp(joint - top[:, np.newaxis])
            total = joint.sum(axis=1)
            joint /= total[:, np.newaxis]  # now the posterior, (rows, n_classes)

            label[rows], confidence[rows] = joint.argmax(axis=1), joint.max(axis=1)
            classes += joint.sum(axis=0)
            log_likelihood += float((top + np.log(total)).sum())
            n_votes_of = np.diff(starts, append=votes.stop - votes.start)
            ratio = np.repeat(joint, n_votes_of, axis=0) / of_vote
            was_right = s[:, 0] * (ratio * self.members[which]).sum(axis=1)
            right += np.bincount(who, was_right, minlength=len(skill))
            by_answer = which.argsort(kind="stable")
            asked, first = np.unique(which[by_answer], return_index=True)
            weight[asked] += np.add.reduceat(((1 - s) * ratio)[by_answer], first, axis=0)
        errors = confusion * (weight.T @ self.members)
        return Expected(self.items, label, confidence, right, classes, errors, log_likelihood)

    def _blocks(self, n_votes: int) -> Iterator[tuple[slice, slice]]:
        """Yield slices of rows and of their votes, about `n_votes` each, so that a temporary array stays small."""
        wanted = np.arange(0, self.row_start[-1], max(n_votes, 1))
        edges = np.unique(
            np.append(np.searchsorted(self.row_start, wanted, side="right") - 1, len(self.items))
        )
        for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            yield slice(first, end), slice(int(self.row_start[first]), int(self.row_start[end]))
