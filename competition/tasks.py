"""When entries are made and scored. Messages are wake-ups without arguments: the rows say what there is to do."""

from celery import shared_task

from competition import entering, scoring
from competition.models import Submission


@shared_task
def score_queued() -> int:
    """Score whatever is queued."""
    return scoring.score_queued()


@shared_task
def sweep_submissions() -> None:
    """Enter finished trainings, queue again what a dead worker left, and score whatever is queued."""
    entering.enter_finished_runs()
    Submission.objects.lost().requeue()
    scoring.score_queued()
