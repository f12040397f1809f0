"""Which pictures of a run's snapshot its pages may show, with their labels as they were frozen.

Those of the training and validation parts: of a test picture nobody is told more than that it is there. Withdrawn
ones are shown nowhere, nor are those whose noun has become sensitive.
"""

import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from django.db.models import Q

from datasets.models import Snapshot
from labeling.models import Image
from labeling.splits import TRAIN, VAL
from taxonomy.models import Synset
from training.models import Run


class Labelled(NamedTuple):
    """A picture of the training or validation part, and its label as it was frozen."""

    sha256: str
    wnid: str
    split: str


class Answered(NamedTuple):
    """A validation picture, its label, and what a run's network takes it for; where that is not kept, nothing."""

    sha256: str
    wnid: str
    answer: str = ""
    probability: float = 0.0

    @property
    def is_mistake(self) -> bool:
        return bool(self.answer) and self.answer != self.wnid


def labelled(snapshot: Snapshot, sha256: str) -> Labelled | None:
    """Find one picture that may be shown; None where there is none, it is a test picture, or it is hidden."""
    # Parquet knows between which hashes each group of rows lies, and reads one alone.
    found = _read(snapshot, [("sha256", "==", sha256), ("split", "in", [TRAIN, VAL])])
    if not found or found[0].wnid in hidden_nouns(snapshot):
        return None
    return found[0] if Image.objects.shown().filter(sha256=sha256).exists() else None


def validation(snapshot: Snapshot) -> list[Labelled]:
    """Return the pictures of the validation part that may be shown, in the order of their hashes."""
    gone, hidden = snapshot.withdrawn_here(), hidden_nouns(snapshot)
    rows = _read(snapshot, [("split", "==", VAL)])
    return [row for row in rows if row.sha256 not in gone and row.wnid not in hidden]


def by_mistake(run: Run) -> list[Answered]:
    """Return the validation pictures that may be shown with what the network of `run` takes them for: its mistakes
    first, the surest first; then what it gets right, the least sure first.
    """
    answers = _answers(run)
    found = [
        Answered(row.sha256, row.wnid, *answers.get(row.sha256, ("", 0.0)))
        for row in validation(run.snapshot)
    ]
    return sorted(
        found,
        key=lambda row: (
            not row.is_mistake,
            -row.probability if row.is_mistake else row.probability,
            row.sha256,
        ),
    )


def beside(run: Run, sha256: str) -> tuple[str | None, str | None]:
    """Return the pictures before and after one, as by_mistake() puts them in order; None where there is none."""
    hashes = [row.sha256 for row in by_mistake(run)]
    if sha256 not in hashes:  # a training picture
        return None, None
    place = hashes.index(sha256)
    return (hashes[place - 1] if place else None), (hashes[place + 1] if place + 1 < len(hashes) else None)


def hidden_nouns(snapshot: Snapshot) -> set[str]:
    """Return the wnids of its classes that no page names."""
    return set(snapshot.sensitive_classes().values_list("wnid", flat=True))


def nouns(wnids: Iterable[str]) -> dict[str, Synset]:
    """Return the nouns with these wnids that pages may name, by wnid."""
    return {each.wnid: each for each in Synset.objects.filter(Q(is_sensitive=False), wnid__in=set(wnids))}


def _answers(run: Run) -> dict[str, tuple[str, float]]:
    """Return what the network takes each validation picture for and how likely it holds that, by SHA-256."""
    if not run.answers:
        return {}
    with run.answers.open("rb") as file, np.load(io.BytesIO(file.read())) as answers:
        hashes, probabilities = answers["sha256"].tolist(), answers["probabilities"]
    labels, sure = probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist()
    classes = run.snapshot.classes
    return {sha256: (classes[label], p) for sha256, label, p in zip(hashes, labels, sure, strict=True)}


def _read(snapshot: Snapshot, filters: list[tuple[str, str, object]]) -> list[Labelled]:
    with snapshot.open("manifest") as file:
        table = pq.read_table(file, columns=list(Labelled._fields), filters=filters)
    return [Labelled(*row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]
