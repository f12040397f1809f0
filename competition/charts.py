"""Errors over years, and errors against costs -> where they are drawn. Pure.

Lines lie in a box of WIDTH x HEIGHT that a page squeezes; marks lie over it by percent, so that they keep their form.
Errors begin at 0 at the bottom, so that a small difference looks small.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 200  # of the drawing, in its own units


@dataclass(frozen=True)
class Mark:
    """A point, as percent of the drawing from the left and from the top."""

    x: str
    y: str


@dataclass(frozen=True)
class Tick:
    """A mark on the horizontal axis: where, and the exponent of ten, or the year."""

    x: str
    value: int


@dataclass(frozen=True)
class Chart:
    """A drawing of points in the order in which they were given."""

    marks: list[Mark]
    line: str  # for <polyline>
    ticks: list[Tick]
    y_max: float
    spans: str = ""  # for <path>: the points' intervals
    human: str = ""  # for <path>: what people err


def over_years(
    points: Sequence[tuple[int, float]],
    intervals: Sequence[tuple[float, float] | None],
    human: Sequence[float | None],
) -> Chart:
    """Draw one error a year, the years rising, with its interval; and what people err, where that is known.

    points: (year, error); intervals, human: as long as these. Raises ValueError without points.
    """
    if not points:
        raise ValueError("Expected at least one year; found none.")
    tops = [error for _year, error in points]
    tops += [span[1] for span in intervals if span] + [error for error in human if error is not None]
    y_max, years = _y_max(tops), [year for year, _error in points]
    at = _scale(years[0] - 0.5, years[-1] + 0.5)
    drawn = [(at(year), error / y_max) for year, error in points]
    spans = [
        f"M{_across(at(year))} {_down(span[0] / y_max)}V{_down(span[1] / y_max)}"
        for year, span in zip(years, intervals, strict=True)
        if span
    ]
    return Chart(
        _marks(drawn),
        _line(drawn),
        [Tick(_percent(at(year)), year) for year in dict.fromkeys(years)],
        y_max,
        "".join(spans),
        _steps(years, human, y_max),
    )


def against_cost(points: Sequence[tuple[float, float]], human: float | None = None) -> Chart:
    """Draw errors against costs on an axis of powers of ten; the line leads along the front.

    points: (cost, error), costs above 0. Raises ValueError without points.
    """
    if not points:
        raise ValueError("Expected at least one point; found none.")
    exponents = [math.log10(cost) for cost, _error in points]
    low, high = math.floor(min(exponents)), math.ceil(max(exponents))
    high = max(high, low + 1)
    at = _scale(low, high)
    y_max = _y_max([error for _cost, error in points] + ([human] if human is not None else []))
    drawn = [
        (at(exponent), error / y_max) for exponent, (_cost, error) in zip(exponents, points, strict=True)
    ]
    return Chart(
        _marks(drawn),
        _stairs([drawn[place] for place in front(points)]),
        [Tick(_percent(at(each)), each) for each in range(low, high + 1, max(1, (high - low) // 4))],
        y_max,
        human="" if human is None else f"M0 {_down(human / y_max)}H{WIDTH}",
    )


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the points that none beats in both: those of the Pareto front, by rising cost.

    A point is beaten by one that costs no more and errs no more, and differs in one of these; of equal ones each is
    on the front.
    """
    found: list[int] = []
    best = math.inf
    for place in sorted(range(len(points)), key=lambda place: points[place]):
        if points[place][1] < best or (found and points[place] == points[found[-1]]):
            found.append(place)
            best = points[place][1]
    return found


def _scale(low: float, high: float) -> Callable[[float], float]:
    return lambda value: (value - low) / (high - low)


def _y_max(tops: Sequence[float]) -> float:
    """Return the top of the axis: a little above everything that is drawn."""
    highest = max(tops) or 1.0
    return 1.05 * highest


def _marks(drawn: Sequence[tuple[float, float]]) -> list[Mark]:
    return [Mark(_percent(x), _percent(1 - y)) for x, y in drawn]


def _line(drawn: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_across(x)},{_down(y)}" for x, y in drawn)


def _stairs(drawn: Sequence[tuple[float, float]]) -> str:
    """Return the line below which nothing is: down at each point, and level up to the next."""
    corners: list[tuple[float, float]] = []
    for x, y in drawn:
        corners += [(x, corners[-1][1])] if corners else []
        corners.append((x, y))
    return _line([*corners, (1.0, corners[-1][1])])


def _steps(years: Sequence[int], errors: Sequence[float | None], y_max: float) -> str:
    """Return a level stroke for each year, half a year to either side."""
    at = _scale(years[0] - 0.5, years[-1] + 0.5)
    return "".join(
        f"M{_across(at(year - 0.5))} {_down(error / y_max)}H{_across(at(year + 0.5))}"
        for year, error in zip(years, errors, strict=True)
        if error is not None
    )


def _across(share: float) -> str:
    return f"{WIDTH * share:.1f}"


def _down(share: float) -> str:
    return f"{HEIGHT * (1 - share):.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"
