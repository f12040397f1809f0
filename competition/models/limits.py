"""How many entries a team may hand in within the rolling window of a phase, and when the next place is free."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from competition.models.contests import Phase
from competition.models.queue import Status

if TYPE_CHECKING:
    from competition.models.handing_in import SubmissionQuerySet

IS_BACK = Q(status__in=[Status.FAILED, Status.CANCELLED])  # their places were given back


class SubmissionRefusedError(ValueError):
    """The phase is closed, or a limit is reached; the message says when to come again."""


@dataclass(frozen=True)
class Places:
    """One limit, and the moments at which the entries that it counts now were handed in, the oldest first."""

    limit: int
    taken: list[datetime]
    phase: Phase

    @property
    def n_left(self) -> int:
        return max(0, self.limit - len(self.taken))

    @property
    def next_at(self) -> datetime | None:
        """When the next place is free; None where one is."""
        return None if self.n_left else self.free_at(1)

    def free_at(self, n: int) -> datetime | None:
        """When `n` places will be free, if nothing more is handed in; None where the limit is less than that."""
        if n > self.limit:
            return None
        # So many have to leave the window that no more than limit - n are in it.
        last = len(self.taken) - (self.limit - n) - 1
        return timezone.now() if last < 0 else self.taken[last] + self.phase.window


def places(entries: "SubmissionQuerySet", phase: Phase) -> Places:
    """Return what `entries` have taken of the limit of `phase`."""
    return Places(phase.limit, _moments(entries.exclude(IS_BACK), phase), phase)


def failures(entries: "SubmissionQuerySet", phase: Phase) -> Places:
    """Return what `entries` have taken of the limit of those that may fail or be cancelled."""
    # With none at all the first mistake would shut a team out.
    return Places(max(1, phase.failure_limit), _moments(entries.filter(IS_BACK), phase), phase)


def _moments(entries: "SubmissionQuerySet", phase: Phase) -> list[datetime]:
    recent = entries.filter(phase=phase, created_at__gt=timezone.now() - phase.window)
    return list(recent.order_by("created_at").values_list("created_at", flat=True))


def check(entries: "SubmissionQuerySet", phase: Phase) -> None:
    """Raise SubmissionRefusedError if whoever handed `entries` in has no place left in the window of `phase`."""
    if not phase.limit:
        raise SubmissionRefusedError(_("%(phase)s takes no entries now.") % {"phase": phase})
    for counted, what in (
        (places(entries, phase), _span(phase, _("entries a day"), _("entries in %(hours)s hours"))),
        (
            failures(entries, phase),
            _span(
                phase,
                _("entries a day that fail or are cancelled"),
                _("entries in %(hours)s hours that fail or are cancelled"),
            ),
        ),
    ):
        if when := counted.next_at:
            said = {"limit": counted.limit, "what": what, "when": f"{when:%Y-%m-%d %H:%M}"}
            raise SubmissionRefusedError(
                _("Expected at most %(limit)s %(what)s of one team; the next may come at %(when)s UTC.")
                % said
            )


def _span(phase: Phase, a_day: str, hours: str) -> str:
    return a_day if phase.window_hours == 24 else hours % {"hours": phase.window_hours}
