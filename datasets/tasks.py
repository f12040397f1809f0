"""When snapshots are made. Messages are wake-ups: the rows say what there is to do. Each is safe to repeat."""

from celery import shared_task

from datasets import freezing, publishing, summing


@shared_task
def freeze_waiting() -> int:
    """Freeze whatever waits for it, one collection after the other; then make what else is wanted of snapshots: files
    without what was withdrawn, and checksums of archives. Return how many were frozen. Goes to the `snapshots` queue.
    """
    n_frozen = freezing.freeze_waiting()
    publishing.publish_missing()
    summing.sum_waiting()
    return n_frozen


@shared_task
def sweep_freezings() -> None:
    """Let wait again what a dead worker left, have frozen what is due, and wake a worker if there is work."""
    freezing.sweep()
    if freezing.is_anything_to_do():
        freeze_waiting.apply_async(expires=10)
