"""When entries are made and scored. Messages are wake-ups without arguments: the rows say what there is to do."""

from celery import shared_task

from competition import entering, rescoring, scoring, standings
from competition.models import Rescoring, Submission


@shared_task
def score_queued() -> int:
    """Score whatever is queued."""
    return scoring.score_queued()


@shared_task
def rescore_waiting() -> int:
    """Score anew the contests that wait for it."""
    return rescoring.rescore_waiting()


@shared_task
def sweep_submissions() -> None:
    """Queue again what a dead worker left, score whatever is queued, then enter this site's own."""
    Submission.objects.lost().requeue()
    scoring.score_queued()
    standings.rebuild_old()
    rescoring.start_due()
    if Rescoring.objects.waiting().exists():
        rescore_waiting.delay()  # which may take long, and others have entries to score
    # Last, so that a run whose files are gone holds nobody up; its entries are scored by the next sweep at once.
    if entering.enter_baselines() + entering.enter_finished_runs():
        scoring.score_queued()
