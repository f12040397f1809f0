from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competition.frozen import Frozen
from competition.metrics import (
    class_counts,
    class_errors,
    hierarchical_cost,
    hierarchical_error,
    measure,
    mistake_severity,
    top_k_error,
    top_k_wrong,
)
from competition.models import Metric

# Four pictures of classes 0..2: right at once, right at second, wrong, and no guess at all.
GUESSES = np.array([[0, 1], [2, 1], [1, 0], [-1, -1]])
TRUTH = np.array([0, 1, 2, 0])
# 0 and 1 meet one level up, 2 meets them two levels up.
LCH = np.array([[0, 1, 2], [1, 0, 2], [2, 2, 0]])


# A bat is a mammal and a flyer. Heights: pet and flyer 1, mammal 2, animal 3.
HYPERNYMS = {
    "animal": [],
    "mammal": ["animal"],
    "flyer": ["animal"],
    "pet": ["mammal"],
    "bat": ["mammal", "flyer"],
    "cat": ["pet"],
    "dog": ["pet"],
    "emu": ["flyer"],
}
ZOO = Frozen.of(
    {
        "classes": ["emu", "dog", "cat", "bat"],
        "nouns": {noun: {"hypernyms": tops} for noun, tops in HYPERNYMS.items()},
    }
)


def guess(*rows):
    """Guesses of nouns of the zoo by their names, five a picture; "" where there is none."""
    return np.array([[ZOO.place.get(noun, -1) for noun in [*row, *[""] * 5][:5]] for row in rows])


def labels(*nouns):
    return np.array([ZOO.place[noun] for noun in nouns])


def answered(guesses, probabilities=None):
    return SimpleNamespace(guesses=guesses, probabilities=probabilities)


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


def test_a_missing_guess_costs_what_the_worst_guess_does():
    costs = hierarchical_cost(guess(["animal"], [], ["emu"]), labels("dog", "dog", "dog"), ZOO.lch_height)

    np.testing.assert_array_equal(costs, [3, 3, 3])


def test_the_kits_rule_over_a_small_graph_by_hand():
    # ILSVRC 2010: of each picture the least height among its guesses, and the mean of those.
    guesses = guess(["dog", "cat"], ["emu", "cat"], ["mammal"], ["cat", "emu"], ["pet", "flyer"], [])
    truth = labels("cat", "dog", "dog", "bat", "bat", "emu")

    # The second guess is right: 0. Cat and dog meet in pet: 1. A dog is a mammal: 2. A bat meets the emu in flyer, 1,
    # below mammal, where it meets the cat, 2. The same of what is called a flyer: 1. No guess: 3.
    np.testing.assert_array_equal(hierarchical_cost(guesses, truth, ZOO.lch_height), [0, 1, 2, 1, 1, 3])
    assert hierarchical_error(guesses, truth, ZOO.lch_height) == pytest.approx(8 / 6)


def test_severity_is_how_far_off_the_wrong_first_guesses_are():
    guesses = guess(["dog", "cat"], ["cat"], ["mammal", "cat"], [])

    # Cat and dog meet in pet: 1, whatever else is guessed. Right: it does not count. A cat is a mammal: 2. None: 3.
    assert mistake_severity(guesses, labels("cat", "cat", "cat", "cat"), ZOO.lch_height) == 2.0


def test_the_severity_of_no_mistakes_is_refused():
    with pytest.raises(
        ValueError, match="Expected at least one picture with a wrong first guess; found none"
    ):
        mistake_severity(guess(["cat"]), labels("cat"), ZOO.lch_height)

    assert mistake_severity(guess(["dog"]), labels("cat"), ZOO.lch_height) == 1.0


def test_classes_are_counted_by_the_truth():
    guesses = guess(["dog"], ["dog", "cat"], ["mammal"], ["emu"])

    counts = class_counts(guesses, labels("dog", "cat", "cat", "emu"), ZOO.lch_height)

    # Of emu, dog, cat and bat: pictures, wrong at first, wrong in five, levels.
    np.testing.assert_array_equal(counts, [[1, 1, 2, 0], [0, 0, 2, 0], [0, 0, 1, 0], [0, 0, 2, 0]])
    assert counts.dtype == np.int32


def test_classes_without_pictures_have_no_errors():
    counts = np.array([[4, 2, 0], [2, 0, 0], [1, 0, 0], [6, 0, 0]], dtype=np.int32)

    nan = float("nan")
    np.testing.assert_array_equal(class_errors(counts), [[0.5, 0, nan], [0.25, 0, nan], [1.5, 0, nan]])
    np.testing.assert_allclose(class_errors(counts.sum(axis=1, keepdims=True)), [[2 / 6], [1 / 6], [1]])


def test_all_that_contests_measure_is_measured():
    guesses, probabilities = guess(["dog", "cat"], ["cat"]), np.full((2, 5), np.nan)
    probabilities[:, 0] = [0.5, 1.0]
    probabilities[0, 1] = 0.5

    measured = measure(answered(guesses, probabilities), labels("cat", "cat"), ZOO)

    assert measured.keys() == set(Metric.values)
    values = {name: each.value for name, each in measured.items()}
    # The first: wrong, right at second, one level off, sure by half, 2 * 0.5 ** 2. The other is right in all.
    assert values == {
        "top1_error": 0.5,
        "top5_error": 0.0,
        "hierarchical_error": 0.0,
        "mistake_severity": 1.0,
        "calibration_error": 0.25,
        "brier_score": 0.25,
    }
    assert measured["brier_score"].each.tolist() == [0.5, 0.0]
    assert {name: each.most for name, each in measured.items()} == {
        "top1_error": 1,
        "top5_error": 1,
        "hierarchical_error": 3,
        "mistake_severity": 3,
        "calibration_error": 1,
        "brier_score": 2,
    }


def test_guesses_alone_are_measured_without_what_needs_probabilities():
    measured = measure(answered(guess(["dog"])), labels("cat"), ZOO)
    unsaid = measure(answered(guess(["dog"]), np.full((1, 5), np.nan)), labels("cat"), ZOO)

    assert (
        measured.keys()
        == unsaid.keys()
        == {"top1_error", "top5_error", "hierarchical_error", "mistake_severity"}
    )


def test_who_makes_no_mistake_has_no_severity():
    measured = measure(answered(guess(["cat"])), labels("cat"), ZOO)

    assert measured.keys() == {"top1_error", "top5_error", "hierarchical_error"}
    assert all(each.value == 0 < each.high for each in measured.values())


def test_with_one_class_every_metric_still_has_a_range():
    alone = Frozen.of({"classes": ["cat"], "nouns": {"cat": {"hypernyms": []}}})

    measured = measure(answered(np.array([[0]]), np.array([[1.0]])), np.array([0]), alone)

    assert all(each.value == 0 < each.most for each in measured.values())


def test_calibration_is_of_the_pictures_whose_first_guess_has_a_probability():
    guesses, probabilities = guess(["dog"], ["cat"], ["mammal"]), np.full((3, 5), np.nan)
    probabilities[:, 0] = [np.nan, 0.75, 0.75]

    measured = measure(answered(guesses, probabilities), labels("cat", "cat", "emu"), ZOO)

    # One of two is right at 0.75.
    assert measured["calibration_error"].value == pytest.approx(0.25)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_measured_lies_in_its_interval_and_does_not_depend_on_the_order(seed):
    rng = np.random.default_rng(seed)
    guesses = np.array([rng.permutation(8)[:5] for _ in range(60)])
    probabilities = rng.dirichlet(np.ones(6), 60)[:, :5].astype(np.float32)
    truth, order = rng.integers(0, 4, 60), rng.permutation(60)

    measured = measure(answered(guesses, probabilities), truth, ZOO)
    again = measure(answered(guesses[order], probabilities[order]), truth[order], ZOO)

    assert len(measured) == len(Metric)
    for name, each in measured.items():
        assert each.low <= each.value <= each.high <= each.most
        assert (each.value, each.low, each.high) == (again[name].value, again[name].low, again[name].high)
        assert each.each is None or each.value == pytest.approx(each.each.mean())


def test_nothing_is_measured_without_pictures():
    with pytest.raises(ValueError, match="Expected at least one picture"):
        measure(answered(guess(["cat"])[:0]), labels("cat")[:0], ZOO)


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
