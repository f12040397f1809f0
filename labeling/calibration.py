"""Confidences and whether they were right -> how far a confidence can be believed. Arrays in, arrays out."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Between the bins of confidences: narrower towards 1, where questions settle and most confidences lie.
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
FEWEST = 10  # confidences in a bin


@dataclass(frozen=True)
class Bin:
    """The confidences from `low` up to below `high`, or 1: how many they are, their mean, and how many were right."""

    low: float
    high: float
    n: int
    mean: float
    n_right: int

    def with_next(self, other: "Bin") -> "Bin":
        """Return one bin of what is in this one and in `other`, which lies above it."""
        n = self.n + other.n
        mean = (self.n * self.mean + other.n * other.mean) / n
        return Bin(self.low, other.high, n, mean, self.n_right + other.n_right)

    @property
    def share(self) -> float:
        return self.n_right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the one that is right lies, with 95 %."""
        return wilson(self.n_right, self.n)


def bins(confidence: Floats, is_right: Bools, fewest: int = FEWEST) -> list[Bin]:
    """Return the bins between EDGES, the lowest first; one that holds too few is put together with the next, and the
    last of them with the one before, since of a few the share says nothing.

    confidence: (n,), 0..1; is_right: (n,), whether what was believed with it was right; fewest: in one bin, unless
    there are no more.
    Raises ValueError if the lengths differ or a confidence is out of its range.
    """
    if len(confidence) != len(is_right):
        raise ValueError(
            f"confidence, is_right: expected one length; found {len(confidence)} and {len(is_right)}."
        )
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(f"confidence: expected 0 to 1; found {confidence.min()} to {confidence.max()}.")
    which = np.searchsorted(EDGES, confidence, side="right")
    n_bins = len(EDGES) + 1
    n = np.bincount(which, minlength=n_bins).tolist()
    total = np.bincount(which, weights=confidence, minlength=n_bins).tolist()
    right = np.bincount(which[is_right], minlength=n_bins).tolist()
    edges = [0.0, *EDGES, 1.0]
    every = [Bin(edges[i], edges[i + 1], n[i], total[i] / n[i], right[i]) for i in range(n_bins) if n[i]]
    found: list[Bin] = []
    for each in every:
        found.append(found.pop().with_next(each) if found and found[-1].n < fewest else each)
    if len(found) > 1 and found[-1].n < fewest:
        last = found.pop()
        found.append(found.pop().with_next(last))
    return found


def expected_error(found: list[Bin]) -> float | None:
    """Return the expected calibration error: how far the mean confidence of a bin is from its share that is right, on
    average over all that was measured, 0..1. None without anything.

    Source: Naeini, Cooper & Hauskrecht (2015), doi:10.1609/aaai.v29i1.9602, with the bins between EDGES.
    """
    n = sum(each.n for each in found)
    return sum(each.n * abs(each.share - each.mean) for each in found) / n if n else None


def wilson(n_right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return between which shares the one behind `n_right` of `n` lies, 0..1, by Wilson's score interval.

    Raises ValueError unless 0 <= n_right <= n and n is above 0.
    Source: Wilson (1927), doi:10.1080/01621459.1927.10502953.
    """
    if not 0 <= n_right <= n or not n:
        raise ValueError(f"n_right, n: expected 0 <= n_right <= n, above 0; found {n_right} and {n}.")
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (n_right + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * (n_right * (n - n_right) / n + z * z / 4) ** 0.5
    # At the ends the interval reaches them, but for rounding.
    return (0.0 if n_right == 0 else middle - half), (1.0 if n_right == n else middle + half)
