"""Contests by year on hidden test labels, and their phases: when, how often, and on which part of the test split."""

from datetime import datetime, timedelta
from secrets import token_hex

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from datasets.models import Snapshot


class Metric(models.TextChoices):
    """What is measured; see competition.metrics. Of each less is better."""

    TOP1 = "top1_error", _("top-1 error")
    TOP5 = "top5_error", _("top-5 error")
    HIERARCHICAL = "hierarchical_error", _("hierarchical error")
    SEVERITY = "mistake_severity", _("mistake severity")
    CALIBRATION = "calibration_error", _("calibration error")
    BRIER = "brier_score", _("Brier score")


class Part(models.TextChoices):
    PUBLIC = "public", _("public part")
    PRIVATE = "private", _("private part")


RANKING_METRICS = [(metric.value, metric.label) for metric in (Metric.TOP1, Metric.TOP5)]


class ContestQuerySet(models.QuerySet["Contest"]):
    def with_old_standings(self) -> list["Contest"]:
        """Return those where an entry was scored since they were ranked, or that have ended since: their boards tell
        more now.
        """
        scored = self.exclude(ranked_at=None, scorer_version=None).prefetch_related("phases")
        return [each for each in scored if each.ranked_at is None or each.is_being_ranked]


def new_salt() -> str:
    return token_hex(16)


class Contest(models.Model):
    """A yearly edition on one snapshot's hidden test labels."""

    slug = models.SlugField(unique=True)
    salt = models.CharField(
        max_length=32,
        default=new_salt,
        editable=False,
        help_text=_(
            "By which pictures are parted, so that nobody can tell which part one is in. Told nobody."
        ),
    )
    name = models.CharField(max_length=100)
    year = models.PositiveSmallIntegerField()
    description = models.TextField(blank=True)
    rules = models.TextField(blank=True, help_text=_("What entrants agree to, in your words."))
    prizes = models.TextField(blank=True)
    snapshot = models.ForeignKey(
        Snapshot,
        on_delete=models.PROTECT,
        related_name="contests",
        help_text=_("Whose test pictures it is on."),
    )
    truth = models.ForeignKey(
        Snapshot,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        help_text=_("A later snapshot whose labels count; see Rescoring. Empty: those of its own snapshot."),
    )
    scorer_version = models.PositiveSmallIntegerField(
        null=True, editable=False, help_text=_("Whose scores count; empty before the first.")
    )
    ranked_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text=_("When its entries were ranked last; see competition.standings."),
    )
    ranked_by = models.CharField(max_length=20, choices=RANKING_METRICS, default=Metric.TOP1)
    enters_runs = models.BooleanField(default=True, help_text=_("Finished trainings enter as baselines."))
    takes_models = models.BooleanField(
        default=True, help_text=_("Networks may be handed in, and not only what they answered.")
    )
    takes_late = models.BooleanField(
        default=True, help_text=_("After its end entries are still scored, and not ranked.")
    )
    most_members = models.PositiveSmallIntegerField(default=5, help_text=_("People in one team at most."))
    human_error = models.FloatField(
        null=True,
        blank=True,
        help_text=_("What people err on these pictures, 0 to 1, by the ranking metric."),
    )
    organiser = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="contests"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ContestQuerySet.as_manager()

    class Meta:
        ordering = ["-year", "-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(human_error=None) | Q(human_error__gte=0, human_error__lte=1),
                name="competition_human_error_range",
                violation_error_message=_("The error of people lies from 0 to 1."),
            ),
            models.CheckConstraint(
                condition=Q(most_members__gte=1),
                name="competition_a_team_has_a_member",
                violation_error_message=_("A team has room for one person at least."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("competition:contest", args=[self.slug])

    @property
    def phase(self) -> "Phase | None":
        """The phase that is open now, else the latest that was, else the next."""
        phases = sorted(self.phases.all(), key=lambda phase: phase.opens_at)
        begun = [phase for phase in phases if phase.opens_at <= timezone.now()]
        return begun[-1] if begun else next(iter(phases), None)

    @property
    def is_over(self) -> bool:
        """Whether its last phase has closed; a contest without phases has not begun."""
        return self.ends_at is not None and self.ends_at <= timezone.now()

    @property
    def ends_at(self) -> datetime | None:
        """When its last phase closes; None where one is open without end, or there is none."""
        ends = [phase.closes_at for phase in self.phases.all()]
        return max((end for end in ends if end is not None), default=None) if None not in ends else None

    @property
    def is_being_ranked(self) -> bool:
        """Whether it has ended since its entries were ranked last: a sweep ranks them in a moment."""
        ends_at = self.ends_at
        return (
            self.is_over and ends_at is not None and self.ranked_at is not None and self.ranked_at < ends_at
        )

    @property
    def state(self) -> str:
        """Whether one can enter it: open, coming or past. Between two phases it is coming again."""
        if self.is_over:
            return "past"
        return "open" if any(phase.is_open for phase in self.phases.all()) else "coming"

    def may_be_run_by(self, user: User) -> bool:
        """Whether `user` sees every entry's log, ends entries and has them scored anew."""
        return user.is_staff or (self.organiser_id is not None and self.organiser_id == user.pk)

    @property
    def labels(self) -> Snapshot:
        """The snapshot whose labels count today; its own pictures are asked about in any case."""
        return self.truth or self.snapshot

    def has_scored(self, scorer_version: int) -> None:
        """Note that an entry was scored. Its standings are old until they are made again."""
        mine = Contest.objects.filter(pk=self.pk)
        mine.update(ranked_at=None, scorer_version=Coalesce("scorer_version", scorer_version))

    def rank_again(self) -> None:
        """Have the next sweep rank its entries: something changed by which they are ranked."""
        Contest.objects.filter(pk=self.pk).update(ranked_at=None)

    def count_by(self, truth: Snapshot, scorer_version: int) -> None:
        """Let those scores count that stand on the labels of `truth` and this scorer."""
        Contest.objects.filter(pk=self.pk).update(truth=truth, scorer_version=scorer_version, ranked_at=None)
        self.refresh_from_db()


class Phase(models.Model):
    """A span of a contest with its own limits, and its public share of the hidden test split."""

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="phases")
    name = models.CharField(max_length=100)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField(null=True, blank=True)
    limit = models.PositiveSmallIntegerField(default=5, help_text=_("Entries of one team within the window."))
    window_hours = models.PositiveSmallIntegerField(
        default=24, help_text=_("Length of the rolling window that both limits are about, in hours.")
    )
    failure_limit = models.PositiveSmallIntegerField(
        default=20, help_text=_("Entries of one team within the window that may fail or be cancelled.")
    )
    n_chosen = models.PositiveSmallIntegerField(
        default=2, help_text=_("Entries that a team may choose for the private part.")
    )
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
            models.CheckConstraint(
                condition=Q(window_hours__gte=1),
                name="competition_phase_has_a_window",
                violation_error_message=_("The window is one hour long at least."),
            ),
            models.CheckConstraint(
                condition=Q(n_chosen__gte=1),
                name="competition_phase_has_a_choice",
                violation_error_message=_("A team chooses one entry at least."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contest}: {self.name}"

    @property
    def window(self) -> timedelta:
        return timedelta(hours=self.window_hours)

    @property
    def is_open(self) -> bool:
        moment = timezone.now()
        return self.opens_at <= moment and (self.closes_at is None or moment < self.closes_at)

    @property
    def has_closed(self) -> bool:
        return self.closes_at is not None and self.closes_at <= timezone.now()

    @property
    def shown_part(self) -> Part:
        """The part of the test split that the board ranks by: the private one once the contest is over."""
        # A later phase may stand on the same secrets, so they wait for the last one.
        return Part.PRIVATE if self.contest.is_over and self.public_share < 1 else Part.PUBLIC
