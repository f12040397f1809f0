"""What going on from the last fit saves, once a tenth more votes have come, and whether it finds the same.

The votes of CIFAR-10H come in a random order. What was fitted to the first of them is gone on from with the next
tenth, as a refit does after growth, beside a fit that begins anew.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import cifar10h
from benchmarks.crowds import Crowd
from benchmarks.reporting import report, timed
from labeling import consensus
from labeling.consensus import Ints, Votes

GROWTH = 1.1
ORDERS = 3
ROUNDS = 9  # of growth, one after the other: twice as many votes and more


def on_cifar10h(folder: Path, votes_each: tuple[int, ...]) -> None:
    """Report both after a tenth more votes, at so many votes a picture; and after many such tenths in turn."""
    crowd = cifar10h.read(folder)
    consensus.fit(crowd.votes, crowd.n_items, crowd.n_classes)  # so that what is compiled is loaded
    for each in votes_each:
        for seed in range(ORDERS):
            grow(crowd, each, seed, n_rounds=1)
    grow(crowd, max(votes_each), seed=0, n_rounds=ROUNDS)


def grow(crowd: Crowd, votes_each: int, seed: int, n_rounds: int) -> None:
    """Report a fit that went on `n_rounds` times, with a tenth more votes each, and one that begins anew then."""
    sizes = [round(votes_each * crowd.n_items / GROWTH**n) for n in range(n_rounds, -1, -1)]
    first, *grown = first_of(crowd.votes, sizes, seed)
    found = consensus.fit(first, crowd.n_items, crowd.n_classes)
    seconds = 0.0
    for votes in grown:
        go_on = partial(consensus.fit, votes, crowd.n_items, crowd.n_classes, start=found.start)
        found, seconds = timed(go_on)
    anew, seconds_anew = timed(lambda: consensus.fit(grown[-1], crowd.n_items, crowd.n_classes))
    report(
        "going on",
        votes_each=votes_each,
        seed=seed,
        n_rounds=n_rounds,
        iterations=found.n_iterations,
        iterations_anew=anew.n_iterations,
        seconds=seconds,
        seconds_anew=seconds_anew,
        labels_that_differ=int((found.label != anew.label).sum()),
        most_apart=float(np.abs(found.confidence - anew.confidence).max()),
        accuracy=float((found.label == crowd.truth).mean()),
        accuracy_anew=float((anew.label == crowd.truth).mean()),
    )


def first_of(votes: Votes, sizes: list[int], seed: int) -> Iterator[Votes]:
    """Yield so many of the votes each time, those before among them, in an order that `seed` draws."""
    order: Ints = np.random.default_rng(seed).permutation(len(votes))
    for size in sizes:
        yield votes.where(np.sort(order[:size]))
