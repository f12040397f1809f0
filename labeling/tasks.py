"""When labelling's periodic work runs. Each is safe to repeat."""

from celery import shared_task

from labeling import counting, receiving, refitting, reopening, tallying
from labeling.models import Intake, Lease, Question


@shared_task
def release_expired_leases() -> int:
    """Give back the places of volunteers who left."""
    Lease.objects.shorten()
    n_released = Lease.objects.expired().release()
    return n_released + Question.objects.reopen_forgotten()


@shared_task
def tally_labels() -> bool:
    """Count the pictures at every noun, where anything has changed; say whether it had."""
    return tallying.tally_if_changed()


@shared_task
def follow_policies() -> int:
    """Ask again, settle or give up what another policy of its collection has changed; return how many those are."""
    return reopening.follow_policies()


@shared_task
def count_figures() -> int:
    """Count what the pages of large collections show, where it has changed; return how many collections those are."""
    return counting.count_changed()


@shared_task
def refit_grown_collections() -> int:
    """Refit every collection whose votes have grown by a tenth since its last fit, and whatever waits for a refit;
    return how many those are.
    """
    return refitting.refit_grown()


@shared_task
def refit_nightly() -> int:
    """Refit anew every collection that has got votes since it was last; return how many those are."""
    return refitting.refit_nightly()


@shared_task
def refit_waiting() -> int:
    """Refit whatever waits for it; return how many those are."""
    return refitting.refit_waiting()


@shared_task
def heed_networks() -> int:
    """Refit every collection of whose pictures a network has said something since, or which heeds networks otherwise
    than its last fit did; return how many refits were run.
    """
    return refitting.refit_unheeded()


@shared_task
def take_in_waiting() -> int:
    """Take in whatever was received, one upload after the other. Goes to the `intake` queue."""
    return receiving.take_in_waiting()


@shared_task
def sweep_received_files() -> int:
    """Delete received files whose intake is gone; return how many those were."""
    return Intake.objects.sweep_orphans()


@shared_task
def sweep_intakes() -> None:
    """Let wait again what a dead worker left, delete what is needed no more, and wake a worker if anything waits."""
    receiving.sweep()
    # A worker that is at work takes what waits by itself.
    if Intake.objects.waiting().exists() and not Intake.objects.running().exists():
        take_in_waiting.apply_async(expires=60)
