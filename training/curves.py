"""Numbers by epoch -> the points of a drawn curve. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 200  # of the drawing, in its own units


@dataclass(frozen=True)
class Series:
    name: str
    points: str  # for <polyline>: "x,y x,y", y downwards
    last: float


@dataclass(frozen=True)
class Curve:
    title: str
    unit: str  # "fraction" where pages show percent, else ""
    series: tuple[Series, ...]
    x_max: int  # the last epoch of the axis
    y_min: float
    y_max: float


def curve(title: str, unit: str, values: Mapping[str, Sequence[float]], n_epochs: int) -> Curve:
    """Scale each named series, one value an epoch from the first on, into one WIDTH x HEIGHT drawing.

    The vertical axis begins at 0, so that a small difference looks small; `n_epochs` is the whole width.
    """
    y_max = max((value for series in values.values() for value in series), default=0.0) or 1.0
    x_max = max(n_epochs, *(len(series) for series in values.values()), 1)

    def points(series: Sequence[float]) -> str:
        steps = max(x_max - 1, 1)
        return " ".join(
            f"{WIDTH * i / steps:.1f},{HEIGHT * (1 - value / y_max):.1f}" for i, value in enumerate(series)
        )

    drawn = tuple(Series(name, points(series), series[-1]) for name, series in values.items() if series)
    return Curve(title, unit, drawn, x_max, 0.0, y_max)
