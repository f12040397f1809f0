import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.curves import HEIGHT, WIDTH, curve

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
