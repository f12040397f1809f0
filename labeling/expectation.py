"""The E-step of labeling.consensus: what each item shows, given what is believed of those who voted on it.

Arrays in, arrays out. Its loop runs over votes x classes, a hundred times in a fit, so it is compiled
(labeling.kernels); it gives up Python's lock, and blocks of items go to as many threads as there are cores. Numba is
loaded when the first fit begins: the web server, which weighs single questions, does without it.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from labeling.coarse import Tree
from labeling.network import Probabilities
from labeling.parameters import Floats, Ints, Parameters, Start, Votes, check_range, logit
from labeling.shortlists import MANY_CLASSES, Shortlists

# However many cores there are, so that sums are made in one order and equal votes give equal bits.
N_BLOCKS = 4
FEW_VOTES = 20_000  # for which threads cost more than they bring
NOBODY, NOT_KNOWN = -1, -1
AnyFloats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Ordered:
    """Votes in order of item, label and annotator. A row is an item with votes; all whole numbers are int64 or int32.

    items: (n_rows,), which item a row is; start: (n_rows + 1,), a row's first vote, and the end;
    annotator, label: (n_votes,); n_votes_of: (n_annotators,) float64.
    """

    items: Ints
    start: Ints
    annotator: NDArray[np.int32]
    label: NDArray[np.int32]
    n_votes_of: Floats

    @classmethod
    def of(cls, votes: Votes, n_items: int, n_labels: int) -> Self:
        """Raises ValueError if a vote names no item or label."""
        check_range("Votes.item", votes.item, below=n_items)
        check_range("Votes.label", votes.label, below=n_labels)
        n_votes_of = np.bincount(votes.annotator).astype(np.float64)
        item, label, annotator = _sorted(votes, n_items, n_labels, len(n_votes_of))
        first = np.flatnonzero(np.diff(item, prepend=-1))
        return cls(item[first], np.append(first, len(item)), annotator, label, n_votes_of)

    def __len__(self) -> int:
        return len(self.annotator)

    def of_item(self, item: int) -> slice:
        """Return which votes are on `item`."""
        row = int(np.searchsorted(self.items, item))
        if row == len(self.items) or self.items[row] != item:
            return slice(0, 0)
        return slice(int(self.start[row]), int(self.start[row + 1]))

    def blocks(self) -> list[tuple[int, int]]:
        """Return N_BLOCKS runs of rows, first and end, with about as many votes each."""
        edges = np.searchsorted(self.start, np.linspace(0, len(self), N_BLOCKS + 1)).tolist()
        edges[0], edges[-1] = 0, len(self.items)
        return list(pairwise(edges))


def _sorted(
    votes: Votes, n_items: int, n_labels: int, n_annotators: int
) -> tuple[Ints, NDArray[np.int32], NDArray[np.int32]]:
    """Return items, labels and annotators in their order. Sorting one number for each is quicker than three."""
    if n_items * n_labels * n_annotators >= 2**63:
        order = np.lexsort((votes.annotator, votes.label, votes.item))
        return (
            votes.item[order],
            votes.label[order].astype(np.int32),
            votes.annotator[order].astype(np.int32),
        )
    number = votes.item * n_labels
    number += votes.label
    number *= max(n_annotators, 1)
    number += votes.annotator
    number.sort()
    number, annotator = np.divmod(number, max(n_annotators, 1))
    item, label = np.divmod(number, n_labels)
    return item, label.astype(np.int32), annotator.astype(np.int32)


@dataclass(frozen=True, eq=False)
class Crowd:
    """What is believed of each annotator.

    skill: (n_annotators, 2), Beta pseudo-counts right and wrong.
    own:   (n_annotators,) int64, whose votes are read by an own confusion, as a place in `rows`; or NOBODY.
    rows:  (n_own, n_classes, n_classes), [own, observed, truth] = P(observed | truth, that annotator), above 0. An
           E-step counts in their type: in float32 it takes half the time, most of which goes to reading and writing
           these; what is counted in float64 agrees with other implementations to the last digits.
    """

    skill: Floats
    own: Ints
    rows: AnyFloats

    @classmethod
    def before(cls, own: Ints, start: Start) -> Self:
        """What is believed of annotators before their votes are read; own: as above."""
        skill = np.tile(start.parameters.skill_prior, (len(own), 1))
        skill[: len(start.skill)] = start.skill[: len(own)]
        has_own = own != NOBODY
        mean = skill[has_own, 0] / skill[has_own].sum(axis=1)
        rows = start.parameters.likelihoods(mean).transpose(0, 2, 1).astype(np.float32, order="C")
        for annotator, confusion in start.own.items():
            if annotator < len(own) and has_own[annotator]:
                rows[own[annotator]] = confusion.T
        return cls(skill, own, rows)

    @property
    def mean_skill(self) -> Floats:
        """Each annotator's P(right), (n_annotators,), strictly between 0 and 1."""
        mean: Floats = self.skill[:, 0] / self.skill.sum(axis=1)
        return mean


@dataclass(frozen=True, eq=False)
class Expected:
    """What an E-step finds.

    label, confidence: (n_rows,), a row's likeliest class and how likely that is.
    right, expected_right: (n_annotators,), how many votes were right; and how many would have been, had everybody
    been right as often as the crowd is on the same items.
    classes: (n_classes,), items of each class.
    errors: (n_classes, n_classes), votes of those without an own confusion, [observed, truth]; own: the same,
    (n_own, n_classes, n_classes).
    """

    label: NDArray[np.int32]
    confidence: Floats
    right: Floats
    expected_right: Floats
    classes: Floats
    errors: Floats
    own: AnyFloats
    log_likelihood: float
    guesses: Floats  # (2,), as kernels._count_guess counts them; and all votes where some cannot tell
    guessed: Floats  # (n_annotators,), how many of each one's votes were guesses
    belief: Floats  # (n_foretold, n_classes), the posteriors of those of which a network speaks


@dataclass(frozen=True, eq=False)
class Task:
    """The votes that a fit reads, and what it knows besides.

    votes: labels from n_classes on are places in `member`; known: (n_rows,) int32, a row's class where it is known,
    or NOT_KNOWN; member: (n_used, n_classes) bool, the classes of each group that a vote names.
    """

    votes: Ordered
    known: NDArray[np.int32]
    member: NDArray[np.bool_]
    foretold: Ints  # (n_foretold,), of which rows a network speaks
    log_q: Floats  # (n_foretold, n_classes), ln of what it says of each
    helps: NDArray[np.bool_]  # (n_foretold,), whether it helps to tell what that row shows
    is_short: NDArray[np.bool_]  # (n_rows,), which rows weigh a shortlist of the classes
    unsure: Floats  # (n_rows,), the share of those asked who could not tell

    @classmethod
    def of(
        cls,
        votes: Ordered,
        known: NDArray[np.int32],
        tree: Tree,
        n_classes: int,
        network: Probabilities | None = None,
        n_unsure: Ints | None = None,
    ) -> Self:
        """n_unsure: (n_items,), how many could not tell what each item is."""
        place = np.arange(n_classes + len(tree), dtype=np.int32)
        alone = np.flatnonzero(np.diff(tree.start) == 1)  # a group of one class is that class
        place[n_classes + alone] = tree.classes[tree.start[alone]]
        label: NDArray[np.int32] = place[votes.label]
        used, several = np.unique(label[label >= n_classes].astype(np.int64), return_inverse=True)
        label[label >= n_classes] = n_classes + several
        compact = Ordered(votes.items, votes.start, votes.annotator, label, votes.n_votes_of)
        foretold, log_q = (
            network.of_items(votes.items) if network else (np.zeros(0, np.int64), np.zeros((0, n_classes)))
        )
        helped = network.helping().item if network else foretold
        helps = np.isin(votes.items[foretold], helped)
        is_short = np.full(len(votes.items), n_classes > MANY_CLASSES)
        is_short[foretold] = False
        is_short[np.searchsorted(votes.start, np.flatnonzero(label >= n_classes), side="right") - 1] = False
        unsure = np.zeros(len(votes.items))
        if n_unsure is not None:
            unsure = n_unsure[votes.items] / (n_unsure[votes.items] + np.diff(votes.start))
        member = tree.members(used, n_classes) > 0
        return cls(compact, known, member, foretold, log_q, helps, is_short, unsure)

    @property
    def measures(self) -> NDArray[np.bool_]:
        """Return which of the foretold rows tell how reliable the network is: those without its help, if any is."""
        return self.helps if self.helps.all() else ~self.helps


def expect(task: Task, crowd: Crowd, parameters: Parameters, *, by_shares: bool = False) -> Expected:
    """The E-step: the posterior of every item, and what follows from it for annotators and classes.

    by_shares: take an item to be of each class by its share of the votes instead, as where nothing is believed yet.
    """
    n_rows = len(task.votes.items)
    found = Found(np.empty(n_rows, np.int32), np.empty(n_rows), np.empty_like(task.log_q))
    readers = []
    if not task.is_short.all():
        readers.append(_whole_rows(task, crowd, parameters, found, by_shares))
    shortlists = Shortlists.of(parameters) if task.is_short.any() else None
    if shortlists:
        readers.append(_short_rows(task, crowd, parameters, shortlists, found, by_shares))

    def run(block: tuple[int, int]) -> Sums:
        sums = Sums.nothing(task, crowd, parameters.n_classes)
        for read in readers:
            sums.log_likelihood[0] += read(block, sums)
        return sums

    total = reduce(Sums.add, _map(run, task.votes.blocks(), len(task.votes)))
    if shortlists:
        total.spread(shortlists, parameters)
    if len(task.member):
        # What those without an own confusion said of a group, they may have seen as any of its classes.
        total.errors[:] += parameters.confusion.T * (task.member.T @ total.coarse)
    return Expected(
        found.label,
        found.confidence,
        total.right,
        total.expected_right,
        total.classes,
        total.errors,
        total.own,
        float(total.log_likelihood[0]),
        total.guesses,
        total.guessed,
        found.belief,
    )


class Found(NamedTuple):
    """What is written of each row; and of those of which a network speaks."""

    label: NDArray[np.int32]
    confidence: Floats
    belief: Floats


class Sums(NamedTuple):
    """What an E-step counts, over some of the rows: as in Expected, and further

    coarse: (n_used, n_classes), what those without an own confusion said of groups.
    far, far_errors, far_own: (1,), (n_classes,), (n_own, n_classes), how many items lie outside of their shortlists;
    and how many votes for each class; and those of annotators with an own confusion.
    """

    right: Floats
    expected_right: Floats
    classes: Floats
    errors: Floats
    own: AnyFloats
    coarse: Floats
    far: Floats
    far_errors: Floats
    far_own: Floats
    guesses: Floats
    guessed: Floats
    log_likelihood: Floats

    @classmethod
    def nothing(cls, task: Task, crowd: Crowd, n_classes: int) -> Self:
        n_annotators, n_own = len(crowd.own), len(crowd.rows)
        return cls(
            np.zeros(n_annotators),
            np.zeros(n_annotators),
            np.zeros(n_classes),
            np.zeros((n_classes, n_classes)),
            np.zeros((n_own, n_classes, n_classes), crowd.rows.dtype),
            np.zeros((len(task.member), n_classes)),
            np.zeros(1),
            np.zeros(n_classes),
            np.zeros((n_own, n_classes)),
            np.zeros(2),
            np.zeros(n_annotators),
            np.zeros(1),
        )

    def add(self, other: Self) -> Self:
        for mine, theirs in zip(self, other, strict=True):
            mine[...] += theirs
        return self

    def spread(self, shortlists: Shortlists, parameters: Parameters) -> None:
        """Count what lies outside of shortlists for the classes there."""
        self.classes[:] += self.far * parameters.prior
        self.errors[:] += self.far_errors[:, np.newaxis] * shortlists.far
        if len(self.own):
            self.own[:] += self.far_own[:, :, np.newaxis] * shortlists.far


Reader = Callable[[tuple[int, int], Sums], float]


def _whole_rows(task: Task, crowd: Crowd, parameters: Parameters, found: Found, by_shares: bool) -> Reader:
    """Return what reads the rows that weigh every class."""
    from labeling.kernels import expect_rows  # loads Numba

    votes, n_classes = task.votes, parameters.n_classes
    shared = np.flatnonzero(crowd.own == NOBODY)
    seat = crowd.own.copy()  # an annotator's place in `rows`; or below 0 in `wrong`: -1 - place
    seat[shared] = -1 - np.arange(len(shared))
    right = parameters.accuracy_of(crowd.mean_skill[shared])  # (n_shared, n_classes)
    confusion = np.ascontiguousarray(parameters.confusion.T)  # [observed, truth]
    prior_of = np.zeros(len(votes.items), np.int32)  # which row of the priors is an item's
    prior_of[task.foretold] = 1 + np.arange(len(task.foretold))
    arguments: tuple[Any, ...] = (
        task.is_short,
        votes.start,
        votes.annotator,
        votes.label,
        task.known,
        seat,
        np.log(crowd.rows, order="C"),
        np.log(confusion + np.eye(n_classes)),
        np.log1p(-right),
        logit(right),
        _log_priors(task, parameters),
        prior_of,
        parameters.accuracy,
        task.member,
        task.member @ confusion,
        *found,
    )
    blurred = _blurred(task, parameters)

    def read(block: tuple[int, int], sums: Sums) -> float:
        counted = (sums.right, sums.expected_right, sums.classes, sums.errors, sums.own, sums.coarse)
        return float(
            expect_rows(by_shares, *block, *arguments, *counted, *blurred, sums.guesses, sums.guessed)
        )

    return read


def _short_rows(
    task: Task, crowd: Crowd, parameters: Parameters, shortlists: Shortlists, found: Found, by_shares: bool
) -> Reader:
    """Return what reads the rows that weigh a shortlist."""
    from labeling.kernels import expect_short_rows, softplus_table  # loads Numba

    votes = task.votes
    confusion = np.ascontiguousarray(parameters.confusion.T)  # [observed, truth]
    arguments: tuple[Any, ...] = (
        task.is_short,
        votes.start,
        votes.annotator,
        votes.label,
        task.known,
        crowd.own,
        np.log(crowd.rows, order="C"),
        np.log((crowd.rows * shortlists.far).sum(axis=2)),
        np.log(confusion + np.eye(parameters.n_classes)),
        shortlists.log_far,
        parameters.above(crowd.mean_skill),
        parameters.prior,
        np.log(parameters.prior),
        parameters.accuracy,
        logit(parameters.accuracy),
        float(parameters.prior @ parameters.accuracy),
        shortlists.hardness,
        shortlists.near,
        softplus_table(),
        found.label,
        found.confidence,
    )
    blurred = _blurred(task, parameters)

    def read(block: tuple[int, int], sums: Sums) -> float:
        counted = (sums.right, sums.expected_right, sums.classes, sums.errors, sums.own)
        outside = (sums.far, sums.far_errors, sums.far_own, *blurred, sums.guesses, sums.guessed)
        return float(expect_short_rows(by_shares, *block, *arguments, *counted, *outside))

    return read


def _map(run: Callable[[tuple[int, int]], Any], blocks: list[tuple[int, int]], n_votes: int) -> list[Any]:
    if n_votes < FEW_VOTES:
        return [run(block) for block in blocks]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, len(blocks))) as threads:
        return [*threads.map(run, blocks)]


def _blurred(task: Task, parameters: Parameters) -> tuple[float, Floats, Floats]:
    """Return how much those guess who name what others cannot tell; (n_rows,), P(a vote is a guess) of each row; and
    (n_classes + n_used,), how often guesses name each class and group.
    """
    popular = np.concatenate([parameters.popularity, task.member @ parameters.popularity])
    return parameters.guessing, parameters.guessing * task.unsure, popular


def _log_priors(task: Task, parameters: Parameters) -> Floats:
    """Return ln P(class) before any vote, (1 + n_foretold, n_classes): of all, then of those foretold."""
    read = parameters.network.read(task.log_q, parameters.prior)
    read[~task.helps] = parameters.prior
    found: Floats = np.log(np.concatenate([parameters.prior[np.newaxis], read]))
    return found
