"""Whether a map tells the truth: delete what it marks, and watch the answer fall. Pure.

Pixels go in squares, one of GRID x GRID after the other, by what a map says of all of it: single pixels would be
noise, which disturbs a network wherever it falls. The strongest go first; to compare, squares go in random orders,
and the weakest first. Where marked squares matter, the probability falls early: the area below its curve is small.
Sources: Samek et al. (2017), region perturbation, doi:10.1109/TNNLS.2016.2599820; Petsiuk, Das & Saenko (2018),
deletion, arXiv:1806.07421.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Answer = Callable[
    [Floats], Floats
]  # pictures (n, 3, size, size) -> probabilities (n,) of the class explained

GRID = 8  # squares along a side
N_STEPS = 20
N_ORDERS = 10
FALLS_FROM = 0.05  # what the probability has to fall by at some step, or there is nothing to compare
LITTLE = 0.01  # below that a fall is not divided by


class Verdict(StrEnum):
    HOLDS = "holds"  # what is marked matters more than every random order
    WEAK = "weak"  # more than they do on average, and less than some
    FAILS = "fails"  # no more than they do on average
    UNTESTED = "untested"  # the probability hardly falls, whatever is deleted


@dataclass(frozen=True)
class Deletion:
    """How the probability falls as squares are deleted, each curve N_STEPS + 1 values from none to all.

    marked: the strongest first. weakest: the weakest first. at_random: (N_ORDERS, N_STEPS + 1).
    """

    marked: Floats
    weakest: Floats
    at_random: Floats

    @property
    def area(self) -> float:
        """The mean probability while the strongest go first; the smaller, the better the map."""
        return area(self.marked)

    @property
    def area_at_random(self) -> float:
        return area(self.at_random.mean(axis=0))

    @property
    def area_weakest(self) -> float:
        return area(self.weakest)

    @property
    def times(self) -> float | None:
        """How many times as much marked squares matter as others; None where others hardly matter at all.

        What squares matter is how far the probability lies below its start, on the mean over all steps.
        """
        start = float(self.marked[0])
        at_random = start - self.area_at_random
        return (start - self.area) / at_random if at_random >= LITTLE else None

    @property
    def verdict(self) -> Verdict:
        lowest = min(float(curve.min()) for curve in (self.marked, self.weakest, self.at_random))
        if self.marked[0] - lowest < FALLS_FROM:
            return Verdict.UNTESTED
        if self.area < min(area(curve) for curve in self.at_random):
            return Verdict.HOLDS
        return Verdict.WEAK if self.area < self.area_at_random else Verdict.FAILS


def area(curve: Floats) -> float:
    """Return the area below a curve over its whole width, which counts as 1: by the trapezoidal rule."""
    return float((curve[:-1] + curve[1:]).mean() / 2)


def random_orders(answer: Answer, picture: Floats, gray: float, seed: int) -> Floats:
    """Return the curves of N_ORDERS random orders, (N_ORDERS, N_STEPS + 1). They serve all maps of a picture."""
    lots = np.random.default_rng(seed)
    n_squares = _squares(picture.shape[-1]).max() + 1
    return np.stack([_curve(answer, picture, gray, lots.permutation(n_squares)) for _ in range(N_ORDERS)])


def delete(answer: Answer, picture: Floats, gray: float, map_: Floats, at_random: Floats) -> Deletion:
    """Delete what `map_` marks from `picture`, the strongest squares first, then the other way round.

    picture: (3, size, size) from 0 to 1. gray: what a deleted pixel becomes. map_: (size, size), above 0 what speaks
    for the class. at_random: of random_orders(). Of two squares that are as strong the upper left one goes first.
    """
    squares = _squares(picture.shape[-1])
    strength = np.bincount(squares.ravel(), map_.ravel().astype(np.float64))
    strongest = np.argsort(-strength, kind="stable")
    return Deletion(
        _curve(answer, picture, gray, strongest), _curve(answer, picture, gray, strongest[::-1]), at_random
    )


def _curve(answer: Answer, picture: Floats, gray: float, order: NDArray[np.int64]) -> Floats:
    return answer(np.stack(list(_deleted(picture, gray, order)))).astype(np.float32)


def _deleted(picture: Floats, gray: float, order: NDArray[np.int64]) -> Iterator[Floats]:
    """Yield `picture` with ever more squares deleted, N_STEPS + 1 times from none to all."""
    squares = _squares(picture.shape[-1])
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    turn = place[squares]  # (size, size): when each pixel's square goes
    for n in np.linspace(0, len(order), N_STEPS + 1).round():
        yield np.where(turn < n, np.float32(gray), picture)


def _squares(size_px: int) -> NDArray[np.int64]:
    """Return the number of each pixel's square, (size, size), from 0 at the upper left; of equal sizes by a pixel."""
    along = np.arange(size_px) * min(GRID, size_px) // size_px
    return along[:, None] * min(GRID, size_px) + along[None, :]
