"""The queue of entries: workers claim them, say that they live, and are given up. States only move forward, except
that an entry whose worker fell silent is queued again.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from competition.models.attempts import Attempt
from config.clock import silent

if TYPE_CHECKING:
    from competition.models.submissions import Submission

LOST_AFTER = timedelta(minutes=2)  # without a heartbeat; scoring takes seconds
MOST_ATTEMPTS = 3


class Status(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("being scored")
    SCORED = "scored", _("scored")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


UNFINISHED = (Status.QUEUED, Status.RUNNING)


class QueueQuerySet(models.QuerySet["Submission"]):
    def queued(self) -> Self:
        return self.filter(status=Status.QUEUED)

    def running(self) -> Self:
        return self.filter(status=Status.RUNNING)

    def scored(self) -> Self:
        return self.filter(status=Status.SCORED)

    def unfinished(self) -> Self:
        return self.filter(status__in=UNFINISHED)

    def claim_next(self) -> "Submission | None":
        """Take the oldest queued submission; None if there is none."""
        for pk in self.queued().order_by("pk").values_list("pk", flat=True):
            # One UPDATE both checks and takes it, so two workers cannot score the same one.
            taken = self.queued().filter(pk=pk)
            moment = timezone.now()
            with transaction.atomic():
                if taken.update(status=Status.RUNNING, attempt=F("attempt") + 1, heartbeat_at=moment):
                    submission = self.select_related("phase__contest__snapshot", "team").get(pk=pk)
                    submission.attempts.create(number=submission.attempt, started_at=moment)
                    return submission
        return None

    def lost(self) -> Self:
        return self.running().filter(silent("heartbeat_at", LOST_AFTER))

    @transaction.atomic
    def requeue(self) -> int:
        """Queue these running submissions again; those that were tried often enough fail. Return how many
        are queued.
        """
        moment = timezone.now()
        held = list(self.running().order_by("pk").select_for_update().values_list("pk", flat=True))
        theirs = self.model.objects.running().filter(pk__in=held)
        Attempt.objects.filter(submission__in=held, ended_at=None).update(
            outcome=Attempt.Outcome.LOST, ended_at=moment
        )
        theirs.filter(attempt__gte=MOST_ATTEMPTS).update(
            status=Status.FAILED,
            ended_at=moment,
            error=f"Scoring it stopped {MOST_ATTEMPTS} times without a word; the organiser can see the log.",
        )
        return theirs.update(status=Status.QUEUED)

    @transaction.atomic
    def cancel(self) -> int:
        """End those that have not ended; return how many did. Their places under the limit are given back."""
        held = list(self.unfinished().order_by("pk").select_for_update().values_list("pk", flat=True))
        moment = timezone.now()
        Attempt.objects.filter(submission__in=held, ended_at=None).update(
            outcome=Attempt.Outcome.CANCELLED, ended_at=moment
        )
        # What a worker holds it can no longer finish: see Submission.mine.
        theirs = self.model.objects.unfinished().filter(pk__in=held)
        return theirs.update(status=Status.CANCELLED, ended_at=moment)
