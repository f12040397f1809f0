"""Refits as they wait, run and end: when one is due, who runs it, what becomes of it. See labeling.aggregation."""

import logging
import math
import time
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext as _

from labeling import aggregation
from labeling.models import ClassesChangedError, Collection, Network, Refit, RefitLostError
from labeling.models.refits import HEARTBEAT_EVERY_S

logger = logging.getLogger(__name__)


class AlreadyRefittingError(Exception):
    """Somebody else is refitting this collection."""


def refit_grown() -> int:
    """Refit, going on from their last fits, the collections whose votes have grown enough, and whatever waits; return
    how many those were. What a dead worker left waits again.
    """
    Refit.objects.lost().requeue()
    for collection in Refit.objects.due_by_growth():
        Refit.objects.enqueue(collection, Refit.Cause.GROWTH)
    return refit_waiting()


def refit_nightly() -> int:
    """Refit anew every collection that has got votes since it was last; return how many refits were run."""
    for collection in Refit.objects.due_anew():
        Refit.objects.enqueue(collection, Refit.Cause.NIGHTLY)
    return refit_waiting()


def refit_unheeded() -> int:
    """Refit anew the collections whose last fit does not know what networks have said; return how many refits were
    run.
    """
    failed = Refit.objects.failed_lately().values_list("collection", flat=True)
    for collection in Network.objects.unheeded().exclude(pk__in=failed):
        Refit.objects.enqueue(collection, Refit.Cause.NETWORK)
    return refit_waiting()


def refit_waiting() -> int:
    """Run the refits that wait, the oldest first, until there is none; return how many this worker took."""
    n_taken = 0
    while refit := Refit.objects.claim_next():
        n_taken += 1
        run(refit)
    return n_taken


def refit_now(collection: Collection) -> aggregation.Report:
    """Refit a collection anew in this process. Raises AlreadyRefittingError where another one does."""
    asked = Refit.objects.enqueue(collection, Refit.Cause.ASKED)
    refit = Refit.objects.claim(asked.pk)
    report = run(refit) if refit else None
    if report is None:
        raise AlreadyRefittingError(
            _(
                "Expected that nobody else refits %(collection)s; found that refit %(asked)s is running. "
                "`manage.py update_consensus %(collection_2)s` does it later."
            )
            % {"collection": collection, "asked": asked.pk, "collection_2": collection.slug}
        )
    return report


def run(refit: Refit) -> aggregation.Report | None:
    """Run a refit that was claimed, and say in its row how far it is and how it ended. None if it was taken from this
    worker, which was silent for too long.
    """
    is_anew = refit.cause != Refit.Cause.GROWTH
    try:
        report = aggregation.refit(refit.collection, is_anew=is_anew, tell=_Telling(refit))
        refit.finish(
            report.fit, n_votes=report.n_votes, n_iterations=report.n_iterations, is_anew=report.is_anew
        )
    except RefitLostError as error:
        logger.warning("%s", error)
        return None
    except ClassesChangedError as error:
        refit.fail(error)
        raise
    except BaseException:  # Ctrl-C too: nobody would go on with it
        refit.fail(gettext("It broke off; the log of whoever ran it says why."))
        raise
    return report


class _Telling:
    """Writes down how far a refit is: at once when it enters another state, else every few seconds."""

    def __init__(self, refit: Refit) -> None:
        self.refit, self.told_at = refit, -math.inf
        self.untold: dict[str, Any] = {}

    def __call__(self, state: Refit.State, **progress: Any) -> None:
        self.untold |= progress
        if state != self.refit.state or time.monotonic() - self.told_at >= HEARTBEAT_EVERY_S:
            self.refit.tell(state=state, **self.untold)
            self.untold, self.told_at = {}, time.monotonic()
