"""How a probability falls while squares are deleted -> the points of the drawn lines. Pure."""

from dataclasses import dataclass

from training.curves import HEIGHT, WIDTH
from training.faithfulness import N_STEPS, Deletion, Floats

ROWS_EVERY = 4  # steps: a fifth of the squares


@dataclass(frozen=True)
class Fall:
    """Lines for <polyline> and an area for <polygon>: x from nothing deleted to all, y from 100 % down to 0.

    rows: (share deleted, marked, mean at random, lowest and highest at random, weakest), as fractions, for a table.
    """

    marked: str
    weakest: str
    at_random: str
    between: str
    rows: tuple[tuple[float, ...], ...]


def fall(test: Deletion) -> Fall:
    mean, low, high = test.at_random.mean(axis=0), test.at_random.min(axis=0), test.at_random.max(axis=0)
    columns = (test.marked, mean, low, high, test.weakest)
    return Fall(
        marked=_points(test.marked),
        weakest=_points(test.weakest),
        at_random=_points(mean),
        between=f"{_points(high)} {' '.join(reversed(_points(low).split()))}",
        rows=tuple(
            (step / N_STEPS, *(float(column[step]) for column in columns))
            for step in range(0, N_STEPS + 1, ROWS_EVERY)
        ),
    )


def _points(curve: Floats) -> str:
    steps = max(len(curve) - 1, 1)
    return " ".join(
        f"{WIDTH * i / steps:.1f},{HEIGHT * (1 - float(value)):.1f}" for i, value in enumerate(curve)
    )
