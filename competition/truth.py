"""What entries are measured on: the hidden test pictures, in which part each is, and its class. Secret: the labels are
for workers, and never for a page. See docs/decisions/0019-test-labels.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from competition.frozen import Frozen
from competition.models import Contest, Part, Phase
from datasets.manifest import ManifestRow, read_batches
from datasets.models import Snapshot
from labeling.splits import TEST, uniform

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Parts = NDArray[np.str_]

SCORER_VERSION = 2  # raise it whenever a metric's meaning changes; every contest is then scored anew: see rescoring
NO_LABEL = -1  # of a picture that nobody is measured on


def test_images(snapshot: Snapshot) -> list[str]:
    """Return the SHA-256 of each test picture of `snapshot`, sorted: the order of all answers to a contest on it."""
    return sorted(_test_labels(snapshot))


def truth_of(contest: Contest, images: Sequence[str], labels: Snapshot | None = None) -> Ints:
    """Return the label of each of `images` by `labels`, the contest's unless others are given; (n_images,) int64.

    NO_LABEL for those that nobody is measured on: pictures that were withdrawn, which nobody can download any more,
    and those that these labels lack, or give to none of the contest's classes.
    """
    label_of = {wnid: label for label, wnid in enumerate(contest.snapshot.classes)}
    wnid_of = _test_labels(labels or contest.labels)
    withdrawn = contest.snapshot.withdrawn_here()
    found = [
        NO_LABEL if image in withdrawn else label_of.get(wnid_of.get(image, ""), NO_LABEL) for image in images
    ]
    return np.array(found, dtype=np.int64)


def part_of(phase: Phase, images: Sequence[str]) -> Parts:
    """Return in which Part each of `images` is, (n_images,). It follows from the picture and the contest alone."""
    purpose = f"contest {phase.contest.slug}"
    is_public = np.array([uniform(image, purpose) < phase.public_share for image in images], dtype=np.bool_)
    return np.where(is_public, str(Part.PUBLIC), str(Part.PRIVATE))


def _test_labels(snapshot: Snapshot) -> dict[str, str]:
    """Return the wnid of each test picture, by its SHA-256."""
    found: dict[str, str] = {}
    with snapshot.open("manifest") as file:
        for batch in read_batches(ManifestRow, file, ["sha256", "wnid", "split"]):
            test = batch.filter(pc.equal(batch["split"], TEST))
            found |= zip(test["sha256"].to_pylist(), test["wnid"].to_pylist(), strict=True)
    return found


@dataclass(frozen=True, eq=False)
class Truth:
    """All that the entries of one contest are measured by, read once for many of them.

    labels: the snapshot whose labels these are. images: the test pictures, in the order of answers.
    label: (n_images,) int64; NO_LABEL where nobody is measured.
    """

    contest: Contest
    labels: Snapshot
    images: list[str]
    label: Ints

    @classmethod
    def of(cls, contest: Contest, labels: Snapshot | None = None) -> Self:
        """Read it by `labels`, those that count in the contest today unless others are given."""
        labels = labels or contest.labels
        images = test_images(contest.snapshot)
        return cls(contest, labels, images, truth_of(contest, images, labels))

    @cached_property
    def frozen(self) -> Frozen:
        """The contest's own nouns: what may be guessed, and how far apart they are."""
        return Frozen.of(self.contest.snapshot.taxonomy)

    def parts(self, phase: Phase) -> dict[Part, Bools]:
        """Return which pictures count in each part of `phase`, (n_images,); a part of none is left out."""
        is_measured, in_part = self.label != NO_LABEL, part_of(phase, self.images)
        counted = {part: is_measured & (in_part == part) for part in Part}
        return {part: is_counted for part, is_counted in counted.items() if is_counted.any()}
