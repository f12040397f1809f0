"""Time and accuracy of labeling.consensus on half a million real votes. Prints one JSON object a line.

    python -m benchmarks.consensus [FOLDER]

FOLDER holds CIFAR-10H as votes.csv.gz and labels.csv.gz, by default ../shared/data/cifar10h beside the
repository; where it is missing, only the synthetic votes are timed. Seeds are fixed: only the seconds vary.
"""

import csv
import gzip
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labeling import consensus
from labeling.consensus import Floats, Ints, Parameters, Policy, Votes

FOLDER = Path(__file__).resolve().parents[2] / "shared/data/cifar10h"
N_CLASSES = 10


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    report(
        "machine",
        cpu=platform.processor() or platform.machine(),
        cores=os.cpu_count(),
        python=platform.python_version(),
        numpy=np.__version__,
    )
    time_synthetic(n_votes=1_000_000)
    time_online()
    if not (folder / "votes.csv.gz").is_file():
        print(f"{folder} holds no votes.csv.gz, so accuracy on CIFAR-10H is not measured.", file=sys.stderr)
        return
    votes, truth = read(folder)
    arrival = shuffled_arrival(votes, np.random.default_rng(0))
    for n in (1, 2, 3, 5, 10, 50):
        compare(select(votes, arrival < n), truth, n)
    buy(votes, truth, arrival)


def report(name: str, **figures: Any) -> None:
    rounded = {key: round(x, 5) if isinstance(x, float) else x for key, x in figures.items()}
    print(json.dumps({"what": name} | rounded), flush=True)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def read(folder: Path) -> tuple[Votes, Ints]:
    """Return every vote, and the true label of each picture, (n_items,)."""
    table = np.loadtxt(folder / "votes.csv.gz", delimiter=",", skiprows=1, usecols=(0, 1, 2), dtype=np.int64)
    with gzip.open(folder / "labels.csv.gz", "rt") as lines:
        truth = {int(row["image_index"]): int(row["true_label"]) for row in csv.DictReader(lines)}
    annotator, item, label = table.T
    return Votes(item, annotator, label), np.array([truth[i] for i in range(len(truth))])


def shuffled_arrival(votes: Votes, rng: np.random.Generator) -> Ints:
    """Draw for each vote its place, from 0, in a random order of its item's votes."""
    order = np.lexsort((rng.random(len(votes)), votes.item))
    first = np.searchsorted(votes.item[order], votes.item[order])
    arrival = np.empty(len(votes), dtype=np.int64)
    arrival[order] = np.arange(len(votes)) - first
    return arrival


def select(votes: Votes, chosen: np.ndarray) -> Votes:
    return Votes(votes.item[chosen], votes.annotator[chosen], votes.label[chosen])


def compare(votes: Votes, truth: Ints, votes_each: int) -> None:
    (label, _share), majority_s = timed(lambda: consensus.majority(votes, len(truth), N_CLASSES))
    fit, fit_s = timed(lambda: consensus.fit(votes, len(truth), N_CLASSES))
    report(
        "cifar10h",
        votes_per_picture=votes_each,
        majority_accuracy=float((label == truth).mean()),
        # A tie to the lowest label happens to suit CIFAR-10; at two votes a picture ties are what counts.
        majority_accuracy_ties_drawn=drawn_majority_accuracy(votes, truth),
        fit_accuracy=float((fit.label == truth).mean()),
        fit_mean_confidence=float(fit.confidence.mean()),
        majority_s=majority_s,
        fit_s=fit_s,
        iterations=fit.n_iterations,
    )


def drawn_majority_accuracy(votes: Votes, truth: Ints) -> float:
    """The expected accuracy of a majority that draws lots between tied labels."""
    cells = votes.item * N_CLASSES + votes.label
    counts = np.bincount(cells, minlength=len(truth) * N_CLASSES).reshape(len(truth), N_CLASSES)
    is_best = counts == counts.max(axis=1, keepdims=True)
    return float((is_best[np.arange(len(truth)), truth] / is_best.sum(axis=1)).mean())


def buy(votes: Votes, truth: Ints, arrival: Ints, first_pass: int = 2) -> None:
    """Stop each picture when its posterior allows, and find the cheapest target that is 99 % right.

    The truth picks that target, so the votes are what a well-set policy would buy and no forecast. Skills and
    parameters come from a fit of the first votes of each picture, which count as bought.
    """
    fit = consensus.fit(select(votes, arrival < first_pass), len(truth), N_CLASSES)
    skill = np.full(votes.annotator.max() + 1, fit.parameters.newcomer_skill)
    skill[: len(fit.mean_skill)] = fit.mean_skill
    order = np.lexsort((arrival, votes.item))
    label, skills = votes.label[order], skill[votes.annotator[order]]
    edges = np.searchsorted(votes.item[order], np.arange(len(truth) + 1))
    for nines in range(1, 11):
        target = 1 - 10**-nines
        policy = Policy(target, min_votes=first_pass, max_votes=20)
        bought, right = 0, 0
        for item in range(len(truth)):
            mine = slice(edges[item], edges[item + 1])
            n_votes, answer = ask(label[mine], skills[mine], fit.parameters, policy)
            bought += n_votes
            right += answer == truth[item]
        report(
            "adaptive",
            target_confidence=f"1 - 1e-{nines}",
            max_votes=policy.max_votes,
            votes_per_picture=bought / len(truth),
            accuracy=right / len(truth),
        )
        if right >= 0.99 * len(truth):
            return
    print("No target reaches 99 %.", file=sys.stderr)


def ask(labels: Ints, skills: Floats, parameters: Parameters, policy: Policy) -> tuple[int, int]:
    """Take votes in turn until the question is decided; return their number and the likeliest label."""
    n_votes, decision = policy.min_votes - 1, consensus.Decision.ASK_AGAIN
    while decision is consensus.Decision.ASK_AGAIN:
        n_votes += 1
        belief = consensus.posterior(labels[:n_votes], skills[:n_votes], parameters)
        decision = consensus.decide(float(belief.max()), n_votes, n_votes, policy)  # each names a class
    return n_votes, int(belief.argmax())


def time_synthetic(n_votes: int) -> None:
    rng = np.random.default_rng(0)
    n_items, n_annotators = n_votes // 5, n_votes // 200
    truth, skills = rng.integers(0, N_CLASSES, n_items), rng.beta(8, 2, n_annotators)
    item, annotator = rng.integers(0, n_items, n_votes), rng.integers(0, n_annotators, n_votes)
    slip = rng.integers(1, N_CLASSES, n_votes) * (rng.random(n_votes) > skills[annotator])
    votes = Votes(item, annotator, (truth[item] + slip) % N_CLASSES)
    (label, _share), majority_s = timed(lambda: consensus.majority(votes, n_items, N_CLASSES))
    fit, fit_s = timed(lambda: consensus.fit(votes, n_items, N_CLASSES))
    report(
        "synthetic",
        n_votes=n_votes,
        n_items=n_items,
        n_annotators=n_annotators,
        majority_s=majority_s,
        fit_s=fit_s,
        iterations=fit.n_iterations,
        majority_accuracy=float((label == truth).mean()),
        fit_accuracy=float((fit.label == truth).mean()),
    )


def time_online(repeats: int = 5_000) -> None:
    labels, skills, parameters = np.array([1, 1, 2]), np.array([0.9, 0.8, 0.7]), Parameters.start(N_CLASSES)
    _, seconds = timed(lambda: [consensus.posterior(labels, skills, parameters) for _ in range(repeats)])
    report("online posterior", n_classes=N_CLASSES, n_votes=3, milliseconds=seconds / repeats * 1000)


if __name__ == "__main__":
    main()
