"""On which days somebody has labelled."""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sql import run
from labeling.streaks import days_in_a_row

# Who is known to have been noted today, and which day that is: so that a vote mostly costs one look into this set.
_noted: set[int] = set()
_noted_on = date.min


@dataclass(frozen=True)
class Streak:
    """On how many days in a row somebody has labelled, and whether today is one of them already."""

    n_days: int
    has_today: bool

    @property
    def after_a_vote(self) -> int:
        return self.n_days + (not self.has_today)


class VotingDayManager(models.Manager["VotingDay"]):
    def note(self, annotator: User) -> None:
        """Keep that `annotator` labels today, with the votes: both or neither."""
        today = timezone.now().date()
        if _is_noted(annotator.pk, today):
            return
        run(
            "INSERT INTO labeling_votingday (annotator_id, day) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [annotator.pk, today.isoformat()],
        )
        transaction.on_commit(lambda: _keep_noted(annotator.pk, today))

    def streak(self, annotator: User) -> Streak:
        today = timezone.now().date()
        days = list(self.filter(annotator=annotator).order_by("-day").values_list("day", flat=True))
        return Streak(days_in_a_row(days, today), today in days[:1])


class VotingDay(models.Model):
    """A day, in UTC, on which one annotator cast a vote. Taking that back leaves it."""

    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="voting_days", db_index=False
    )
    day = models.DateField()

    objects = VotingDayManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["annotator", "day"],
                name="labeling_voting_day_once",
                violation_error_message=_("That day is noted already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} on {self.day}"


def _is_noted(annotator: int, day: date) -> bool:
    return day == _noted_on and annotator in _noted


def _keep_noted(annotator: int, day: date) -> None:
    global _noted_on
    if day != _noted_on:
        _noted.clear()
        _noted_on = day
    _noted.add(annotator)


def forget_noted() -> None:
    """Forget who is known to have been noted: for tests, whose databases begin anew with the same keys."""
    _noted.clear()
