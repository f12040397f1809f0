"""Whether a confidence of 98 % is right 98 times in 100: measured on questions whose answer is known."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import log10
from typing import Any

import numpy as np
from django.db.models import QuerySet

from labeling import calibration
from labeling.calibration import Bin
from labeling.models import Choices, Collection
from labeling.quality.weighing import by_votes, is_right
from labeling.splits import TEST

MOST_GOLD, MOST_KNOWN = (
    1000,
    5000,
)  # questions that are looked at, those at the lowest of their random positions
SIDE = 600  # of the drawing, in its own units
NINES = 3  # of the axes, which end at 99.9 %


@dataclass(frozen=True)
class Drawn:
    """A bin, and where it is drawn, y downwards: its mean confidence, the share that is right, its interval."""

    bin: Bin
    x: float
    y: float
    y_low: float
    y_high: float

    @property
    def range(self) -> list[float]:
        """From which confidence to which it goes, in percent."""
        return [100 * self.bin.low, 100 * self.bin.high]

    @property
    def interval(self) -> list[float]:
        """Between which shares the one that is right lies, in percent."""
        return [100 * end for end in self.bin.interval]


@dataclass(frozen=True)
class Calibration:
    bins: list[Drawn]
    line: str  # through them
    error: float | None  # the expected calibration error
    n: int
    n_gold: int


def measure(collection: Collection, choices: Choices) -> dict[str, Any]:
    gold = [
        (question.confidence, is_right(choices, question.label_id, question.truth_id, question.about_id))
        for question in by_votes(collection, choices)
    ]
    known = [*gold, *_known_beforehand(collection, choices)]
    confidence = np.array([confidence for confidence, _is_it in known], dtype=np.float64)
    right = np.array([is_it for _confidence, is_it in known], dtype=np.bool_)
    return {"bins": [asdict(each) for each in calibration.bins(confidence, right)], "n_gold": len(gold)}


def _known_beforehand(collection: Collection, choices: Choices) -> Iterator[tuple[float, bool]]:
    """Yield the confidence in what votes have found, decided or not yet, and whether that is the answer which came
    with the picture. Where the model is right, when people stop asking makes no difference to this.
    """
    # Above 0 are all: said so that its index is read.
    known = collection.questions.filter(
        truth__gt=0, confirmed_at=None, is_gold=False, confidence__isnull=False, narrowing=None
    )
    found = known.exclude(image__split=TEST).order_by("position", "pk")
    rows: QuerySet[Any, Any] = found.values_list("label", "truth", "about", "confidence")
    for label, truth, about, confidence in rows[:MOST_KNOWN]:
        yield confidence, is_right(choices, label, truth, about)


def shown(found: Mapping[str, Any]) -> Calibration:
    """Draw what was counted."""
    bins = [Bin(**each) for each in found["bins"]]
    drawn = [
        Drawn(each, along(each.mean), SIDE - along(each.share), *(SIDE - along(end) for end in each.interval))
        for each in bins
    ]
    line = " ".join(f"{each.x},{each.y}" for each in drawn)
    n = sum(each.n for each in bins)
    return Calibration(drawn, line, calibration.expected_error(bins), n, found["n_gold"])


def along(share: float) -> float:
    """Return how far along an axis of the drawing a share lies. Each third of the axis has ten times fewer errors
    than the one before: 0, 90, 99 and 99.9 %.
    """
    nines = -log10(max(1 - share, 10.0**-NINES))
    return round(SIDE * nines / NINES, 1)
