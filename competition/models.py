"""Hidden tests, entries, scores. The leaderboard is a query."""

from datetime import timedelta
from typing import Any, Self
from uuid import uuid4

from django.conf import settings
from django.core.files import File
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from config.storage import private_storage
from datasets.models import Snapshot
from training.models import Run

LIMIT_WINDOW = timedelta(days=1)
LOST_AFTER = timedelta(minutes=2)  # without a heartbeat; scoring takes seconds
MOST_ATTEMPTS = 3


class Metric(models.TextChoices):
    TOP1 = "top1_error", _("top-1 error")
    TOP5 = "top5_error", _("top-5 error")
    HIERARCHICAL = "hierarchical_error", _("hierarchical error")


class Part(models.TextChoices):
    PUBLIC = "public", _("public part")
    PRIVATE = "private", _("private part")


RANKING_METRICS = [(metric.value, metric.label) for metric in (Metric.TOP1, Metric.TOP5)]


class Contest(models.Model):
    """A yearly edition on one snapshot's hidden test labels."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    year = models.PositiveSmallIntegerField()
    description = models.TextField(blank=True)
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="contests")
    ranked_by = models.CharField(max_length=20, choices=RANKING_METRICS, default=Metric.TOP1)
    enters_runs = models.BooleanField(default=True, help_text=_("Finished trainings enter as baselines."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-year", "-created_at"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("competition:contest", args=[self.slug])

    @property
    def phase(self) -> "Phase | None":
        """The phase that is open now, else the latest that was, else the next."""
        phases = list(self.phases.order_by("opens_at"))
        begun = [phase for phase in phases if phase.opens_at <= timezone.now()]
        return begun[-1] if begun else next(iter(phases), None)


class Phase(models.Model):
    """A span of a contest with its own limits, and its public share of the hidden test split."""

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="phases")
    name = models.CharField(max_length=100)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField(null=True, blank=True)
    daily_limit = models.PositiveSmallIntegerField(default=5, help_text=_("Submissions of one person a day."))
    public_share = models.FloatField(
        default=0.5, help_text=_("Share of the test pictures whose scores show while the phase is open.")
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(public_share__gt=0, public_share__lte=1),
                name="competition_public_share_range",
                violation_error_message=_("The public share lies above 0 and is at most 1."),
            ),
            models.CheckConstraint(
                condition=Q(closes_at=None) | Q(closes_at__gt=F("opens_at")),
                name="competition_phase_closes_after_it_opens",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contest}: {self.name}"

    @property
    def is_open(self) -> bool:
        moment = timezone.now()
        return self.opens_at <= moment and (self.closes_at is None or moment < self.closes_at)

    @property
    def shown_part(self) -> Part:
        """The part of the test split that the board ranks by: the private one once the phase has closed."""
        # A later phase may stand on the same secrets, so they wait for the last one.
        ends = [phase.closes_at for phase in self.contest.phases.all()]
        is_over = all(end is not None and end <= timezone.now() for end in ends)
        return Part.PRIVATE if is_over and self.public_share < 1 else Part.PUBLIC


def submission_path(_submission: "Submission", _name: str) -> str:
    """Return where an upload is kept: under a name of ours, so that no two are the same file."""
    return f"submissions/{uuid4().hex}.csv"


class SubmissionRefusedError(ValueError):
    """The phase is closed, or the limit is reached; the message says when to come again."""


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def queued(self) -> Self:
        return self.filter(status=Submission.Status.QUEUED)

    def running(self) -> Self:
        return self.filter(status=Submission.Status.RUNNING)

    def visible_to(self, user: User) -> Self:
        """An author's own and every baseline; all of them for staff."""
        return self if user.is_staff else self.filter(Q(author=user) | Q(run__isnull=False))

    @transaction.atomic
    def submit(self, phase: Phase | None, author: User, method: str, file: File) -> "Submission":
        """Queue a predictions file. Raises SubmissionRefusedError if `author` may not submit now."""
        if phase is None:
            raise SubmissionRefusedError("This contest has no phase yet.")
        if not phase.is_open:
            end = f" to {phase.closes_at:%Y-%m-%d %H:%M} UTC" if phase.closes_at else " on"
            raise SubmissionRefusedError(
                f"{phase} is not open: it runs from {phase.opens_at:%Y-%m-%d %H:%M}{end}."
            )
        if author.is_guest:
            raise SubmissionRefusedError("Sign up first: guests cannot hand in entries.")
        if not phase.daily_limit:
            raise SubmissionRefusedError(f"{phase} takes no entries now.")
        # The author's row stands for the limit: whoever holds it counts and takes a place in one step.
        User.objects.select_for_update().get(pk=author.pk)
        recent = self.filter(phase=phase, author=author, created_at__gt=timezone.now() - LIMIT_WINDOW)
        counted = recent.exclude(status__in=[Submission.Status.FAILED, Submission.Status.CANCELLED])
        if counted.count() >= phase.daily_limit:
            again_at = counted.earliest("created_at").created_at + LIMIT_WINDOW
            raise SubmissionRefusedError(
                f"Expected at most {phase.daily_limit} submissions a day; the next may come at "
                f"{again_at:%Y-%m-%d %H:%M} UTC."
            )
        return self.create(phase=phase, author=author, method=method, file=file)

    def claim_next(self) -> "Submission | None":
        """Take the oldest queued submission; None if there is none."""
        for pk in self.queued().order_by("pk").values_list("pk", flat=True):
            # One UPDATE both checks and takes it, so two workers cannot score the same one.
            if (
                self.queued()
                .filter(pk=pk)
                .update(
                    status=Submission.Status.RUNNING, attempt=F("attempt") + 1, heartbeat_at=timezone.now()
                )
            ):
                return self.select_related("phase__contest__snapshot").get(pk=pk)
        return None

    def lost(self) -> Self:
        return self.running().filter(heartbeat_at__lt=timezone.now() - LOST_AFTER)

    def requeue(self) -> int:
        """Queue these running submissions again; those that were tried often enough fail."""
        self.running().filter(attempt__gte=MOST_ATTEMPTS).update(
            status=Submission.Status.FAILED,
            error=f"Scoring it stopped {MOST_ATTEMPTS} times without a word; the organiser can see the log.",
        )
        return self.running().filter(attempt__lt=MOST_ATTEMPTS).update(status=Submission.Status.QUEUED)


class Submission(models.Model):
    """A predictions file handed in, by a person or by one of this site's own trainings."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("being scored")
        SCORED = "scored", _("scored")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    phase = models.ForeignKey(Phase, on_delete=models.PROTECT, related_name="submissions")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, blank=True, related_name="submissions")
    method = models.CharField(_("method"), max_length=100, help_text=_("How the predictions were made."))
    file = models.FileField(storage=private_storage, upload_to=submission_path, max_length=200)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["phase", "run"], condition=Q(run__isnull=False), name="competition_run_once_per_phase"
            ),
            models.CheckConstraint(
                condition=Q(author__isnull=False) | Q(run__isnull=False), name="competition_somebody_submits"
            ),
            models.CheckConstraint(
                condition=~Q(status="failed") | ~Q(error=""), name="competition_failure_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"Submission {self.pk}: {self.method}"

    def get_absolute_url(self) -> str:
        return reverse("competition:submission", args=[self.pk])

    @property
    def contest(self) -> Contest:
        return self.phase.contest

    @property
    def is_scored(self) -> bool:
        return self.status == self.Status.SCORED

    @property
    def is_baseline(self) -> bool:
        return self.run_id is not None

    @property
    def is_unfinished(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    def shown_scores(self) -> "list[Score]":
        """The scores that its author may see by now."""
        parts = {Part.PUBLIC, self.phase.shown_part}
        shown = [score for score in self.scores.all() if score.part in parts]
        order = list(Metric.values)
        return sorted(shown, key=lambda score: (score.part, order.index(score.metric)))

    def mine(self) -> SubmissionQuerySet:
        """This submission as long as this attempt still holds it."""
        return Submission.objects.running().filter(pk=self.pk, attempt=self.attempt)

    @transaction.atomic
    def finish(self, scores: list["Score"]) -> None:
        """Keep its scores and mark it scored, both or neither."""
        if self.mine().update(status=self.Status.SCORED, error=""):
            Score.objects.bulk_create(scores, ignore_conflicts=True)  # scoring again finds the same

    def fail(self, error: str) -> None:
        """End it with a sentence for its author; the place under the limit is given back."""
        self.mine().update(status=self.Status.FAILED, error=error)


class Score(models.Model):
    """One metric of one submission on one part; never edited. New labels give new rows."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="scores")
    metric = models.CharField(max_length=20, choices=Metric)
    part = models.CharField(max_length=7, choices=Part)
    value = models.FloatField()
    low = models.FloatField(help_text=_("Of the 95 % bootstrap interval."))
    high = models.FloatField()
    n_images = models.PositiveIntegerField()
    truth_digest = models.CharField(max_length=64, help_text=_("The snapshot's."))
    taxonomy_version = models.PositiveIntegerField()
    scorer_version = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "metric", "part", "truth_digest", "taxonomy_version", "scorer_version"],
                name="competition_score_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} {self.value:.4f}"

    def as_dict(self) -> dict[str, Any]:
        return {"value": self.value, "low": self.low, "high": self.high}
