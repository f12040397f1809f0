"""How far the probabilities that are given with guesses can be believed. Pure NumPy.

guesses: (n_images, n_guesses) int, places in Frozen.nouns, -1 where there is none; probabilities: the same shape, NaN
where none is given; truth: (n_images,) int64, classes; below: Frozen.below.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from competition.intervals import (
    DRAWS,
    LEVEL,
    Bools,
    Floats,
    Interval,
    Ints,
    drawn,
    interval_of_equals,
)

AnyFloats = NDArray[np.floating[Any]]
AnyInts = NDArray[np.integer[Any]]
Words = NDArray[np.uint64]

BINS = 15  # as Guo et al.
CELLS_PER_BIN = 32  # that are drawn together; within one, probabilities differ by less than 0.0021
CHUNK = 1_000_000  # words at a time, to bound memory


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
    round about the error, takes that off again where percentiles would count it twice. It reaches down to 0 where
    chance alone may have made the error.
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
    least = (
        0.0 if value <= _by_chance(bins, gap, seed, level) else max(0.0, min(value, 2 * value - float(high)))
    )
    return least, min(1.0, max(value, 2 * value - float(low)))


def _by_chance(bins: AnyInts, gap: Floats, seed: int, level: float) -> float:
    """Return the error that one whose confidences are all true stays below, but for (1 - level) / 2 of the time.

    Source: Broecker & Smith (2007), doi:10.1175/WAF993.1, with the normal's in place of every bin's binomials.
    """
    confidence = (gap > 0) - gap
    deviation = np.sqrt(np.bincount(bins, weights=confidence * (1 - confidence), minlength=BINS))
    gaps = np.random.default_rng(seed).normal(size=(DRAWS, BINS)) * deviation
    return float(np.quantile(np.abs(gaps).sum(axis=1) / len(gap), (1 + level) / 2))


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
    is_given = ~np.isnan(probabilities) & (guesses >= 0)
    guesses = np.where(is_given, guesses, len(below))
    given = np.where(is_given, probabilities.astype(np.float64), 0.0)
    kinds = _kinds(below)
    n_parts = len(guesses) * kinds.shape[1] * guesses.shape[1] // CHUNK + 1
    parts = np.array_split(np.arange(len(guesses)), n_parts)
    return np.concatenate(
        [_brier(guesses[part], given[part], truth[part], kinds, below.shape[1]) for part in parts]
    )


def _kinds(below: Bools) -> Words:
    """Return the classes that a guess of each noun covers, as bits, and in a last row those of no guess: none.

    Sets as bits are joined and counted 64 classes at a time, so that nobody needs every class's probability.
    """
    n_nouns, n_classes = below.shape
    covered = np.zeros((n_nouns + 1, -(-n_classes // 64) * 64), dtype=np.bool_)
    covered[:n_nouns, :n_classes] = below
    # A class covers itself alone, also where another class is below it.
    covered[:n_classes, :n_classes] = np.eye(n_classes, dtype=np.bool_)
    return np.packbits(covered, axis=1, bitorder="little").view("<u8")


def _brier(guesses: AnyInts, given: Floats, truth: AnyInts, kinds: Words, n_classes: int) -> Floats:
    """Return Brier scores from the sizes of sets alone: sum p^2 - 2 * p of the truth + 1.

    given: 0 where guesses is the last row of `kinds`.
    """
    sets = kinds[guesses]  # (n_images, n_guesses, n_words)
    each = given / np.maximum(1, _size(sets))  # of the probability of every class in a set
    squares = sum(
        (1 if one == other else 2) * each[:, one] * each[:, other] * _size(sets[:, one] & sets[:, other])
        for one in range(guesses.shape[1])
        for other in range(one + 1)
    )
    given_in_all, n_free = given.sum(axis=1), n_classes - _size(np.bitwise_or.reduce(sets, axis=1))
    left = np.maximum(0, 1 - given_in_all) / np.where(n_free > 0, n_free, n_classes)
    # Where no class is free, what is left comes on top of what all of them have.
    squares += np.where(n_free > 0, n_free * left**2, left * (2 * given_in_all + n_classes * left))
    word = np.take_along_axis(sets, truth[:, None, None] // 64, axis=2)[:, :, 0]
    has_truth = (word >> (truth[:, None] % 64).astype(np.uint64)) & np.uint64(1) > 0
    of_truth = (each * has_truth).sum(axis=1) + np.where(has_truth.any(axis=1) & (n_free > 0), 0, left)
    # Probabilities may sum to a hair above 1.
    scores: Floats = np.clip(squares - 2 * of_truth + 1, 0, 2)
    return scores


def _size(sets: Words) -> Ints:
    n_classes: Ints = np.bitwise_count(sets).sum(axis=-1, dtype=np.int64)
    return n_classes
