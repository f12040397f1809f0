"""Who cannot tell says nothing of the class, but that those who name one on the same item may have guessed."""

import numpy as np
import pytest

from labeling import consensus, expectation
from labeling.coarse import Tree
from labeling.consensus import Parameters, Votes

TREE = Tree.of([(0, 1), (2, 3)])


def crowd(n_classes=4, n_items=1_500, n_annotators=40, seed=0):
    """Votes, truth, how many cannot tell, and which items are blurred: on these half cannot tell, the rest guess."""
    rng = np.random.default_rng(seed)
    truth, is_blurred = rng.integers(0, n_classes, n_items), rng.random(n_items) < 0.3
    item = np.repeat(np.arange(n_items), 6)
    cannot = is_blurred[item] & (rng.random(len(item)) < 0.5)
    is_right = ~is_blurred[item] & (rng.random(len(item)) < 0.8)
    label = np.where(is_right, truth[item], rng.integers(0, n_classes, len(item)))
    votes = Votes(item, rng.integers(0, n_annotators, len(item)), label).where(~cannot)
    return votes, truth, np.bincount(item[cannot], minlength=n_items), is_blurred


def test_that_the_others_guess_is_learnt():
    votes, _truth, n_unsure, _is_blurred = crowd()

    found = consensus.fit(votes, 1_500, 4, n_unsure=n_unsure)

    assert found.parameters.guessing > 0.8


def test_that_the_others_know_is_learnt_as_well():
    votes, _truth, _n_unsure, _is_blurred = crowd()
    by_lot = np.random.default_rng(1).binomial(3, 0.3, 1_500)

    found = consensus.fit(votes, 1_500, 4, n_unsure=by_lot)

    assert found.parameters.guessing < 0.35


def test_labels_that_were_guessed_are_less_sure_and_nobody_is_blamed_for_them():
    votes, _truth, n_unsure, is_blurred = crowd()
    told, untold = consensus.fit(votes, 1_500, 4, n_unsure=n_unsure), consensus.fit(votes, 1_500, 4)

    blurred = is_blurred & (n_unsure > 1)
    assert told.confidence[blurred].mean() < untold.confidence[blurred].mean() - 0.1
    assert told.confidence[~is_blurred].mean() >= untold.confidence[~is_blurred].mean()
    assert told.mean_skill.mean() == pytest.approx(0.85, abs=0.02)


def with_groups(votes, seed=0):
    """The same votes, a third of them for the noun above what they named."""
    is_coarse = np.random.default_rng(seed).random(len(votes)) < 1 / 3
    return Votes(votes.item, votes.annotator, np.where(is_coarse, 4 + votes.label // 2, votes.label))


@pytest.mark.parametrize("n_annotators", [6, 4_000])  # all with a confusion of their own; none with one
def test_confidences_are_those_that_single_questions_have(n_annotators):
    votes, _truth, n_unsure, _is_blurred = crowd(n_annotators=n_annotators)

    found = consensus.fit(with_groups(votes), 1_500, 4, tree=TREE, n_unsure=n_unsure)

    assert found.has_own(0) == (n_annotators == 6)
    alone = [found.posterior(item).max() for item in range(1_500)]
    np.testing.assert_allclose(found.confidence, alone, rtol=1e-5)


def test_the_posterior_is_that_of_votes_of_which_each_may_be_a_guess():
    parameters = Parameters.start(3)
    labels, skills = np.array([0, 1]), np.array([0.9, 0.7])

    found = consensus.posterior(labels, skills, parameters, blur=parameters.blur(2, 2))

    guess = parameters.guessing * 2 / 4
    by_hand = parameters.prior.copy()
    for label, likelihood in zip(labels, parameters.likelihoods(skills), strict=True):
        by_hand *= (1 - guess) * likelihood[:, label] + guess * parameters.popularity[label]
    np.testing.assert_allclose(found, by_hand / by_hand.sum())


def test_who_cannot_tell_alone_tells_nothing():
    parameters = Parameters.start(3)

    found = consensus.posterior(np.array([], np.int64), np.array([]), parameters, blur=parameters.blur(5, 0))

    np.testing.assert_array_equal(found, parameters.prior)


@pytest.mark.parametrize("n_annotators", [3, 60])
def test_shortlists_find_the_same(monkeypatch, n_annotators):
    votes, _truth, n_unsure, _is_blurred = crowd(n_classes=70, n_annotators=n_annotators)
    short = consensus.fit(votes, 1_500, 70, n_unsure=n_unsure)
    monkeypatch.setattr(expectation, "MANY_CLASSES", 70)

    whole = consensus.fit(votes, 1_500, 70, n_unsure=n_unsure)

    assert short.parameters.guessing == pytest.approx(whole.parameters.guessing, abs=0.02)
    assert np.quantile(np.abs(short.confidence - whole.confidence), 0.99) < 0.03
    assert (short.label == whole.label).mean() > 0.97


def test_how_many_cannot_tell_is_needed_of_every_item():
    votes, _truth, n_unsure, _is_blurred = crowd()

    with pytest.raises(ValueError, match=r"n_unsure: expected shape \(1500,\); found \(1499,\)"):
        consensus.fit(votes, 1_500, 4, n_unsure=n_unsure[1:])
