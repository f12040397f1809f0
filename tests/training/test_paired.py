import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from training.paired import Answered, compare, holm, mcnemar, mcnemar_each

COUNTS = st.integers(0, 500)


def answered(**right):
    return Answered(np.array(list(right)), np.array(list(right.values())))


def test_only_pictures_that_both_answered_and_differ_on_count():
    first = answered(a=True, b=False, c=True, d=True, e=False)
    second = answered(e=False, d=False, c=False, b=True, z=True)  # in another order

    pair = compare(first, second)

    # Of b, c, d and e: the first alone is wrong on b, the second alone on c and d.
    assert (pair.n, pair.n_only_first, pair.n_only_second) == (4, 1, 2)


def test_the_p_of_one_against_five_by_hand():
    # Of six throws of a coin at most one head, or at most one tail: 2 * (1 + 6) / 64.
    assert mcnemar(1, 5) == pytest.approx(14 / 64)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 3), (1, 2)])
def test_what_hardly_differs_has_a_p_of_one(first, second):
    assert mcnemar(first, second) == 1.0


@given(COUNTS, COUNTS)
def test_the_p_is_that_of_a_binomial_test(first, second):
    if first + second:
        expected = binomtest(first, first + second, 0.5).pvalue
        assert mcnemar(first, second) == pytest.approx(expected)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_many_pairs_are_told_at_once():
    ps = mcnemar_each(np.array([1, 3, 0, 5]), np.array([5, 3, 0, 1]))

    np.testing.assert_allclose(ps, [14 / 64, 1, 1, 14 / 64])


def test_ten_thousand_to_none_is_no_overflow():
    assert mcnemar(10_000, 0) == pytest.approx(0, abs=1e-300)


def test_holms_rule_by_hand():
    # In order: 3 * 0.01, 2 * 0.02, and 0.03 itself, which may not be less than the one before.
    assert holm([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([]).tolist() == []
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_no_p_gets_smaller_and_their_order_stays(ps):
    adjusted = holm(ps)

    assert all(before <= after <= 1 for before, after in zip(ps, adjusted, strict=True))
    ranked = [after for _before, after in sorted(zip(ps, adjusted, strict=True))]
    assert ranked == sorted(ranked)


def test_a_network_counts_what_it_was_wrong_on():
    assert answered(a=True, b=False, c=False).n_wrong == 2
