"""How far the probabilities that are given with guesses can be believed. Pure NumPy.

guesses: (n_images, n_guesses) int, places in Frozen.nouns, -1 where there is none; probabilities: the same shape, NaN
where none is given; truth: (n_images,) int64, classes; below: Frozen.below.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from competition.intervals import (
    LEVEL,
    Bools,
    Floats,
    Interval,
    drawn,
    interval_of_equals,
)

AnyFloats = NDArray[np.floating[Any]]
AnyInts = NDArray[np.integer[Any]]

BINS = 15  # as Guo et al.
CELLS_PER_BIN = 32  # that are drawn together; within one, probabilities differ by less than 0.0021
CHUNK = 2_000_000  # probabilities at a time, to bound memory


def is_at_or_below(guess: AnyInts, truth: AnyInts, below: Bools) -> Bools:
    """Return whether each picture is what its guess says; (n_images,) each.

    A guess that is a class is right of that class alone, also where another class is below it; one of an inner noun
    is right of every class below it.
    """
    n_classes = below.shape[1]
    found: Bools = (guess == truth) | ((guess >= n_classes) & below[guess, truth])
    return found


def calibration_error(confidence: AnyFloats, is_right: Bools) -> float:
    """Return the expected calibration error, 0..1: how far confidence and the share of right guesses are apart, bin
    by bin, weighted by the pictures in each of BINS bins of equal width.

    confidence: (n_images,), 0..1, of the first guess; is_right: (n_images,), whether that is so.
    Raises ValueError without pictures.
    Source: Guo et al. (2017), eq. 3, arXiv:1706.04599; Naeini et al. (2015), doi:10.1609/aaai.v29i1.9602.
    """
    if not len(confidence):
        raise ValueError("Expected at least one picture; found none.")
    bins, gap = _gaps(confidence, is_right)
    return float(np.abs(np.bincount(bins, weights=gap, minlength=BINS)).sum() / len(gap))


def calibration_interval(confidence: AnyFloats, is_right: Bools, seed: int, level: float = LEVEL) -> Interval:
    """Return the interval of `calibration_error`, by the basic bootstrap, made to contain the error itself.

    Chance alone makes the error larger, and of a resample once more: the basic interval, which turns the resamples'
    round about the error, takes that off again where percentiles would count it twice.
    Source: Davison & Hinkley (1997), section 5.2.
    """
    value = calibration_error(confidence, is_right)
    bins, gap = _gaps(confidence, is_right)
    if gap.min() == gap.max():
        return interval_of_equals(value, len(gap), level, (0.0, 1.0))
    fine = np.ceil(np.sort(confidence.astype(np.float64)) * (BINS * CELLS_PER_BIN)).astype(np.int64)
    _cells, cell = np.unique(fine * 2 + (gap > 0), return_inverse=True)
    counts = np.bincount(cell)
    of_bin = np.zeros((len(counts), BINS))  # each cell's mean gap, in the column of its bin
    of_bin[cell, bins] = (np.bincount(cell, weights=gap) / counts)[cell]
    errors = np.abs(drawn(counts, seed) @ of_bin).sum(axis=1) / len(gap)
    low, high = np.quantile(errors, [(1 - level) / 2, (1 + level) / 2])
    return max(0.0, min(value, 2 * value - float(high))), min(1.0, max(value, 2 * value - float(low)))


def _gaps(confidence: AnyFloats, is_right: Bools) -> tuple[AnyInts, Floats]:
    """Return each picture's bin, and 1 or 0 for right or wrong less its confidence, in the order of confidence."""
    order = np.lexsort((is_right, confidence))
    confidence = confidence[order].astype(np.float64)
    # Guo's bins are open below and closed above, so that 1 is in the last.
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return bins, is_right[order] - confidence


def brier_scores(guesses: AnyInts, probabilities: AnyFloats, truth: AnyInts, below: Bools) -> Floats:
    """Return for each picture the sum over the classes of (probability - 1 for the truth or 0 for others) squared.

    What is given to an inner noun is spread evenly over the classes below it, and what is left of 1 evenly over the
    classes that no guess covers (over all of them where every one is covered). A guess without a probability covers
    nothing, so that nothing said is an even spread. Returns (n_images,), 0..2.
    Source: Brier (1950), eq. 2, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    n_classes = below.shape[1]
    guesses = np.where(np.isnan(probabilities), -1, guesses)
    given = np.where(guesses < 0, 0.0, probabilities.astype(np.float64))
    n_listed = (guesses >= 0).sum(axis=1)
    ordered = np.sort(guesses, axis=1)
    repeats = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    is_plain = (guesses < n_classes).all(axis=1) & ~repeats & (n_listed < n_classes)
    scores = np.empty(len(guesses))
    scores[is_plain] = _of_classes_alone(guesses[is_plain], given[is_plain], truth[is_plain], n_classes)
    # The others need every class's probability; some pictures at a time.
    others = np.flatnonzero(~is_plain)
    for part in np.array_split(others, len(others) * n_classes // CHUNK + 1):
        wrong_by = spread(guesses[part], given[part], below)
        wrong_by[np.arange(len(part)), truth[part]] -= 1
        scores[part] = np.einsum("ij,ij->i", wrong_by, wrong_by)
    return scores


def _of_classes_alone(guesses: AnyInts, given: Floats, truth: AnyInts, n_classes: int) -> Floats:
    """Return Brier scores where every guess is another class and some class is left over."""
    n_free = n_classes - (guesses >= 0).sum(axis=1)
    each = np.maximum(0, 1 - given.sum(axis=1)) / n_free  # of the classes that are not guessed
    hit = guesses == truth[:, None]
    of_truth = np.where(hit.any(axis=1), (given * hit).sum(axis=1), each)
    scores: Floats = (given**2).sum(axis=1) + n_free * each**2 - 2 * of_truth + 1
    return scores


def spread(guesses: AnyInts, given: Floats, below: Bools) -> Floats:
    """Return the probability of each class, (n_images, n_classes), as `brier_scores` spreads it.

    given: (n_images, n_guesses), 0 where there is no guess.
    """
    n_classes = below.shape[1]
    believed = np.zeros((len(guesses), n_classes))
    is_covered = np.zeros(believed.shape, dtype=np.bool_)
    for guess, share in zip(guesses.T, given.T, strict=True):
        of_class = np.flatnonzero((guess >= 0) & (guess < n_classes))
        believed[of_class, guess[of_class]] += share[of_class]
        is_covered[of_class, guess[of_class]] = True
        of_inner = np.flatnonzero(guess >= n_classes)
        kinds = below[guess[of_inner]]
        believed[of_inner] += kinds * (share[of_inner] / kinds.sum(axis=1))[:, None]
        is_covered[of_inner] |= kinds
    is_free: Bools = ~is_covered | is_covered.all(axis=1, keepdims=True)
    left = np.maximum(0, 1 - given.sum(axis=1))
    believed += is_free * (left / is_free.sum(axis=1))[:, None]
    return believed
