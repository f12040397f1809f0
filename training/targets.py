"""What a frozen snapshot says of each training picture -> soft targets: how probable each class is, or looks.

Of votes that were frozen with it, by the consensus of them or by their shares; else by the confidence in its label.
It asks nothing but the snapshot, so equal snapshots give equal targets.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.manifest import ManifestRow, VoteRow
from datasets.rolling import RollUp
from labeling.coarse import Tree
from labeling.consensus import Gold, Votes, fit
from training.dataset import SplitError, Targets

# A table of all pictures and classes lies in memory.
MOST_BYTES = 2**32
PRESENT, ABSENT, CANNOT_TELL = "present", "absent", "cannot_tell"


def posteriors(taxonomy: Mapping[str, Any], rows: Sequence[ManifestRow], votes: Iterable[VoteRow]) -> Targets:
    """Return how probable each class is for the picture of each of `rows`, (n, n_classes) float32, rows summing to 1.

    taxonomy: Snapshot.taxonomy, its classes and the nouns above them. votes: all of the snapshot's, none if it was
    frozen without. A label that is certain is taken as known; a picture without votes that say something of the
    classes gets its confidence on its label and the rest on all others alike. So do all pictures where people were
    asked whether they show one noun: that says little of the others.
    Raises SplitError if the table is larger than 4 GiB.
    """
    targets, labels, confidence, nouns, cast = _read(taxonomy, rows, votes)
    if cast is None or not len(cast.named):
        return targets
    is_certain = np.flatnonzero(confidence >= 1)
    found = fit(
        cast.named,
        len(rows),
        targets.shape[1],
        tree=nouns.tree,
        gold=Gold(is_certain, labels[is_certain]),
        n_unsure=cast.n_unsure,
    )
    for item in np.unique(cast.named.item).tolist():
        targets[item] = found.posterior(item)
    return targets


def shares(taxonomy: Mapping[str, Any], rows: Sequence[ManifestRow], votes: Iterable[VoteRow]) -> Targets:
    """Return which share of its votes each class has, (n, n_classes) float32, rows summing to 1.

    As posteriors(), but votes count alike and certain labels are no exception: many votes leave no doubt of the noun,
    and yet tell what else it looks like. A vote for a noun above some classes counts for each of them in part.
    Source: Peterson, Battleday, Griffiths & Russakovsky (2019), doi:10.1109/ICCV.2019.00971.
    """
    targets, _labels, _confidence, nouns, cast = _read(taxonomy, rows, votes)
    if cast is None or not len(cast.named):
        return targets
    told = counted(cast.named, len(rows), targets.shape[1], nouns.tree)
    n_votes = told.sum(axis=1, keepdims=True)  # (n, 1)
    np.divide(told, n_votes, out=targets, where=n_votes > 0)
    return targets


def counted(votes: Votes, n_items: int, n_classes: int, tree: Tree) -> Targets:
    """Return how many votes each class of each item has, (n_items, n_classes) float32; one for the k-th group of
    `tree`, whose label is n_classes + k, is shared out evenly among its classes.
    """
    counts = np.zeros((n_items, n_classes), np.float32)
    is_class = votes.label < n_classes
    np.add.at(counts, (votes.item[is_class], votes.label[is_class]), 1)
    for item, group in zip(votes.item[~is_class].tolist(), votes.label[~is_class].tolist(), strict=True):
        below = tree.classes[tree.start[group - n_classes] : tree.start[group - n_classes + 1]]
        counts[item, below] += 1 / len(below)
    return counts


def _read(
    taxonomy: Mapping[str, Any], rows: Sequence[ManifestRow], votes: Iterable[VoteRow]
) -> "tuple[Targets, NDArray[np.int64], NDArray[np.float64], Nouns, Cast | None]":
    """Return what is said of each picture without its votes, its label and confidence, and the votes."""
    classes: list[str] = taxonomy["classes"]
    if (n_bytes := 4 * len(rows) * len(classes)) > MOST_BYTES:
        raise SplitError(
            f"targets: expected at most {MOST_BYTES:,} bytes of them; found {n_bytes:,}, for "
            f"{len(rows):,} pictures and {len(classes):,} classes. Learn the labels instead."
        )
    place = {wnid: label for label, wnid in enumerate(classes)}
    labels = np.array([place[row.wnid] for row in rows], dtype=np.int64)
    confidence = np.array([row.confidence for row in rows])
    nouns = Nouns(taxonomy)
    cast = Cast.of(votes, {row.sha256: item for item, row in enumerate(rows)}, nouns)
    return shared_out(labels, confidence, len(classes)), labels, confidence, nouns, cast


def shared_out(labels: NDArray[np.int64], confidence: NDArray[np.float64], n_classes: int) -> Targets:
    """Return each confidence at its label and what is left of 1 spread evenly, (n, n_classes) float32.

    labels: (n,) int64; confidence: (n,), from 0 to 1. With one class it is certain.
    """
    if n_classes == 1:
        return np.ones((len(labels), 1), np.float32)
    targets = np.empty((len(labels), n_classes), np.float32)
    targets[:] = ((1 - confidence) / (n_classes - 1))[:, None]
    targets[np.arange(len(labels)), labels] = confidence
    return targets


class Nouns:
    """What a vote's noun is in arrays: a class, a group of the classes below it, or nothing."""

    def __init__(self, taxonomy: Mapping[str, Any]) -> None:
        classes: list[str] = taxonomy["classes"]
        above = _above({wnid: noun["hypernyms"] for wnid, noun in taxonomy["nouns"].items()})
        self.roll_up = RollUp(set(classes), above)
        below: dict[str, list[int]] = {}
        for label, wnid in enumerate(classes):
            for noun in above.get(wnid, ()):
                below.setdefault(noun, []).append(label)
        # A noun above all classes says nothing of them.
        groups = sorted(noun for noun, labels in below.items() if len(labels) < len(classes))
        self.tree = Tree.of([below[noun] for noun in groups])
        # What is a class and above others too means itself, as it does in the manifest.
        self.labels = {wnid: label for label, wnid in reversed([*enumerate([*classes, *groups])])}

    def label(self, wnid: str) -> int | None:
        """Return its label, from n_classes on for a group; None where the snapshot does not say what it is."""
        kept, _why = self.roll_up.place(wnid)
        return self.labels.get(kept or wnid)


@dataclass(frozen=True, eq=False)
class Cast:
    """What votes say of some pictures: those that name classes, and how many could not tell, (n_items,) int64."""

    named: Votes
    n_unsure: NDArray[np.int64]

    @classmethod
    def of(cls, votes: Iterable[VoteRow], item_of: Mapping[str, int], nouns: Nouns) -> "Cast | None":
        """item_of: the place of each picture that counts, by its SHA-256. None if a vote says that something is
        absent.
        """
        item, annotator, label = array("q"), array("q"), array("q")
        n_unsure = np.zeros(len(item_of), np.int64)
        for vote in votes:
            place = item_of.get(vote.sha256)
            if vote.answer == ABSENT:
                return None
            if place is None:
                continue
            n_unsure[place] += vote.answer == CANNOT_TELL
            named = nouns.label(vote.wnid) if vote.answer == PRESENT else None
            if named is not None:
                item.append(place)
                annotator.append(vote.annotator)
                label.append(named)
        columns = (np.array(column, np.int64) for column in (item, annotator, label))
        return cls(Votes(*columns), n_unsure)


def _above(hypernyms: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return every noun above each, itself left out."""
    found: dict[str, set[str]] = {}

    def climb(wnid: str) -> set[str]:
        if wnid not in found:
            found[wnid] = set()
            for hypernym in hypernyms.get(wnid, ()):
                found[wnid] |= {hypernym} | climb(hypernym)
        return found[wnid]

    for wnid in hypernyms:
        climb(wnid)
    return found
