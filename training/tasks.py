"""When training runs. Messages are wake-ups without arguments: the rows say what there is to do."""

from celery import shared_task

from training import supervising, why_supervising
from training.models import Explanation, Run


@shared_task
def train_queued() -> int:
    """Train whatever is queued, one run after the other. Goes to the `training` queue."""
    return supervising.train_queued()


@shared_task
def predict(run: int) -> None:
    """Ask a finished run's network about its collection's pictures. Goes to the `training` queue; safe to repeat."""
    supervising.predict(run)


@shared_task
def sweep_runs() -> None:
    """Queue again what a dead worker left, and wake a worker if anything is queued."""
    Run.objects.lost().requeue()
    # A trainer that is at work takes what is queued by itself.
    if Run.objects.queued().exists() and not Run.objects.running().exists():
        train_queued.apply_async(expires=60)


@shared_task
def explain_queued() -> None:
    """Have explanations worked out that people wait for. One process a message, then others may have the worker."""
    if why_supervising.explain_next() and Explanation.objects.queued().exists():
        explain_queued.delay()


@shared_task
def sweep_explanations() -> None:
    """Queue again what a dead worker left, and wake a worker if anything is queued."""
    Explanation.objects.lost().requeue()
    # A worker that is at one wakes the next by itself.
    if Explanation.objects.queued().exists() and not Explanation.objects.running().exists():
        explain_queued.apply_async(expires=60)
