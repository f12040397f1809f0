"""How many votes a picture needs until 99 of 100 labels are right, by when one stops asking.

The votes of CIFAR-10H are bought one by one in a random order. The truth picks each rule's best setting, so the
figures are what a well-set rule buys and no forecast; every rule is treated alike in that.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import cifar10h, plot
from benchmarks.crowds import Crowd
from benchmarks.reporting import report
from labeling import consensus
from labeling.consensus import Ints, Probabilities, Start, Votes

WANTED = 0.99
ORDERS = 3
TARGETS = (0.97, 0.99, 0.997, 0.999, 0.9997, 0.9998, 0.9999)
AT_MOST = (8, 20)
FIXED = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 40, 50)

# Votes bought of each item, (n_items,), and the labels they lead to, (n_items,).
Bought = tuple[Ints, Ints]


@dataclass(frozen=True, eq=False)
class Stream:
    """Every item's votes in the order in which they come: item i's are at i * each to (i + 1) * each - 1."""

    votes: Votes
    each: int
    truth: Ints
    n_classes: int

    @classmethod
    def of(cls, crowd: Crowd, seed: int) -> "Stream":
        arrival = cifar10h.shuffled_arrival(crowd.votes, np.random.default_rng(seed))
        votes = crowd.votes.where(np.lexsort((arrival, crowd.votes.item)))
        return cls(votes, len(votes) // crowd.n_items, crowd.truth, crowd.n_classes)

    def first(self, n: Ints) -> Votes:
        """Return the first n[i] votes of each item i; n: (n_items,)."""
        place = np.arange(len(self.votes)) % self.each
        return self.votes.where(place < n[self.votes.item])

    def counts(self) -> NDArray[np.int16]:
        """How many of an item's first votes name each class, (n_items, each, n_classes), the k-th vote included."""
        said = np.eye(self.n_classes, dtype=np.int16)[self.votes.label]
        counts: NDArray[np.int16] = said.reshape(-1, self.each, self.n_classes).cumsum(axis=1, dtype=np.int16)
        return counts


@dataclass(frozen=True)
class Point:
    """One rule at one setting: votes an item and accuracy, each the mean over the orders, and their spread."""

    setting: str
    votes: float
    accuracy: float
    votes_spread: float
    accuracy_spread: float


def on_cifar10h(folder: Path, drawing: Path | None) -> None:
    """Report every rule's points and the cheapest that is right often enough; draw them to `drawing`, an SVG."""
    crowd = cifar10h.read(folder)
    network = Probabilities(np.arange(crowd.n_items), cifar10h.read_network(folder))
    streams = [Stream.of(crowd, seed) for seed in range(ORDERS)]
    rules = {
        "majority of a fixed number": measure(by_number(), streams),
        "lead of two": measure(by_lead(2), streams),
        "lead of three": measure(by_lead(3), streams),
        "ours": measure(by_confidence({}, first=1), streams),
        "ours with a network": measure(by_confidence({"prior": network}, first=1), streams),
    }
    for name, points in rules.items():
        report_rule(name, points)
    if drawing:
        draw(rules, drawing)


# Settings, each with what it buys of a stream.
Rule = Iterator[tuple[str, Callable[[Stream], Bought]]]


def measure(rule: Rule, streams: list[Stream]) -> list[Point]:
    points = []
    for setting, buy in rule:
        bought = [buy(stream) for stream in streams]
        votes = [n.mean() for n, _ in bought]
        right = [(label == stream.truth).mean() for (_, label), stream in zip(bought, streams, strict=True)]
        points.append(
            Point(
                setting,
                float(np.mean(votes)),
                float(np.mean(right)),
                float(np.std(votes, ddof=1)),
                float(np.std(right, ddof=1)),
            )
        )
    return points


def by_number() -> Rule:
    for n in FIXED:
        yield f"{n} votes", partial(by_majority, n=n)


def by_majority(stream: Stream, n: int) -> Bought:
    """Buy `n` votes of each; a tie goes to the lowest label."""
    return np.full(len(stream.truth), n), stream.counts()[:, n - 1].argmax(axis=1)


def by_lead(lead: int) -> Rule:
    for at_most in (*AT_MOST, 50):
        yield f"at most {at_most}", partial(until_lead, lead=lead, at_most=at_most)


def until_lead(stream: Stream, lead: int, at_most: int) -> Bought:
    """Buy votes of each item until one class is `lead` votes ahead of the next, or there are `at_most`."""
    counts = stream.counts()[:, :at_most]
    best = np.sort(counts, axis=2)
    leads = best[:, :, -1] - best[:, :, -2] >= lead
    leads[:, -1] = True
    last = leads.argmax(axis=1)
    return last + 1, counts[np.arange(len(counts)), last].argmax(axis=1)


def by_confidence(given: dict[str, Any], first: int) -> Rule:
    """given: what `consensus.fit` is told besides the votes; first: votes that every item gets."""
    for target, at_most in product(TARGETS, AT_MOST):
        buy = partial(until_sure, target=target, first=first, at_most=at_most, given=given)
        yield f"target {target}, at most {at_most}", buy


def until_sure(stream: Stream, target: float, first: int, at_most: int, given: dict[str, Any]) -> Bought:
    """Buy a vote more of each item below `target`, learn from all votes bought so far, and go on until none is left.

    Nothing but votes that were bought is ever looked at. A later fit may find an item unsure that an earlier one
    thought settled; it is asked again.
    """
    n = np.full(len(stream.truth), first)
    start = None
    while True:
        fit = consensus.fit(stream.first(n), len(n), stream.n_classes, start=start, **given)
        start = Start(fit.parameters)
        is_open = (fit.confidence < target) & (n < at_most)
        if not is_open.any():
            return n, fit.label
        n = n + is_open


def report_rule(name: str, points: list[Point]) -> None:
    for point in frontier(points):
        report(f"stopping: {name}", **vars(point))
    enough = [point for point in points if point.accuracy > WANTED - 1e-9]  # a mean of floats
    if not enough:
        best = max(points, key=lambda point: point.accuracy)
        report(f"stopping: {name}, votes for 99 %", votes=None, best_accuracy=best.accuracy)
        return
    cheapest = min(enough, key=lambda point: point.votes)
    report(f"stopping: {name}, votes for 99 %", **vars(cheapest))


def frontier(points: Iterable[Point]) -> list[Point]:
    """The points than which no other is as cheap and more often right, cheapest first."""
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point.votes, -point.accuracy)):
        if not found or point.accuracy > found[-1].accuracy:
            found.append(point)
    return found


def draw(rules: dict[str, list[Point]], path: Path) -> None:
    lines = {
        name: [(point.votes, 100 * point.accuracy) for point in frontier(points)]
        for name, points in rules.items()
    }
    chart = plot.Chart(
        title="CIFAR-10H: labels right by votes bought",
        x=plot.Axis("votes a picture (mean)", (1, 2, 3, 5, 10, 20, 50), logarithmic=True),
        y=plot.Axis("right, in percent", (97, 97.5, 98, 98.5, 99, 99.5)),
    )
    path.write_text(plot.draw(chart, lines))
