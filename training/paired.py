"""Answers of two networks on the same pictures -> whether the data can tell the two apart. Arrays in, numbers out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr

Strings = NDArray[np.str_]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
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
    """Return the p of one pair; see `mcnemar_each`."""
    return float(mcnemar_each(np.array([n_only_first]), np.array([n_only_second]))[0])


def mcnemar_each(n_only_first: Ints, n_only_second: Ints) -> Floats:
    """Return the exact two-sided p of McNemar's test of each pair, 0..1; 1 where the two never differ.

    n_only_first, n_only_second: (n_pairs,), how many pictures only the one was wrong on, and only the other.
    Source: McNemar (1947), doi:10.1007/BF02295996, with the binomial distribution itself in place of its limit.
    """
    n = n_only_first + n_only_second
    tail: Floats = bdtr(np.minimum(n_only_first, n_only_second), n, 0.5)
    return np.minimum(1.0, 2 * tail)


def holm(ps: ArrayLike) -> Floats:
    """Return each p made larger for being one of several, so that all that are below a level are rightly so together.

    ps: (n,).   Returns (n,), at most 1.
    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    found = np.asarray(ps, dtype=np.float64)
    order = found.argsort(kind="stable")
    adjusted = np.empty_like(found)
    n_left = np.arange(len(found), 0, -1)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, n_left * found[order]))
    return adjusted
