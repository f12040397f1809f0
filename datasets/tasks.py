"""When snapshots are made. Messages are wake-ups: the rows say what there is to do. Each is safe to repeat."""

from celery import shared_task

from datasets import freezing, summing
from datasets.models import Freezing


@shared_task
def freeze_waiting() -> int:
    """Freeze whatever waits for it, one collection after the other; return how many this worker took."""
    return freezing.freeze_waiting()


@shared_task
def sweep_freezings() -> None:
    """Let wait again what a dead worker left, have frozen what is due, and wake a worker if anything waits."""
    freezing.sweep()
    # A worker that is at work takes what waits by itself.
    if Freezing.objects.waiting().exists() and not Freezing.objects.running().exists():
        freeze_waiting.apply_async(expires=60)


@shared_task
def sum_archives() -> int:
    """Work out the checksums of archives that have none yet; return of how many editions."""
    return summing.sum_waiting()
