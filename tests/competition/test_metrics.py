import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competition.metrics import (
    bootstrap_interval,
    hierarchical_cost,
    hierarchical_error,
    ranks,
    top_k_error,
    top_k_wrong,
)

# Four pictures of classes 0..2: right at once, right at second, wrong, and no guess at all.
GUESSES = np.array([[0, 1], [2, 1], [1, 0], [-1, -1]])
TRUTH = np.array([0, 1, 2, 0])
# 0 and 1 meet one level up, 2 meets them two levels up.
LCH = np.array([[0, 1, 2], [1, 0, 2], [2, 2, 0]])


@st.composite
def answers(draw):
    n = draw(st.integers(1, 8))
    guesses = draw(st.lists(st.lists(st.integers(-1, 5), min_size=5, max_size=5), min_size=n, max_size=n))
    truth = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    return np.array(guesses), np.array(truth)


def naive_top_k_error(guesses, truth, k):
    n_wrong = 0
    for guessed, true in zip(guesses.tolist(), truth.tolist(), strict=True):
        if true not in guessed[:k]:
            n_wrong += 1
    return n_wrong / len(truth)


def test_the_first_guess_alone_counts_for_top_1():
    np.testing.assert_array_equal(top_k_wrong(GUESSES, TRUTH, 1), [0, 1, 1, 1])
    assert top_k_error(GUESSES, TRUTH, 1) == 0.75


def test_any_of_the_guesses_counts_for_top_5():
    np.testing.assert_array_equal(top_k_wrong(GUESSES, TRUTH, 5), [0, 0, 1, 1])
    assert top_k_error(GUESSES, TRUTH, 5) == 0.5


def test_k_is_at_least_one():
    assert top_k_error(GUESSES, TRUTH, 1) == 0.75

    with pytest.raises(ValueError, match="Expected k of at least 1; found 0"):
        top_k_error(GUESSES, TRUTH, 0)


def test_the_best_guess_decides_how_far_one_must_climb():
    # 0 exact; 0 exact at second; 2 meets 0 and 1 two levels up; no guess costs the most there is.
    np.testing.assert_array_equal(hierarchical_cost(GUESSES, TRUTH, LCH), [0, 0, 2, 2])
    assert hierarchical_error(GUESSES, TRUTH, LCH) == 1.0


def test_a_near_miss_costs_less_than_a_far_one():
    costs = hierarchical_cost(np.array([[1], [2]]), np.array([0, 0]), LCH)

    np.testing.assert_array_equal(costs, [1, 2])


def test_a_missing_guess_beside_a_right_one_costs_nothing():
    np.testing.assert_array_equal(hierarchical_cost(np.array([[-1, 0]]), np.array([0]), LCH), [0])


def test_inputs_are_not_modified():
    guesses, truth, lch = GUESSES.copy(), TRUTH.copy(), LCH.copy()

    hierarchical_error(guesses, truth, lch)

    np.testing.assert_array_equal(guesses, GUESSES)
    np.testing.assert_array_equal(lch, LCH)


@pytest.mark.parametrize("error", [top_k_error, hierarchical_error])
def test_an_error_without_pictures_is_refused(error):
    last = 1 if error is top_k_error else LCH

    with pytest.raises(ValueError, match="Expected at least one picture; found none"):
        error(GUESSES[:0], TRUTH[:0], last)

    assert error(GUESSES[:1], TRUTH[:1], last) == 0


@given(answers(), st.integers(1, 6))
def test_top_k_error_is_that_of_a_loop(answer, k):
    assert top_k_error(*answer, k) == naive_top_k_error(*answer, k)


@given(answers())
def test_more_guesses_never_make_the_error_larger(answer):
    errors = [top_k_error(*answer, k) for k in range(1, 6)]

    assert errors == sorted(errors, reverse=True)


@given(answers(), st.randoms())
def test_the_order_of_pictures_does_not_matter(answer, random):
    guesses, truth = answer
    order = random.sample(range(len(truth)), len(truth))

    assert top_k_error(guesses[order], truth[order], 1) == top_k_error(guesses, truth, 1)


def test_the_interval_of_equal_values_is_that_value():
    assert bootstrap_interval(np.full(10, 0.25), seed=1) == (0.25, 0.25)


def test_the_interval_is_near_the_binomials():
    values = np.repeat([0.0, 1.0], [800, 200])  # 200 of 1000 wrong

    low, high = bootstrap_interval(values, seed=1)

    # 0.2 +- 1.96 * sqrt(0.2 * 0.8 / 1000) = 0.2 +- 0.0248
    np.testing.assert_allclose([low, high], [0.1752, 0.2248], atol=0.004)


def test_the_interval_does_not_tell_which_pictures_are_wrong():
    wrong = np.repeat([1.0, 0.0], [10, 20])
    orders = [np.random.default_rng(seed).permutation(wrong) for seed in range(20)]

    assert len({bootstrap_interval(values, seed=2012) for values in orders}) == 1


def test_the_same_seed_gives_the_same_interval():
    values = np.arange(50) / 50

    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_a_wider_level_gives_a_wider_interval():
    values = np.arange(50) / 50
    (low, high), (lower, higher) = bootstrap_interval(values, 1, 0.5), bootstrap_interval(values, 1, 0.99)

    assert lower < low < high < higher


def test_an_interval_of_many_pictures_is_drawn_in_parts(monkeypatch):
    values = np.tile([0.0, 1.0], 50)
    monkeypatch.setattr("competition.metrics.CHUNK", 1000)  # ten draws at a time

    low, high = bootstrap_interval(values, seed=1)

    # 0.5 +- 1.96 * 0.05
    np.testing.assert_allclose([low, high], [0.402, 0.598], atol=0.02)


def test_an_interval_without_pictures_is_refused():
    with pytest.raises(ValueError, match="Expected at least one picture"):
        bootstrap_interval(np.zeros(0), seed=1)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [([], []), ([0.5], [1]), ([0.3, 0.1, 0.2], [3, 1, 2]), ([0.2, 0.1, 0.2, 0.4], [2, 1, 2, 4])],
)
def test_equal_errors_share_the_better_rank(errors, expected):
    np.testing.assert_array_equal(ranks(np.array(errors)), expected)
