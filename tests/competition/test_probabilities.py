import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competition.probabilities import (
    brier_scores,
    calibration_error,
    calibration_interval,
    is_at_or_below,
)

NONE = float("nan")
# Classes 0 to 3; noun 4 is above 0 and 1, noun 5 above all.
BELOW = np.vstack([np.eye(4, dtype=bool), [[True, True, False, False], [True] * 4]])
TRUTH = np.array([0])


def brier(guesses, probabilities, truth=0, below=BELOW):
    return brier_scores(np.array([guesses]), np.array([probabilities]), np.array([truth]), below).item()


@st.composite
def answers(draw, places=6):
    """Some pictures' guesses, each noun once, with probabilities that sum to 1 at most, or none."""
    n, n_guesses = draw(st.integers(1, 6)), draw(st.integers(1, min(5, places)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    guesses = np.array([rng.permutation(places)[:n_guesses] for _ in range(n)])
    probabilities = rng.dirichlet(np.ones(n_guesses + 1), n)[:, :n_guesses]
    is_missing = rng.random(guesses.shape) < 0.2
    return (
        np.where(is_missing, -1, guesses),
        np.where(is_missing, np.nan, probabilities).astype(np.float32),
        rng.integers(0, 4, n),
    )


def naive_brier(guessed, given, true, below):
    """Brier's score of one picture, class by class."""
    n_classes = below.shape[1]
    believed, covered, left = [0.0] * n_classes, set(), 1.0
    for noun, share in zip(guessed, given, strict=True):
        if noun < 0 or np.isnan(share):
            continue
        kinds = [noun] if noun < n_classes else np.flatnonzero(below[noun]).tolist()
        covered |= set(kinds)
        left -= share
        for each in kinds:
            believed[each] += share / len(kinds)
    free = set(range(n_classes)) - covered or set(range(n_classes))
    for each in free:
        believed[each] += max(0, left) / len(free)
    return sum((p - (label == true)) ** 2 for label, p in enumerate(believed))


def test_calibration_is_how_far_confidence_is_from_being_right_by_hand():
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    is_right = np.array([True, True, True, False, True, False])

    # Of four at 0.9 three are right: 0.15 apart. Of two at 0.5 one is: 0 apart. 4/6 * 0.15 = 0.1.
    assert calibration_error(confidence, is_right) == pytest.approx(0.1)


def test_too_sure_in_one_bin_does_not_make_up_for_not_sure_enough_in_another():
    confidence, is_right = np.array([0.8, 0.2]), np.array([False, True])

    assert calibration_error(confidence, is_right) == pytest.approx(0.8)


def test_a_bin_is_closed_above():
    # 1/15 is in the first bin and so makes up for 0; what is above it is in the second.
    assert calibration_error(np.array([0.0, 1 / 15]), np.array([False, False])) == pytest.approx(1 / 30)
    assert calibration_error(np.array([1 / 15, 0.07]), np.array([True, False])) == pytest.approx(
        (1 - 1 / 15 + 0.07) / 2
    )


def test_calibration_without_pictures_is_refused():
    with pytest.raises(ValueError, match="Expected at least one picture"):
        calibration_error(np.zeros(0), np.zeros(0, dtype=bool))


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_calibration_lies_in_its_interval_in_any_order(seed, n):
    rng = np.random.default_rng(seed)
    confidence, order = rng.random(n).astype(np.float32), rng.permutation(n)
    is_right = rng.random(n) < confidence

    error = calibration_error(confidence, is_right)
    low, high = calibration_interval(confidence, is_right, seed=1)

    assert 0 <= low <= error <= high <= 1
    assert calibration_error(confidence[order], is_right[order]) == error
    assert calibration_interval(confidence[order], is_right[order], seed=1) == (low, high)


def test_the_interval_of_who_is_too_sure_by_a_tenth_holds_that():
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.3, 1, 2000)
    is_right = rng.random(2000) < confidence - 0.1

    low, high = calibration_interval(confidence, is_right, seed=1)

    assert 0.05 < low < 0.1 < high < 0.15


def test_who_is_as_sure_as_right_may_have_no_error_at_all():
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.3, 1, 2000)

    boards = [rng.random(2000) < confidence for _ in range(100)]

    # 0.975 of the time.
    assert sum(calibration_interval(confidence, is_right, seed=1)[0] == 0 for is_right in boards) >= 94


def test_who_is_always_sure_and_right_is_not_promised_to_be_so_for_ever():
    low, high = calibration_interval(np.ones(100), np.ones(100, dtype=bool), seed=1)

    assert (low, high) == (0.0, pytest.approx(1 - 0.025**0.01))


def test_a_guess_of_an_inner_noun_is_right_of_what_is_below_it():
    guess, truth = np.array([4, 4, 5, 0, 1, -1]), np.array([1, 2, 3, 0, 0, 3])

    assert is_at_or_below(guess, truth, BELOW).tolist() == [True, False, True, True, False, False]


def test_a_class_is_no_guess_of_a_class_below_it():
    below = np.array([[True, True], [False, True]])  # class 1 is a kind of class 0

    assert is_at_or_below(np.array([0, 0]), np.array([0, 1]), below).tolist() == [True, False]


def test_brier_of_classes_by_hand():
    # 0.7 on the truth, 0.2 on another, and 0.1 left for two: 0.3^2 + 0.2^2 + 2 * 0.05^2.
    assert brier([0, 1], [0.7, 0.2]) == pytest.approx(0.09 + 0.04 + 0.005)
    # The truth is not guessed: 0.7^2 + 0.2^2 + 0.05^2 + 0.95^2.
    assert brier([0, 1], [0.7, 0.2], truth=3) == pytest.approx(0.49 + 0.04 + 0.0025 + 0.9025)


def test_brier_of_an_inner_noun_by_hand():
    # 0.6 on the noun above 0 and 1, and 0.4 left for 2 and 3: 0.7^2 + 0.3^2 + 2 * 0.2^2.
    assert brier([4, -1], [0.6, NONE]) == pytest.approx(0.49 + 0.09 + 0.08)
    # 0.5 on the truth besides: 0.5 + 0.3, 0.3, and two times 0 (0.5 + 0.6 is above 1: nothing is left).
    assert brier([0, 4], [0.5, 0.5]) == pytest.approx((0.75 - 1) ** 2 + 0.25**2)


def test_what_is_left_is_spread_over_all_classes_where_all_are_covered():
    # 0.2 on each by the noun, and 0.2 left: 0.25 on each.
    assert brier([5, -1], [0.8, NONE]) == pytest.approx(0.75**2 + 3 * 0.25**2)


@pytest.mark.parametrize("guesses", [[-1, -1], [0, 1]])
def test_who_gives_no_probability_says_that_all_classes_are_as_likely(guesses):
    assert brier(guesses, [NONE, NONE]) == pytest.approx(0.75**2 + 3 * 0.25**2)


def test_a_class_covers_no_class_below_it():
    below = np.array([[True, True, False], [False, True, False], [False, False, True]])

    # 0.6 on class 0 alone, and 0.2 on each of the others.
    assert brier([0], [0.6], below=below) == pytest.approx(0.4**2 + 2 * 0.2**2)


def test_brier_goes_from_nothing_to_two():
    assert brier([0], [1.0]) == 0
    assert brier([1], [1.0]) == 2
    assert brier([1], [1 + 1e-7]) == 2  # single precision sums to a hair above 1


def test_a_noun_said_twice_has_what_is_said_of_it_together():
    assert brier([1, 1], [0.5, 0.5]) == brier([1], [1.0])


def test_brier_goes_some_pictures_at_a_time(monkeypatch):
    guesses, probabilities, truth = np.full((50, 1), 4), np.full((50, 1), 0.6), np.zeros(50, dtype=int)
    whole = brier_scores(guesses, probabilities, truth, BELOW)
    monkeypatch.setattr("competition.probabilities.CHUNK", 20)

    np.testing.assert_array_equal(brier_scores(guesses, probabilities, truth, BELOW), whole)


def test_brier_of_no_pictures_is_empty():
    assert brier_scores(np.zeros((0, 5), int), np.zeros((0, 5)), np.zeros(0, int), BELOW).shape == (0,)


@given(answers())
def test_brier_is_that_of_a_loop(answer):
    guesses, probabilities, truth = answer

    expected = [
        naive_brier(*row, BELOW)
        for row in zip(guesses.tolist(), probabilities.tolist(), truth.tolist(), strict=True)
    ]

    np.testing.assert_allclose(brier_scores(*answer, BELOW), expected, atol=1e-6)


@pytest.mark.parametrize("n_classes", [63, 64, 65, 200])
def test_brier_of_many_classes_is_that_of_a_loop(n_classes):
    rng = np.random.default_rng(n_classes)
    below = np.vstack([np.eye(n_classes, dtype=bool), rng.random((20, n_classes)) < 0.3])
    guesses = np.array([rng.permutation(n_classes + 20)[-5:] for _ in range(40)])
    probabilities, truth = rng.dirichlet(np.ones(6), 40)[:, :5], rng.integers(0, n_classes, 40)

    expected = [naive_brier(*row, below) for row in zip(guesses, probabilities, truth, strict=True)]

    np.testing.assert_allclose(brier_scores(guesses, probabilities, truth, below), expected, atol=1e-9)
