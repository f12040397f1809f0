"""Whether each of many entries was wrong on each picture -> ranks that the data can support. Pure NumPy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from competition.intervals import DRAWS, LEVEL, Interval, interval_of_equals
from training.paired import TOLD_APART, holm, mcnemar_each

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Values = NDArray[np.float32] | NDArray[np.bool_]
DRAWS_AT_ONCE, PICTURES_AT_ONCE = 100, 20_000  # to bound memory


@dataclass(frozen=True, eq=False)
class Ranks:
    """Each entry's rank, and the least and the greatest that the data allow. (n_entries,) int64 each, from 1."""

    rank: Ints
    low: Ints
    high: Ints


def rank(values: Values) -> Ranks:
    """Rank entries by their mean, the lowest first; equal until shown different.

    values: (n_entries, n_images), 1 where the entry is wrong on the picture and 0 where it is right, entries and
    pictures in any order; booleans take the least memory.
    Two entries are told apart by McNemar's exact test; of all pairs together with Holm's correction, so that with a
    probability of 0.95 no difference that is told is false. Entries that are wrong on the same pictures count once
    there: to hand in a copy makes nobody harder to tell apart. An entry's interval is from 1 + as many as are shown
    to be better to n_entries - as many as are shown to be worse. Its rank is the low end, made to rise along the
    mean: nobody stands above an entry with a lower error.
    Raises ValueError without pictures, or if a value is neither 0 nor 1.
    Source: Mogstad, Romano, Shaikh & Wilhelm (2024), doi:10.1093/restud/rdad006.
    """
    is_wrong = _checked(values)
    copies = _copies(is_wrong)
    kept, n_copies = np.unique(copies, return_index=True, return_counts=True)[1:]
    is_better = _shown_better(is_wrong[kept])  # [i, j]: i than j
    n_better, n_worse = n_copies @ is_better, is_better @ n_copies
    low, high = 1 + n_better, len(values) - n_worse
    n_wrong = is_wrong[kept].sum(axis=1)
    order = n_wrong.argsort(kind="stable")
    rising = np.maximum.accumulate(low[order])
    # Entries with as many errors as each other have the last one's.
    last = np.searchsorted(n_wrong[order], n_wrong, side="right") - 1
    return Ranks(rising[last][copies], low[copies], high[copies])


def _checked(values: Values) -> Bools:
    if not values.shape[1]:
        raise ValueError("Expected at least one picture; found none.")
    is_wrong: Bools = values == 1
    if not (is_wrong | (values == 0)).all():
        found = values[~is_wrong & (values != 0)][0]
        raise ValueError(f"Expected values of 0 and 1, for right and wrong; found {found:g}.")
    return is_wrong


def _copies(is_wrong: Bools) -> Ints:
    """Number the entries so that those that are the same on every picture have one number; (n_entries,)."""
    numbers: dict[bytes, int] = {}
    packed = np.packbits(is_wrong, axis=1)
    return np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in packed], dtype=np.int64)


def _shown_better(is_wrong: Bools) -> Bools:
    """Return whether each entry is shown to be better than each other, (n_entries, n_entries), [better, worse]."""
    both = np.zeros((len(is_wrong), len(is_wrong)))  # pictures on which two are wrong
    for start in range(0, is_wrong.shape[1], PICTURES_AT_ONCE):
        # Whole numbers below 2 ** 24 are exact in single precision, which is twice as fast.
        wrong = is_wrong[:, start : start + PICTURES_AT_ONCE].astype(np.float32)
        both += wrong @ wrong.T
    alone = (both.diagonal()[:, None] - both).astype(np.int64)  # [i, j]: on which i is wrong and j is not
    one, other = np.triu_indices(len(is_wrong), k=1)
    is_shown = np.zeros(alone.shape, dtype=np.bool_)
    is_shown[one, other] = holm(mcnemar_each(alone[one, other], alone[other, one])) < TOLD_APART
    return (is_shown | is_shown.T) & (alone < alone.T)


def bootstrap_means(
    values: NDArray[np.float32], seed: int, level: float = LEVEL, span: Interval = (0.0, 1.0)
) -> tuple[Floats, Floats]:
    """Return the percentile interval of each row's mean, all from the same DRAWS resamples: low, high, (n_entries,).

    values: (n_entries, n_images), within `span`. What one entry's values are above another's on the same pictures,
    within (-1, 1), give the paired interval of how far the two are apart.
    Each row is drawn sorted: the pictures' order is nobody's to guess from, see competition.intervals; nor does it
    matter, once a row holds the differences. Rows of equal values have `interval_of_equals`.
    Raises ValueError without pictures. Source: Efron & Tibshirani (1993), chapter 13.
    """
    n_entries, n_images = values.shape
    if not n_images:
        raise ValueError("Expected at least one picture; found none.")
    values = np.sort(values.astype(np.float32), axis=1)
    means = np.empty((DRAWS, n_entries), dtype=np.float32)
    rng = np.random.default_rng(seed)
    for start in range(0, DRAWS, DRAWS_AT_ONCE):
        counts = [
            np.bincount(rng.integers(0, n_images, n_images), minlength=n_images) for _ in range(DRAWS_AT_ONCE)
        ]
        means[start : start + DRAWS_AT_ONCE] = np.array(counts, dtype=np.float32) @ values.T / n_images
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0).astype(np.float64)
    for row in np.flatnonzero(values[:, 0] == values[:, -1]):
        low[row], high[row] = interval_of_equals(float(values[row, 0]), n_images, level, span)
    return low, high
