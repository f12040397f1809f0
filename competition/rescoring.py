"""All entries of a contest scored anew, by other labels or another scorer, and shown at once.

New scores lie beside those that count, and nobody sees them until all entries have theirs. Then one transaction lets
them count. A worker may die at any time: what was scored stays, and the next one goes on.
"""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Act, User
from competition import kept, standings
from competition.answers import Answers
from competition.beating import beating
from competition.models import ClassTally, Contest, Rescoring, Score, Standing, Submission
from competition.predictions import PredictionsError
from competition.releasing import Ladder
from competition.scoring import SORRY, answers_of, scores_of
from competition.truth import NO_LABEL, SCORER_VERSION, Truth, truth_of
from datasets.models import Snapshot

NEW_SCORER = "Scores are worked out in a new way."
Places = dict[int, dict[str, Any]]  # submission -> its value and rank on the board


class RescoringRefusedError(ValueError):
    """The entries cannot be scored anew now, or not by these labels; the message says why."""


def start(contest: Contest, truth: Snapshot, reason: str, author: User | None) -> Rescoring:
    """Have all entries of a contest scored anew by the labels of `truth`. Raises RescoringRefusedError."""
    if truth.collection_id != contest.snapshot.collection_id:
        raise RescoringRefusedError(
            _("Expected a snapshot of %(collection)s; found %(truth)s, which is of another collection.")
            % {"collection": contest.snapshot.collection, "truth": truth}
        )
    if (truth_of(contest, truth).labels == NO_LABEL).all():
        raise RescoringRefusedError(
            _("Expected labels of the contest's test pictures; found none in %(truth)s.") % {"truth": truth}
        )
    try:
        with transaction.atomic():
            made = Rescoring.objects.create(
                contest=contest, truth=truth, scorer_version=SCORER_VERSION, reason=reason, author=author
            )
            audit.record(Act.Kind.RESCORED, contest, f"by the labels of snapshot {truth.pk}", by=author)
            return made
    except IntegrityError as error:
        raise RescoringRefusedError(
            _("The entries of this contest are being scored anew already.")
        ) from error


def start_due() -> int:
    """Have every contest scored anew whose scores are an older scorer's, unless that is tried already or has failed;
    return how many those are.
    """
    tried = Rescoring.objects.filter(contest=OuterRef("pk"), scorer_version=SCORER_VERSION)
    is_tried = Exists(tried.exclude(status=Rescoring.Status.SWITCHED)) | Exists(
        Rescoring.objects.running().filter(contest=OuterRef("pk"))
    )
    due = list(Contest.objects.filter(~is_tried, scorer_version__lt=SCORER_VERSION))
    Rescoring.objects.bulk_create(
        (
            Rescoring(contest=each, truth=each.labels, scorer_version=SCORER_VERSION, reason=NEW_SCORER)
            for each in due
        ),
        ignore_conflicts=True,  # another worker's sweep has begun it
    )
    return len(due)


def rescore_waiting() -> int:
    """Score anew what waits for it, the oldest first; return how many contests this worker took."""
    n_taken = 0
    while rescoring := Rescoring.objects.claim_next():
        rescore(rescoring)
        n_taken += 1
    return n_taken


def rescore(rescoring: Rescoring) -> None:
    """Score all entries of a claimed rescoring and show them, or fail it with a sentence."""
    try:
        with beating(rescoring.beat):
            truth = truth_of(rescoring.contest, rescoring.truth)
            seen = set[int]()
            while not _switch(rescoring, truth, seen):
                _score_left(rescoring, truth, seen)
    except Exception:
        rescoring.fail(SORRY)
        raise


def _left(truth: Truth) -> QuerySet[Submission]:
    """Return the entries without scores by these labels."""
    theirs = Score.objects.filter(submission=OuterRef("pk"), **truth.key)
    entries = Submission.objects.scored().filter(~Exists(theirs), phase__contest=truth.contest)
    return entries.select_related("phase__contest__snapshot").order_by("pk")


def _score_left(rescoring: Rescoring, truth: Truth, seen: set[int]) -> None:
    """Score them, and note in `seen` which: one without a picture to measure, or whose file can no longer be read,
    has no scores in the end.
    """
    for submission in _left(truth).exclude(pk__in=seen).iterator(chunk_size=100):
        seen.add(submission.pk)
        try:
            answers = _answers(submission, truth)
        except PredictionsError:  # by rules that came after it was scored
            continue
        scores, tallies = scores_of(submission, answers, truth)
        with transaction.atomic():
            Score.objects.bulk_create(scores, ignore_conflicts=True)  # another worker finds the same
            ClassTally.objects.bulk_create(tallies, ignore_conflicts=True)
        rescoring.note_progress()


def _answers(submission: Submission, truth: Truth) -> Answers:
    """Return its answers. Those of entries that were scored before answers were kept are read again, and kept."""
    if submission.answers:
        return kept.read(submission)
    answers = answers_of(submission, truth)
    submission.keep_answers(kept.keep(submission, answers))
    return answers


@transaction.atomic
def _switch(rescoring: Rescoring, truth: Truth, seen: set[int]) -> bool:
    """Let the new scores count, and say what moved; False if an entry came in between that has none."""
    # No entry is scored while this row is held.
    contest = Contest.objects.select_for_update().get(pk=rescoring.contest_id)
    if _left(truth).exclude(pk__in=seen).exists():
        return False
    if not rescoring.is_running():  # another worker has shown it
        return True
    before = _places(contest)
    _release_anew(truth)
    contest.count_by(truth.source, SCORER_VERSION)
    standings.rebuild(contest)
    rescoring.switch(SCORER_VERSION, _moved(before, _places(contest)))
    return True


def _release_anew(truth: Truth) -> None:
    """Find out again what teams may be told, as if their entries came today, one after the other."""
    ladder, untold = Ladder(truth), list[int]()
    theirs = Exists(Score.objects.filter(submission=OuterRef("pk"), **truth.key))
    entries = Submission.objects.scored().filter(theirs, phase__contest=truth.contest)
    for submission in entries.select_related("phase__contest").order_by("pk").iterator(chunk_size=100):
        if not ladder.releases(submission, kept.read(submission)):
            untold.append(submission.pk)
    Score.objects.filter(submission__in=untold, **truth.key).update(told=None)


def _places(contest: Contest) -> Places:
    """Return the value and rank of each entry as everybody sees them on the board."""
    phase = contest.phase
    if phase is None:
        return {}
    rows = Standing.objects.filter(contest=contest, part=phase.shown_part)
    return {
        row.submission_id: {"value": row.metrics[contest.ranked_by]["value"], "rank": row.rank}
        for row in rows
    }


def _moved(before: Places, after: Places) -> list[dict[str, Any]]:
    """Return each entry whose value or rank is another now, as it stood and as it stands."""
    nowhere = {"value": None, "rank": None}
    return [
        {"submission": pk, "before": before.get(pk, nowhere), "after": after.get(pk, nowhere)}
        for pk in sorted(before.keys() | after.keys())
        if before.get(pk) != after.get(pk)
    ]
