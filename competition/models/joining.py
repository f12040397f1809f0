"""How people come into a team, and one team into another."""

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from competition.models import limits
from competition.models.contests import Contest
from competition.models.submissions import Submission
from competition.models.teams import Membership, Team, TeamRefusedError, hold


class Invitation(models.Model):
    """A team's wish that somebody joins. It goes when it is accepted, declined or taken back."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    invitee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="invitations"
    )
    inviter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "invitee"], name="competition_invited_once")]

    def __str__(self) -> str:
        return f"{self.invitee} to {self.team}"

    @transaction.atomic
    def accept(self) -> Team:
        """Make the invitee a member; return the team. A team of theirs with nobody else and no entries goes.

        Raises TeamRefusedError if that may not be.
        """
        # As in entering: whoever holds the contest's row puts people into teams alone.
        contest = Contest.objects.select_for_update().get(pk=self.team.contest_id)
        theirs = Team.objects.of(contest, self.invitee)
        hold(self.team, *filter(None, [theirs]))
        if not Invitation.objects.filter(pk=self.pk).exists():
            raise TeamRefusedError(gettext("This invitation was taken back."))
        if theirs and theirs.is_in_use:
            raise TeamRefusedError(
                gettext(
                    "You are in the team %(theirs)s already: leave it first, or have its captain offer to "
                    "merge."
                )
                % {"theirs": theirs}
            )
        self.team.check_room(1)
        if theirs:
            theirs.leave(self.invitee)
        Membership.objects.create(contest=contest, team=self.team, user=self.invitee)
        Invitation.objects.filter(team__contest=contest, invitee=self.invitee).delete()
        return self.team

    def decline(self) -> None:
        """Drop it, by whom it invites or who has invited."""
        self.delete()


class MergeOffer(models.Model):
    """A team's wish to go over into another. It goes when it is accepted, declined or taken back."""

    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, related_name="offers", help_text=_("It goes over.")
    )
    into = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="offered")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "into"], name="competition_offered_once"),
            models.CheckConstraint(condition=~Q(team=F("into")), name="competition_two_teams_merge"),
        ]

    def __str__(self) -> str:
        return f"{self.team} into {self.into}"

    @transaction.atomic
    def accept(self, by: User) -> Team:
        """Let the people and entries of `team` go over into `into`; return that. Raises TeamRefusedError if `by` is
        not its captain, or the two are together above a limit.
        """
        # Who scores an entry holds this row too, and finds it in the team where it is then.
        contest = Contest.objects.select_for_update().get(pk=self.into.contest_id)
        hold(self.team, self.into)
        if not MergeOffer.objects.filter(pk=self.pk).exists():
            raise TeamRefusedError(gettext("This offer was taken back."))
        self.into.check_captain(by)
        self.check_limits()
        self._go_over()
        contest.rank_again()
        return self.into

    def check_limits(self) -> None:
        """Raise TeamRefusedError if the two together had more people, or places in a window, than a team may."""
        team, into = self.team, self.into
        if team.contest_id != into.contest_id:
            raise TeamRefusedError(
                gettext("Expected another team of %(contest)s; found one of %(contest_2)s.")
                % {"contest": team.contest, "contest_2": into.contest}
            )
        into.check_room(team.memberships.count())
        entries = Submission.objects.filter(team__in=[team, into])
        for phase in team.contest.phases.all():
            places = limits.places(entries, phase)
            if phase.is_open and len(places.taken) > phase.limit:
                raise TeamRefusedError(
                    gettext(
                        "Expected at most %(limit)s entries of both teams in the window of %(phase)s; found "
                        "%(n)s. They may merge from %(free_at)s UTC on."
                    )
                    % {
                        "limit": phase.limit,
                        "phase": phase,
                        "n": len(places.taken),
                        "free_at": f"{places.free_at(0):%Y-%m-%d %H:%M}",
                    }
                )

    def _go_over(self) -> None:
        """Hand people and entries to `into`. Where both chose more entries than one team may, its choice stays."""
        team, into = self.team, self.into
        for phase in team.contest.phases.all():
            chosen = phase.submissions.filter(is_chosen=True)
            if chosen.filter(team__in=[team, into]).count() > phase.n_chosen:
                chosen.filter(team=team).update(is_chosen=False)
        team.memberships.update(team=into)
        team.submissions.update(team=into)
        Team.objects.filter(Q(pk=team.pk) | Q(merged_into=team)).update(merged_into=into)
        team.invitations.all().delete()
        MergeOffer.objects.filter(Q(team=team) | Q(into=team)).delete()

    def decline(self, by: User) -> None:
        """Drop it, by the captain of either team. Raises TeamRefusedError for anybody else."""
        if by.pk != self.team.captain_id:
            self.into.check_captain(by)
        self.delete()
