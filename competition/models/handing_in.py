"""Which entries somebody sees and changes, and how one is handed in."""

from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.models import AnonymousUser
from django.core.files import File
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from competition.models import limits
from competition.models.contests import Phase
from competition.models.limits import Places, SubmissionRefusedError
from competition.models.queue import QueueQuerySet
from competition.models.teams import Team
from training.models import Run

if TYPE_CHECKING:
    from competition.models.submissions import Submission


class SubmissionQuerySet(QueueQuerySet):
    def visible_to(self, user: User) -> Self:
        """Those of an author's team and every baseline; of contests that `user` runs, and for staff, all."""
        if user.is_staff:
            return self
        theirs = Q(author=user) | Q(team__memberships__user=user) | Q(phase__contest__organiser=user)
        return self.filter(theirs | Q(author=None)).distinct()

    def changed_by(self, user: User) -> Self:
        """Those of the teams that `user` is in."""
        return self.filter(team__memberships__user=user)

    def organised_by(self, user: User) -> Self:
        """Those of the contests that `user` runs; all of them for staff."""
        return self if user.is_staff else self.filter(phase__contest__organiser=user)

    def held_by(self, user: User) -> Self:
        """Those that `user` may end, and whose files they may have: of their teams, and of the contests they run."""
        return self.filter(pk__in=self.changed_by(user).values("pk")) | self.filter(
            pk__in=self.organised_by(user).values("pk")
        )

    def shown_to(self, user: User | AnonymousUser) -> Self:
        """Those whose method card `user` may read: the ones that stand on the board, and who sees an entry, its."""
        on_board = Q(standings__isnull=False)  # of the private part these are made when the contest is over
        if isinstance(user, User):
            return self.filter(on_board | Q(pk__in=self.visible_to(user).values("pk"))).distinct()
        return self.filter(on_board | Q(author=None)).distinct()

    def counted_for(self, team: Team | None, user: User) -> Self:
        """Those that the limits count when `user` hands in for `team`: who changes teams takes their own along."""
        return self.filter(Q(team=team, team__isnull=False) | Q(author=user))

    def places(self, phase: Phase, user: User) -> Places:
        """Return how many places `user` and their team have taken in the window of `phase`, and may take."""
        return limits.places(self.counted_for(Team.objects.of(phase.contest, user), user), phase)

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
        token:   names this one act: the same file handed in again under the same name, the submission that is there
                 is returned.
        """
        if there := self._under(token, author, phase, file):
            return there
        phase = _entered(phase, author)
        if kind != "guesses" and not phase.contest.takes_models:
            raise SubmissionRefusedError(
                _("%(contest)s takes guesses alone, and no networks.") % {"contest": phase.contest}
            )
        # Its row stands for the limits: whoever holds it counts and takes a place in one step.
        team = Team.objects.enter_and_hold(phase.contest, author)
        if there := self._under(token, author, phase, file):  # by a request of the same moment
            return there
        limits.check(self.counted_for(team, author), phase)
        return self.create(
            phase=phase,
            team=team,
            author=author,
            method=method,
            file=file,
            kind=kind,
            network=network or {},
            run=run,
            # Of a file of guesses nobody knows what they cost.
            n_parameters=run.n_parameters if run else None,
            n_multiply_adds=run.n_multiply_adds if run else None,
            is_late=not phase.is_open,
            token=token,
        )

    def _under(self, token: str, author: User, phase: Phase | None, file: File) -> "Submission | None":
        """Return what `author` has handed in under `token`. Raises SubmissionRefusedError if that was another file
        or in another contest.
        """
        if not token:
            return None
        there = self.filter(author=author, token=token).select_related("phase__contest").first()
        if there and (phase is None or there.phase.contest_id != phase.contest_id):
            raise SubmissionRefusedError(
                _("Expected a token of its own for each entry; found that of %(there)s in %(contest)s.")
                % {"there": there, "contest": there.phase.contest}
            )
        if there and not _is_same(there.file, file):
            raise SubmissionRefusedError(
                _(
                    "Expected a token of its own for each entry; found that of %(there)s, which has another "
                    "file. On a page, open the form again."
                )
                % {"there": there}
            )
        return there


def _is_same(kept: File, file: File) -> bool:
    """Whether two files have the same bytes; `file` is at its start again afterwards."""
    if kept.size != file.size:
        return False
    with kept.open("rb"):
        same = all(mine == theirs for mine, theirs in zip(kept.chunks(), file.chunks(), strict=True))
    file.seek(0)
    return same


def _entered(phase: Phase | None, author: User) -> Phase:
    """Return `phase` if `author` may hand in now, be it late."""
    if phase is None:
        raise SubmissionRefusedError(_("This contest has no phase yet."))
    if not phase.is_open and not (phase.contest.takes_late and phase.contest.is_over):
        closes_at = f"{phase.closes_at:%Y-%m-%d %H:%M}" if phase.closes_at else ""
        end = _(" to %(moment)s UTC") % {"moment": closes_at} if closes_at else _(" on")
        raise SubmissionRefusedError(
            _("%(phase)s is not open: it runs from %(opens_at)s%(end)s.")
            % {"phase": phase, "opens_at": f"{phase.opens_at:%Y-%m-%d %H:%M}", "end": end}
        )
    if author.is_guest:
        raise SubmissionRefusedError(_("Sign up first: guests cannot hand in entries."))
    return phase
