"""Answers -> what is measured of them, each with its interval. Pure; docs/contests-metrics.md has the formulas.

Everywhere: guesses (n_images, n_guesses) int, best first, places in Frozen.nouns, -1 where there is none;
truth (n_images,) int64, classes; lch_height and below as in Frozen. Of every metric less is better.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from competition.frozen import Frozen
from competition.intervals import Floats, Interval, bootstrap_interval, mean
from competition.probabilities import brier_scores, calibration_error, calibration_interval, is_at_or_below

__all__ = [
    "BRIER",
    "CALIBRATION",
    "HIERARCHICAL",
    "SEVERITY",
    "TOP1",
    "TOP5",
    "Measured",
    "bootstrap_interval",
    "brier_scores",
    "calibration_error",
    "class_counts",
    "class_errors",
    "hierarchical_cost",
    "hierarchical_error",
    "measure",
    "mistake_severity",
    "top_k_error",
    "top_k_wrong",
]

AnyInts = NDArray[np.integer[Any]]

# The names of competition.models.Metric, which is not pure.
TOP1, TOP5, HIERARCHICAL = "top1_error", "top5_error", "hierarchical_error"
SEVERITY, CALIBRATION, BRIER = "mistake_severity", "calibration_error", "brier_score"
SEED = 2012  # of the bootstrap


class Guessed(Protocol):
    """What is read of competition.answers.Answers. probabilities: as guesses, NaN where none; or None."""

    @property
    def guesses(self) -> AnyInts: ...

    @property
    def probabilities(self) -> NDArray[np.floating[Any]] | None: ...


@dataclass(frozen=True, eq=False)
class Measured:
    """A metric's value and interval.

    each: (n_images,), of which it is the mean; None where it is no mean over the pictures.
    most: the greatest value that it can have, above 0.
    """

    value: float
    low: float
    high: float
    each: Floats | None
    most: float


def measure(answers: Guessed, truth: AnyInts, frozen: Frozen) -> dict[str, Measured]:
    """Return what is measured of the answers, by the names above.

    Left out is what cannot be said: CALIBRATION and BRIER without any probability, SEVERITY without a mistake.
    Raises ValueError without pictures.
    """
    guesses = answers.guesses
    farthest = max(1.0, float(frozen.lch_height.max()))  # with one class alone nothing is far
    is_wrong = top_k_wrong(guesses, truth, 1)
    measured = {
        TOP1: _mean_of(is_wrong, 1.0),
        TOP5: _mean_of(top_k_wrong(guesses, truth, 5), 1.0),
        HIERARCHICAL: _mean_of(hierarchical_cost(guesses, truth, frozen.lch_height), farthest),
    }
    if is_wrong.any():
        climbs = hierarchical_cost(guesses[:, :1], truth, frozen.lch_height)[is_wrong > 0]
        interval = bootstrap_interval(climbs, SEED, span=(0.0, farthest))
        measured[SEVERITY] = Measured(mean(climbs), *interval, None, farthest)
    if answers.probabilities is not None and not np.isnan(answers.probabilities).all():
        measured |= _of_probabilities(guesses, answers.probabilities, truth, frozen)
    return measured


def _of_probabilities(
    guesses: AnyInts, probabilities: NDArray[np.floating[Any]], truth: AnyInts, frozen: Frozen
) -> dict[str, Measured]:
    measured = {BRIER: _mean_of(brier_scores(guesses, probabilities, truth, frozen.below), 2.0)}
    is_sure = ~np.isnan(probabilities[:, 0])
    if is_sure.any():
        confidence = probabilities[is_sure, 0]
        is_right = is_at_or_below(guesses[is_sure, 0], truth[is_sure], frozen.below)
        interval: Interval = calibration_interval(confidence, is_right, SEED)
        measured[CALIBRATION] = Measured(calibration_error(confidence, is_right), *interval, None, 1.0)
    return measured


def _mean_of(each: Floats, most: float) -> Measured:
    return Measured(mean(each), *bootstrap_interval(each, SEED, span=(0.0, most)), each, most)


def top_k_wrong(guesses: AnyInts, truth: AnyInts, k: int) -> Floats:
    """Return 1 for each picture whose truth is not among its first `k` guesses, else 0; (n_images,).

    An inner noun is never the truth, which is a class.
    Raises ValueError if k is below 1. Source: Russakovsky et al. (2015), section 4.1, doi:10.1007/s11263-015-0816-y.
    """
    if k < 1:
        raise ValueError(f"Expected k of at least 1; found {k}.")
    is_right: NDArray[np.bool_] = (guesses[:, :k] == truth[:, None]).any(axis=1)
    return (~is_right).astype(np.float64)


def top_k_error(guesses: AnyInts, truth: AnyInts, k: int) -> float:
    """Return the share of pictures whose truth is not among their first `k` guesses, 0..1.

    Raises ValueError without pictures, or if k is below 1. Source: as for `top_k_wrong`.
    """
    return mean(top_k_wrong(guesses, truth, k))


def hierarchical_cost(guesses: AnyInts, truth: AnyInts, lch_height: AnyInts) -> Floats:
    """Return for each picture the least height of the lowest common hypernym over its guesses; (n_images,).

    lch_height: (n_nouns, n_classes), [guess, truth], 0 for a class and itself. A missing guess costs the greatest
    height there is, so that no guess ever costs more than to say nothing.
    Source: ILSVRC 2010 development kit.
    """
    heights = lch_height[guesses, truth[:, None]]  # (n_images, n_guesses)
    cost = np.where(guesses < 0, lch_height.max(), heights)
    least: Floats = cost.min(axis=1).astype(np.float64)
    return least


def hierarchical_error(guesses: AnyInts, truth: AnyInts, lch_height: AnyInts) -> float:
    """Return the mean of `hierarchical_cost`, in levels of the taxonomy. Raises ValueError without pictures."""
    return mean(hierarchical_cost(guesses, truth, lch_height))


def mistake_severity(guesses: AnyInts, truth: AnyInts, lch_height: AnyInts) -> float:
    """Return the mean `hierarchical_cost` of the first guess over the pictures on which that is wrong.

    Raises ValueError where none is: of no mistakes there is no mean.
    Source: Bertinetto et al. (2020), doi:10.1109/CVPR42600.2020.01252.
    """
    is_wrong = top_k_wrong(guesses, truth, 1) > 0
    if not is_wrong.any():
        raise ValueError("Expected at least one picture with a wrong first guess; found none.")
    return mean(hierarchical_cost(guesses[is_wrong, :1], truth[is_wrong], lch_height))


def class_counts(guesses: AnyInts, truth: AnyInts, lch_height: AnyInts) -> NDArray[np.int32]:
    """Return of each class: its pictures, those wrong at first, those wrong in five, and the sum of their
    hierarchical costs; (4, n_classes) int32, as ClassTally.counts keeps it.
    """
    rows = [
        np.ones(len(truth)),
        top_k_wrong(guesses, truth, 1),
        top_k_wrong(guesses, truth, 5),
        hierarchical_cost(guesses, truth, lch_height),
    ]
    n_classes = lch_height.shape[1]
    return np.array([np.bincount(truth, weights=row, minlength=n_classes) for row in rows], dtype=np.int32)


def class_errors(counts: AnyInts) -> Floats:
    """Return the top-1 error, top-5 error and hierarchical error of each class, (3, n_classes); NaN without pictures.

    counts: (4, n_classes) as from `class_counts`, or sums of its columns: (4, n) for n groups of classes.
    """
    errors: Floats = np.full(counts[1:].shape, np.nan)
    np.divide(counts[1:], counts[0], out=errors, where=counts[0] > 0)
    return errors
