"""When training runs. Messages are wake-ups without arguments: the rows say what there is to do."""

from celery import shared_task
from django.core.cache import cache

from training import supervising, why_supervising
from training.models import Explanation, Run, TrainingPolicy

# At most so many trainers are woken by one sweep, and by one a minute while others are at work.
MOST_WOKEN = 8
WOKEN_EVERY_S = 60


# Acknowledged at the end, so that a trainer at work keeps no second message from another that is idle. When it dies,
# and each hour, when Redis takes what is unacknowledged for lost, the message comes again and finds nothing to do.
@shared_task(acks_late=True, reject_on_worker_lost=True)
def train_queued() -> int:
    """Train whatever is queued, one run after the other. Goes to the `training` queue; safe to run twice."""
    return supervising.train_queued()


@shared_task
def predict(run: int) -> None:
    """Ask a finished run's network about its collection's pictures. Goes to the `training` queue; safe to repeat."""
    supervising.predict(run)


@shared_task
def sweep_runs() -> None:
    """Queue again what a dead worker left and what policies ask for, and wake workers if anything is queued."""
    Run.objects.lost().requeue()
    TrainingPolicy.objects.follow()
    n_queued = Run.objects.queued().count()
    # A trainer that is at work takes what is queued by itself; another may have a GPU free.
    if n_queued and (not Run.objects.running().exists() or cache.add("training.woken", True, WOKEN_EVERY_S)):
        for _ in range(min(n_queued, MOST_WOKEN)):
            train_queued.apply_async(expires=WOKEN_EVERY_S)


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
