"""A contest -> its test pictures, the labels that count today, and the part that each picture is in. Never for a page."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from competition.models import Contest, Part, Phase
from datasets.models import Snapshot
from labeling.splits import TEST, uniform

Labels = NDArray[np.int64]
Bools = NDArray[np.bool_]
NO_LABEL = -1


def test_images(snapshot: Snapshot) -> list[str]:
    """Return the SHA-256 of its test pictures in their order: answers have theirs."""
    return sorted(row.sha256 for row in snapshot.rows() if row.split == TEST)


@dataclass(frozen=True, eq=False)
class Truth:
    """images: SHA-256, n_images of them; labels: (n_images,), NO_LABEL where a picture does not count."""

    images: list[str]
    labels: Labels

    def counts(self, phase: Phase, part: Part) -> Bools:
        """Return which pictures count on `part`, (n_images,)."""
        return (self.labels != NO_LABEL) & (self._is_public(phase) == (part == Part.PUBLIC))

    def _is_public(self, phase: Phase) -> Bools:
        """The part follows from the picture and the contest alone."""
        purpose = f"contest {phase.contest.slug}"
        return np.array([uniform(image, purpose) < phase.public_share for image in self.images], dtype=bool)


def truth_of(contest: Contest) -> Truth:
    """Return the labels that count today of the contest's test pictures. What is not in the snapshot that these are
    from, is in another class there than the contest's, or was withdrawn counts no more.
    """
    images = test_images(contest.snapshot)
    withdrawn = contest.snapshot.withdrawn_here()
    label_of = {wnid: label for label, wnid in enumerate(contest.snapshot.classes)}
    wnid_of = {row.sha256: row.wnid for row in contest.labels.rows() if row.sha256 not in withdrawn}
    labels = [label_of.get(wnid_of.get(image, ""), NO_LABEL) for image in images]
    return Truth(images, np.array(labels, dtype=np.int64))
