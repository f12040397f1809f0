"""What a starter set is worth: one target confidence for all classes, or one that is learnt for each.

As in benchmarks.stopping, the votes of CIFAR-10H are bought one by one in a random order until labels are sure
enough, two each at first. With a starter set, N_STARTERS pictures drawn at random get STARTER_VOTES each whatever
they say, and these votes are counted as bought; from them labeling.targets works out, after each round, from which
confidence labels of each class agree with all ten votes as often as is wanted, or labels of all classes together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import cifar10h
from benchmarks.reporting import report
from benchmarks.stopping import ORDERS, Stream
from labeling import consensus, targets
from labeling.consensus import Fit, Floats, Ints, Start

N_STARTERS, STARTER_VOTES = 500, 10
FEWEST, AT_MOST = 2, 20
ONE_TARGET = (0.98, 0.985, 0.99, 0.995, 0.998, 0.999)
WANTED = (0.98, 0.985, 0.99, 0.995)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True, eq=False)
class Bought:
    """Votes of each picture, the labels that they lead to, (n_items,) each; each class's last target, (n_classes,);
    and which pictures are the starter set, (n_items,).
    """

    n: Ints
    label: Ints
    target: Floats
    is_starter: NDArray[np.bool_]


def on_cifar10h(folder: Path) -> None:
    """Report votes and accuracy of each rule at each setting, and class by class those of the last of each."""
    crowd = cifar10h.read(folder)
    streams = [Stream.of(crowd, seed) for seed in range(ORDERS)]
    for name, settings, buy in (
        ("one target", ONE_TARGET, buy_until),
        ("one target, learnt from a starter set", WANTED, partial(buy_with_starters, is_each=False)),
        ("a target for each class", WANTED, partial(buy_with_starters, is_each=True)),
    ):
        for setting in settings:
            found = [buy(stream, setting) for stream in streams]
            report(f"targets: {name}", **measure(setting, found, streams))
            for row in by_class(found, streams):
                report(f"targets: {name}, {setting}, by class", **row)


def measure(setting: float, found: list[Bought], streams: list[Stream]) -> dict[str, float]:
    votes = [each.n.mean() for each in found]
    # What the starter set costs is the same for any number of pictures, so the votes of the others are told too.
    others = [each.n[~each.is_starter].mean() for each in found]
    right = [(each.label == stream.truth).mean() for each, stream in zip(found, streams, strict=True)]
    return {
        "setting": setting,
        "votes": float(np.mean(votes)),
        "votes_of_others": float(np.mean(others)),
        "accuracy": float(np.mean(right)),
        "votes_spread": float(np.std(votes, ddof=1)),
        "accuracy_spread": float(np.std(right, ddof=1)),
    }


def by_class(found: list[Bought], streams: list[Stream]) -> Iterator[dict[str, float | str]]:
    """Yield for each class its target, the votes bought of pictures that show it, and how many labels are right."""
    for place, noun in enumerate(CLASSES):
        shown = [stream.truth == place for stream in streams]
        yield {
            "noun": noun,
            "target": float(np.mean([each.target[place] for each in found])),
            "votes": float(np.mean([each.n[show].mean() for each, show in zip(found, shown, strict=True)])),
            "accuracy": float(
                np.mean([(each.label[show] == place).mean() for each, show in zip(found, shown, strict=True)])
            ),
        }


def buy_until(stream: Stream, target: float) -> Bought:
    """Buy votes of each picture until its label reaches `target`."""
    n = np.full(len(stream.truth), FEWEST)
    return _buy(stream, n, np.zeros(0, dtype=np.int64), np.full(stream.n_classes, target), wanted=None)


def buy_with_starters(stream: Stream, wanted: float, is_each: bool) -> Bought:
    """Buy votes until labels reach what a starter set says is needed, of each class or of all, to have the share
    `wanted` agree with ten votes.
    """
    n = np.full(len(stream.truth), FEWEST)
    # The order of the pictures is that of CIFAR-10's test set, which is random.
    starters = np.random.default_rng(0).permutation(len(n))[:N_STARTERS]
    n[starters] = STARTER_VOTES
    return _buy(stream, n, starters, np.full(stream.n_classes, wanted), wanted, is_each)


def _buy(
    stream: Stream, n: Ints, starters: Ints, target: Floats, wanted: float | None, is_each: bool = False
) -> Bought:
    start = None
    while True:
        fit = consensus.fit(stream.first(n), len(n), stream.n_classes, start=start)
        start = Start(fit.parameters)
        if wanted is not None:
            found = targets.calibrate(replay(stream, fit, starters), stream.n_classes, wanted)
            target = found.of_group if is_each else np.full(stream.n_classes, found.common)
        is_open = (fit.confidence < target[fit.label]) & (n < AT_MOST)
        if not is_open.any():
            return Bought(n, fit.label, target, np.isin(np.arange(len(n)), starters))
        n = n + is_open


def replay(stream: Stream, fit: Fit, starters: Ints) -> targets.Course:
    """Return what was believed of the starter pictures after each vote from the second to the tenth."""
    item, group, confidence, agrees = [], [], [], []
    for starter in starters.tolist():
        votes = slice(starter * stream.each, starter * stream.each + STARTER_VOTES)
        course = fit.course(starter, stream.votes.annotator[votes], stream.votes.label[votes])
        best = course.argmax(axis=1)
        later = np.arange(FEWEST - 1, STARTER_VOTES)
        item.append(np.full(len(later), starter))
        group.append(best[later])
        confidence.append(np.minimum(course.max(axis=1)[later], 1))
        agrees.append(best[later] == best[-1])
    return targets.Course(*(np.concatenate(column) for column in (item, group, confidence, agrees)))
