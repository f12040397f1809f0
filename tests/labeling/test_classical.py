"""The models that ours is measured against."""

import numpy as np
import pytest

from labeling.classical import dawid_skene, one_coin
from labeling.consensus import Votes


def make_votes(*rows):
    """Votes from (item, annotator, label) rows."""
    return Votes(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)


def make_crowd(seed, n_items=60, n_annotators=12, n_classes=3):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_items)
    confusion = rng.dirichlet(np.ones(n_classes), size=(n_annotators, n_classes)) + 2 * np.eye(n_classes)
    rows = [
        (i, a, rng.choice(n_classes, p=confusion[a, truth[i]] / confusion[a, truth[i]].sum()))
        for i in range(n_items)
        for a in rng.choice(n_annotators, 5, replace=False)
    ]
    return truth, make_votes(*rows)


def by_hand(votes, n_items, n_classes, n_iterations):
    """Dawid & Skene's equations as they stand, over dense arrays: the posteriors, (n_items, n_classes)."""
    belief = np.zeros((n_items, n_classes))
    np.add.at(belief, (votes.item, votes.label), 1)
    belief /= belief.sum(axis=1, keepdims=True)
    for _ in range(n_iterations):
        said = np.zeros((votes.annotator.max() + 1, n_classes, n_classes))  # [annotator, truth, observed]
        np.add.at(said.transpose(0, 2, 1), (votes.annotator, votes.label), belief[votes.item])
        said /= np.maximum(said.sum(axis=2, keepdims=True), 1e-10)
        log_joint = np.tile(np.log(belief.mean(axis=0)), (n_items, 1))
        of_vote = said[votes.annotator, :, votes.label]
        np.add.at(log_joint, votes.item, np.log(np.maximum(of_vote, 1e-10)))
        belief = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
        belief /= belief.sum(axis=1, keepdims=True)
    return belief


@pytest.mark.parametrize("n_iterations", [1, 2, 10])
def test_dawid_skene_follows_its_equations(n_iterations):
    _, votes = make_crowd(0)

    found = dawid_skene(votes, 60, 3, n_iterations=n_iterations)

    expected = by_hand(votes, 60, 3, n_iterations)
    assert found.n_iterations == n_iterations
    for item in range(60):
        np.testing.assert_allclose(found.posterior(item), expected[item], atol=1e-7)
    np.testing.assert_allclose(found.confidence, expected.max(axis=1), atol=1e-7)


def test_it_reads_backwards_who_always_says_the_other_of_two():
    truth = np.tile([0, 1], 20)
    rows = [(i, a, truth[i]) for i in range(40) for a in range(3)] + [(i, 3, 1 - truth[i]) for i in range(40)]

    found = dawid_skene(make_votes(*rows, (40, 3, 0)), 41, 2)

    assert found.label[40] == 1
    np.testing.assert_array_equal(found.label[:40], truth)


def test_one_coin_knows_who_is_right_and_not_what_they_confuse():
    truth, votes = make_crowd(1)

    found = one_coin(votes, 60, 3)

    assert (found.label == truth).mean() > 0.9
    agrees = found.label[votes.item] == votes.label
    share = np.bincount(votes.annotator, agrees) / np.bincount(votes.annotator)
    np.testing.assert_allclose(found.mean_skill, share, atol=0.06)
    off_diagonal = found.confusion(0)[~np.eye(3, dtype=bool)]
    np.testing.assert_allclose(off_diagonal, off_diagonal[0])


@pytest.mark.parametrize("model", [dawid_skene, one_coin])
def test_items_without_votes_are_as_all_are(model):
    found = model(make_votes((0, 0, 1), (0, 1, 1), (2, 0, 1)), 4, 2)

    assert found.label.tolist() == [1, 1, 1, 1]
    assert np.isfinite(found.confidence).all()


@pytest.mark.parametrize("model", [dawid_skene, one_coin])
def test_nothing_comes_of_nothing(model):
    found = model(make_votes(), 2, 3)

    np.testing.assert_allclose(found.posterior(0), 1 / 3)


@pytest.mark.parametrize("model", [dawid_skene, one_coin])
def test_no_iterations_are_refused(model):
    with pytest.raises(ValueError, match="n_iterations: expected 1 or more; found 0"):
        model(make_votes((0, 0, 0)), 1, 2, n_iterations=0)
