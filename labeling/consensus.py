"""Votes -> what we believe, how surely, and whom to trust. Arrays in, arrays out.

The model is Dawid & Skene's (1979, doi:10.2307/2346806) with fewer parameters. Theirs gives every annotator a
confusion matrix of their own, (n_classes - 1) * n_classes numbers that a volunteer with forty votes cannot
fill. Here an annotator has one number, the skill s, and what people confuse with what is shared:

    P(observed o | truth t, annotator a) = s_a                        where o == t
                                           (1 - s_a) * confusion[t, o]  elsewhere

Skills have a Beta prior whose two numbers are re-estimated from the crowd (empirical Bayes), the shared
confusion and the class prior are smoothed by pseudo-counts, so a few votes make nobody certain. A skill may
fall below one half, and below chance: such an annotator's vote counts against what it says.

Two things that it does not know. Votes on one picture are taken as independent given its class; where many
people misread a picture alike they are not, and evenly split votes come out surer than they are. And where
most votes come from annotators who all click one same class, that class is what the crowd says.

A vote may name a group of classes instead of one, as where somebody sees a dog and not its breed: see
labeling.coarse.

Two speeds over the one model: `fit` reads every vote and learns skills and parameters; `posterior` weighs the
votes of one question with skills and parameters as they stand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labeling.coarse import NO_GROUPS, Expected, Groups, Mixed, deepest, likelihood

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Before any vote: right 85 times in 100, held as firmly as four votes would hold it.
START_SKILL = (3.4, 0.6)
# The start counts as this many annotators when the crowd's skill prior is estimated.
START_ANNOTATORS = 4.0
# As a whole a crowd is presumed right more often than wrong; otherwise a relabelling of the classes, under
# which everybody is an adversary, would explain the votes as well. Single annotators may fall far below.
CROWD_MEAN = (0.5, 0.98)
# Pseudo-votes that the crowd lends to each annotator: more than twenty votes of one's own outweigh them.
CROWD_WEIGHT = (2.0, 20.0)
# Pseudo-counts of the prior, and of each row of the confusion, spread evenly over its mistakes. The second is
# large because errors come in clumps, many on one hard picture. With 10 instead, CIFAR-10H's accuracy at
# two votes a picture falls by a fifth of a point.
ITEMS_PER_CLASS = 1.0
ERRORS_PER_TRUTH = 100.0

MAX_ITERATIONS = 100
TOLERANCE = 1e-7  # relative change of the log posterior
BLOCK_FLOATS = 1 << 19  # floats of one temporary array: 4 MiB, so that it stays in the cache


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes as three columns: annotator `annotator[v]` said that item `item[v]` is of class `label[v]`; or that it is
    one of the classes of a group, where that is n_classes or more.

    Each column is (n_votes,) int64, counted from 0; none of them is modified.
    Raises ValueError if a column is of another type or length, or holds a negative number.
    """

    item: Ints
    annotator: Ints
    label: Ints

    def __post_init__(self) -> None:
        for column in fields(self):
            values = getattr(self, column.name)
            if values.ndim != 1 or values.dtype != np.int64:
                found = f"{values.dtype} of shape {values.shape}"
                raise ValueError(f"Votes.{column.name}: expected int64 of shape (n_votes,); found {found}.")
            if len(values) != len(self.item):
                raise ValueError(
                    f"Votes.{column.name}: expected {len(self.item)}, as in item; found {len(values)}."
                )
            _check_range(f"Votes.{column.name}", values)

    def __len__(self) -> int:
        return len(self.item)

    def where(self, kept: NDArray[np.bool_] | Ints) -> "Votes":
        """Return some of the votes: those that are `kept`, (n_votes,); or those at these places, in their order."""
        return Votes(self.item[kept], self.annotator[kept], self.label[kept])


@dataclass(frozen=True, eq=False)
class Parameters:
    """What a posterior needs besides the votes and their annotators' skills.

    prior:       (n_classes,), above 0, summing to 1: how common each class is.
    confusion:   (n_classes, n_classes); [truth, observed] = P(observed | truth, the annotator errs). The
                 diagonal is 0, all else above 0, rows sum to 1; with one class nobody can err: [[0]].
    skill_prior: (a, b), both above 0: the Beta distribution of an annotator's P(right) before their votes.
    Raises ValueError if any of this does not hold. A 0 would let one vote veto a class for good.
    """

    prior: Floats
    confusion: Floats
    skill_prior: tuple[float, float]

    def __post_init__(self) -> None:
        n_classes = self.prior.size
        if self.prior.shape != (n_classes,) or n_classes == 0:
            raise ValueError(f"prior: expected shape (n_classes,), one at least; found {self.prior.shape}.")
        if self.confusion.shape != (n_classes, n_classes):
            raise ValueError(
                f"confusion: expected shape {(n_classes, n_classes)}; found {self.confusion.shape}."
            )
        if not (self.prior > 0).all() or abs(self.prior.sum() - 1) > 1e-6:
            raise ValueError(
                f"prior: expected all above 0 and a sum of 1; found minimum {self.prior.min()} "
                f"and sum {self.prior.sum()}."
            )
        if self.confusion.diagonal().any():
            row = int(self.confusion.diagonal().nonzero()[0][0])
            raise ValueError(
                f"confusion: expected 0 on the diagonal; found {self.confusion[row, row]} in row {row}."
            )
        wrong_rows = abs(self.confusion.sum(axis=1) - 1) > 1e-6
        wrong_rows |= ~((self.confusion > 0) | np.eye(n_classes, dtype=np.bool_)).all(axis=1)
        if n_classes > 1 and wrong_rows.any():
            row = int(wrong_rows.nonzero()[0][0])
            raise ValueError(
                "confusion: expected rows above 0 off the diagonal that sum to 1; "
                f"found sum {self.confusion[row].sum()} and {(self.confusion[row] <= 0).sum() - 1} "
                f"entries not above 0 in row {row}."
            )
        if len(self.skill_prior) != 2 or not all(0 < count < np.inf for count in self.skill_prior):
            raise ValueError(f"skill_prior: expected two finite numbers above 0; found {self.skill_prior!r}.")

    @classmethod
    def start(cls, n_classes: int) -> Self:
        """What is believed before any vote: every class and every mistake alike, annotators mostly right."""
        if n_classes < 1:
            raise ValueError(f"n_classes: expected 1 or more; found {n_classes}.")
        return cls(
            prior=np.full(n_classes, 1 / n_classes),
            confusion=(1 - np.eye(n_classes)) / max(n_classes - 1, 1),
            skill_prior=START_SKILL,
        )

    @property
    def n_classes(self) -> int:
        return len(self.prior)

    @property
    def newcomer_skill(self) -> float:
        """P(right) of an annotator without votes: the mean of the skill prior."""
        a, b = self.skill_prior
        return a / (a + b)

    def reordered(self, order: Sequence[int]) -> Self:
        """Return the same of classes in another order, each of whose places was `order[place]` before."""
        places = np.array(order, dtype=np.int64)
        return type(self)(self.prior[places], self.confusion[np.ix_(places, places)], self.skill_prior)

    def to_json(self) -> dict[str, Any]:
        """Return the same numbers as lists, for a JSON field; `from_json` reads them back exactly."""
        return {
            "prior": self.prior.tolist(),
            "confusion": self.confusion.tolist(),
            "skill_prior": list(self.skill_prior),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Raises ValueError if numbers are out of range, KeyError if a name is missing."""
        return cls(
            prior=np.array(document["prior"], dtype=np.float64),
            confusion=np.array(document["confusion"], dtype=np.float64),
            skill_prior=tuple(document["skill_prior"]),
        )


@dataclass(frozen=True, eq=False)
class Fit:
    """What every vote together says.

    label:          (n_items,) int64, the likeliest class; without votes the prior's.
    confidence:     (n_items,), its probability.
    skill:          (n_annotators, 2), Beta pseudo-counts right and wrong, the crowd's prior included.
    parameters:     what the last E-step used, as `posterior` needs it.
    log_likelihood: ln P(votes | skill means, parameters).
    """

    label: Ints
    confidence: Floats
    skill: Floats
    parameters: Parameters
    log_likelihood: float
    n_iterations: int
    # Posteriors are computed when asked for: a row for each item would grow with items x classes.
    _votes: Votes
    _groups: Groups = NO_GROUPS

    @property
    def mean_skill(self) -> Floats:
        """Each annotator's P(right), (n_annotators,), strictly between 0 and 1."""
        return _mean_skill(self.skill)

    def posterior(self, item: int) -> Floats:
        """Return the probability of each class for `item`, (n_classes,), summing to 1."""
        votes = self._of(item)
        skills = _mean_skill(self.skill[self._votes.annotator[votes]])
        return posterior(self._votes.label[votes], skills, self.parameters, self._groups)

    def answers(self, item: int) -> Ints:
        """Return what was said of `item`, (n_votes of it,) int64, the lowest first."""
        return self._votes.label[self._of(item)]

    def fall_back(
        self, item: int, n_votes: int, policy: "Policy", n_none: int, n_nouns: int
    ) -> tuple[int, float] | None:
        """Return what `fall_back` says of `item`, on which no class is the label."""
        answers = self.answers(item)
        names_a_group = len(answers) and answers[-1] >= self.parameters.n_classes
        if not n_nouns or not (names_a_group or n_votes >= policy.max_votes):
            return None  # as most are, without working out their posteriors
        return fall_back(self.posterior(item), answers, n_votes, policy, n_none, self._groups, n_nouns)

    def _of(self, item: int) -> slice:
        if not 0 <= item < len(self.label):
            raise ValueError(f"item: expected 0 to {len(self.label) - 1}; found {item}.")
        return slice(*np.searchsorted(self._votes.item, [item, item + 1]))


class Decision(StrEnum):
    """What becomes of a question after a vote."""

    SETTLED = "settled"
    ASK_AGAIN = "ask_again"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Policy:
    """When a question has been asked often enough. Raises ValueError if no question could follow it."""

    target_confidence: float
    min_votes: int
    max_votes: int

    def __post_init__(self) -> None:
        if not 0 < self.target_confidence < 1:
            raise ValueError(
                f"target_confidence: expected above 0 and below 1; found {self.target_confidence}."
            )
        if not 1 <= self.min_votes <= self.max_votes:
            raise ValueError(
                "min_votes, max_votes: expected 1 <= min_votes <= max_votes; "
                f"found {self.min_votes} and {self.max_votes}."
            )


def decide(confidence: float, n_named: int, n_votes: int, policy: Policy, n_none: int = 0) -> Decision:
    """Say what becomes of a question after `n_votes` votes that led to a posterior with maximum `confidence`.

    n_named: those of them that name a class. "Cannot tell" brings a question nearer to being given up, and never
    to being settled by its prior alone. n_none: those that say it shows none of the classes; where enough people say
    so, and more than half of all, it is given up: no further vote for a class would make one true.
    """
    if _shows_none(n_none, n_votes, policy):
        return Decision.UNDECIDED
    if n_named >= policy.min_votes and confidence >= policy.target_confidence:
        return Decision.SETTLED
    return Decision.UNDECIDED if n_votes >= policy.max_votes else Decision.ASK_AGAIN


def _shows_none(n_none: int, n_votes: int, policy: Policy) -> bool:
    return n_none >= policy.min_votes and 2 * n_none > n_votes


def fall_back(
    posterior: Floats,
    answers: Ints,
    n_votes: int,
    policy: Policy,
    n_none: int,
    groups: Groups,
    n_nouns: int,
) -> tuple[int, float] | None:
    """Return the group that becomes the label of a question where no class does, and its probability, or None.

    It is one that every one of the votes names, `min_votes` at least: no further vote would see more. Once nobody
    else is to be asked, it is the deepest one that is sure.
    posterior: (n_classes,); answers: (n_named,) int64, those of the `n_votes` that name a class or a group; n_nouns:
    how many of the groups, the first, may be a label.
    """
    if _shows_none(n_none, n_votes, policy) or len(answers) < policy.min_votes:
        return None
    named = int(answers[0]) - len(posterior)
    if 0 <= named < n_nouns and len(answers) == n_votes and (answers == answers[0]).all():
        confidence = float(posterior[groups[named]].sum())
        if confidence >= policy.target_confidence:
            return named, confidence
    if n_votes < policy.max_votes:
        return None
    return deepest(posterior, answers, groups, n_nouns, policy.target_confidence, policy.min_votes)


def posterior(labels: Ints, skills: Floats, parameters: Parameters, groups: Groups = NO_GROUPS) -> Floats:
    """Return the probability of each class for one question, (n_classes,), summing to 1.

    labels: (n_votes,) int64, what was said, 0..n_classes-1, or more for one of the groups; no vote leaves the prior.
    skills: (n_votes,), each voter's mean P(right), above 0 and below 1.
    Raises ValueError if the lengths differ or a number is out of its range.
    Source: Dawid & Skene (1979), eq. 2.5, with this module's likelihood.
    """
    if labels.shape != skills.shape or labels.ndim != 1:
        raise ValueError(
            f"labels, skills: expected one skill for each label; found {labels.shape} and {skills.shape}."
        )
    _check_range("labels", labels, below=parameters.n_classes + len(groups))
    if not ((skills > 0) & (skills < 1)).all():
        raise ValueError(f"skills: expected above 0 and below 1; found {skills.min()} to {skills.max()}.")
    if len(groups) and (labels >= parameters.n_classes).any():
        of_vote = likelihood(labels, skills, parameters.confusion, groups).T
    else:
        of_vote = parameters.confusion[:, labels] * (1 - skills)  # (n_classes, n_votes)
        of_vote[labels, np.arange(len(labels))] = skills
    log_joint = np.log(parameters.prior) + np.log(of_vote).sum(axis=1)
    # Long products underflow, so subtract the maximum before leaving log space.
    joint: Floats = np.exp(log_joint - log_joint.max())
    joint /= joint.sum()
    return joint


def majority(votes: Votes, n_items: int, n_classes: int) -> tuple[Ints, Floats]:
    """Return each item's most frequent label, (n_items,) int64, and its share of the item's votes, 0..1.

    A tie goes to the lowest label. An item without votes gets label 0 and share 0, so that no threshold on
    the share takes it for an answer. Raises ValueError if a vote names no item or class.
    """
    tally = _Tally.of(votes, n_items, n_classes)
    label, share = np.zeros(n_items, dtype=np.int64), np.zeros(n_items)
    most = np.maximum.reduceat(tally.count, tally.row_start) if len(votes) else tally.count
    # Cells are in order of label, so the first of a row that reaches its maximum is the lowest.
    winners = np.flatnonzero(tally.count == most[tally.row])
    rows, first = np.unique(tally.row[winners], return_index=True)
    label[tally.items[rows]] = tally.label[winners[first]]
    share[tally.items[rows]] = most / np.bincount(tally.row, weights=tally.count)
    return label, share


def fit(
    votes: Votes,
    n_items: int,
    n_classes: int,
    *,
    start: Parameters | None = None,
    groups: Groups = NO_GROUPS,
) -> Fit:
    """Learn skills, confusion and prior from every vote by expectation-maximisation, and read the posteriors.

    groups: what labels from n_classes on name. Items without a vote for one cost as before; on those with one, time
    is in votes x classes.
    start: where to begin, by default `Parameters.start`. It saves iterations when few votes are new; it adds
    no evidence, since smoothing leads back to `Parameters.start` and never to `start`.
    From one start the result depends on the votes alone, to the bit, not on their order. An iteration takes
    time in (distinct labels of each item) x classes + votes, memory in items, votes, annotators and classes²,
    never in items x classes.
    Raises ValueError if a vote names no item or class, or `start` has other classes.
    Source: Dawid & Skene (1979), section 3, eqs. 2.3-2.5; the module's docstring says what differs.
    """
    parameters = start or Parameters.start(n_classes)
    if parameters.n_classes != n_classes:
        raise ValueError(f"start: expected {n_classes} classes; found {parameters.n_classes}.")
    _check_range("Votes.item", votes.item, below=n_items)
    _check_range("Votes.label", votes.label, below=n_classes + len(groups))
    coarse = np.unique(votes.item[votes.label >= n_classes])
    is_mixed = np.isin(votes.item, coarse)
    tally = _Tally.of(votes.where(~is_mixed) if len(coarse) else votes, n_items, n_classes)
    rest = votes.where(is_mixed)
    mixed = Mixed.of(rest.item, rest.annotator, rest.label, groups, n_classes)
    n_votes_of = np.bincount(votes.annotator).astype(np.float64)  # (n_annotators,)
    skill = np.tile(parameters.skill_prior, (len(n_votes_of), 1))
    expected = _expect(tally, mixed, skill, parameters)
    n_iterations, before = 0, -np.inf
    while n_iterations < MAX_ITERATIONS:
        n_iterations += 1
        skill, parameters = _maximise(expected, n_votes_of, parameters)
        expected = _expect(tally, mixed, skill, parameters)
        now = expected.log_likelihood + _log_prior(skill, parameters)
        if abs(now - before) <= TOLERANCE * abs(now):
            break
        before = now
    label = np.full(n_items, parameters.prior.argmax(), dtype=np.int64)
    confidence = np.full(n_items, parameters.prior.max())
    label[expected.items], confidence[expected.items] = expected.label, expected.confidence
    ordered = (
        votes.where(np.lexsort((votes.annotator, votes.label, votes.item))) if len(coarse) else tally.votes
    )
    return Fit(label, confidence, skill, parameters, expected.log_likelihood, n_iterations, ordered, groups)


@dataclass(frozen=True, eq=False)
class _Tally:
    """Votes in order of item, label and annotator, and their counts.

    A row is an item with votes; a cell is one label that a row got, with the number of votes for it. Cells
    are in order of row and label.
    """

    votes: Votes
    items: Ints  # (n_rows,), which item a row is
    row_start: Ints  # (n_rows,), a row's first cell
    row: Ints  # (n_cells,)
    label: Ints  # (n_cells,)
    count: Ints  # (n_cells,)
    cell_start: Ints  # (n_cells,), a cell's first vote

    @classmethod
    def of(cls, votes: Votes, n_items: int, n_classes: int) -> Self:
        _check_range("Votes.item", votes.item, below=n_items)
        _check_range("Votes.label", votes.label, below=n_classes)
        # One fixed order also fixes the order of every sum below, so that equal votes give equal bits.
        order = np.lexsort((votes.annotator, votes.label, votes.item))
        item, label = votes.item[order], votes.label[order]
        is_new_item = np.diff(item, prepend=-1) != 0
        cell_start = np.flatnonzero(is_new_item | (np.diff(label, prepend=-1) != 0))
        row_start = np.flatnonzero(is_new_item[cell_start])
        return cls(
            votes=Votes(item, votes.annotator[order], label),
            items=item[cell_start[row_start]],
            row_start=row_start,
            row=np.cumsum(is_new_item[cell_start]) - 1,
            label=label[cell_start],
            count=np.diff(cell_start, append=len(votes)),
            cell_start=cell_start,
        )

    def blocks(self, n_classes: int) -> Iterator[tuple[slice, slice]]:
        """Yield slices of rows and of their cells, so few that a (cells, n_classes) array stays small."""
        n_rows, n_cells = len(self.row_start), len(self.row)
        wanted = np.arange(0, n_cells, max(BLOCK_FLOATS // n_classes, 1))
        edges = np.unique(np.append(self.row[wanted], n_rows))
        cells = np.append(self.row_start, n_cells)[edges]
        for k in range(len(edges) - 1):
            yield slice(edges[k], edges[k + 1]), slice(cells[k], cells[k + 1])


def _expect(tally: _Tally, mixed: Mixed, skill: Floats, parameters: Parameters) -> Expected:
    """The E-step: `posterior` of every item at once."""
    plain = _expect_classes(tally, skill, parameters)
    if not len(mixed.items):
        return plain
    return plain + mixed.expect(_mean_skill(skill), parameters.prior, parameters.confusion, BLOCK_FLOATS)


def _expect_classes(tally: _Tally, skill: Floats, parameters: Parameters) -> Expected:
    """The same of the items on which each vote names a class. A row's class t has the log joint is

        ln prior[t] + sum over cells (count * ln confusion[t, label]) + ln odds of skill of those who said t

    where the sum leaves t's own cell out, plus ln(1 - s) of all voters, which does not depend on t.
    """
    n_rows, n_classes = len(tally.items), parameters.n_classes
    s = _mean_skill(skill)
    annotator = tally.votes.annotator
    log_odds = _sum_from((np.log(s) - np.log1p(-s))[annotator], tally.cell_start)  # (n_cells,)
    log_prior = np.log(parameters.prior)
    # [observed, truth], so that a cell's label picks a row that lies together; 0 leaves t's own cell out.
    log_confusion = np.log(parameters.confusion.T + np.eye(n_classes))

    label, confidence = np.empty(n_rows, dtype=np.int64), np.empty(n_rows)
    right, classes, observed = np.empty(len(tally.row)), np.zeros(n_classes), np.zeros((n_classes, n_classes))
    log_likelihood = float(np.log1p(-s)[annotator].sum())
    for rows, cells in tally.blocks(n_classes):
        row, said, count = tally.row[cells] - rows.start, tally.label[cells], tally.count[cells, np.newaxis]
        joint = log_prior + _sum_from(log_confusion[said] * count, tally.row_start[rows] - cells.start)
        joint[row, said] += log_odds[cells]
        top = joint.max(axis=1)
        joint = np.exp(joint - top[:, np.newaxis])
        total = joint.sum(axis=1)
        joint /= total[:, np.newaxis]  # now the posterior, (rows, n_classes)

        label[rows], confidence[rows] = joint.argmax(axis=1), joint.max(axis=1)
        right[cells] = joint[row, said]
        classes += joint.sum(axis=0)
        by_label = said.argsort(kind="stable")
        labels, first = np.unique(said[by_label], return_index=True)
        observed[labels] += _sum_from((joint[row] * count)[by_label], first)
        log_likelihood += float((top + np.log(total)).sum())
    np.fill_diagonal(observed, 0)
    right_of = np.bincount(annotator, np.repeat(right, tally.count), minlength=len(s)).astype(np.float64)
    return Expected(tally.items, label, confidence, right_of, classes, observed.T, log_likelihood)


def _maximise(expected: Expected, n_votes_of: Floats, parameters: Parameters) -> tuple[Floats, Parameters]:
    """The M-step: skills as Beta pseudo-counts, (n_annotators, 2), and the parameters."""
    n_classes = parameters.n_classes
    # Rounding may carry a sum of ones a hair above their number, and a count must not be negative.
    right = np.minimum(expected.right, n_votes_of)
    skill_prior = _skill_prior(right, n_votes_of, sum(parameters.skill_prior))
    classes = expected.classes + ITEMS_PER_CLASS
    errors = expected.errors + ERRORS_PER_TRUTH * Parameters.start(n_classes).confusion
    if n_classes > 1:
        errors /= errors.sum(axis=1, keepdims=True)
    skill = np.stack([right, n_votes_of - right], axis=1) + skill_prior
    return skill, Parameters(classes / classes.sum(), errors, skill_prior)


def _skill_prior(right: Floats, n_votes_of: Floats, weight: float) -> tuple[float, float]:
    """Match the Beta distribution of skills in the crowd to the mean and spread of its shares of right votes.

    right, n_votes_of: (n_annotators,), expected right votes, and all votes; weight: today's a + b.
    The start takes part as START_ANNOTATORS more annotators, so neither a crowd of one nor one without errors
    makes a certain prior. Source: moments of the beta-binomial, Kleinman (1973),
    doi:10.1080/01621459.1973.10481332: the mean, and rho = 1 / (a + b + 1), the correlation between one
    annotator's votes.
    """
    n = n_votes_of[n_votes_of > 0]
    share = right[n_votes_of > 0] / n
    # What one annotator tells about the crowd: n votes count as n while few, never as more than a + b + 1.
    w = n * (weight + 1) / (n + weight)
    start_weight = sum(START_SKILL)
    start_w = START_ANNOTATORS * start_weight
    mean = (start_w * START_SKILL[0] / start_weight + w @ share) / (start_w + w.sum())
    mean = min(max(mean, CROWD_MEAN[0]), CROWD_MEAN[1])
    spread = w @ (share - mean) ** 2 / (mean * (1 - mean))
    # E[spread] = sum of w * (1 / n + rho * (1 - 1 / n)); solve for rho.
    rho = (spread - (w / n).sum() + start_w / (start_weight + 1)) / ((w * (1 - 1 / n)).sum() + start_w)
    new_weight = min(max(1 / max(rho, 1e-9) - 1, CROWD_WEIGHT[0]), CROWD_WEIGHT[1])
    return float(new_weight * mean), float(new_weight * (1 - mean))


def _log_prior(skill: Floats, parameters: Parameters) -> float:
    """The log density of skills and parameters under the pseudo-counts, but for constants."""
    s = _mean_skill(skill)
    a, b = parameters.skill_prior
    skills = a * np.log(s).sum() + b * np.log1p(-s).sum()
    classes = ITEMS_PER_CLASS * np.log(parameters.prior).sum()
    log_confusion = np.log(parameters.confusion + np.eye(parameters.n_classes))  # 0 on the diagonal
    errors = ERRORS_PER_TRUTH * (Parameters.start(parameters.n_classes).confusion * log_confusion).sum()
    return float(skills + classes + errors)


def _mean_skill(skill: Floats) -> Floats:
    mean: Floats = skill[:, 0] / skill.sum(axis=1)
    return mean


def _sum_from(values: Floats, starts: Ints) -> Floats:
    """Sum `values` along axis 0 from each of `starts` to the next."""
    if not len(starts):
        return np.zeros((0, *values.shape[1:]))
    sums: Floats = np.add.reduceat(values, starts, axis=0)
    return sums


def _check_range(name: str, values: Ints, below: int | None = None) -> None:
    """Refuse a number outside 0..below-1; the message names its place."""
    outside = values < 0 if below is None else (values < 0) | (values >= below)
    if outside.any():
        place = int(outside.argmax())
        wanted = "0 or more" if below is None else f"0 to {below - 1}"
        raise ValueError(f"{name}: expected {wanted}; found {values[place]} at index {place}.")
