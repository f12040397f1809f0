"""The models that labeling.consensus is measured against, by the names the field gives them, without priors."""

from collections.abc import Callable

import numpy as np

from labeling.coarse import NO_TREE
from labeling.consensus import Fit, read_labels
from labeling.expectation import NOBODY, NOT_KNOWN, AnyFloats, Crowd, Expected, Ordered, Task, expect
from labeling.parameters import Floats, Parameters, Votes

SMALLEST = 1e-10  # what a probability of nothing is taken for, so that its logarithm is a number
TOLERANCE = 1e-9  # of confidences: once none moves by more, nothing is left to be found


def dawid_skene(votes: Votes, n_items: int, n_classes: int, *, n_iterations: int = 100) -> Fit:
    """Fit Dawid & Skene's model by maximum likelihood: a confusion for every annotator, from shares of votes on.

    It has annotators x classes² numbers, and takes as much memory.
    Raises ValueError if a vote names no item or class.
    Source: Dawid & Skene (1979), doi:10.2307/2346806, eqs. 2.3-2.5.
    """
    ordered = Ordered.of(votes, n_items, n_classes)
    own = np.arange(len(ordered.n_votes_of))
    skill = np.ones((len(own), 2))
    classes, counts = _shares(ordered, n_classes)

    def learn(classes: Floats, counts: AnyFloats) -> tuple[Crowd, Parameters]:
        rows = np.maximum(counts, SMALLEST)
        # Of the labels that an annotator never said nothing is learnt, and nothing asked.
        rows /= np.where(counts.any(axis=2, keepdims=True), rows, 0).sum(axis=1, keepdims=True).clip(SMALLEST)
        return Crowd(skill, own, rows), _parameters(classes)

    return _alternate(
        ordered, n_items, n_iterations, learn(classes, counts), lambda e: learn(e.classes, e.own)
    )


def one_coin(votes: Votes, n_items: int, n_classes: int, *, n_iterations: int = 100) -> Fit:
    """Fit the same model with one number an annotator, P(right), all mistakes being alike.

    Raises ValueError if a vote names no item or class.
    Source: Zhang et al. (2016), Spectral Methods Meet EM, section 2.2 (the one-coin model).
    """
    ordered = Ordered.of(votes, n_items, n_classes)
    own = np.full(len(ordered.n_votes_of), NOBODY)
    classes, counts = _shares(ordered, n_classes)
    n_votes = np.maximum(ordered.n_votes_of, 1)

    def learn(classes: Floats, right: Floats) -> tuple[Crowd, Parameters]:
        share = np.clip(right / n_votes, SMALLEST, 1 - SMALLEST)
        return Crowd(np.stack([share, 1 - share], axis=1), own, counts[:0]), _parameters(classes)

    right = np.trace(counts, axis1=1, axis2=2)
    return _alternate(
        ordered, n_items, n_iterations, learn(classes, right), lambda e: learn(e.classes, e.right)
    )


def _shares(ordered: Ordered, n_classes: int) -> tuple[Floats, Floats]:
    """Return the items of each class, (n_classes,), and what each annotator said of them, (n_annotators, n_classes,
    n_classes), [annotator, observed, truth], where an item is of each class by its share of the votes.
    """
    from labeling.kernels import count_shares  # loads Numba

    counts = np.zeros((len(ordered.n_votes_of), n_classes, n_classes))
    classes = np.zeros(n_classes)
    count_shares(ordered.start, ordered.annotator, ordered.label, classes, counts)
    return classes, counts


def _parameters(classes: Floats) -> Parameters:
    """Return what the crowd is held for: no more than how common the classes are, and that mistakes are alike."""
    start = Parameters.start(len(classes))
    prior = np.maximum(classes / classes.sum(), SMALLEST) if classes.any() else start.prior
    return Parameters(prior / prior.sum(), start.confusion, start.skill_prior)


def _alternate(
    ordered: Ordered,
    n_items: int,
    n_iterations: int,
    believed: tuple[Crowd, Parameters],
    learn: Callable[[Expected], tuple[Crowd, Parameters]],
) -> Fit:
    """Take turns until nothing moves, `n_iterations` times at most, and read the posteriors."""
    if n_iterations < 1:
        raise ValueError(f"n_iterations: expected 1 or more; found {n_iterations}.")
    n_classes = believed[1].n_classes
    task = Task.of(ordered, np.full(len(ordered.items), NOT_KNOWN, dtype=np.int32), NO_TREE, n_classes)
    expected = expect(task, *believed)
    n_done = 1
    while n_done < n_iterations:
        believed, before = learn(expected), expected.confidence
        expected, n_done = expect(task, *believed), n_done + 1
        if np.abs(expected.confidence - before).max(initial=0) <= TOLERANCE:
            break
    crowd, parameters = believed
    label, confidence = read_labels(expected, ordered, n_items, parameters)
    return Fit(label, confidence, parameters, expected.log_likelihood, n_done, crowd, ordered)
