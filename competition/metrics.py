"""Predictions -> errors, each with its interval. Pure NumPy.

Everywhere: guesses (n_images, n_guesses) int64, best first, -1 where there is none; truth (n_images,) int64.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DRAWS = 1000  # of the bootstrap
CHUNK = 2_000_000  # resampled values at a time, to bound memory


def top_k_wrong(guesses: Ints, truth: Ints, k: int) -> Floats:
    """Return 1 for each picture whose truth is not among its first `k` guesses, else 0; (n_images,).

    Raises ValueError if k is below 1. Source: Russakovsky et al. (2015), section 4.1, doi:10.1007/s11263-015-0816-y.
    """
    if k < 1:
        raise ValueError(f"Expected k of at least 1; found {k}.")
    is_right: NDArray[np.bool_] = (guesses[:, :k] == truth[:, None]).any(axis=1)
    return (~is_right).astype(np.float64)


def top_k_error(guesses: Ints, truth: Ints, k: int) -> float:
    """Return the share of pictures whose truth is not among their first `k` guesses, 0..1.

    Raises ValueError without pictures, or if k is below 1. Source: as for `top_k_wrong`.
    """
    return _mean(top_k_wrong(guesses, truth, k))


def hierarchical_cost(guesses: Ints, truth: Ints, lch_height: Ints) -> Floats:
    """Return for each picture the least height of the lowest common hypernym over its guesses; (n_images,).

    lch_height: (n_classes, n_classes), 0 on the diagonal. A missing guess costs the greatest height there is.
    Source: ILSVRC 2010 development kit.
    """
    heights = lch_height[truth[:, None], guesses]  # (n_images, n_guesses)
    cost: Ints = np.where(guesses < 0, lch_height.max(), heights)
    least: Ints = cost.min(axis=1)
    return least.astype(np.float64)


def hierarchical_error(guesses: Ints, truth: Ints, lch_height: Ints) -> float:
    """Return the mean of `hierarchical_cost`, in levels of the taxonomy. Raises ValueError without pictures."""
    return _mean(hierarchical_cost(guesses, truth, lch_height))


def _mean(values: Floats) -> float:
    if not len(values):
        raise ValueError("Expected at least one picture; found none.")
    return float(values.mean())


def bootstrap_interval(values: Floats, seed: int, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of the mean of `values`, one per picture, from DRAWS resamples.

    The same values in another order have the same interval. Raises ValueError without pictures.
    Source: Efron & Tibshirani (1993), chapter 13.
    """
    n = len(values)
    _mean(values)
    # Anybody can draw the same resamples: of the pictures in their order, the interval would tell which are wrong.
    values = np.sort(values)
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK // n)
    means = np.concatenate(
        [
            values[rng.integers(0, n, size=(min(rows, DRAWS - start), n))].mean(axis=1)
            for start in range(0, DRAWS, rows)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ranks(errors: Floats) -> Ints:
    """Return each entry's rank, 1 for the lowest error; equal errors share the better rank. (n_entries,)."""
    return np.searchsorted(np.sort(errors), errors, side="left") + 1
