"""A Submission row -> its file -> metrics -> Score rows."""

import logging
from typing import Any

from numpy.typing import NDArray

from competition import metrics
from competition.metrics import Floats, Ints
from competition.models import Metric, Part, Score, Submission
from competition.predictions import PredictionsError, read_predictions
from competition.truth import SCORER_VERSION, Truth
from datasets.models import Snapshot

logger = logging.getLogger(__name__)

__all__ = ["SCORER_VERSION", "score", "score_queued"]

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
    truth = Truth.of(submission.phase.contest)
    frozen, withdrawn = truth.frozen, truth.contest.snapshot.withdrawn_here()
    with submission.file.open("rb") as file:
        answers = read_predictions(file, truth.images, frozen.nouns, frozen.n_classes, withdrawn)
    found = []
    for part, is_counted in truth.parts(submission.phase).items():
        kept = answers.where(is_counted)
        values = _values(kept.guesses, truth.label[is_counted], frozen.lch_height.T)
        found += [_score(submission, truth.labels, metric, part, each) for metric, each in values.items()]
    return found


def _values(guesses: NDArray[Any], truth: Ints, lch_height: NDArray[Any]) -> dict[Metric, Floats]:
    """Return each metric's value for each picture; (n_images,)."""
    return {
        Metric.TOP1: metrics.top_k_wrong(guesses, truth, 1),
        Metric.TOP5: metrics.top_k_wrong(guesses, truth, 5),
        Metric.HIERARCHICAL: metrics.hierarchical_cost(guesses, truth, lch_height),
    }


def _score(submission: Submission, snapshot: Snapshot, metric: Metric, part: Part, values: Floats) -> Score:
    low, high = metrics.bootstrap_interval(values, BOOTSTRAP_SEED)
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
