"""What the leaderboard shows, kept ready, and how it moved when entries were scored anew."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from competition.models.contests import Contest, Part
from competition.models.queue import LOST_AFTER
from competition.models.submissions import Submission
from config.clock import silent
from datasets.models import Snapshot

MOST_LOST = 2  # workers that may fall silent at one entry


class Standing(models.Model):
    """The place of one entry on the board of one part. It follows from scores and answers, and can be made again."""

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="standings")
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="standings")
    part = models.CharField(max_length=7, choices=Part)
    place = models.PositiveIntegerField(help_text=_("From 1, in the order of the board."))
    rank = models.PositiveIntegerField(
        null=True,
        help_text=_(
            "1 and as many as are shown to be better; equal until shown different. Empty where it is not ranked."
        ),
    )
    rank_low = models.PositiveIntegerField(null=True, help_text=_("The best rank that the data allow."))
    rank_high = models.PositiveIntegerField(null=True)
    n_images = models.PositiveIntegerField(default=0, help_text=_("Pictures that its metrics are about."))
    metrics = models.JSONField(
        help_text=_("For each metric that it has: value, low and high; these are null where none is known.")
    )
    grade = models.CharField(max_length=2, blank=True)

    class Meta:
        ordering = ["part", "place"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "part"], name="competition_standing_once"),
            models.CheckConstraint(
                condition=Q(rank=None, rank_low=None, rank_high=None)
                | Q(rank__isnull=False, rank_low__lte=F("rank"), rank_high__gte=F("rank")),
                name="competition_rank_lies_in_its_interval",
            ),
        ]
        indexes = [models.Index(fields=["contest", "part", "place"], name="competition_board")]

    def __str__(self) -> str:
        return f"{self.rank}: {self.submission}"


class RescoringQuerySet(models.QuerySet["Rescoring"]):
    def running(self) -> Self:
        return self.filter(status=Rescoring.Status.RUNNING)

    def waiting(self) -> Self:
        """Those that no worker is at, or whose worker fell silent."""
        return self.running().filter(silent("heartbeat_at", LOST_AFTER) | Q(heartbeat_at=None))

    def claim_next(self) -> "Rescoring | None":
        """Take the oldest that no worker is at; None if there is none. What fell silent too often fails."""
        moment = timezone.now()
        self.waiting().filter(n_lost__gte=MOST_LOST).exclude(heartbeat_at=None).update(
            status=Rescoring.Status.FAILED,
            ended_at=moment,
            error=f"It stopped {MOST_LOST + 1} times at the same entry without a word.",
        )
        for found in self.waiting().order_by("pk"):
            # One UPDATE both checks and takes it, so two workers cannot begin it together.
            taken = self.running().filter(pk=found.pk, heartbeat_at=found.heartbeat_at)
            if taken.update(heartbeat_at=moment, n_lost=F("n_lost") + int(found.heartbeat_at is not None)):
                return self.select_related("contest__snapshot", "truth").get(pk=found.pk)
        return None


class Rescoring(models.Model):
    """All entries of a contest scored anew, by other labels or another scorer, and shown all at once."""

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        SWITCHED = "switched", _("shown")
        FAILED = "failed", _("failed")

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="rescorings")
    truth = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="+")
    scorer_version = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=200, help_text=_("Shown on the board beside what moved."))
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.RUNNING)
    error = models.TextField(blank=True)
    moved = models.JSONField(
        default=list, blank=True, help_text=_("Of each entry: submission, value and rank, before and after.")
    )
    n_lost = models.PositiveSmallIntegerField(
        default=0, help_text=_("How often its worker fell silent since an entry was scored.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = RescoringQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["contest"],
                condition=Q(status="running"),
                name="competition_one_rescoring_at_a_time",
                violation_error_message=_("The entries of this contest are being scored anew already."),
            ),
            models.CheckConstraint(
                condition=~Q(status="failed") | ~Q(error=""), name="competition_failed_rescoring_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contest} by {self.truth}"

    def mine(self) -> RescoringQuerySet:
        return Rescoring.objects.running().filter(pk=self.pk)

    def is_running(self) -> bool:
        return self.mine().exists()

    def beat(self) -> bool:
        """Say that a worker is at it; False if it has ended."""
        return bool(self.mine().update(heartbeat_at=timezone.now()))

    def note_progress(self) -> None:
        """Note that an entry was scored."""
        self.mine().update(heartbeat_at=timezone.now(), n_lost=0)

    def switch(self, scorer_version: int, moved: list[dict[str, Any]]) -> None:
        """Note that the new scores count, whose they are, and what moved."""
        switched = {"status": self.Status.SWITCHED, "scorer_version": scorer_version, "moved": moved}
        self.mine().update(**switched, ended_at=timezone.now())

    def fail(self, error: str) -> None:
        """End it with a sentence; nothing of it is shown."""
        self.mine().update(status=self.Status.FAILED, error=error, ended_at=timezone.now())
