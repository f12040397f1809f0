"""What is believed of a crowd as a whole, where single classes have few votes."""

import numpy as np
import pytest

from labeling import consensus, estimation
from labeling.consensus import Votes


def test_what_is_taken_for_another_is_presumed_to_be_what_that_is_taken_for():
    said = np.array([[60.0, 40.0, 0.0], [0.0, 100.0, 0.0], [0.0, 0.0, 100.0]])

    _accuracy, confusion = estimation._crowd_rows(said)

    assert confusion[1, 0] > 2 * confusion[1, 2]
    assert confusion[2, 0] == pytest.approx(confusion[2, 1])


def test_with_votes_enough_each_direction_speaks_for_itself():
    said = np.array([[80_000.0, 20_000.0, 0.0], [9_000.0, 90_000.0, 9_000.0], [0.0, 5_000.0, 95_000.0]])

    _accuracy, confusion = estimation._crowd_rows(said)

    assert confusion[0, 1] > 0.95
    assert confusion[1, 0] == pytest.approx(confusion[1, 2], abs=0.02)


def test_where_a_truth_and_its_twin_are_hard_to_tell_apart_neither_swallows_the_other(monkeypatch):
    """Three votes an item hardly tell which of two twins is the one that is misread, so a fit must not presume it."""
    rng = np.random.default_rng(4)
    n_items, n_classes = 4_800, 60
    truth = rng.integers(0, n_classes, n_items)
    item = np.repeat(np.arange(n_items), 3)
    is_right, to_twin = rng.random((2, len(item))) < [[0.62], [0.7]]
    other = np.where(to_twin, truth[item] ^ 1, rng.integers(0, n_classes, len(item)))
    votes = Votes(item, rng.integers(0, 60, len(item)), np.where(is_right, truth[item], other))

    found = consensus.fit(votes, n_items, n_classes)

    most_frequent, _share = consensus.majority(votes, n_items, n_classes)
    assert (found.label == truth).mean() > (most_frequent == truth).mean() + 0.01
    monkeypatch.setattr(estimation, "MOST_DOUBT", 0.0)
    presuming = consensus.fit(votes, n_items, n_classes)
    assert (presuming.label == truth).mean() < (most_frequent == truth).mean()
