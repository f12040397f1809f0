import pytest

from competition.telling import order_of, told_interval


def test_an_interval_is_wilsons_around_the_told_share():
    # z = 1.96: (0.2 + 1.9207 / 100 -+ 1.96 * sqrt(0.16 / 100 + 0.9604 / 10000)) / 1.038415
    assert told_interval(0.2, 100) == pytest.approx((0.13337, 0.28883), abs=1e-5)


def test_no_error_at_all_is_not_told_to_be_certain():
    low, high = told_interval(0.0, 100)

    assert low == 0
    assert high == pytest.approx(0.03699, abs=1e-5)


def test_what_a_picture_can_cost_more_than_once_has_an_interval_as_much_wider():
    share = told_interval(0.2, 100)

    assert told_interval(1.0, 100, most=5.0) == pytest.approx(tuple(5 * each for each in share))


def test_a_told_value_lies_in_its_interval_though_it_is_no_count_of_pictures():
    low, high = told_interval(0.001, 3)

    assert low <= 0.001 <= high


@pytest.mark.parametrize(("value", "n", "most"), [(0.2, 0, 1), (-0.1, 10, 1), (1.1, 10, 1), (0, 10, 0)])
def test_a_value_that_no_mean_can_have_is_refused(value, n, most):
    with pytest.raises(ValueError, match="Expected a value from 0 to"):
        told_interval(value, n, most)


@pytest.mark.parametrize(("n", "hint"), [(1, 1), (4, 2), (5, 5), (9, 5), (10, 10), (199, 100), (7654, 5000)])
def test_how_many_are_told_by_their_order_alone(n, hint):
    assert order_of(n) == hint


def test_none_has_no_order():
    with pytest.raises(ValueError, match="found 0"):
        order_of(0)
