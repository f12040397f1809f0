"""Entries, from handing in to their scores. States only move forward; the rows say what there is to do."""

from datetime import timedelta
from pathlib import Path
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
from competition.models.attempts import Attempt
from competition.models.contests import Contest, Metric, Part, Phase
from competition.models.scores import Score
from competition.models.teams import Team
from config.storage import private_storage
from training.models import Run

LOST_AFTER = timedelta(minutes=2)  # without a heartbeat; scoring takes seconds
MOST_ATTEMPTS = 3


def submission_path(_submission: "Submission", name: str) -> str:
    """Return where an upload is kept: under a name of ours, so that no two are the same file."""
    suffix = Path(name).suffix.lower()
    return f"submissions/{uuid4().hex}{suffix if suffix in SUFFIXES else ''}"


SUFFIXES = (".csv", ".jsonl", ".npy", ".onnx", ".safetensors")


class SubmissionRefusedError(ValueError):
    """The phase is closed, or a limit is reached; the message says when to come again."""


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def queued(self) -> Self:
        return self.filter(status=Submission.Status.QUEUED)

    def running(self) -> Self:
        return self.filter(status=Submission.Status.RUNNING)

    def scored(self) -> Self:
        return self.filter(status=Submission.Status.SCORED)

    def visible_to(self, user: User) -> Self:
        """Those of an author's team and every baseline; all of them for staff and the contest's organiser."""
        if user.is_staff:
            return self
        theirs = Q(author=user) | Q(team__memberships__user=user) | Q(phase__contest__organiser=user)
        return self.filter(theirs | Q(run__isnull=False, author=None)).distinct()

    @transaction.atomic
    def submit(
        self,
        phase: Phase | None,
        author: User,
        method: str,
        file: File,
        *,
        kind: str = "guesses",
        network: dict[str, Any] | None = None,
        run: Run | None = None,
        token: str = "",
    ) -> "Submission":
        """Queue what `author` hands in for their team, a new team of one where they have none. Raises
        SubmissionRefusedError if that may not be now.

        network: what a file of weights is the weights of; see Submission.network.
        token:   names this one act: handed in again under the same name, the submission that is there is returned.
        """
        if there := self._under(token, author, phase):
            return there
        phase = _entered(phase, author)
        team = Team.objects.enter(phase.contest, author)
        # Its row stands for the limits: whoever holds it counts and takes a place in one step.
        Team.objects.select_for_update().get(pk=team.pk)
        if there := self._under(token, author, phase):  # by a request of the same moment
            return there
        self.filter(phase=phase, team=team).check_limits(phase)
        return self.create(
            phase=phase,
            team=team,
            author=author,
            method=method,
            file=file,
            kind=kind,
            network=network or {},
            run=run,
            is_late=not phase.is_open,
            token=token,
        )

    def _under(self, token: str, author: User, phase: Phase | None) -> "Submission | None":
        """Return what `author` has handed in under `token`. Raises SubmissionRefusedError if in another contest."""
        there = (
            self.filter(author=author, token=token).select_related("phase__contest").first()
            if token
            else None
        )
        if there and (phase is None or there.phase.contest_id != phase.contest_id):
            raise SubmissionRefusedError(
                f"Expected a token of its own for each entry; found that of {there} in {there.phase.contest}."
            )
        return there

    def check_limits(self, phase: Phase) -> None:
        """Raise SubmissionRefusedError if a team that handed these in has no place left in the window."""
        recent = self.filter(created_at__gt=timezone.now() - phase.window)
        is_back = Q(status__in=[Submission.Status.FAILED, Submission.Status.CANCELLED])
        if not phase.limit:
            raise SubmissionRefusedError(f"{phase} takes no entries now.")
        span = "a day" if phase.window_hours == 24 else f"in {phase.window_hours} hours"
        for counted, limit, what in (
            (recent.exclude(is_back), phase.limit, f"entries {span}"),
            (
                recent.filter(is_back),
                max(1, phase.failure_limit),
                f"entries {span} that fail or are cancelled",
            ),
        ):
            taken = list(counted.order_by("created_at").values_list("created_at", flat=True))
            if len(taken) >= limit:
                # A place is free again when so many have left the window that fewer than the limit are in it.
                when = taken[len(taken) - limit] + phase.window
                raise SubmissionRefusedError(
                    f"Expected at most {limit} {what} of one team; the next may come at {when:%Y-%m-%d %H:%M} UTC."
                )

    def claim_next(self) -> "Submission | None":
        """Take the oldest queued submission; None if there is none."""
        for pk in self.queued().order_by("pk").values_list("pk", flat=True):
            # One UPDATE both checks and takes it, so two workers cannot score the same one.
            taken = self.queued().filter(pk=pk)
            moment = timezone.now()
            with transaction.atomic():
                if taken.update(
                    status=Submission.Status.RUNNING, attempt=F("attempt") + 1, heartbeat_at=moment
                ):
                    submission = self.select_related("phase__contest__snapshot", "team").get(pk=pk)
                    submission.attempts.create(number=submission.attempt, started_at=moment)
                    return submission
        return None

    def lost(self) -> Self:
        return self.running().filter(heartbeat_at__lt=timezone.now() - LOST_AFTER)

    @transaction.atomic
    def requeue(self) -> int:
        """Queue these running submissions again; those that were tried often enough fail. Return how many
        are queued.
        """
        moment = timezone.now()
        held = list(self.running().select_for_update().values_list("pk", flat=True))
        theirs = Submission.objects.running().filter(pk__in=held)
        Attempt.objects.filter(submission__in=held, ended_at=None).update(
            outcome=Attempt.Outcome.LOST, ended_at=moment
        )
        theirs.filter(attempt__gte=MOST_ATTEMPTS).update(
            status=Submission.Status.FAILED,
            ended_at=moment,
            error=f"Scoring it stopped {MOST_ATTEMPTS} times without a word; the organiser can see the log.",
        )
        return theirs.update(status=Submission.Status.QUEUED)

    @transaction.atomic
    def cancel(self) -> int:
        """End those that have not ended; return how many did. Their places under the limit are given back."""
        open_ = self.filter(status__in=[Submission.Status.QUEUED, Submission.Status.RUNNING])
        held = list(open_.select_for_update().values_list("pk", flat=True))
        moment = timezone.now()
        Attempt.objects.filter(submission__in=held, ended_at=None).update(
            outcome=Attempt.Outcome.CANCELLED, ended_at=moment
        )
        unfinished = Submission.objects.filter(
            pk__in=held, status__in=[Submission.Status.QUEUED, Submission.Status.RUNNING]
        )
        return unfinished.update(status=Submission.Status.CANCELLED, ended_at=moment)


def _entered(phase: Phase | None, author: User) -> Phase:
    """Return `phase` if `author` may hand in now, be it late."""
    if phase is None:
        raise SubmissionRefusedError("This contest has no phase yet.")
    if not phase.is_open and not (phase.contest.takes_late and phase.contest.is_over):
        end = f" to {phase.closes_at:%Y-%m-%d %H:%M} UTC" if phase.closes_at else " on"
        raise SubmissionRefusedError(
            f"{phase} is not open: it runs from {phase.opens_at:%Y-%m-%d %H:%M}{end}."
        )
    if author.is_guest:
        raise SubmissionRefusedError("Sign up first: guests cannot hand in entries.")
    return phase


class Submission(models.Model):
    """Guesses or a network handed in, by a person for their team or by one of this site's own trainings."""

    class Kind(models.TextChoices):
        GUESSES = "guesses", _("guesses")
        ONNX = "onnx", _("a network as ONNX")
        WEIGHTS = "weights", _("weights of a network of this site")

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("being scored")
        SCORED = "scored", _("scored")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    phase = models.ForeignKey(Phase, on_delete=models.PROTECT, related_name="submissions")
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="submissions"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, blank=True, related_name="submissions")
    kind = models.CharField(max_length=7, choices=Kind, default=Kind.GUESSES)
    network = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Of weights: the options that training.config reads, and the classes in their order."),
    )
    method = models.CharField(_("method"), max_length=100, help_text=_("How the predictions were made."))
    file = models.FileField(storage=private_storage, upload_to=submission_path, max_length=200)
    answers = models.FileField(
        storage=private_storage,
        max_length=200,
        blank=True,
        help_text=_("What it says of each test picture, as competition.answers keeps it."),
    )
    token = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text=_(
            "Its author's name for handing it in, so that a form or program that asks twice enters once."
        ),
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    is_late = models.BooleanField(default=False, help_text=_("Handed in after the end: scored, not ranked."))
    is_chosen = models.BooleanField(default=False, help_text=_("By its team, for the private part."))
    n_parameters = models.PositiveBigIntegerField(null=True, blank=True)
    n_multiply_adds = models.PositiveBigIntegerField(null=True, blank=True, help_text=_("For one picture."))
    pictures_per_second = models.FloatField(
        null=True, blank=True, help_text=_("As measured here, or as its method card says.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["author", "token"], condition=~Q(token=""), name="competition_token_once"
            ),
            models.UniqueConstraint(
                fields=["phase", "run"],
                condition=Q(run__isnull=False, team=None),
                name="competition_run_once_per_phase",
            ),
            models.CheckConstraint(
                condition=Q(author__isnull=False) | Q(run__isnull=False), name="competition_somebody_submits"
            ),
            models.CheckConstraint(
                condition=Q(author=None) | Q(team__isnull=False), name="competition_authors_have_teams"
            ),
            models.CheckConstraint(
                condition=~Q(status="failed") | ~Q(error=""), name="competition_failure_has_a_reason"
            ),
        ]
        indexes = [
            models.Index(
                fields=["status"],
                condition=Q(status__in=["queued", "running"]),
                name="competition_unfinished",
            ),
            models.Index(fields=["phase", "team", "created_at"], name="competition_places"),
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
        return self.author_id is None

    @property
    def is_unfinished(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    def shown_scores(self) -> list[Score]:
        """The scores that its author may see by now."""
        parts = {Part.PUBLIC, self.phase.shown_part}
        shown = [score for score in self.scores.all() if score.part in parts]
        order = list(Metric.values)
        return sorted(shown, key=lambda score: (score.part, order.index(score.metric)))

    def mine(self) -> SubmissionQuerySet:
        """This submission as long as this attempt still holds it."""
        return Submission.objects.running().filter(pk=self.pk, attempt=self.attempt)

    def beat(self) -> bool:
        """Say that it is being scored; False if this attempt holds it no more."""
        return bool(self.mine().update(heartbeat_at=timezone.now()))

    def tell(self, **fields: Any) -> bool:
        """Keep what was found out while it is scored; False if this attempt holds it no more."""
        return bool(self.mine().update(**fields))

    def note(self, log: str) -> None:
        """Keep what the organiser may read of this attempt."""
        self.attempts.filter(number=self.attempt).update(log=log)

    @transaction.atomic
    def finish(self, scores: list[Score], **fields: Any) -> bool:
        """Keep its scores and mark it scored, both or neither; False if this attempt holds it no more."""
        ended = {"status": self.Status.SCORED, "error": "", "ended_at": timezone.now()}
        if not self.mine().update(**ended, **fields):
            return False
        Score.objects.bulk_create(scores, ignore_conflicts=True)  # scoring again finds the same
        self._end(Attempt.Outcome.SCORED)
        return True

    @transaction.atomic
    def fail(self, error: str, log: str = "") -> None:
        """End it with a sentence for its author; the place under the limit is given back.

        log: what the organiser may read besides.
        """
        if self.mine().update(status=self.Status.FAILED, error=error, ended_at=timezone.now()):
            self._end(Attempt.Outcome.FAILED, log)

    def _end(self, outcome: str, log: str = "") -> None:
        kept = {"log": log} if log else {}  # else what was noted stays
        self.attempts.filter(number=self.attempt).update(outcome=outcome, ended_at=timezone.now(), **kept)
