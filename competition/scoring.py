"""A Submission row -> its answers -> Score rows, all kept in one transaction."""

import traceback

from django.db import transaction

from competition import asking, kept, standings
from competition.answers import Answers
from competition.beating import beating
from competition.ladder import rounded
from competition.metrics import Measured, class_counts, measure
from competition.models import ClassTally, Contest, Part, Score, Submission, Team
from competition.predictions import PredictionsError, read_predictions
from competition.releasing import release_next
from competition.truth import SCORER_VERSION, Truth, truth_of

__all__ = ["SCORER_VERSION", "Measures", "answers_of", "score", "score_queued", "scores_of"]

SORRY = "Something went wrong on this site while scoring; the organiser can see the log."
Measures = tuple[list[Score], list[ClassTally]]


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
        with beating(submission.beat):
            truth = truth_of(submission.contest)
            if _finish(submission, answers_of(submission, truth), truth):
                standings.rebuild(submission.contest)
    except PredictionsError as error:
        submission.fail(str(error), error.log)
    except Exception as error:
        submission.fail(SORRY, _where(error))
        raise


def answers_of(submission: Submission, truth: Truth) -> Answers:
    """Return what a submission says of each test picture: what its file says, or the network in it. Raises
    PredictionsError.
    """
    if submission.kind != Submission.Kind.GUESSES:
        return asking.answers_of(submission, truth.images)
    with submission.file.open("rb") as file:
        nouns = truth.frozen
        return read_predictions(file, truth.images, nouns.nouns, nouns.n_classes, truth.withdrawn)


def _finish(submission: Submission, answers: Answers, truth: Truth) -> bool:
    """Keep the answers and what they score. False if another attempt has the submission: then nothing is kept."""
    name = kept.keep(submission, answers)
    while (is_mine := _keep(submission, answers, name, truth)) is None:
        truth = truth_of(Contest.objects.get(pk=truth.contest.pk))
    if is_mine:
        kept.drop_earlier(submission)
    else:
        kept.drop(name)
    return is_mine


def _keep(submission: Submission, answers: Answers, name: str, truth: Truth) -> bool | None:
    """Keep all of it; None if other labels count by now, False if another attempt has the submission."""
    scores, tallies = scores_of(submission, answers, truth)
    with transaction.atomic():
        # Who holds the contest's row decides which labels count, and who holds the team's, what it is told.
        contest = Contest.objects.select_for_update().get(pk=truth.contest.pk)
        if contest.labels != truth.source:
            return None
        submission.refresh_from_db(fields=["team"])  # who holds the contest's row may have merged it
        if submission.team_id is not None:
            Team.objects.select_for_update().get(pk=submission.team_id)
        release_next(submission, answers, scores, truth)
        if not submission.finish(scores, answers=name):
            return False
        ClassTally.objects.bulk_create(tallies, ignore_conflicts=True)
        contest.has_scored(SCORER_VERSION)
    return True


def scores_of(submission: Submission, answers: Answers, truth: Truth) -> Measures:
    """Return what `answers` score on each part that has pictures: rows that are not kept yet.

    On the public part `told` is what may be told of them, if anything may: see competition.releasing.
    """
    scores, tallies = list[Score](), list[ClassTally]()
    for part in Part:
        counts = truth.counts(submission.phase, part)
        if not counts.any():
            continue
        mine, labels = answers.where(counts), truth.labels[counts]
        found = measure(mine, labels, truth.frozen)
        scores += [_score(submission, truth, part, metric, len(mine), each) for metric, each in found.items()]
        table = class_counts(mine.guesses, labels, truth.frozen.lch_height)
        counted = table.astype("<i4").tobytes()
        tallies.append(ClassTally(submission=submission, part=part, counts=counted, **truth.key))
    return scores, tallies


def _score(
    submission: Submission, truth: Truth, part: Part, metric: str, n_images: int, measured: Measured
) -> Score:
    return Score(
        submission=submission,
        metric=metric,
        part=part,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        told=rounded(measured.value, n_images, measured.most) if part == Part.PUBLIC else None,
        n_images=n_images,
        taxonomy_version=truth.contest.snapshot.taxonomy_version,
        **truth.key,
    )


def _where(error: Exception) -> str:
    """Say for the organiser where it broke. Without the message, which may hold a hidden label."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
