"""What the leaderboard shows, kept ready, and how it moved when entries were scored anew."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from competition.models.contests import Contest, Part
from competition.models.submissions import Submission
from datasets.models import Snapshot


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
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

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
