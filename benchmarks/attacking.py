"""The majority vote of random entries, an attack on any board that tells scores, and how long entries that do get
better wait to be told. Source: Blum & Hardt (2015), arXiv:1502.04585.

Of two classes each entry guesses at random, so that none, and no vote of any, is worth more than one half. What the
board says beyond that was learnt from the hidden labels of its public part.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import report
from competition.ladder import release

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

N_IMAGES, N_ENTRIES, N_SEEDS = 1_000, 200, 200
# What is learnt of an entry that is not told: that it is a little worse than one half, by so much at most.
UNTOLD = -0.002

Tell = Callable[[Bools], float | None]  # (n_images,), whether wrong -> what is told


@dataclass
class Ladder:
    """A board that tells a team what competition.ladder releases."""

    best: float | None = None
    values: Floats | None = None

    def tell(self, is_wrong: Bools) -> float | None:
        mine = is_wrong.astype(np.float64)
        told = release(self.best, mine, self.values)
        if told is not None:
            self.best, self.values = told, mine
        return told


def tell_all(is_wrong: Bools) -> float:
    """Tell every entry its error."""
    return float(is_wrong.mean())


def majority(told: list[float | None]) -> Floats:
    """Weigh the entries alike that are told to be better than one half, the others not at all; (n_entries,)."""
    return np.array([0.0 if error is None or error >= 0.5 else 1.0 for error in told])


def turned(told: list[float | None]) -> Floats:
    """Weigh each entry by what is told of it, turning those round that are worse; (n_entries,)."""
    return np.array([UNTOLD if error is None else 0.5 - error for error in told])


def attack(tell: Tell, weigh: Callable[[list[float | None]], Floats], seed: int) -> float:
    """Return by how much the vote of N_ENTRIES random entries is better than one half on the public part, 0..0.5."""
    rng = np.random.default_rng(seed)
    truth = rng.random(N_IMAGES) < 0.5
    entries = rng.random((N_ENTRIES, N_IMAGES)) < 0.5
    weights = weigh([tell(entry != truth) for entry in entries])
    score = weights @ np.where(entries, 1, -1) + rng.uniform(-1e-9, 1e-9, N_IMAGES)  # ties by lot
    return 0.5 - float(((score > 0) != truth).mean())


def random_entries() -> None:
    """Report what each vote gains on each board, over N_SEEDS seeds."""
    for board in ("every score told", "Ladder"):
        for weigh in (majority, turned):
            gains = np.array(
                [
                    attack(tell_all if board == "every score told" else Ladder().tell, weigh, seed)
                    for seed in range(N_SEEDS)
                ]
            )
            report(
                "attack",
                board=board,
                vote=weigh.__name__,
                entries=N_ENTRIES,
                pictures=N_IMAGES,
                mean_gain_points=100 * float(gains.mean()),
                above_3_points=float((gains > 0.03).mean()),
            )


def better_and_better() -> None:
    """Report how far behind the latest entry's error that of a team is that is told, over an honest series."""
    for n_images in (1_000, 10_000, 50_000):
        behind = np.concatenate([lag(n_images, seed) for seed in range(10)])
        report(
            "honest series",
            pictures=n_images,
            entries=40,
            points_better_each=0.5,
            mean_points_behind=100 * float(behind.mean()),
            most_points_behind=100 * float(behind.max()),
        )


def lag(n_images: int, seed: int, n_entries: int = 40, noise: float = 0.03) -> Floats:
    """Return how far what is told is behind the error of each entry, 0..1, (n_entries,).

    The entries err on 0.30 and 0.005 less each time, mostly on the same pictures: those whose difficulty, with some
    `noise` of each entry's own, lies above what it can.
    """
    rng = np.random.default_rng(seed)
    difficulty, ladder = rng.random(n_images), Ladder()
    behind = np.empty(n_entries)
    for place, error in enumerate(0.30 - 0.005 * np.arange(n_entries)):
        is_wrong = difficulty + noise * rng.normal(size=n_images) < error
        ladder.tell(is_wrong)
        assert ladder.best is not None
        behind[place] = ladder.best - is_wrong.mean()
    return behind
