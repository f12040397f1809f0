import pytest

from competition.charts import against_cost, front, over_years


def test_the_front_is_what_none_beats_in_both():
    cheap, good, beaten, best = (1.0, 0.5), (10.0, 0.25), (20.0, 0.3), (100.0, 0.125)

    assert front([best, beaten, cheap, good]) == [2, 3, 0]


def test_equal_points_are_on_the_front_together():
    assert front([(1.0, 0.5), (1.0, 0.5)]) == [0, 1]


def test_what_costs_as_much_and_errs_more_is_beaten():
    assert front([(1.0, 0.6), (1.0, 0.5)]) == [1]


def test_nothing_has_no_front():
    assert front([]) == []


def test_costs_lie_on_an_axis_of_powers_of_ten():
    chart = against_cost([(1e3, 0.5), (1e5, 0.25), (1e4, 1.0)])

    assert [mark.x for mark in chart.marks] == ["0.00%", "100.00%", "50.00%"]
    assert [(tick.x, tick.value) for tick in chart.ticks] == [("0.00%", 3), ("50.00%", 4), ("100.00%", 5)]


def test_errors_begin_at_the_bottom():
    chart = against_cost([(1.0, 0.0), (2.0, 1.0)])

    # The axis ends 5 % above the highest error: 1 / 1.05 = 0.952 of the way up.
    assert [mark.y for mark in chart.marks] == ["100.00%", "4.76%"]
    assert chart.y_max == pytest.approx(1.05)


def test_the_line_of_the_front_goes_down_at_each_of_its_points():
    chart = against_cost([(1.0, 1.0), (10.0, 0.5)])

    # Of 200 units 1 / 1.05 is 190.5 up, and half of it 95.2.
    assert chart.line == "0.0,9.5 600.0,9.5 600.0,104.8 600.0,104.8"


def test_one_cost_alone_is_drawn():
    assert [tick.value for tick in against_cost([(1e6, 0.5)]).ticks] == [6, 7]


def test_people_are_a_line_across():
    assert against_cost([(1.0, 0.1)], human=0.2).human == "M0 9.5H600"
    assert against_cost([(1.0, 0.1)]).human == ""


def test_years_stand_in_the_middle_of_their_place():
    chart = over_years([(2010, 0.5), (2012, 0.25)], [None, (0.125, 0.5)], [None, None])

    # From 2009.5 to 2012.5 there are three years: half a year is a sixth.
    assert [mark.x for mark in chart.marks] == ["16.67%", "83.33%"]
    assert [(tick.x, tick.value) for tick in chart.ticks] == [("16.67%", 2010), ("83.33%", 2012)]
    assert chart.line == "100.0,9.5 500.0,104.8"
    assert chart.spans == "M500.0 152.4V9.5"


def test_people_are_a_stroke_in_each_year_in_which_they_were_asked():
    chart = over_years([(2010, 0.5), (2012, 0.25)], [None, None], [None, 0.5])

    assert chart.human == "M400.0 9.5H600.0"


@pytest.mark.parametrize("draw", [lambda: over_years([], [], []), lambda: against_cost([])])
def test_nothing_is_not_drawn(draw):
    with pytest.raises(ValueError, match="found none"):
        draw()
