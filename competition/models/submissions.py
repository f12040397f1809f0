"""Entries, from handing in to their scores. States only move forward; the rows say what there is to do."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from competition.models import queue
from competition.models.attempts import Attempt, MethodCard
from competition.models.contests import Contest, Metric, Part, Phase
from competition.models.handing_in import SubmissionQuerySet
from competition.models.limits import SubmissionRefusedError
from competition.models.scores import Score, ShownScore
from competition.models.teams import Team
from config.storage import private_storage
from training.models import Run


def submission_path(_submission: "Submission", name: str) -> str:
    """Return where an upload is kept: under a name of ours, so that no two are the same file."""
    suffix = Path(name).suffix.lower()
    return f"submissions/{uuid4().hex}{suffix if suffix in SUFFIXES else ''}"


SUFFIXES = (".csv", ".jsonl", ".npy", ".onnx", ".safetensors")


class Submission(models.Model):
    """Guesses or a network handed in, by a person for their team or by one of this site's own trainings."""

    class Kind(models.TextChoices):
        GUESSES = "guesses", _("guesses")
        ONNX = "onnx", _("a network as ONNX")
        WEIGHTS = "weights", _("weights of a network of this site")

    class Baseline(models.TextChoices):
        MOST_COMMON = "most_common", _("always the most common class")

    Status = queue.Status

    phase = models.ForeignKey(Phase, on_delete=models.PROTECT, related_name="submissions")
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="submissions"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, blank=True, related_name="submissions")
    baseline = models.CharField(
        max_length=12,
        choices=Baseline,
        blank=True,
        help_text=_("What this site itself hands in to every contest; empty for all others."),
    )
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
            models.UniqueConstraint(
                fields=["phase", "baseline"],
                condition=~Q(baseline=""),
                name="competition_baseline_once_per_phase",
            ),
            models.CheckConstraint(
                condition=Q(author__isnull=False) | Q(run__isnull=False) | ~Q(baseline=""),
                name="competition_somebody_submits",
            ),
            models.CheckConstraint(
                condition=Q(baseline="") | Q(author=None, team=None, run=None),
                name="competition_baselines_are_nobodys",
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

    @property
    def place_in_queue(self) -> int:
        """1 for the entry that a worker takes next."""
        return Submission.objects.queued().filter(pk__lt=self.pk).count() + 1

    def shown_scores(self) -> list[ShownScore]:
        """What may be said of its scores by now: while the contest goes on what is told of the public part alone."""
        is_over = self.contest.is_over
        parts = set(Part) if is_over else {Part.PUBLIC}
        order = list(Metric.values)
        shown = [score for score in self.counting_scores() if score.part in parts]
        shown.sort(key=lambda score: (score.part, order.index(score.metric)))
        return [ShownScore.of(score, is_over) for score in shown]

    def counting_scores(self) -> list[Score]:
        """Its scores by the labels and the scorer that count today: others wait until all entries have theirs."""
        mine = [score for score in self.scores.all() if score.truth_digest == self.contest.labels.digest]
        version = self.contest.scorer_version
        if version is None:  # nothing was scored anew, so what it was scored by first counts
            version = min((score.scorer_version for score in mine), default=0)
        return [score for score in mine if score.scorer_version == version]

    @transaction.atomic
    def choose(self, wanted: bool = True) -> None:
        """Say whether its team wants to be measured by it on the private part. Raises SubmissionRefusedError after
        the end, and where the team has chosen as many as it may.
        """
        if self.team_id is None:
            raise SubmissionRefusedError(
                gettext("Expected an entry of a team; found a baseline, which is always measured.")
            )
        # Whoever holds the team's row counts and chooses in one step; the contest's comes first everywhere.
        Contest.objects.select_for_update().get(pk=self.contest.pk)
        Team.objects.select_for_update().get(pk=self.team_id)
        if self.contest.is_over:
            raise SubmissionRefusedError(
                gettext("%(contest)s is over: what its teams have chosen stays.") % {"contest": self.contest}
            )
        chosen = self.phase.submissions.filter(team=self.team_id, is_chosen=True).exclude(pk=self.pk)
        if wanted and chosen.count() >= self.phase.n_chosen:
            raise SubmissionRefusedError(
                gettext("Expected at most %(n_chosen)s chosen entries; give up another one first.")
                % {"n_chosen": self.phase.n_chosen}
            )
        of_team = Submission.objects.scored().filter(pk=self.pk, team=self.team_id, is_late=False)
        if not of_team.update(is_chosen=wanted):
            raise SubmissionRefusedError(
                gettext("Expected an entry that was scored in time; found %(entry)s, %(status)s.")
                % {"entry": self, "status": self.get_status_display()}
            )
        self.is_chosen = wanted
        self.contest.rank_again()

    def describe(self, **fields: Any) -> None:
        """Write its method card."""
        MethodCard.objects.update_or_create(submission=self, defaults=fields)

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

    def keep_answers(self, name: str) -> None:
        """Note where its answers are kept, of an entry that was scored before any were."""
        Submission.objects.filter(pk=self.pk, answers="").update(answers=name)
        self.answers.name = name

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
