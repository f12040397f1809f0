"""With many classes an item's shortlist stands for all of them: what comes out is the same within a hundredth."""

import numpy as np
import pytest

from labeling import consensus, expectation
from labeling.consensus import Gold, Parameters, Votes
from labeling.shortlists import N_NEAR, Shortlists

N_CLASSES = 80


def make_votes(n_items=400, n_annotators=30, votes_each=4, seed=0):
    """Votes and truth; the annotators do all a like number, and take 2k for 2k + 1 most often."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, N_CLASSES, n_items)
    item = np.repeat(np.arange(n_items), votes_each)
    is_right, to_twin = rng.random((2, len(item))) < [[0.7], [0.6]]
    other = np.where(to_twin, truth[item] ^ 1, rng.integers(0, N_CLASSES, len(item)))
    label = np.where(is_right, truth[item], other)
    return Votes(item, rng.integers(0, n_annotators, len(item)), label), truth


def fits(monkeypatch, votes, n_items, **given):
    """What weighing shortlists finds, and what weighing every class does."""
    short = consensus.fit(votes, n_items, N_CLASSES, **given)
    monkeypatch.setattr(expectation, "MANY_CLASSES", N_CLASSES)
    return short, consensus.fit(votes, n_items, N_CLASSES, **given)


def assert_alike(short, whole):
    assert (short.label == whole.label).mean() > 0.995
    np.testing.assert_allclose(short.confidence, whole.confidence, atol=0.01)
    np.testing.assert_allclose(short.mean_skill, whole.mean_skill, atol=0.01)
    assert short.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-3)


def test_shortlists_find_what_weighing_every_class_finds(monkeypatch):
    votes, _truth = make_votes()

    assert_alike(*fits(monkeypatch, votes, 400))


def test_annotators_with_a_confusion_of_their_own_are_read_by_it(monkeypatch):
    votes, _truth = make_votes(n_items=2_000, n_annotators=4)

    short, whole = fits(monkeypatch, votes, 2_000)

    assert all(short.has_own(a) for a in range(4))
    assert_alike(short, whole)
    np.testing.assert_allclose(short.confusion(1), whole.confusion(1), atol=0.02)


def test_gold_that_nobody_named_is_known_all_the_same(monkeypatch):
    votes, truth = make_votes()
    unnamed = int(np.setdiff1d(np.arange(N_CLASSES), votes.label[votes.item == 7])[40])

    short, whole = fits(monkeypatch, votes, 400, gold=Gold(np.array([7, 9]), np.array([unnamed, truth[9]])))

    assert short.label[7] == unnamed
    assert short.confidence[7] == 1
    assert_alike(short, whole)


def test_confidences_are_those_that_single_questions_have():
    votes, _truth = make_votes()

    found = consensus.fit(votes, 400, N_CLASSES)

    alone = [found.posterior(item).max() for item in range(400)]
    np.testing.assert_allclose(found.confidence, alone, atol=0.005)


def test_blocks_of_rows_and_threads_change_nothing(monkeypatch):
    votes, _truth = make_votes()
    one = consensus.fit(votes, 400, N_CLASSES)
    monkeypatch.setattr(expectation, "FEW_VOTES", 0)

    other = consensus.fit(votes, 400, N_CLASSES)

    np.testing.assert_array_equal(one.confidence, other.confidence)


def test_what_lies_near_is_what_is_confused_and_never_the_class_itself():
    rng = np.random.default_rng(3)
    errors = rng.random((N_CLASSES, N_CLASSES)) * 0.01
    errors[np.arange(N_CLASSES), np.arange(N_CLASSES) ^ 1] = 1
    np.fill_diagonal(errors, 0)
    parameters = Parameters(
        np.full(N_CLASSES, 1 / N_CLASSES), errors / errors.sum(axis=1, keepdims=True), (3.4, 0.6)
    )

    found = Shortlists.of(parameters)

    assert found.near.shape == (N_CLASSES, N_NEAR)
    for observed in range(N_CLASSES):
        assert observed ^ 1 in found.near[observed]
        assert observed not in found.near[observed]
        assert found.far[observed, found.near[observed]].sum() == found.far[observed, observed] == 0
    np.testing.assert_allclose(found.far.sum(axis=1), 1)


def test_the_table_of_logarithms_is_close():
    from labeling.kernels import TABLE_EDGE, _softplus, softplus_table

    table = softplus_table()
    for x in (-TABLE_EDGE, -3.21, 0.0, 0.0042, 5.5, TABLE_EDGE):
        assert _softplus(x, table) == pytest.approx(np.logaddexp(0, x), abs=3e-6)
