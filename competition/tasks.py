"""When entries are made and scored. Messages are wake-ups without arguments: the rows say what there is to do."""

from celery import shared_task

from competition import entering, scoring, standings
from competition.models import Submission


@shared_task
def score_queued() -> int:
    """Score whatever is queued."""
    return scoring.score_queued()


@shared_task
def sweep_submissions() -> None:
    """Queue again what a dead worker left, score whatever is queued, then enter finished trainings."""
    Submission.objects.lost().requeue()
    scoring.score_queued()
    # Last, so that a run whose files are gone holds nobody up; its entries are scored by the next sweep at once.
    if entering.enter_finished_runs():
        scoring.score_queued()


@shared_task
def sweep_standings() -> None:
    """Rank contests that have ended since they were ranked last. Safe to repeat: ranks follow from scores."""
    standings.rebuild_old()
