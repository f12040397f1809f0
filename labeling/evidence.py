"""The votes on one question -> what was believed after each, and how much each weighed. Arrays in, arrays out.

In the model of labeling.consensus votes are independent given the class, so each multiplies the odds between two
classes by the ratio of its own likelihoods, whatever was said before. What follows says this vote by vote; after the
last one it is the posterior by which a question is decided.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = np.finfo(np.float64).tiny  # what is less has no logarithm
WIDTH, HEIGHT = 600, 200  # of the drawing of beliefs, in its own units
HALF = 500  # of the drawing of a weight: its middle is where a vote speaks for neither side
LEAST_TOLD = 0.25  # decibans: to be one twentieth likelier is, to a reader, to be no likelier


def log_beliefs(prior: Floats, alone: Sequence[Floats | None]) -> Floats:
    """Return ln P(class | the votes so far), before any vote and after each in turn, (n_votes + 1, n_classes).

    prior: (n_classes,), above 0, summing to 1. alone: of each vote, in the order in which they were cast, the
    posterior to which it would lead by itself, (n_classes,), summing to 1; None where it says nothing about them.
    Logarithms, since what nobody believes any more is too small a number after some hundred votes.
    """
    log_prior = np.log(prior)
    weighed = np.zeros((len(alone) + 1, len(prior)))
    for vote, posterior in enumerate(alone, start=1):
        if posterior is not None:
            # ln P(vote | class), but for a constant.
            weighed[vote] = np.log(np.maximum(posterior, LEAST)) - log_prior
    log_joint = log_prior + weighed.cumsum(axis=0)
    normed: Floats = log_joint - _log_sum(log_joint)[:, np.newaxis]
    return normed


def log_odds(beliefs: Floats, side: Ints, rival: Ints) -> Floats:
    """Return by how much each vote moved the odds of one side against another, (n_votes,), as natural logarithms:
    above 0 where it spoke for `side`, 0 where it told nothing between the two.

    beliefs: as `log_beliefs` gives them. side, rival: the classes of each, one at least; of an inner
    noun all classes below it.
    """
    moved: Floats = np.diff(_log_sum(beliefs[:, side]) - _log_sum(beliefs[:, rival]))
    return moved


def shares(beliefs: Floats, side: Ints) -> Floats:
    """Return the probability of the classes of `side` together, before any vote and after each, (n_votes + 1,)."""
    found: Floats = np.minimum(np.exp(_log_sum(beliefs[:, side])), 1.0)
    return found


@dataclass(frozen=True)
class Weight:
    """How much one vote weighed between two sides, from the natural logarithm of what it multiplied their odds by."""

    log_odds: float

    @property
    def decibans(self) -> float:
        """In tenths of a power of ten: 10 is ten times likelier, 20 a hundred times, -10 ten times less.
        Source: I. J. Good (1950), Probability and the Weighing of Evidence, chapter 6.
        """
        return 10 * self.log_odds / math.log(10)

    @property
    def times(self) -> float:
        """By how many times it made the side likelier that it speaks for, 1 or more; infinite beyond e to the 700."""
        return math.exp(min(abs(self.log_odds), 700))

    @property
    def is_for(self) -> bool:
        return self.decibans >= LEAST_TOLD

    @property
    def is_against(self) -> bool:
        return self.decibans <= -LEAST_TOLD

    def drawn(self, most: float) -> tuple[int, int]:
        """Return the start and the width of its bar on an axis 2 * HALF wide reaching `most` decibans each way."""
        width = round(HALF * min(abs(self.decibans) / most, 1)) if most > 0 else 0
        return (HALF if self.log_odds >= 0 else HALF - width), width


def steps(belief: Floats) -> str:
    """Return a belief as a line of steps for <polyline>, "x,y x,y", y downwards: a level for what was believed before
    any vote, and one after each, all equally wide. belief: (n_votes + 1,), 0 to 1.
    """
    edges = np.linspace(0, WIDTH, len(belief) + 1)
    y = HEIGHT * (1 - belief)
    corners = zip(np.repeat(edges, 2)[1:-1].tolist(), np.repeat(y, 2).tolist(), strict=True)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def likeliest(log_belief: Floats, without: Ints, n: int) -> list[int]:
    """Return up to `n` classes besides those of `without`, the likeliest first; of equal ones the first.

    log_belief: (n_classes,).
    """
    ranked = np.argsort(-log_belief, kind="stable")
    return [int(place) for place in ranked[~np.isin(ranked, without)][:n]]


def _log_sum(logs: Floats) -> Floats:
    """Return ln of the sum of exp of each row, without leaving logarithms."""
    top = logs.max(axis=1, keepdims=True)
    found: Floats = top[:, 0] + np.log(np.exp(logs - top).sum(axis=1))
    return found
