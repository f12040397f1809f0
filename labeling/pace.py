"""Votes a day -> when a collection will be done, and drawn bars; how a fit moves -> how near its end it is. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 200  # of a drawing, in its own units
GAP = 0.25  # of a bar's place
FEWEST_DONE, FEWEST_VOTES = 20, 20  # questions and votes a day, below which the end cannot be foretold


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


def bars(values: Sequence[int]) -> list[Bar]:
    """Return one upright bar for each value in a WIDTH x HEIGHT drawing, y downwards; the highest fills it."""
    if not values:
        return []
    place, most = WIDTH / len(values), max(*values, 1)
    heights = [HEIGHT * value / most for value in values]
    return [
        Bar(
            round(place * (i + GAP / 2), 1),
            round(HEIGHT - high, 1),
            round(place * (1 - GAP), 1),
            round(high, 1),
        )
        for i, high in enumerate(heights)
    ]


def days_left(
    n_left: int, n_done: int, n_votes_done: int, n_votes_left: int, votes_a_day: int
) -> float | None:
    """Return in how many days `n_left` questions are done at today's rate; None while that would be a guess.

    Each is taken to need as many votes as those that are done got on average, and one more at least than it has:
    n_votes_done and n_votes_left are the votes on questions that are done and on those that are not.
    """
    if not n_left:
        return 0.0
    if n_done < FEWEST_DONE or votes_a_day < FEWEST_VOTES:
        return None
    n_wanted = n_left * n_votes_done / n_done - n_votes_left
    return max(n_wanted, n_left) / votes_a_day


def approached(moved: float | None, tolerance: float) -> float:
    """Return how far a fit has come towards its end, 0 to 1, that comes once an iteration moves nothing by more than
    `tolerance`, which is above 0 and below 1; `moved`: by how much the last one did, None before the first.

    Iterations move things less and less by about the same factor, so on the scale of logarithms they are even steps.
    """
    if not moved:
        return 0.0 if moved is None else 1.0
    return min(max(math.log(moved) / math.log(tolerance), 0.0), 1.0)
