"""Rows -> how good the labels of a collection are: whether people agree, whether confidences can be believed, what
is taken for what, what a label costs in votes, and whose votes are doubtful.

As with the dashboard (labeling.overview), the number of queries is the same for any collection and votes are
counted where they lie; what is counted is made of numbers and keys, so that it can be kept, and is bounded, since
it is kept in one row. Nouns and people are put to it when it is shown. Pictures of the test split are left out
wherever what is shown could tell a label, which may be a contest's secret.
"""

from dataclasses import dataclass
from typing import Any

from labeling.models import Choices, Collection, Figures
from labeling.quality import agreeing, buying, calibrating, confusing, doubting
from taxonomy.models import Synset

Found = dict[str, Any]  # what can be kept as JSON
KEPT = "quality"  # under this name among the figures


@dataclass(frozen=True)
class Report:
    agreement: agreeing.Agreement
    calibration: calibrating.Calibration
    confusion: confusing.Confusion | None  # None: each question is about one noun
    cost: buying.Cost
    doubts: doubting.Doubts
    counted: Figures | None  # None: at this moment


def report(collection: Collection) -> Report:
    """Return all of it as last counted; of few votes, as it is at this moment."""
    figures = Figures.objects.of(collection)
    # Figures that were kept before there was this page have none of it until they are counted again.
    kept = figures if figures and KEPT in figures.found else None
    found = kept.found[KEPT] if kept else measure(collection)
    return Report(
        agreement=agreeing.Agreement(**found["agreement"]),
        calibration=calibrating.shown(found["calibration"]),
        confusion=None if collection.is_verifying else confusing.shown(found["confusion"]),
        cost=buying.shown(found["cost"]),
        doubts=doubting.shown(found["doubts"]),
        counted=kept,
    )


def measure(collection: Collection) -> Found:
    """Count all that the votes of a collection say of its labels."""
    becomes, choices = Synset.objects.resolution(), Choices.now(collection)
    return {
        "agreement": agreeing.measure(collection, becomes, choices),
        "calibration": calibrating.measure(collection, choices),
        "confusion": None if collection.is_verifying else confusing.measure(collection, becomes, choices),
        "cost": buying.measure(collection),
        "doubts": doubting.measure(collection, becomes, choices),
    }
