"""What each vote does to what is believed, worked by hand and by the laws of probability."""

import math

import numpy as np
import pytest

from labeling import consensus, evidence
from labeling.coarse import NO_TREE, Tree
from labeling.consensus import Parameters

# Somebody right 8 times in 10 says each of the two other classes once in 10.
EVEN = Parameters.start(3)


def ints(*values):
    return np.array(values, dtype=np.int64)


def alone(label, skill, parameters, tree=NO_TREE):
    """Return the posterior to which one vote leads by itself."""
    if label is None:
        return None
    return consensus.posterior(ints(label), np.array([skill]), parameters, tree)


def beliefs(*labels, skill=0.8, parameters=EVEN):
    return evidence.log_beliefs(parameters.prior, [alone(label, skill, parameters) for label in labels])


def test_two_votes_by_hand():
    found = np.exp(beliefs(0, 1))

    # 8 : 1 : 1 after the first; 8 * 1 : 1 * 8 : 1 * 1 after the second.
    np.testing.assert_allclose(found, [[1 / 3] * 3, [0.8, 0.1, 0.1], [8 / 17, 8 / 17, 1 / 17]])


def test_a_vote_multiplies_the_odds_by_the_ratio_of_its_likelihoods():
    moved = evidence.log_odds(beliefs(0, 1, 2), ints(0), ints(1))

    np.testing.assert_allclose(np.exp(moved), [8, 1 / 8, 1])


def test_what_is_believed_after_the_last_vote_is_the_posterior():
    rng = np.random.default_rng(5)
    labels, skills = rng.integers(0, 6, 9), rng.uniform(0.2, 0.95, 9)
    confusion = rng.random((4, 4)) + 0.1
    np.fill_diagonal(confusion, 0)
    prior = rng.random(4) + 0.1
    parameters = Parameters(prior / prior.sum(), confusion / confusion.sum(axis=1, keepdims=True), (3.0, 1.0))
    tree = Tree.of([[0, 1], [1, 2, 3]])

    votes = zip(labels.tolist(), skills.tolist(), strict=True)
    by_each = [alone(label, skill, parameters, tree) for label, skill in votes]
    found = np.exp(evidence.log_beliefs(parameters.prior, by_each))

    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found[0], parameters.prior)
    for n in range(1, 10):
        whole = consensus.posterior(labels[:n], skills[:n], parameters, tree)
        np.testing.assert_allclose(found[n], whole)


def test_between_two_classes_a_vote_weighs_the_same_wherever_it_stands():
    first = evidence.log_odds(beliefs(0, 1, 2, 0), ints(0), ints(2))
    last = evidence.log_odds(beliefs(0, 0, 2, 1), ints(0), ints(2))

    np.testing.assert_allclose(sorted(first), sorted(last))


def test_a_vote_that_says_nothing_moves_nothing():
    found = beliefs(0, None, 0)

    np.testing.assert_array_equal(found[1], found[2])
    assert evidence.log_odds(found, ints(0), ints(1))[1] == 0


def test_without_a_vote_there_is_the_prior_alone():
    found = beliefs()

    np.testing.assert_allclose(np.exp(found), [[1 / 3] * 3])
    assert evidence.log_odds(found, ints(0), ints(1)).shape == (0,)


def test_an_inner_noun_is_believed_as_much_as_the_classes_below_it_together():
    found = beliefs(0, 1)

    np.testing.assert_allclose(evidence.shares(found, ints(0, 1)), [2 / 3, 0.9, 16 / 17])
    # 2 : 1 before, 9 : 1 after the first, 16 : 1 after the second.
    np.testing.assert_allclose(np.exp(evidence.log_odds(found, ints(0, 1), ints(2))), [4.5, 16 / 9])


def test_ten_thousand_votes_for_one_of_a_thousand_classes_are_not_too_much():
    found = beliefs(*[7] * 10_000, skill=0.99, parameters=Parameters.start(1000))
    moved = evidence.log_odds(found, ints(7), ints(8))

    assert np.isfinite(found).all()
    np.testing.assert_allclose(moved, math.log(0.99 / (0.01 / 999)))
    assert evidence.shares(found, ints(7))[-1] == 1


@pytest.mark.parametrize(
    ("times", "decibans", "says"),
    [(10, 10, (True, False)), (100, 20, (True, False)), (1, 0, (False, False)), (0.5, -3.01, (False, True))],
)
def test_a_factor_of_ten_is_ten_decibans(times, decibans, says):
    weight = evidence.Weight(math.log(times))

    assert weight.decibans == pytest.approx(decibans, abs=0.001)
    assert weight.times == pytest.approx(max(times, 1 / times))
    assert (weight.is_for, weight.is_against) == says


def test_a_weight_is_drawn_from_the_middle_to_its_side():
    assert evidence.Weight(math.log(10)).drawn(20) == (500, 250)
    assert evidence.Weight(-math.log(10)).drawn(20) == (250, 250)
    assert evidence.Weight(math.log(1e9)).drawn(20) == (500, 500)
    assert evidence.Weight(0.0).drawn(20) == (500, 0)


def test_a_belief_is_drawn_as_steps_from_before_any_vote():
    assert (
        evidence.steps(np.array([0, 0.5, 1]))
        == "0.0,200.0 200.0,200.0 200.0,100.0 400.0,100.0 400.0,0.0 600.0,0.0"
    )


def test_the_likeliest_are_told_without_those_that_are_told_already():
    log_belief = np.log([0.1, 0.5, 0.1, 0.3])

    assert evidence.likeliest(log_belief, ints(1), 2) == [3, 0]
    assert evidence.likeliest(log_belief, ints(0, 1, 2, 3), 2) == []
