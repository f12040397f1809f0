import pytest

from competition.cells import LEVELS, PERCENT, PLAIN, axis_end, cell, place, ranks_words, words


def said(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0\u00a0%"),
        (0.1234, "12.3\u00a0%"),
        (0.9996, ">\u00a099.9\u00a0%"),
        (1.0, "100\u00a0%"),
        (None, "–"),
    ],
)
def test_a_share_is_read_as_percent(value, text):
    assert words(value, PERCENT) == text


@pytest.mark.parametrize("unit", [LEVELS, PLAIN])
def test_what_is_no_share_has_three_digits(unit):
    assert words(1.23456, unit) == "1.235"


def test_a_cell_lies_on_the_axis_of_its_column():
    drawn = cell("Top-1", said(0.2, 0.1, 0.4), PERCENT, 0.4)

    assert (drawn.low, drawn.x, drawn.high) == (250, 500, 1000)
    assert (drawn.text, drawn.low_text, drawn.high_text) == ("20.0\u00a0%", "10.0\u00a0%", "40.0\u00a0%")


def test_a_cell_without_an_interval_is_a_point():
    drawn = cell("Calibration", said(0.2), PERCENT, 0.4)

    assert drawn.low == drawn.x == drawn.high == 500
    assert drawn.is_drawn
    assert drawn.low_text == ""


def test_a_metric_that_an_entry_does_not_have_leaves_its_cell_empty():
    drawn = cell("Brier", None, PLAIN, 1.0)

    assert drawn.text == "–"
    assert not drawn.is_drawn


def test_an_axis_ends_at_the_end_of_the_highest_interval():
    assert axis_end([said(0.2, 0.1, 0.3), None, said(0.25)]) == 0.3
    assert axis_end([]) == 1.0
    assert axis_end([said(0.0, 0.0, 0.0)]) == 1.0


def test_nothing_is_drawn_beyond_its_axis():
    assert place(2.0, 1.0) == 1000


@pytest.mark.parametrize(("low", "high", "text"), [(3, 3, "3"), (2, 4, "2–4")])
def test_ranks_are_read_as_one_or_as_a_span(low, high, text):
    assert ranks_words(low, high) == text


def test_a_cell_is_shown_with_its_drawing_and_the_ends_of_its_interval():
    shown = cell("Top-1", said(0.2, 0.1, 0.4), PERCENT, 0.4, human=300).markup

    assert shown.startswith("<b>20.0\u00a0%</b><svg")
    assert 'd="M250 10H1000"' in shown
    assert 'class="people" d="M300 ' in shown
    assert "10.0\u00a0% – 40.0\u00a0%</span>" in shown
    assert "&gt;" in cell("Top-1", said(0.9999), PERCENT, 1.0).markup
