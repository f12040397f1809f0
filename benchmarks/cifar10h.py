"""CIFAR-10H: half a million votes of 2,567 people on 10,000 pictures whose classes are known, fifty votes each.

Source: Peterson, Battleday, Griffiths & Russakovsky (2019), doi:10.1109/ICCV.2019.00971. The files lie outside the
repository, since their licence allows no commercial use.
"""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.crowds import Crowd
from labeling.consensus import Floats, Ints, Votes

FOLDER = Path(__file__).resolve().parents[2] / "shared/data/cifar10h"
N_CLASSES = 10
VOTES_EACH = 50


def read(folder: Path) -> Crowd:
    """Return every vote, and the true class of each picture. Raises FileNotFoundError where a file is missing."""
    table = np.loadtxt(folder / "votes.csv.gz", delimiter=",", skiprows=1, usecols=(0, 1, 2), dtype=np.int64)
    with gzip.open(folder / "labels.csv.gz", "rt") as lines:
        truth = {int(row["image_index"]): int(row["true_label"]) for row in csv.DictReader(lines)}
    annotator, item, label = table.T
    classes = np.array([truth[i] for i in range(len(truth))])
    return Crowd("cifar10h", Votes(item, annotator, label), classes, N_CLASSES)


def read_network(folder: Path) -> Floats:
    """Return a network's probability of each class, (n_items, n_classes) float64, rows summing to 1 but for rounding.

    It was trained on CIFAR-10's own training pictures and is right on 93.18 % of these.
    """
    with np.load(folder / "pred_probs_vgg15.npz") as arrays:
        [name] = arrays.files
        probabilities: Floats = arrays[name].astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


def shuffled_arrival(votes: Votes, rng: np.random.Generator) -> Ints:
    """Draw for each vote its place, from 0, in a random order of its item's votes, (n_votes,)."""
    order = np.lexsort((rng.random(len(votes)), votes.item))
    first = np.searchsorted(votes.item[order], votes.item[order])
    arrival = np.empty(len(votes), dtype=np.int64)
    arrival[order] = np.arange(len(votes)) - first
    return arrival


def subsets(crowd: Crowd, votes_each: int, n_subsets: int) -> Iterator[Crowd]:
    """Yield crowds of `votes_each` votes an item, drawn at random, always the same; all votes make one subset."""
    for seed in range(1 if votes_each >= VOTES_EACH else n_subsets):
        arrival = shuffled_arrival(crowd.votes, np.random.default_rng(seed))
        votes = crowd.votes.where(arrival < votes_each)
        yield Crowd(f"{votes_each} votes, subset {seed}", votes, crowd.truth, crowd.n_classes)
