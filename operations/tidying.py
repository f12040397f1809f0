"""What nobody needs any more, and after how long it goes. Each chore can be counted without being done.

Uploads that nobody finishes, and files whose row is gone, go by the sweeps of labelling, within the hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, ForeignObjectRel, OuterRef, QuerySet
from django.utils import timezone

from accounts.models import User
from competition.models.attempts import Attempt
from config.storage import private_storage
from training.models import Checkpoint, Run


@dataclass(frozen=True)
class Chore:
    """Something to do to rows. is_on: whether the settings want it done at all."""

    name: str
    rows: "QuerySet[Any]"
    is_on: bool = True

    def count(self) -> int:
        return self.rows.count() if self.is_on else 0

    def do(self) -> int:
        """Do it; return to how many rows."""
        if not self.is_on:
            return 0
        if self.rows.model is Checkpoint:
            return _delete_checkpoints(self.rows)
        if self.rows.model is Attempt:
            return self.rows.update(log="")
        _n_rows, by_model = self.rows.delete()
        return by_model.get(self.rows.model._meta.label, 0)


def chores() -> Iterator[Chore]:
    """Yield what there is to do now."""
    yield Chore("sessions that ran out", Session.objects.filter(expire_date__lt=timezone.now()))
    guests, is_on = _older_than(settings.KEEP_GUESTS_DAYS)
    yield Chore("guests who left nothing", _nothing_left(User.objects.filter(date_joined__lt=guests)), is_on)
    ended, is_on = _older_than(settings.KEEP_CHECKPOINTS_DAYS)
    old = Checkpoint.objects.filter(run__status=Run.Status.FINISHED, run__finished_at__lt=ended)
    yield Chore("checkpoints of finished trainings", old, is_on)
    tried, is_on = _older_than(settings.KEEP_ATTEMPT_LOGS_DAYS)
    yield Chore(
        "logs of tries to score an entry", Attempt.objects.exclude(log="").filter(ended_at__lt=tried), is_on
    )


def tidy() -> dict[str, int]:
    """Do all of it; return how many rows each was about."""
    return {chore.name: chore.do() for chore in chores()}


def _older_than(days: int) -> tuple[Any, bool]:
    """Return the moment so long ago, and whether anything is old at all: 0 days keep it for ever."""
    return timezone.now() - timedelta(days=days), bool(days)


def _nothing_left(users: "QuerySet[User]") -> "QuerySet[User]":
    """Keep of `users` the guests to whom no row of any table refers: no vote, no report, nothing that was made."""
    guests = users.filter(kind=User.Kind.GUEST)
    for relation in User._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and relation.related_model is not None:
            theirs = relation.related_model._base_manager.filter(**{relation.field.name: OuterRef("pk")})
            guests = guests.exclude(Exists(theirs))
    return guests


def _delete_checkpoints(checkpoints: "QuerySet[Checkpoint]") -> int:
    """Delete them, then their files: a file without a row is only room, a row without its file an error."""
    names = list(checkpoints.values_list("file", flat=True))
    n_deleted, _by_model = checkpoints.filter(file__in=names).delete()
    for name in names:
        private_storage().delete(name)
    return n_deleted
