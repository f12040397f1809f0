"""A Submission row -> its file -> metrics -> Score rows."""

import io
import logging

import numpy as np

from competition import metrics
from competition.frozen import Frozen, Heights
from competition.models import Metric, Part, Phase, Score, Submission
from competition.predictions import Floats, Ints, PredictionsError, parse_predictions
from datasets.models import Snapshot
from labeling.splits import TEST, uniform

logger = logging.getLogger(__name__)

SCORER_VERSION = 1  # raise it whenever a metric's meaning changes, so that old scores stay beside new ones
BOOTSTRAP_SEED = 2012


def score_queued() -> int:
    """Score queued submissions, the oldest first, until there is none; return how many this worker took."""
    n_taken = 0
    while submission := Submission.objects.claim_next():
        score(submission)
        n_taken += 1
    return n_taken


def score(submission: Submission) -> None:
    """Score a claimed submission, or fail it with the sentence that its author needs."""
    try:
        scores = _scores(submission)
    except PredictionsError as error:
        submission.fail(str(error))
    except Exception:
        submission.fail("Something went wrong on this site while scoring; the organiser can see the log.")
        raise
    else:
        submission.finish(scores)


def _scores(submission: Submission) -> list[Score]:
    snapshot = submission.phase.contest.snapshot
    test = [row for row in snapshot.rows() if row.split == TEST]
    images = [row.sha256 for row in test]
    label_of = {wnid: label for label, wnid in enumerate(snapshot.classes)}
    truth = np.array([label_of[row.wnid] for row in test], dtype=np.int64)
    with submission.file.open("rb") as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        withdrawn = snapshot.withdrawn_here()
        guesses = parse_predictions(text, images, snapshot.classes, may_lack=withdrawn)
    # Nobody can download those any more, so nobody is measured on them.
    is_shown = np.array([image not in withdrawn for image in images], dtype=bool)
    values = _values(guesses, truth, Frozen.of(snapshot.taxonomy).lch_height)
    return [
        _score(submission, snapshot, metric, part, each[is_in_part & is_shown])
        for part, is_in_part in _parts(submission.phase, images).items()
        if (is_in_part & is_shown).any()
        for metric, each in values.items()
    ]


def _values(guesses: Ints, truth: Ints, lch_height: Heights) -> dict[Metric, Floats]:
    """Return each metric's value for each picture; (n_images,)."""
    return {
        Metric.TOP1: metrics.top_k_wrong(guesses, truth, 1),
        Metric.TOP5: metrics.top_k_wrong(guesses, truth, 5),
        Metric.HIERARCHICAL: metrics.hierarchical_cost(guesses, truth, lch_height),
    }


def _parts(phase: Phase, images: list[str]) -> dict[Part, np.ndarray]:
    """Say of each test picture in which part it is. It follows from the picture and the contest alone."""
    purpose = f"contest {phase.contest.slug}"
    is_public = np.array([uniform(image, purpose) < phase.public_share for image in images], dtype=bool)
    return {Part.PUBLIC: is_public, Part.PRIVATE: ~is_public}


def _score(submission: Submission, snapshot: Snapshot, metric: Metric, part: Part, values: Floats) -> Score:
    span = (0.0, max(1.0, float(values.max())))  # hierarchical costs go beyond 1
    low, high = metrics.bootstrap_interval(values, BOOTSTRAP_SEED, span=span)
    return Score(
        submission=submission,
        metric=metric,
        part=part,
        value=float(values.mean()),
        low=low,
        high=high,
        n_images=len(values),
        truth_digest=snapshot.digest,
        taxonomy_version=snapshot.taxonomy_version,
        scorer_version=SCORER_VERSION,
    )
