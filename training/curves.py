"""Numbers by epoch or by second -> the points of a drawn curve. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 600, 200  # of the drawing, in its own units
MOST_POINTS = 400  # of one series: a screen shows no more, and the page asks for them every other second
MARKS = 6  # along one series, by which it is told from others without colour

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    name: str
    points: str  # for <polyline>: "x,y x,y", y downwards
    last: float
    marks: tuple[
        tuple[str, str], ...
    ] = ()  # where it is marked: (x, y) as percent of the drawing, y downwards
    place: int = 0  # among the named series, whether they are drawn or not

    @property
    def short(self) -> str:
        return f"{self.last:.3g}"


@dataclass(frozen=True)
class Curve:
    title: str
    unit: str  # "fraction", perhaps "by second", where pages show percent; "whole" for large numbers; else ""
    series: tuple[Series, ...]
    x_max: float  # the last epoch of the axis, or second
    y_min: float
    y_max: float

    @property
    def top(self) -> str:
        return f"{self.y_max:.2g}"


def curve(title: str, unit: str, values: Mapping[str, Sequence[float]], n_epochs: int) -> Curve:
    """Scale each named series, one value an epoch from the first on, into one WIDTH x HEIGHT drawing.

    The vertical axis begins at 0, so that a small difference looks small; `n_epochs` is the whole width.
    """
    x_max = max(n_epochs, *(len(series) for series in values.values()), 1)
    points = {name: [(float(i), y) for i, y in enumerate(series)] for name, series in values.items()}
    drawn = chart(title, unit, points, max(x_max - 1, 1))
    return Curve(title, unit, drawn.series, x_max, drawn.y_min, drawn.y_max)


def chart(title: str, unit: str, values: Mapping[str, Sequence[Point]], x_max: float = 0.0) -> Curve:
    """Scale each named series of points (x, y), x rising from 0 on, into one WIDTH x HEIGHT drawing.

    `x_max` is the whole width, unless a point lies beyond it.
    """
    every = [point for series in values.values() for point in series]
    x_max = max([x_max, *(x for x, _y in every)]) or 1.0
    y_max = max((y for _x, y in every), default=0.0) or 1.0
    scaled = {
        name: [(x / x_max, 1 - y / y_max) for x, y in thinned(series)] for name, series in values.items()
    }
    drawn = tuple(
        Series(
            name,
            " ".join(f"{WIDTH * x:.1f},{HEIGHT * y:.1f}" for x, y in points),
            values[name][-1][1],
            _marks(points, place, len(values)),
            place,
        )
        for place, (name, points) in enumerate(scaled.items())
        if points
    )
    return Curve(title, unit, drawn, x_max, 0.0, y_max)


def thinned(series: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Return at most `most` of these points: of each stretch the highest, so that no jump of a loss is hidden; the
    first and the last are always among them.
    """
    if len(series) <= most:
        return list(series)
    inner = series[1:-1]
    edges = [round(i * len(inner) / (most - 2)) for i in range(most - 1)]
    highest = [max(inner[start:end], key=lambda point: point[1]) for start, end in pairwise(edges)]
    return [series[0], *highest, series[-1]]


def _marks(points: Sequence[Point], place: int, n_series: int) -> tuple[tuple[str, str], ...]:
    """Return where the series at `place` is marked: at its end, and before that at other points than the others."""
    step = max(1, len(points) // MARKS)
    chosen = {*range(place * step // max(1, n_series), len(points), step), len(points) - 1}
    return tuple((f"{100 * points[i][0]:.2f}%", f"{100 * points[i][1]:.2f}%") for i in sorted(chosen))
