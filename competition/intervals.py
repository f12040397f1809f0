"""Values of single pictures -> the interval in which their mean lies. Pure NumPy.

Nothing here depends on the order of the pictures: anybody can draw the same resamples, and of the pictures in their
order an interval would tell which are wrong.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.calibration import wilson

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
AnyFloats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Interval = tuple[float, float]

DRAWS = 1000  # of the bootstrap
LEVEL = 0.95
CELLS = (
    500  # of values that are drawn together; what that takes from the variance is below a thousandth of it
)


def mean(values: AnyFloats) -> float:
    """Return the mean of `values`, (n,), the same to the last bit in any order.

    Raises ValueError without pictures.
    """
    if not len(values):
        raise ValueError("Expected at least one picture; found none.")
    return float(np.sort(values).mean(dtype=np.float64))


def bootstrap_interval(
    values: AnyFloats, seed: int, level: float = LEVEL, span: Interval = (0.0, 1.0)
) -> Interval:
    """Return the interval of the mean of `values`, (n,), one per picture.

    span: the least and the greatest that a value can be.
    Values that are all 0 or 1 have Wilson's interval: resamples of no errors have none, and would promise of an entry
    that it never errs. Wilson's has a width there too, and with each error more it moves up, which percentiles with
    another's bounds at the ends would not. Others have the percentile interval of DRAWS resamples, and equal ones
    that of `interval_of_equals`.
    Raises ValueError without pictures, or if a value lies outside `span`.
    Source: Efron & Tibshirani (1993), chapter 13.
    """
    value, ordered = mean(values), np.sort(values).astype(np.float64)
    if ordered[0] < span[0] or ordered[-1] > span[1]:
        raise ValueError(
            f"Expected values from {span[0]:g} to {span[1]:g}; found {ordered[0]:g} to {ordered[-1]:g}."
        )
    if span == (0.0, 1.0) and ((ordered == 0) | (ordered == 1)).all():
        return wilson(int(ordered.sum()), len(ordered), level)
    if ordered[0] == ordered[-1]:
        return interval_of_equals(value, len(ordered), level, span)
    levels, counts = gathered(ordered)
    means = drawn(counts, seed) @ levels / len(ordered)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def interval_of_equals(value: float, n_images: int, level: float, span: Interval) -> Interval:
    """Return the interval of a mean of which `n_images` pictures all showed `value`.

    Had more than the share 1 - ((1 - level) / 2) ** (1 / n_images) of all pictures another value, so many would
    hardly have shown none; and no other value lies outside `span`. For values of 0 that is the bound of Clopper &
    Pearson (1934), doi:10.1093/biomet/26.4.404.
    """
    others = 1 - ((1 - level) / 2) ** (1 / n_images)
    return value - others * (value - span[0]), value + others * (span[1] - value)


def gathered(values: Floats) -> tuple[Floats, Ints]:
    """Return the values that there are, each once, and how many have each; of more than CELLS those that are close by
    their mean.

    values: (n,), sorted.   Returns levels (n_levels,) and counts (n_levels,) int64, n_levels at most about CELLS.
    """
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) <= CELLS:
        return levels, counts
    cell = ((values - values[0]) * (CELLS / (values[-1] - values[0]))).astype(np.int64)
    counts, sums = np.bincount(cell), np.bincount(cell, weights=values)
    return sums[counts > 0] / counts[counts > 0], counts[counts > 0]


def drawn(counts: Ints, seed: int) -> Floats:
    """Return how many of each value are in each of DRAWS resamples, (DRAWS, n_levels).

    counts: (n_levels,), how many pictures have each. Rows sum to their sum.
    """
    n = int(counts.sum())
    return np.random.default_rng(seed).multinomial(n, counts / n, size=DRAWS).astype(np.float64)
