import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competition.intervals import CELLS, DRAWS, bootstrap_interval, drawn, gathered, mean
from labeling.calibration import wilson

BETWEEN = np.arange(50) / 50  # values between 0 and 1


def test_a_mean_does_not_depend_on_the_order():
    values = np.random.default_rng(1).random(1001)

    assert mean(values) == mean(values[::-1]) == pytest.approx(values.mean())


def test_shares_of_errors_have_wilsons_interval():
    values = np.repeat([0.0, 1.0], [800, 200])  # 200 of 1000 wrong

    assert bootstrap_interval(values, seed=1) == wilson(200, 1000)


def test_an_entry_without_errors_is_not_promised_to_err_never():
    low, high = bootstrap_interval(np.zeros(1000), seed=1)

    # Wilson's bound: 1.96^2 / (1000 + 1.96^2)
    assert (low, high) == (0.0, pytest.approx(0.00383, abs=1e-5))
    assert bootstrap_interval(np.ones(1000), seed=1) == (pytest.approx(0.99617, abs=1e-5), 1.0)


def test_one_error_more_never_moves_an_interval_down():
    ends = [bootstrap_interval(np.repeat([1.0, 0.0], [n, 20 - n]), seed=1) for n in range(21)]

    assert [low for low, _high in ends] == sorted(low for low, _high in ends)
    assert [high for _low, high in ends] == sorted(high for _low, high in ends)


def test_the_interval_of_other_values_is_near_the_normals():
    values = np.tile([0.0, 3.0, 4.0, 5.0], 250)

    low, high = bootstrap_interval(values, seed=1, span=(0.0, 5.0))

    # The mean is 3 and the variance (9 + 0 + 1 + 4) / 4 = 3.5: 3 +- 1.96 * sqrt(3.5 / 1000) = 3 +- 0.116
    np.testing.assert_allclose([low, high], [2.884, 3.116], atol=0.015)


def test_equal_values_leave_room_for_others_unseen():
    low, high = bootstrap_interval(np.full(100, 2.0), seed=1, span=(0.0, 12.0))

    # 1 - 0.025^(1/100) = 0.0362 of the pictures may have another value: of 2 less, or of 10 more.
    assert low == pytest.approx(2 - 0.0362 * 2, abs=1e-3)
    assert high == pytest.approx(2 + 0.0362 * 10, abs=1e-3)


def test_where_no_value_can_differ_the_interval_is_a_point():
    assert bootstrap_interval(np.zeros(10), seed=1, span=(0.0, 0.0)) == (0.0, 0.0)


@pytest.mark.parametrize("span", [(0.0, 1.0), (0.0, 7.0)])
def test_the_interval_does_not_tell_which_pictures_are_wrong(span):
    wrong = np.repeat([1.0, 0.0, 0.5], [10, 20, 5])
    orders = [np.random.default_rng(seed).permutation(wrong) for seed in range(20)]

    assert len({bootstrap_interval(values, seed=2012, span=span) for values in orders}) == 1


def test_nor_does_that_of_very_many_values():
    values = np.random.default_rng(1).random(4 * CELLS)

    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values[::-1].copy(), seed=1)


def test_the_same_seed_gives_the_same_interval():
    assert bootstrap_interval(BETWEEN, seed=1) == bootstrap_interval(BETWEEN, seed=1)
    assert bootstrap_interval(BETWEEN, seed=1) != bootstrap_interval(BETWEEN, seed=2)


def test_a_wider_level_gives_a_wider_interval():
    (low, high), (lower, higher) = (bootstrap_interval(BETWEEN, 1, level) for level in (0.5, 0.99))

    assert lower < low < high < higher


@given(st.lists(st.floats(0, 2), min_size=1, max_size=30))
def test_an_interval_contains_the_mean(values):
    low, high = bootstrap_interval(np.array(values), seed=1, span=(0.0, 2.0))

    assert low - 1e-9 <= np.mean(values) <= high + 1e-9


def test_few_values_are_drawn_as_they_are():
    levels, counts = gathered(np.array([0.1, 0.1, 0.7]))

    assert (levels.tolist(), counts.tolist()) == ([0.1, 0.7], [2, 1])


def test_many_values_are_drawn_with_those_close_by():
    values = np.sort(np.random.default_rng(1).normal(size=10_000))

    levels, counts = gathered(values)

    assert len(levels) <= CELLS + 1
    assert counts.sum() == 10_000
    assert counts @ levels / 10_000 == pytest.approx(values.mean())
    variance = counts @ (levels - values.mean()) ** 2 / 10_000
    assert variance == pytest.approx(values.var(), rel=1e-3)


def test_every_resample_has_as_many_pictures():
    draws = drawn(np.array([3, 0, 7]), seed=1)

    assert draws.shape == (DRAWS, 3)
    assert (draws.sum(axis=1) == 10).all()
    assert (draws[:, 1] == 0).all()


def test_a_value_outside_of_what_can_be_is_refused():
    with pytest.raises(ValueError, match="Expected values from 0 to 1; found 0 to 2"):
        bootstrap_interval(np.array([0.0, 2.0]), seed=1)

    low, high = bootstrap_interval(np.array([0.0, 2.0]), seed=1, span=(0.0, 2.0))
    assert low < high


def test_an_interval_without_pictures_is_refused():
    with pytest.raises(ValueError, match="Expected at least one picture; found none"):
        bootstrap_interval(np.zeros(0), seed=1)
