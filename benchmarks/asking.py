"""Whether labels are better for the same votes where those are asked first of which one more vote tells most.

The votes of CIFAR-10H are bought in rounds, each picture's in a random order. Every picture gets one at first. Then a
round's votes go to pictures that have not settled by TARGET and FEWEST: to any of them, to those whose label is least
sure, or to those with the greatest gain (labeling.gain); and, so that one sees what settling alone is worth, to any
picture at all. After each round everything is learnt anew from what was bought. Pictures are labelled as likeliest.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks import cifar10h
from benchmarks.reporting import report
from benchmarks.stopping import ORDERS, Stream
from labeling import consensus
from labeling.consensus import Fit, Floats, Ints, Start
from labeling.gain import NextVote

TARGET, FEWEST = 0.98, 2  # as a new collection has them
ROUND = 500  # votes
BUDGETS = (1.25, 1.5, 1.75, 2.0, 2.25)  # votes a picture; by 2.25 nearly all have settled

# What is believed, votes on each item so far, and a generator -> (n_items,), the highest is asked first; -inf: never.
Order = Callable[[Fit, Ints, np.random.Generator], Floats]


def on_cifar10h(folder: Path) -> None:
    """Report the share of right labels at each budget, by who is asked first: mean and spread of the streams."""
    crowd = cifar10h.read(folder)
    streams = [Stream.of(crowd, seed) for seed in range(ORDERS)]
    for name, order in RULES.items():
        right = np.array([list(buy(stream, order, seed)) for seed, stream in enumerate(streams)])
        for budget, of_budget in zip(BUDGETS, right.T, strict=True):
            report(
                f"asking: {name}",
                votes=budget,
                accuracy=float(of_budget.mean()),
                accuracy_spread=float(of_budget.std(ddof=1)),
            )


def buy(stream: Stream, order: Order, seed: int) -> Iterator[float]:
    """Buy votes round by round, and yield the share of right labels at each of BUDGETS."""
    rng = np.random.default_rng(seed)
    n = np.ones(len(stream.truth), dtype=np.int64)
    fit = consensus.fit(stream.first(n), len(n), stream.n_classes)
    for budget in BUDGETS:
        while n.sum() < budget * len(n):
            first = order(fit, n, rng)
            chosen = np.argsort(-first, kind="stable")[:ROUND]
            chosen = chosen[(first[chosen] > -np.inf) & (n[chosen] < stream.each)]
            if not len(chosen):
                break  # all have settled
            n[chosen] += 1
            fit = consensus.fit(stream.first(n), len(n), stream.n_classes, start=Start(fit.parameters))
        yield float((fit.label == stream.truth).mean())


def is_unsettled(fit: Fit, n: Ints) -> np.ndarray:
    unsettled: np.ndarray = (fit.confidence < TARGET) | (n < FEWEST)
    return unsettled


def any_at_all(fit: Fit, n: Ints, rng: np.random.Generator) -> Floats:
    return rng.random(len(n))


def any_unsettled(fit: Fit, n: Ints, rng: np.random.Generator) -> Floats:
    return np.where(is_unsettled(fit, n), rng.random(len(n)), -np.inf)


def least_sure(fit: Fit, n: Ints, rng: np.random.Generator) -> Floats:
    return np.where(is_unsettled(fit, n), 1 - fit.confidence, -np.inf)


def by_gain(fit: Fit, n: Ints, rng: np.random.Generator) -> Floats:
    next_vote, gain = NextVote.of(fit.parameters), np.full(len(n), -np.inf)
    for item in np.flatnonzero(is_unsettled(fit, n)).tolist():
        gain[item] = next_vote.gain(fit.posterior(item))
    return gain


RULES: dict[str, Order] = {
    "any picture": any_at_all,
    "any that has not settled": any_unsettled,
    "the least sure first": least_sure,
    "by gain": by_gain,
}
