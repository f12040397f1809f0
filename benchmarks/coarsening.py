"""What votes for inner nouns are worth: a third of CIFAR-10H's votes say less than they could, or are missing."""

from pathlib import Path

import numpy as np

from benchmarks import cifar10h
from benchmarks.crowds import Crowd
from benchmarks.reporting import report
from labeling import consensus
from labeling.coarse import Tree
from labeling.consensus import Floats, Votes

# airplane 0, automobile 1, bird 2, cat 3, deer 4, dog 5, frog 6, horse 7, ship 8, truck 9
VEHICLES = ((0, 1, 8, 9), (1, 9), (0, 8))  # vehicle: motor vehicle, craft
ANIMALS = ((2, 3, 4, 5, 6, 7), (3, 5), (4, 7), (2, 6))  # animal: carnivore, ungulate, other vertebrate
TREE = (*VEHICLES, *ANIMALS)
SHARE = 1 / 3
DRAWS = 3


def on_cifar10h(folder: Path, votes_each: tuple[int, ...] = (2, 3, 5, 10, 50)) -> None:
    """Report, for votes a picture, how much accuracy is lost where a third is coarse and where it is dropped."""
    crowd = cifar10h.read(folder)
    for n in votes_each:
        crowds = list(cifar10h.subsets(crowd, n, DRAWS))
        right = np.array([_compare(crowds[seed % len(crowds)], seed) for seed in range(DRAWS)])
        fine, coarse, dropped = right.mean(axis=0).tolist()
        report(
            f"coarse votes, {n} a picture",
            accuracy=_named(right.mean(axis=0)),
            spread=_named(right.std(axis=0, ddof=1)),
            lost_when_coarse=fine - coarse,
            lost_when_dropped=fine - dropped,
            share_of_what_dropping_loses=(fine - coarse) / (fine - dropped) if dropped < fine else None,
        )


def _named(figures: Floats) -> dict[str, float]:
    return dict(zip(("fine", "a third coarse", "a third dropped"), figures.round(5).tolist(), strict=True))


def _compare(crowd: Crowd, seed: int) -> tuple[float, float, float]:
    """Return how often labels are right from fine votes, from some of them coarse, and from the others alone."""
    rng = np.random.default_rng(seed)
    is_coarse = rng.random(len(crowd.votes)) < SHARE
    coarse = coarsen(crowd.votes, is_coarse, rng)
    return (
        _accuracy(crowd, crowd.votes),
        _accuracy(crowd, coarse),
        _accuracy(crowd, crowd.votes.where(~is_coarse)),
    )


def coarsen(votes: Votes, is_coarse: np.ndarray, rng: np.random.Generator) -> Votes:
    """Return the votes, the coarse ones naming one of the two nouns of TREE above what they named."""
    depth = rng.integers(0, 2, len(votes))
    above = np.array([[place for place, group in enumerate(TREE) if label in group] for label in range(10)])
    label = np.where(is_coarse, cifar10h.N_CLASSES + above[votes.label, depth], votes.label)
    return Votes(votes.item, votes.annotator, label)


def _accuracy(crowd: Crowd, votes: Votes) -> float:
    fit = consensus.fit(votes, crowd.n_items, crowd.n_classes, tree=Tree.of(TREE))
    return float((fit.label == crowd.truth).mean())
