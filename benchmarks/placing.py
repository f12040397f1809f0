"""Ranks of many entries: how long they take, and how often entries that are equally good are told apart."""

import resource

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import best_of
from benchmarks.reporting import report
from competition.intervals import DRAWS
from competition.ranking import bootstrap_means, rank

SIZES = ((100, 10_000), (1_000, 10_000))
N_BOARDS, N_EQUAL, N_IMAGES = 1_000, 20, 1_000

Values = NDArray[np.float32]


def many_entries(turns: int) -> None:
    """Report the seconds of ranks and of bootstrap intervals, and the most memory that this process has taken."""
    for n_entries, n_images in SIZES:
        values = board(np.random.default_rng(2012), np.linspace(0.1, 0.4, n_entries), n_images)
        ranks, ranking_s = best_of(turns, lambda values=values: rank(values))
        _bounds, bootstrap_s = best_of(turns, lambda values=values: bootstrap_means(values, seed=2012))
        report(
            "ranks",
            entries=n_entries,
            pictures=n_images,
            seconds=ranking_s,
            bootstrap_draws=DRAWS,
            bootstrap_seconds=bootstrap_s,
            mean_width=float((ranks.high - ranks.low).mean()),
            peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        )


def equal_entries() -> None:
    """Report on which share of boards, all of whose entries err equally often, any two are told apart."""
    for name, hardness in (("independent", 0.0), ("some pictures hard for all", 0.8)):
        rng = np.random.default_rng(2012)
        n_false = sum(
            bool((rank(board(rng, np.full(N_EQUAL, 0.3), N_IMAGES, hardness)).high < N_EQUAL).any())
            for _ in range(N_BOARDS)
        )
        report("equal entries told apart", errors=name, boards=N_BOARDS, share=n_false / N_BOARDS)


def board(
    rng: np.random.Generator, errors: NDArray[np.float64], n_images: int, hardness: float = 0.5
) -> Values:
    """Make entries with these errors, (n_entries,), as (n_entries, n_images) of 0 and 1.

    hardness: the share of a picture's difficulty that is the same for all entries, 0..1.
    """
    shared = rng.random(n_images) < hardness
    difficulty = np.where(shared, rng.random(n_images), rng.random((len(errors), n_images)))
    return (difficulty < errors[:, None]).astype(np.float32)
