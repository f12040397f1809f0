"""Votes -> what we believe, how surely, and whom to trust. Arrays in, arrays out.

The model is Dawid & Skene's (1979, doi:10.2307/2346806), of three layers that lend to each other, so that few votes
make nobody certain. Theirs gives every annotator a confusion matrix of their own, (n_classes - 1) * n_classes numbers
that a volunteer with forty votes cannot fill. Here

    the crowd      is right on class t with P = accuracy[t], and errs towards confusion[t, o];
    an annotator   has a skill, one number: by how much their odds of being right exceed the crowd's, on any class;
    and who has    enough votes has a confusion matrix too, drawn towards what skill and crowd would make it by
                   as many pseudo-votes a row as make the matrices of this crowd most probable (empirical Bayes).

    P(observed o | truth t, annotator a) = s_at                        where o == t
                                           (1 - s_at) * confusion[t, o]  elsewhere,
    logit s_at = logit accuracy[t] + logit skill[a] - logit mean skill

or what a's own matrix says. A skill may fall below one half, and below chance: such an annotator's vote counts
against what it says. What is known of some items (gold) tells the skills, and those items' own labels.

One thing it does not know: votes on one picture are taken as independent given its class. Where many people misread
a picture alike they are not, and posteriors are surer than they should be, the more so the more votes there are.

A vote may name a group of classes instead of one, as where somebody sees a dog and not its breed: see
labeling.coarse.

Two speeds over the one model: `fit` reads every vote and learns (labeling.expectation and labeling.estimation, in
turns); `posterior` weighs the votes of one question with skills and parameters as they stand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from labeling.coarse import NO_TREE, Tree, deepest, likelihood
from labeling.estimation import choose_own, maximise
from labeling.expectation import NOBODY, NOT_KNOWN, Crowd, Expected, Ordered, Task, expect
from labeling.network import Probabilities, Reliability
from labeling.parameters import Floats, Ints, Parameters, Start, Votes, check_range
from labeling.targets import shifted

__all__ = [
    "Decision", "Fit", "Floats", "Gold", "Ints", "Parameters", "Policy", "Probabilities", "Start", "Tree", "Votes",
    "decide", "fall_back", "fit", "majority", "posterior", "update",
]  # fmt: skip

MAX_ITERATIONS = 100
TOLERANCE = 1e-3  # of confidences and skills: once none moves by more, a fit ends
NO_ROWS: Mapping[int, Floats] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Gold:
    """Items whose class is known: item `item[i]` is of class `label[i]`, (n,) int64 each; an item comes once."""

    item: Ints
    label: Ints


@dataclass(frozen=True, eq=False)
class Fit:
    """What every vote together says.

    label:          (n_items,) int64, the likeliest class; without votes the prior's.
    confidence:     (n_items,), its probability; 1 where it is known.
    skill:          (n_annotators, 2), Beta pseudo-counts right and wrong, the crowd's prior included.
    parameters:     what the last E-step used, as `posterior` needs it.
    log_likelihood: ln P(votes | skill means, own confusions, parameters).
    """

    label: Ints
    confidence: Floats
    parameters: Parameters
    log_likelihood: float
    n_iterations: int
    _crowd: Crowd
    # Posteriors are computed when asked for: a row for each item would grow with items x classes.
    _votes: Ordered
    _tree: Tree = NO_TREE
    _known: Mapping[int, int] = field(default_factory=dict)
    _prior: Probabilities | None = None
    _n_unsure: Ints | None = None

    @property
    def skill(self) -> Floats:
        return self._crowd.skill

    @property
    def mean_skill(self) -> Floats:
        """Each annotator's P(right), (n_annotators,), strictly between 0 and 1."""
        return self._crowd.mean_skill

    @property
    def start(self) -> Start:
        """What a later fit of the same annotators and classes may go on from."""
        own = {a: self.confusion(a) for a in np.flatnonzero(self._crowd.own != NOBODY).tolist()}
        return Start(self.parameters, self.skill, own)

    def confusion(self, annotator: int) -> Floats:
        """Return P(observed | truth) of one annotator, (n_classes, n_classes), [truth, observed], rows summing to 1:
        their own, or what their skill and the crowd make it; that of a newcomer for whoever has no votes here.
        """
        if self.has_own(annotator):
            own: Floats = self._crowd.rows[self._crowd.own[annotator]].T.astype(np.float64)
            return own
        knows = 0 <= annotator < len(self._crowd.own)
        skill = self.mean_skill[annotator] if knows else self.parameters.newcomer_skill
        of_skill: Floats = self.parameters.likelihoods(np.array([skill]))[0]
        return of_skill

    def has_own(self, annotator: int) -> bool:
        """Say whether an annotator has votes enough for a confusion of their own."""
        return 0 <= annotator < len(self._crowd.own) and self._crowd.own[annotator] != NOBODY

    def posterior(self, item: int) -> Floats:
        """Return the probability of each class for `item`, (n_classes,), summing to 1."""
        votes = self._of(item)
        if item in self._known:
            known: Floats = np.eye(self.parameters.n_classes)[self._known[item]]
            return known
        n_unsure = 0 if self._n_unsure is None else int(self._n_unsure[item])
        return self.weigh(
            self._votes.annotator[votes].astype(np.int64), self.answers(item), self._foretold(item), n_unsure
        )

    def _foretold(self, item: int) -> Floats | None:
        """Return ln q, (n_classes,), where a network speaks of an item."""
        place = self._foretold_at.get(item)
        if self._prior is None or place is None:
            return None
        alone = Probabilities(self._prior.item[[place]], self._prior.probability[[place]])
        log_q: Floats = alone.of_items(alone.item)[1][0]
        return log_q

    @cached_property
    def _foretold_at(self) -> dict[int, int]:
        """Where a network speaks of each item."""
        items = [] if self._prior is None else self._prior.item.tolist()
        return {item: place for place, item in enumerate(items)}

    def weigh(self, annotators: Ints, labels: Ints, log_q: Floats | None = None, n_unsure: int = 0) -> Floats:
        """Return the posterior of a question on which these annotators said this, (n_votes,) int64 each; log_q: ln of
        what a network says, (n_classes,); n_unsure: how many others could not tell.
        """
        known = (annotators >= 0) & (annotators < len(self._crowd.own))
        skills = np.full(len(annotators), self.parameters.newcomer_skill)
        skills[known] = self.mean_skill[annotators[known]]
        own = {v: self.confusion(a) for v, a in enumerate(annotators.tolist()) if self.has_own(a)}
        blur = self.parameters.blur(n_unsure, len(labels))
        return posterior(labels, skills, self.parameters, self._tree, own, log_q, blur)

    def course(self, item: int, annotators: Ints, labels: Ints) -> Floats:
        """Return the posterior of `item` after each of its votes, in the order in which they are given,
        (n_votes, n_classes); annotators, labels: (n_votes,) int64, a label below 0 of who could not tell.
        """
        log_q, found = self._foretold(item), np.empty((len(labels), self.parameters.n_classes))
        for n in range(1, len(labels) + 1):
            told = np.flatnonzero(labels[:n] >= 0)
            found[n - 1] = self.weigh(annotators[told], labels[told], log_q, n - len(told))
        return found

    def answers(self, item: int) -> Ints:
        """Return what was said of `item`, (n_votes of it,) int64, the lowest first."""
        return self._votes.label[self._of(item)].astype(np.int64)

    @cached_property
    def is_named(self) -> NDArray[np.bool_]:
        """Return of which items a vote names the label, (n_items,); true of each in which no network had a say."""
        found = np.ones(len(self.label), dtype=np.bool_)
        if self._prior is not None:
            found[self._prior.item] = False
            item = np.repeat(self._votes.items, np.diff(self._votes.start))
            found[item[self._votes.label == self.label[item]]] = True
        return found

    def fall_back(
        self, item: int, n_votes: int, policy: "Policy", n_none: int, n_nouns: int
    ) -> tuple[int, float] | None:
        """Return what `fall_back` says of `item`, on which no class is the label."""
        answers = self.answers(item)
        names_a_group = len(answers) and answers[-1] >= self.parameters.n_classes
        if not n_nouns or not (names_a_group or n_votes >= policy.max_votes):
            return None  # as most are, without working out their posteriors
        return fall_back(self.posterior(item), answers, n_votes, policy, n_none, self._tree, n_nouns)

    def _of(self, item: int) -> slice:
        if not 0 <= item < len(self.label):
            raise ValueError(f"item: expected 0 to {len(self.label) - 1}; found {item}.")
        return self._votes.of_item(item)


class Decision(StrEnum):
    """What becomes of a question after a vote."""

    SETTLED = "settled"
    ASK_AGAIN = "ask_again"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Policy:
    """When a question has been asked often enough. Raises ValueError if no question could follow it.

    asked_of: how many people it is asked of in any case, whatever they say; see `of_starter`.
    """

    target_confidence: float
    min_votes: int
    max_votes: int
    asked_of: int = 0

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
        if not 0 <= self.asked_of <= self.max_votes:
            raise ValueError(f"asked_of: expected 0 to {self.max_votes}; found {self.asked_of}.")

    def of_starter(self, n_votes: int) -> "Policy":
        """Return that of a starter question, which is asked of `n_votes` people before it may settle."""
        return replace(self, asked_of=n_votes, max_votes=max(self.max_votes, n_votes))

    def shifted(self, shift: float) -> "Policy":
        """Return the same with another target: one whose ln odds are higher by `shift`; see labeling.targets."""
        return replace(self, target_confidence=shifted(self.target_confidence, shift))


def decide(confidence: float, n_named: int, n_votes: int, policy: Policy, n_none: int = 0) -> Decision:
    """Say what becomes of a question after `n_votes` votes that led to a posterior with maximum `confidence`.

    n_named: those of them that name a class. "Cannot tell" brings a question nearer to being given up, and never
    to being settled by its prior alone. n_none: those that say it shows none of the classes; where enough people say
    so, and more than half of all, it is given up: no further vote for a class would make one true.
    """
    if n_votes < policy.asked_of:
        return Decision.ASK_AGAIN
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
    tree: Tree,
    n_nouns: int,
) -> tuple[int, float] | None:
    """Return the group that becomes the label of a question where no class does, and its probability, or None.

    It is one that every one of the votes names, `min_votes` at least: no further vote would see more. Once nobody
    else is to be asked, it is the deepest one that is sure.
    posterior: (n_classes,); answers: (n_named,) int64, those of the `n_votes` that name a class or a group; n_nouns:
    how many of its groups, the first, may be a label.
    """
    if _shows_none(n_none, n_votes, policy) or len(answers) < policy.min_votes or n_votes < policy.asked_of:
        return None
    named = int(answers[0]) - len(posterior)
    if 0 <= named < n_nouns and len(answers) == n_votes and (answers == answers[0]).all():
        confidence = float(posterior[tree[named]].sum())
        if confidence >= policy.target_confidence:
            return named, confidence
    if n_votes < policy.max_votes:
        return None
    return deepest(posterior, answers, tree, n_nouns, policy.target_confidence, policy.min_votes)


def posterior(
    labels: Ints,
    skills: Floats,
    parameters: Parameters,
    tree: Tree = NO_TREE,
    own: Mapping[int, Floats] = NO_ROWS,
    log_q: Floats | None = None,
    blur: float = 0.0,
) -> Floats:
    """Return the probability of each class for one question, (n_classes,), summing to 1.

    labels: (n_votes,) int64, what was said, 0..n_classes-1, or more for an inner noun; no vote leaves the prior.
    skills: (n_votes,), each voter's mean P(right), above 0 and below 1.
    own: the confusion of the voters who have one of their own, by the place of their vote; (n_classes, n_classes),
    [truth, observed]. log_q: ln of what a trained network says, (n_classes,), where there is one.
    blur: P(a vote is a guess), as `Parameters.blur` tells from how many others could not tell.
    Raises ValueError if the lengths differ or a number is out of its range.
    Source: Dawid & Skene (1979), eq. 2.5, with this module's likelihood.
    """
    if labels.shape != skills.shape or labels.ndim != 1:
        raise ValueError(
            f"labels, skills: expected one skill for each label; found {labels.shape} and {skills.shape}."
        )
    n_classes = parameters.n_classes
    check_range("labels", labels, below=n_classes + len(tree))
    if not ((skills > 0) & (skills < 1)).all():
        raise ValueError(f"skills: expected above 0 and below 1; found {skills.min()} to {skills.max()}.")
    right = parameters.accuracy_of(skills)  # (n_votes, n_classes)
    if (labels >= n_classes).any():
        of_vote = likelihood(labels, right, parameters.confusion, tree)
    else:
        of_vote = (1 - right) * parameters.confusion.T[labels]  # (n_votes, n_classes)
        votes = np.arange(len(labels))
        of_vote[votes, labels] = right[votes, labels]
    for vote, confusion in own.items():
        label = int(labels[vote])
        seen = [label] if label < n_classes else tree[label - n_classes]
        of_vote[vote] = confusion[:, seen].sum(axis=1)
    if blur:
        guess = tree.members(labels, n_classes) @ parameters.popularity
        of_vote = (1 - blur) * of_vote + blur * guess[:, np.newaxis]
    prior = parameters.prior
    if log_q is not None:
        prior = parameters.network.read(log_q[np.newaxis], prior)[0]
    log_joint = np.log(prior) + np.log(of_vote).sum(axis=0)
    # Long products underflow, so subtract the maximum before leaving log space.
    joint: Floats = np.exp(log_joint - log_joint.max())
    joint /= joint.sum()
    return joint


def update(fit: Fit, votes: Votes) -> Floats:
    """Return the posterior of one question, (n_classes,), by its votes, with what `fit` has learnt.

    votes: those of one item, whichever its number; annotators that the fit has not seen are newcomers.
    Raises ValueError if they are on several items, or name no class or group.
    """
    if len(votes) and (votes.item != votes.item[0]).any():
        raise ValueError(f"votes: expected votes on one item; found {len(np.unique(votes.item))}.")
    return fit.weigh(votes.annotator, votes.label)


def majority(votes: Votes, n_items: int, n_classes: int) -> tuple[Ints, Floats]:
    """Return each item's most frequent label, (n_items,) int64, and its share of the item's votes, 0..1.

    A tie goes to the lowest label. An item without votes gets label 0 and share 0, so that no threshold on
    the share takes it for an answer. Raises ValueError if a vote names no item or class.
    """
    ordered = Ordered.of(votes, n_items, n_classes)
    label, share = np.zeros(n_items, dtype=np.int64), np.zeros(n_items)
    if not len(votes):
        return label, share
    # A cell is one label that a row got. A row's are in order, so the first of the most frequent is the lowest.
    n_votes = np.diff(ordered.start)
    row = np.repeat(np.arange(len(n_votes)), n_votes)
    cell = np.flatnonzero((np.diff(row, prepend=-1) != 0) | (np.diff(ordered.label, prepend=-1) != 0))
    count = np.diff(cell, append=len(row))
    most = np.maximum.reduceat(count, np.searchsorted(cell, ordered.start[:-1]))
    rows, first = np.unique(row[cell[count == most[row[cell]]]], return_index=True)
    label[ordered.items[rows]] = ordered.label[cell[count == most[row[cell]]][first]]
    share[ordered.items[rows]] = most / n_votes
    return label, share


def fit(
    votes: Votes,
    n_items: int,
    n_classes: int,
    *,
    tree: Tree | None = None,
    gold: Gold | None = None,
    prior: Probabilities | None = None,
    n_unsure: Ints | None = None,
    start: Start | None = None,
    watch: Callable[[int, float], None] | None = None,
) -> Fit:
    """Learn skills, confusions and prior from every vote by expectation-maximisation, and read the posteriors.

    tree: the inner nouns that labels from n_classes on name.
    gold: items whose class is known, which tells who is right.
    prior: what a trained network says of some items, and of which of them it helps to tell the class; how far to
    trust it is learnt (labeling.network).
    n_unsure: (n_items,) int64, how many could not tell what each item is. It says nothing of the class, but that
    those who name one may have guessed; how much, is learnt.
    start: what an earlier fit has learnt, to begin there and not with the shares of the votes. It adds no evidence,
    since smoothing leads back to `Parameters.start` and never to `start`.
    watch: called after each iteration with its number, from 1 on, and by how much a confidence or skill moved.
    From one start the result depends on the votes alone, to the bit, not on their order or the number of cores. An
    iteration takes time in votes x classes; memory is in items, votes, annotators x classes and classes².
    Raises ValueError if a vote or `gold` names no item or class, or `start` has other classes.
    Source: Dawid & Skene (1979), section 3, eqs. 2.3-2.5; the module's docstring says what differs.
    """
    tree = tree or NO_TREE
    parameters = start.parameters if start else Parameters.start(n_classes)
    if parameters.n_classes != n_classes:
        raise ValueError(f"start: expected {n_classes} classes; found {parameters.n_classes}.")
    ordered = Ordered.of(votes, n_items, n_classes + len(tree))
    known = _known(gold, n_items, n_classes)
    _refuse_other_classes(prior, n_items, n_classes)
    if n_unsure is not None and n_unsure.shape != (n_items,):
        raise ValueError(f"n_unsure: expected shape {(n_items,)}; found {n_unsure.shape}.")
    task = Task.of(ordered, _of_rows(known, ordered.items), tree, n_classes, prior, n_unsure)
    fine = ordered.annotator[task.votes.label < n_classes]
    own = choose_own(np.bincount(fine, minlength=len(ordered.n_votes_of)), n_classes)
    crowd = Crowd.before(own, start or Start(parameters))
    # Nothing is believed of a new crowd. To take it for mostly right would settle at once what items show, and where
    # annotators lean, wrongly.
    expected = expect(task, crowd, parameters, by_shares=start is None)
    n_iterations, skill = 0, crowd.mean_skill
    while n_iterations < MAX_ITERATIONS:
        n_iterations += 1
        crowd, parameters = maximise(expected, ordered.n_votes_of, own, parameters)
        if task.helps.any():
            parameters = replace(parameters, network=_measured(task, expected, parameters))
        before, expected = expected, expect(task, crowd, parameters)
        moved = np.abs(expected.confidence - before.confidence).max(initial=0)
        learnt = np.abs(crowd.mean_skill - skill).max(initial=0)
        skill, most = crowd.mean_skill, float(max(moved, learnt))
        if watch:
            watch(n_iterations, most)
        if most <= TOLERANCE:
            break
    if len(task.foretold) and not task.helps.any():
        parameters = _with_network(task, expected, parameters)
    helping = prior.helping() if prior else None
    label, confidence = read_labels(expected, ordered, n_items, parameters, helping)
    for item, place in known.items():
        label[item], confidence[item] = place, 1.0
    return Fit(
        label,
        confidence,
        parameters,
        expected.log_likelihood,
        n_iterations,
        crowd,
        ordered,
        tree,
        known,
        helping,
        n_unsure,
    )


def _with_network(task: Task, expected: Expected, parameters: Parameters) -> Parameters:
    """Return the same parameters with how reliable a network is that had no part in what an E-step found."""
    for _iteration in range(MAX_ITERATIONS):
        before = parameters.network
        parameters = replace(parameters, network=_measured(task, expected, parameters))
        if np.abs(np.subtract(parameters.network, before)).max() <= TOLERANCE:
            break
    return parameters


def _measured(task: Task, expected: Expected, parameters: Parameters) -> Reliability:
    """Return how reliable the network is by one step more: of what the rows that measure it show, given their votes
    and its word as it was read before. With the votes alone it would look the worse the fewer they are.
    """
    measures, network = task.measures, parameters.network
    log_q, belief = task.log_q[measures], expected.belief[measures]
    if not task.helps.all():  # else its word is in there already
        belief = belief * network.read(log_q, parameters.prior) / parameters.prior
        belief /= belief.sum(axis=1, keepdims=True)
    return network.learn(log_q, belief, parameters.prior)


def read_labels(
    expected: Expected,
    ordered: Ordered,
    n_items: int,
    parameters: Parameters,
    prior: Probabilities | None = None,
) -> tuple[Ints, Floats]:
    """Return the likeliest class of each item, (n_items,) int64, and how likely it is, (n_items,): as an E-step found
    it; or, without votes, as the network says, or as all are.
    """
    label = np.full(n_items, parameters.prior.argmax(), dtype=np.int64)
    confidence = np.full(n_items, parameters.prior.max())
    if prior is not None:
        foretold = np.sort(prior.item)
        read = parameters.network.read(prior.of_items(foretold)[1], parameters.prior)
        label[foretold], confidence[foretold] = read.argmax(axis=1), read.max(axis=1)
    label[ordered.items], confidence[ordered.items] = expected.label, expected.confidence
    return label, confidence


def _known(gold: Gold | None, n_items: int, n_classes: int) -> dict[int, int]:
    if gold is None:
        return {}
    check_range("Gold.item", gold.item, below=n_items)
    check_range("Gold.label", gold.label, below=n_classes)
    return dict(zip(gold.item.tolist(), gold.label.tolist(), strict=True))


def _refuse_other_classes(prior: Probabilities | None, n_items: int, n_classes: int) -> None:
    if prior is None:
        return
    check_range("Probabilities.item", prior.item, below=n_items)
    if prior.probability.shape[1] != n_classes:
        raise ValueError(f"Probabilities: expected {n_classes} classes; found {prior.probability.shape[1]}.")


def _of_rows(known: Mapping[int, int], items: Ints) -> np.ndarray:
    found = np.full(len(items), NOT_KNOWN, dtype=np.int32)
    for item, label in known.items():
        row = int(np.searchsorted(items, item))
        if row < len(items) and items[row] == item:
            found[row] = label
    return found
