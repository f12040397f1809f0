"""What is told of a score while a contest goes on. Pure NumPy.

Whoever is told every score learns the hidden labels little by little, so a team is told its first, and from then on
only a new best, and only if it is one. Source: Blum & Hardt (2015), arXiv:1502.04585.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from competition.intervals import mean

AnyFloats = NDArray[np.floating[Any]]

STEPS = (5, 2, 1)  # times a power of ten
# Standard errors by which a new best is better. Chance alone goes so far once in 740 tries, so that 200 entries at
# random seldom find anything; Blum & Hardt's 1 lets one in six through.
MARGIN = 3.0


def step(n_images: int, most: float = 1.0) -> float:
    """Return to what a mean over `n_images` pictures is rounded: 1, 2 or 5 times a power of ten.

    It is the largest such that is at most the standard error of an error of one half: 0.01 for 1,000 pictures. What
    is finer, the sample cannot support, and it would tell of single pictures.
    most: the greatest value there can be, by which the step grows.
    Raises ValueError without pictures, or if `most` is not above 0.
    """
    if n_images < 1 or most <= 0:
        raise ValueError(f"Expected at least one picture and a range above 0; found {n_images} and {most:g}.")
    widest = most * 0.5 / n_images**0.5
    power = int(np.floor(np.log10(widest)))
    # Rounding of the logarithm may leave the power one too high.
    return next(
        size
        for exponent in (power + 1, power, power - 1)
        for each in STEPS
        if (size := round(each * 10.0**exponent, max(0, -exponent))) <= widest
    )


def rounded(value: float, n_images: int, most: float = 1.0) -> float:
    """Return `value`, a mean over `n_images` pictures, rounded to `step`."""
    size = step(n_images, most)
    return round(round(value / size) * size, 12)


def release(best: float | None, mine: AnyFloats, theirs: AnyFloats | None, most: float = 1.0) -> float | None:
    """Return what a team is told of its entry's mean, rounded; None where it is no new best.

    best: what the team was told last, or None before the first, which is always told.
    mine: (n_images,), the entry's values, less being better; theirs: the same of the entry that `best` is of.
    most: the greatest value there can be.
    It is a new best if the mean of theirs - mine is above MARGIN standard errors, which for values of 0 and 1 is
    McNemar's statistic, and if what is told is below `best`.
    Raises ValueError without pictures, or if `best` comes without `theirs` or with another length.
    """
    told = rounded(mean(mine), len(mine), most)
    if best is None:
        return told
    if theirs is None or len(theirs) != len(mine):
        found = "none" if theirs is None else f"{len(theirs)}"
        raise ValueError(f"Expected the best entry's values on {len(mine)} pictures; found {found}.")
    gain = theirs.astype(np.float64) - mine
    # The error of a sum of differences that are as likely to be for either side.
    is_shown = gain.sum() > MARGIN * float(np.sqrt((gain**2).sum()))
    return told if is_shown and told < best else None
