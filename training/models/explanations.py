"""Why networks answer as they do, one picture at a time: rows that wait, are claimed by one worker, beat and end."""

from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from config.clock import silent
from config.storage import private_storage
from training.models.runs import Run

# Longer than the longest step between two heartbeats, and than it takes to load PyTorch on a busy machine.
SILENT_AFTER = timedelta(seconds=120)
MOST_LOST_EXPLANATIONS = 3  # deaths of its worker until it is given up
MOST_WAITING = 500  # for the whole site: at some seconds each, half an hour of work


class TooManyWaitingError(Exception):
    """So many explanations wait that no more are taken."""


class ExplanationQuerySet(models.QuerySet["Explanation"]):
    def queued(self) -> Self:
        return self.filter(status=Explanation.Status.QUEUED)

    def running(self) -> Self:
        return self.filter(status=Explanation.Status.RUNNING)

    def ask(self, run: Run, sha256: str, wnid: str = "") -> "Explanation":
        """Have it explained why `run` gives the picture the class `wnid`, or where that is empty, its own answer.
        What was asked before is not worked out again, unless it failed. Raises TooManyWaitingError.
        """
        found = self.filter(run=run, sha256=sha256, wnid=wnid).first()
        if found is not None and found.status != Explanation.Status.FAILED:
            return found
        if self.model.objects.queued().count() >= MOST_WAITING:
            raise TooManyWaitingError(
                _now(gettext("Too many pictures wait for their explanations. Come back in some minutes."))
            )
        asked, is_new = self.get_or_create(run=run, sha256=sha256, wnid=wnid)
        if not is_new:
            failed = self.filter(pk=asked.pk, status=Explanation.Status.FAILED)
            failed.update(status=Explanation.Status.QUEUED, n_lost=0, error="")
            asked.refresh_from_db()
        return asked

    def claim_next(self, run: int | None = None) -> "Explanation | None":
        """Take the oldest that waits, of one run or of any; None if there is none."""
        waiting = self.queued().filter(run=run) if run is not None else self.queued()
        for pk in waiting.order_by("pk").values_list("pk", flat=True):
            # One UPDATE both checks and takes it, so that two workers cannot work out the same one.
            taken = self.queued().filter(pk=pk)
            if taken.update(
                status=Explanation.Status.RUNNING, attempt=F("attempt") + 1, heartbeat_at=timezone.now()
            ):
                return self.select_related("run__snapshot").get(pk=pk)
        return None

    def lost(self) -> Self:
        """Those whose worker has died: they say nothing any more."""
        return self.running().filter(silent("heartbeat_at", SILENT_AFTER))

    def requeue(self) -> int:
        """Queue these running ones again; those that were tried often enough fail. Return how many are queued."""
        self.running().filter(n_lost__gte=MOST_LOST_EXPLANATIONS - 1).update(
            status=Explanation.Status.FAILED,
            finished_at=timezone.now(),
            error=f"Its worker died {MOST_LOST_EXPLANATIONS} times; perhaps the machine has too little memory.",
        )
        return self.running().update(status=Explanation.Status.QUEUED, n_lost=F("n_lost") + 1)


class Explanation(models.Model):
    """Why a run's network answers as it does for one picture. Worked out once, by a worker."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="explanations")
    sha256 = models.CharField(max_length=64, help_text=_("The picture's."))
    wnid = models.CharField(
        max_length=16,
        blank=True,
        help_text=_("The class that is explained; empty for what the network answers."),
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0, help_text=_("How often a worker has taken it."))
    n_lost = models.PositiveSmallIntegerField(default=0, help_text=_("Deaths of its worker."))
    error = models.TextField(blank=True)
    file = models.FileField(storage=private_storage, max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ExplanationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "sha256", "wnid"], name="training_explanation_once"),
            models.CheckConstraint(
                condition=~Q(status="failed") | ~Q(error=""), name="training_no_explanation_has_a_reason"
            ),
        ]
        indexes = [
            models.Index(
                fields=["status"], condition=Q(status__in=["queued", "running"]), name="training_unexplained"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run}, {self.wnid or 'its answer'} in {self.sha256[:8]}"

    def get_absolute_url(self) -> str:
        page = reverse("training:why", args=[self.run_id, self.sha256])
        return f"{page}?noun={self.wnid}" if self.wnid else page

    @property
    def is_waited_for(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def n_before(self) -> int:
        """How many are asked for that wait longer; one of the same run may come first all the same."""
        return Explanation.objects.queued().filter(pk__lt=self.pk).count()

    def mine(self) -> "ExplanationQuerySet":
        """This one as long as this attempt still holds it."""
        return Explanation.objects.running().filter(pk=self.pk, attempt=self.attempt)

    def beat(self) -> bool:
        """Say that this attempt lives; False if the explanation is not its any more."""
        return bool(self.mine().update(heartbeat_at=timezone.now()))

    def fail(self, error: str) -> bool:
        """End it with a sentence for people; False if it is not this attempt's any more."""
        return bool(self.mine().update(status=self.Status.FAILED, error=error, finished_at=timezone.now()))

    def finish(self, file: str) -> bool:
        """End it well, with the file that tells it; False if it is not this attempt's any more."""
        finished = {"status": self.Status.FINISHED, "file": file, "error": "", "finished_at": timezone.now()}
        return bool(self.mine().update(**finished))
