"""What votes for inner nouns are worth: a third of CIFAR-10H's votes say less than they could, or are missing."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks import cifar10h
from benchmarks.crowds import Crowd
from benchmarks.reporting import report
from labeling import consensus
from labeling.coarse import Tree
from labeling.consensus import Fit, Floats, Gold, Ints, Votes

# airplane 0, automobile 1, bird 2, cat 3, deer 4, dog 5, frog 6, horse 7, ship 8, truck 9
VEHICLES = ((0, 1, 8, 9), (1, 9), (0, 8))  # vehicle: motor vehicle, craft
ANIMALS = ((2, 3, 4, 5, 6, 7), (3, 5), (4, 7), (2, 6))  # animal: carnivore, ungulate, other vertebrate
TREE = (*VEHICLES, *ANIMALS)
SHARE = 1 / 3
DRAWS = 3


def on_cifar10h(folder: Path, votes_each: tuple[int, ...] = (2, 3, 5, 10, 50)) -> None:
    """Report, for votes a picture, how much accuracy is lost where a third is coarse and where it is dropped: by what
    a fit learns from these votes; and by what all of the crowd's fine votes and the truth tell of its people, which
    no fit of fewer votes can know better.
    """
    crowd = cifar10h.read(folder)
    truth = Gold(np.arange(crowd.n_items), crowd.truth)
    known = consensus.fit(crowd.votes, crowd.n_items, crowd.n_classes, tree=Tree.of(TREE), gold=truth)
    for n in votes_each:
        crowds = list(cifar10h.subsets(crowd, n, DRAWS))
        for name, read in (("learnt", _learnt), ("crowd known", partial(_weighed, known))):
            right = np.array([_compare(crowds[seed % len(crowds)], seed, read) for seed in range(DRAWS)])
            fine, coarse, dropped = right.mean(axis=0).tolist()
            report(
                f"coarse votes, {n} a picture, {name}",
                accuracy=_named(right.mean(axis=0)),
                spread=_named(right.std(axis=0, ddof=1)),
                lost_when_coarse=fine - coarse,
                lost_when_dropped=fine - dropped,
                share_of_what_dropping_loses=(fine - coarse) / (fine - dropped) if dropped < fine else None,
            )


def _named(figures: Floats) -> dict[str, float]:
    return dict(zip(("fine", "a third coarse", "a third dropped"), figures.round(5).tolist(), strict=True))


def _compare(crowd: Crowd, seed: int, read: Callable[[Crowd, Votes], Ints]) -> tuple[float, float, float]:
    """Return how often labels are right from fine votes, from some of them coarse, and from the others alone."""
    rng = np.random.default_rng(seed)
    is_coarse = rng.random(len(crowd.votes)) < SHARE
    coarse = coarsen(crowd.votes, is_coarse, rng)
    of_fine, of_coarse, of_dropped = (
        float((read(crowd, votes) == crowd.truth).mean())
        for votes in (crowd.votes, coarse, crowd.votes.where(~is_coarse))
    )
    return of_fine, of_coarse, of_dropped


def coarsen(votes: Votes, is_coarse: np.ndarray, rng: np.random.Generator) -> Votes:
    """Return the votes, the coarse ones naming one of the two nouns of TREE above what they named."""
    depth = rng.integers(0, 2, len(votes))
    above = np.array([[place for place, group in enumerate(TREE) if label in group] for label in range(10)])
    label = np.where(is_coarse, cifar10h.N_CLASSES + above[votes.label, depth], votes.label)
    return Votes(votes.item, votes.annotator, label)


def _learnt(crowd: Crowd, votes: Votes) -> Ints:
    return consensus.fit(votes, crowd.n_items, crowd.n_classes, tree=Tree.of(TREE)).label


def _weighed(known: Fit, crowd: Crowd, votes: Votes) -> Ints:
    """Return each item's label, (n_items,), by what another fit knows of those who voted."""
    order = np.argsort(votes.item, kind="stable")
    edges = np.searchsorted(votes.item[order], np.arange(crowd.n_items + 1))
    of_item = (order[first:end] for first, end in pairwise(edges.tolist()))
    likeliest = (known.weigh(votes.annotator[own], votes.label[own]).argmax() for own in of_item)
    return np.fromiter(likeliest, dtype=np.int64, count=crowd.n_items)
