"""How much one more vote would tell: a hand-worked case, the definition itself, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.consensus import Parameters
from labeling.gain import LIKELIEST, NextVote


def make_parameters(n_classes, seed=0):
    rng = np.random.default_rng(seed)
    confusion = rng.dirichlet(np.full(n_classes, 0.5), n_classes) + 1e-6
    np.fill_diagonal(confusion, 0)
    confusion /= confusion.sum(axis=1, keepdims=True)
    prior = rng.dirichlet(np.full(n_classes, 5.0))
    return Parameters(prior, confusion, (3.0, 1.0), rng.uniform(0.3, 0.95, n_classes))


def by_definition(posterior, parameters):
    """The mutual information, from the joint distribution of class and vote."""
    vote = parameters.likelihoods(np.array([parameters.newcomer_skill]))[0]  # (n_classes, n_classes)
    joint = posterior[:, np.newaxis] * vote
    apart = posterior[:, np.newaxis] * joint.sum(axis=0)
    some = joint > 0
    return (joint[some] * np.log(joint[some] / apart[some])).sum()


@st.composite
def questions(draw):
    n_classes = draw(st.integers(2, 12))
    seed = draw(st.integers(0, 2**16))
    spread = draw(st.sampled_from([0.05, 0.5, 5.0]))
    posterior = np.random.default_rng(seed).dirichlet(np.full(n_classes, spread)) + 1e-12
    return posterior / posterior.sum(), make_parameters(n_classes, seed)


def test_two_even_classes_worked_by_hand():
    parameters = Parameters(np.array([0.5, 0.5]), np.array([[0.0, 1.0], [1.0, 0.0]]), (4.0, 1.0))

    # ln 2 less the entropy of a vote that is right 4 times in 5: 0.693147 - 0.500402.
    assert NextVote.of(parameters).gain(np.array([0.5, 0.5])) == pytest.approx(0.192745, abs=1e-6)


@given(questions())
def test_it_is_the_mutual_information_of_class_and_vote(question):
    posterior, parameters = question

    assert NextVote.of(parameters).gain(posterior) == pytest.approx(
        by_definition(posterior, parameters), abs=1e-9
    )


@given(questions())
def test_it_is_never_below_nothing_nor_above_what_is_open(question):
    posterior, parameters = question

    gain = NextVote.of(parameters).gain(posterior)

    assert 0 <= gain <= -(posterior * np.log(posterior)).sum() + 1e-9


@given(questions(), st.randoms())
def test_classes_in_another_order_make_no_difference(question, chance):
    posterior, parameters = question
    order = list(range(len(posterior)))
    chance.shuffle(order)

    turned = NextVote.of(parameters.reordered(order)).gain(posterior[order])

    assert turned == pytest.approx(NextVote.of(parameters).gain(posterior), abs=1e-12)


def test_who_is_sure_gains_less_than_who_is_not():
    next_vote = NextVote.of(Parameters.start(10))
    sure, unsure = np.full(10, 0.01 / 9), np.full(10, 0.2 / 8)
    sure[0], unsure[:2] = 0.99, 0.4

    assert next_vote.gain(sure) < next_vote.gain(unsure)


def test_what_people_confuse_anyway_gains_less_than_what_they_tell_apart():
    confusion = np.array([[0, 0.98, 0.02], [0.98, 0, 0.02], [0.5, 0.5, 0]])
    next_vote = NextVote.of(Parameters(np.full(3, 1 / 3), confusion, (6.0, 4.0)))

    cat_or_lynx, cat_or_car = np.array([0.5, 0.5, 0]), np.array([0.5, 0, 0.5])

    assert next_vote.gain(cat_or_lynx) < next_vote.gain(cat_or_car)


def test_one_class_leaves_nothing_to_tell():
    assert NextVote.of(Parameters.start(1)).gain(np.array([1.0])) == 0


def test_where_people_cannot_tell_the_next_vote_is_expected_to_tell_less():
    next_vote, even = NextVote.of(Parameters.start(2)), np.array([0.5, 0.5])

    gain = next_vote.gain(even)

    assert next_vote.gain(even, n_named=2, n_votes=2) == gain
    assert next_vote.gain(even, n_named=0, n_votes=3) == pytest.approx(gain / 4)


def test_of_very_many_classes_the_unlikely_ones_hardly_count():
    posterior = np.random.default_rng(1).dirichlet(np.full(300, 0.05))
    parameters = make_parameters(300)

    assert LIKELIEST < 300
    assert NextVote.of(parameters).gain(posterior) == pytest.approx(
        by_definition(posterior, parameters), rel=1e-3
    )


def test_a_posterior_over_other_classes_is_refused():
    with pytest.raises(ValueError, match=r"posterior: expected shape \(3,\); found \(2,\)"):
        NextVote.of(Parameters.start(3)).gain(np.array([0.5, 0.5]))


def test_more_votes_that_name_something_than_there_are_is_refused():
    with pytest.raises(ValueError, match="expected 0 <= n_named <= n_votes; found 2 and 1"):
        NextVote.of(Parameters.start(2)).gain(np.array([0.5, 0.5]), n_named=2, n_votes=1)
