"""When labelling's periodic work runs. Each is safe to repeat."""

from celery import shared_task

from labeling import aggregation, tallying
from labeling.models import Collection, Lease, Question


@shared_task
def release_expired_leases() -> int:
    """Give back the places of volunteers who left."""
    n_released = Lease.objects.expired().release()
    return n_released + Question.objects.reopen_forgotten()


@shared_task
def tally_labels() -> bool:
    """Count the pictures at every noun, where anything has changed; say whether it had."""
    return tallying.tally_if_changed()


@shared_task
def refit_grown_collections() -> int:
    """Refit every collection whose votes have grown by a tenth since its last fit; return how many those are."""
    grown = Collection.objects.grown()
    for collection in grown:
        aggregation.refit(collection)
    return len(grown)
