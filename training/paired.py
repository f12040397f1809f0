"""Answers of two networks on the same pictures -> whether the data can tell the two apart. Arrays in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

Strings = NDArray[np.str_]
Bools = NDArray[np.bool_]
TOLD_APART = 0.05  # below this p, as is usual


@dataclass(frozen=True)
class Answered:
    """Whether a network was right, picture by picture. sha256, is_right: (n,)."""

    sha256: Strings
    is_right: Bools

    @property
    def n_wrong(self) -> int:
        return int((~self.is_right).sum())


@dataclass(frozen=True)
class Pair:
    """Two networks on the pictures that both answered: how many only the first or only the second was wrong on.

    p: how probable so uneven a split, or a more uneven one, is if both err equally often.
    """

    n: int
    n_only_first: int
    n_only_second: int
    p: float


def compare(first: Answered, second: Answered) -> Pair:
    """Compare two networks on the pictures that both have answered, by McNemar's exact test."""
    _shared, mine, theirs = np.intersect1d(first.sha256, second.sha256, return_indices=True)
    one, other = first.is_right[mine], second.is_right[theirs]
    n_first, n_second = int((~one & other).sum()), int((one & ~other).sum())
    return Pair(len(mine), n_first, n_second, mcnemar(n_first, n_second))


def mcnemar(n_only_first: int, n_only_second: int) -> float:
    """Return the exact two-sided p of McNemar's test, 0..1; 1 where the two never differ.

    n_only_first, n_only_second: how many pictures only the one was wrong on, and only the other.
    Source: McNemar (1947), doi:10.1007/BF02295996, with the binomial distribution itself in place of its limit.
    """
    n = n_only_first + n_only_second
    return min(1.0, 2 * float(bdtr(min(n_only_first, n_only_second), n, 0.5))) if n else 1.0


def holm(ps: Sequence[float]) -> list[float]:
    """Return each p made larger for being one of several, so that all that are below a level are rightly so together.

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted
