"""A contest -> its test pictures, the labels that count, and the part that each picture is in. Never for a page: see
docs/decisions/0019-test-labels.md.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from competition.frozen import Frozen
from competition.models import Contest, Part, Phase
from datasets.manifest import ManifestRow, read_batches
from datasets.models import Snapshot
from labeling.splits import TEST, uniform

Labels = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Raise it whenever a metric's meaning changes: every contest is then scored anew, see competition.rescoring.
SCORER_VERSION = 2
NO_LABEL = -1


def test_images(snapshot: Snapshot) -> list[str]:
    """Return the SHA-256 of its test pictures in their order: answers have theirs."""
    return sorted(_test_labels(snapshot))


@dataclass(frozen=True, eq=False)
class Truth:
    """All that the entries of a contest are measured by.

    source: the snapshot whose labels these are. images: SHA-256, n_images of them. labels: (n_images,) int64,
    NO_LABEL where a picture does not count. withdrawn: the SHA-256 of pictures that nobody can download any more.
    """

    contest: Contest
    source: Snapshot
    images: list[str]
    labels: Labels
    withdrawn: set[str]
    _public: dict[int, Bools] = field(default_factory=dict, init=False)  # by phase: asked for each entry

    @property
    def key(self) -> dict[str, Any]:
        """By what the scores and tallies are found that these labels and today's scorer give."""
        return {"truth_digest": self.source.digest, "scorer_version": SCORER_VERSION}

    @cached_property
    def frozen(self) -> Frozen:
        """The contest's own nouns: what may be guessed, and how far apart they are."""
        return Frozen.of(self.contest.snapshot.taxonomy)

    def counts(self, phase: Phase, part: Part) -> Bools:
        """Return which pictures count on `part`, (n_images,)."""
        counts: Bools = (self.labels != NO_LABEL) & (self._is_public(phase) == (part == Part.PUBLIC))
        return counts

    def _is_public(self, phase: Phase) -> Bools:
        """The part follows from the picture and the contest alone, and only this site can tell it."""
        if phase.pk not in self._public:
            purpose = f"contest {phase.contest.slug}{phase.contest.salt}"
            shares = np.array([uniform(image, purpose) for image in self.images], dtype=np.float64)
            self._public[phase.pk] = shares < phase.public_share
        return self._public[phase.pk]


def truth_of(contest: Contest, source: Snapshot | None = None) -> Truth:
    """Return the labels of the contest's test pictures by `source`, if not by the snapshot whose labels count today.
    What is not in that, is in another class there than the contest's, or was withdrawn counts no more.
    """
    source = source or contest.labels
    withdrawn = contest.snapshot.withdrawn_here()
    label_of = {wnid: label for label, wnid in enumerate(contest.snapshot.classes)}
    wnid_of = _test_labels(source)
    images = test_images(contest.snapshot) if source != contest.snapshot else sorted(wnid_of)
    labels = [
        NO_LABEL if image in withdrawn else label_of.get(wnid_of.get(image, ""), NO_LABEL) for image in images
    ]
    return Truth(contest, source, images, np.array(labels, dtype=np.int64), withdrawn)


def _test_labels(snapshot: Snapshot) -> dict[str, str]:
    """Return the wnid of each test picture, by its SHA-256. Other rows are never made Python's: most are such."""
    found: dict[str, str] = {}
    with snapshot.open("manifest") as file:
        for batch in read_batches(ManifestRow, file, ["sha256", "wnid", "split"]):
            test = batch.filter(pc.equal(batch["split"], TEST))
            found |= zip(test["sha256"].to_pylist(), test["wnid"].to_pylist(), strict=True)
    return found
