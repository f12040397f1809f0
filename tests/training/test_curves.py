import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.curves import HEIGHT, MOST_POINTS, WIDTH, chart, curve, thinned

LOSSES = st.lists(st.floats(0, 1e6), max_size=20)


def points(series):
    return [tuple(map(float, point.split(","))) for point in series.points.split()]


def test_a_curve_is_scaled_to_its_highest_value_and_all_epochs():
    drawn = curve("Loss", "", {"training": [4.0, 2.0, 1.0]}, n_epochs=5)

    # Five epochs have four steps of 150; the highest value, 4, is at the top, which is 0.
    assert drawn.series[0].points == "0.0,0.0 150.0,100.0 300.0,150.0"
    assert (drawn.x_max, drawn.y_min, drawn.y_max) == (5, 0.0, 4.0)


def test_two_series_share_one_scale():
    drawn = curve("Loss", "", {"training": [1.0], "validation": [2.0]}, n_epochs=1)

    assert [series.points for series in drawn.series] == ["0.0,100.0", "0.0,0.0"]


def test_each_series_tells_its_last_value():
    drawn = curve("Error", "fraction", {"top-1": [0.5, 0.25]}, n_epochs=2)

    assert [(series.name, series.last) for series in drawn.series] == [("top-1", 0.25)]


@pytest.mark.parametrize("values", [{}, {"training": []}])
def test_a_curve_before_the_first_epoch_is_empty(values):
    drawn = curve("Loss", "", values, n_epochs=30)

    assert drawn.series == ()
    assert (drawn.x_max, drawn.y_max) == (30, 1.0)


def test_a_curve_of_nothing_but_zero_lies_at_the_bottom():
    drawn = curve("Error", "fraction", {"top-5": [0.0, 0.0]}, n_epochs=2)

    assert drawn.series[0].points == "0.0,200.0 600.0,200.0"


def test_more_epochs_than_were_planned_widen_the_axis():
    assert curve("Loss", "", {"training": [1.0] * 4}, n_epochs=2).x_max == 4


@given(LOSSES, LOSSES, st.integers(1, 30))
def test_every_point_lies_in_the_drawing(training, validation, n_epochs):
    drawn = curve("Loss", "", {"training": training, "validation": validation}, n_epochs)

    for series in drawn.series:
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(series))


@given(LOSSES.filter(len))
def test_a_series_has_a_point_for_every_epoch(losses):
    [series] = curve("Loss", "", {"training": losses}, len(losses)).series

    assert len(points(series)) == len(losses)


# --- By seconds, and several runs over each other ------------------------------------------------------------------


def test_a_chart_places_points_by_their_x():
    drawn = chart("Error", "fraction", {"run 1": [(10.0, 0.5), (20.0, 0.25)]}, x_max=40)

    # 10 of 40 seconds is a quarter of 600; half of the highest value is the middle of 200.
    assert drawn.series[0].points == "150.0,0.0 300.0,100.0"
    assert (drawn.x_max, drawn.y_max) == (40, 0.5)


def test_a_chart_is_as_wide_as_its_longest_series():
    drawn = chart("Loss", "", {"run 1": [(1, 1.0)], "run 2": [(1, 1.0), (3, 1.0)]})

    assert drawn.x_max == 3


def test_a_run_without_an_epoch_leaves_the_places_of_the_others_alone():
    drawn = chart("Loss", "", {"run 1": [(1, 1.0)], "run 2": [], "run 3": [(1, 2.0)]})

    assert [(series.name, series.place) for series in drawn.series] == [("run 1", 0), ("run 3", 2)]


def test_runs_of_the_same_values_are_marked_at_different_points():
    same = [(i, 1.0) for i in range(1, 31)]

    first, second = chart("Loss", "", {"run 1": same, "run 2": same}).series

    end = first.marks[-1]
    assert end == second.marks[-1] == ("100.00%", "0.00%")
    assert set(first.marks) & set(second.marks) == {end}


def test_a_long_series_is_thinned_and_keeps_its_ends_and_every_jump():
    series = [(float(i), 1.0) for i in range(10_000)]
    series[5123] = (5123.0, 9.0)

    kept = thinned(series)

    assert len(kept) == MOST_POINTS
    assert (kept[0], kept[-1]) == (series[0], series[-1])
    assert (5123.0, 9.0) in kept
    assert kept == sorted(kept)


def test_a_short_series_is_left_alone():
    series = [(float(i), 1.0) for i in range(MOST_POINTS)]

    assert thinned(series) == series


def test_values_are_told_in_few_digits():
    drawn = curve("Learning rate", "", {"learning rate": [0.05, 0.000123456]}, n_epochs=2)

    assert (drawn.top, drawn.series[0].short) == ("0.05", "0.000123")
