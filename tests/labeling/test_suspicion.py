"""Which labels a network disputes, and how surely they are wrong."""

import numpy as np
import pytest

from labeling.suspicion import suspect

EVEN = np.full(3, 1 / 3)


def one(read, label, confidence=0.98, *, helped=False):
    """What is found of one item that is labelled as these classes."""
    is_label = np.isin(np.arange(3), label)[np.newaxis]
    found = suspect(np.array([read]), is_label, np.array([confidence]), EVEN, np.array([helped]))
    return found.claim[0], found.is_disputed[0], found.doubt[0]


def test_a_network_that_is_sure_of_another_class_disputes_a_label():
    assert one([0.95, 0.03, 0.02], [1])[:2] == (0, True)


@pytest.mark.parametrize(
    ("read", "label"),
    [
        ([0.95, 0.03, 0.02], [0]),  # it says the same
        ([0.89, 0.03, 0.08], [1]),  # it is not sure
        ([0.93, 0.06, 0.01], [1]),  # it takes the label for possible
        ([0.95, 0.03, 0.02], [0, 1]),  # the label is above what it says
    ],
)
def test_it_disputes_nothing_else(read, label):
    assert one(read, label)[1:] == (False, -np.inf)


def test_doubt_is_the_odds_by_network_and_votes_together():
    # 0.98 for the label; of the other 0.02 the claim's even share is 0.01. Times 0.95 / 0.03.
    assert one([0.95, 0.03, 0.02], [1])[2] == pytest.approx(np.log(0.01 * 0.95 / (0.98 * 0.03)))


def test_where_the_network_helped_its_word_does_not_count_twice():
    assert one([0.95, 0.03, 0.02], [1], helped=True)[2] == pytest.approx(np.log(0.02 / 0.98))


def test_a_label_that_votes_are_surer_of_is_doubted_less():
    assert one([0.95, 0.03, 0.02], [1], 0.999)[2] < one([0.95, 0.03, 0.02], [1], 0.98)[2]


def test_a_label_that_is_certain_is_hardly_doubted_and_nothing_divides_by_zero():
    assert np.isfinite(one([1.0, 0.0, 0.0], [1], 1.0)[2])
