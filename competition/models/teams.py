"""Who enters together. Whoever enters alone is a team of one; the limits count by team."""

from itertools import count
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User, refuse_unseen
from competition.models.contests import Contest

if TYPE_CHECKING:
    from competition.models.joining import Invitation, MergeOffer


class TeamRefusedError(ValueError):
    """What was asked of a team cannot be; the message says why."""


class TeamQuerySet(models.QuerySet["Team"]):
    def standing(self) -> Self:
        """Teams that have not gone over into another."""
        return self.filter(merged_into=None)

    def of(self, contest: Contest, user: User) -> "Team | None":
        """Return the team that `user` is in; None where they have not entered."""
        return self.filter(contest=contest, memberships__user=user).first()

    @transaction.atomic
    def enter(self, contest: Contest, user: User) -> "Team":
        """Return the team that `user` is in, a new team of one where they have none. Two requests make one. Raises
        TeamRefusedError for guests.
        """
        if team := self.of(contest, user):
            return team
        if user.is_guest:
            raise TeamRefusedError(gettext("Sign up first: guests are in no team."))
        # Whoever holds the contest's row enters alone, so that no two teams are made for one person.
        Contest.objects.select_for_update().get(pk=contest.pk)
        if team := self.of(contest, user):
            return team
        team = self.create(contest=contest, name=self.free_name(contest, user.display_name), captain=user)
        Membership.objects.create(contest=contest, team=team, user=user)
        return team

    def enter_and_hold(self, contest: Contest, user: User) -> "Team":
        """Return the team that `user` is in, a new one where they have none, with its row locked: its limits count
        and its people stay until the transaction ends.
        """
        while True:
            team = self.select_for_update().get(pk=self.enter(contest, user).pk)
            # While this waited for the row, the team may have gone over into another, or they may have left it.
            if team.memberships.filter(user=user).exists():
                return team

    def free_name(self, contest: Contest, wanted: str) -> str:
        """Return `wanted`, cut to length, with a number where another team has it."""
        longest = Team._meta.get_field("name").max_length or 0
        wanted = wanted[: longest - 6]
        names = (wanted if n == 1 else f"{wanted} {n}" for n in count(1))
        return next(name for name in names if not self.filter(contest=contest, name__iexact=name).exists())


class Team(models.Model):
    """Some people in one contest. Limits lock its row: whoever holds it counts and takes a place in one step."""

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=60, validators=[refuse_unseen])
    captain = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Who invites, and answers when another team wants to merge."),
    )
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                "contest",
                Lower("name"),
                name="competition_team_name_once",
                violation_error_message=_("Another team of this contest has this name."),
            ),
            models.CheckConstraint(condition=~Q(name=""), name="competition_team_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_in_use(self) -> bool:
        """Whether it has entries, or several people."""
        return self.memberships.count() > 1 or self.submissions.exists()

    # --- People ------------------------------------------------------------------------------------------------

    @transaction.atomic
    def rename(self, name: str) -> None:
        """Raises TeamRefusedError for a name that another team has, or that is none."""
        # As in entering, so that no two teams are given one name.
        Contest.objects.select_for_update().get(pk=self.contest_id)
        hold(self)
        self.name = " ".join(name.split())
        try:
            self.full_clean()
        except ValidationError as error:
            raise TeamRefusedError(" ".join(error.messages)) from error
        self.save(update_fields=["name"])

    @transaction.atomic
    def invite(self, user: User, by: User) -> "Invitation":
        """Ask `user` to join. Raises TeamRefusedError if `by` is not the captain, there is no room, or `user` is
        nobody who may be in a team.
        """
        hold(self)
        self.check_captain(by)
        if user.kind != User.Kind.PERSON or not user.is_active:
            raise TeamRefusedError(
                gettext("Expected somebody who has signed up; found %(user)s.") % {"user": user}
            )
        if self.memberships.filter(user=user).exists():
            raise TeamRefusedError(gettext("%(user)s is in %(team)s already.") % {"user": user, "team": self})
        if there := self.invitations.filter(invitee=user).first():
            return there
        self.check_room(1, self.invitations.count())
        return self.invitations.create(invitee=user, inviter=by)

    @transaction.atomic
    def leave(self, user: User) -> None:
        """Take `user` out. After a captain, who has been in it longest is captain; after the last one it is gone, and
        with entries it cannot be. Raises TeamRefusedError.
        """
        hold(self)
        if not self.memberships.filter(user=user).exists():
            raise TeamRefusedError(
                gettext("Expected somebody in %(team)s; found %(user)s.") % {"team": self, "user": user}
            )
        if not self.memberships.exclude(user=user).exists() and self.submissions.exists():
            raise TeamRefusedError(
                gettext("%(team)s has entries, so that its last member cannot leave it.") % {"team": self}
            )
        self._take_out(user)

    @transaction.atomic
    def remove(self, user: User, by: User) -> None:
        """Take `user` out, by the captain, who leaves by `leave`. Raises TeamRefusedError."""
        hold(self)
        self.check_captain(by)
        if user == by:
            raise TeamRefusedError(gettext("Expected somebody else; leave the team instead."))
        self.leave(user)

    @transaction.atomic
    def forget(self, user: User) -> None:
        """Take out somebody who has themselves forgotten, also after the end, and their name where it is named so."""
        Contest.objects.select_for_update().get(pk=self.contest_id)
        Team.objects.select_for_update().get(pk=self.pk)
        heir = self.memberships.exclude(user=user).select_related("user").first()
        if self.name.casefold().startswith(user.display_name.casefold()):
            wanted = heir.user.display_name if heir else gettext("Somebody who left")
            self.name = Team.objects.free_name(self.contest, wanted)
            self.save(update_fields=["name"])
        self._take_out(user)

    def _take_out(self, user: User) -> None:
        self.memberships.filter(user=user).delete()
        heir = self.memberships.first()
        if heir is None and not self.submissions.exists():
            self.merged.all().delete()
            self.delete()
        elif heir and self.captain_id == user.pk:
            self.captain = heir.user
            self.save(update_fields=["captain"])

    # --- Merging -----------------------------------------------------------------------------------------------

    @transaction.atomic
    def offer_merge(self, into: "Team", by: User) -> "MergeOffer":
        """Offer that this team goes over into another. Raises TeamRefusedError if `by` is not its captain, or the two
        are together above a limit.
        """
        hold(self, into)
        self.check_captain(by)
        if self == into:
            raise TeamRefusedError(gettext("Expected another team than %(team)s.") % {"team": self})
        offer, _is_new = self.offers.get_or_create(into=into)
        offer.check_limits()
        return offer

    # --- What may be -------------------------------------------------------------------------------------------

    def check_captain(self, by: User) -> None:
        """Raise TeamRefusedError if `by` is not the captain."""
        if self.captain_id != by.pk:
            raise TeamRefusedError(
                gettext("Expected the captain of %(team)s, %(captain)s; found %(by)s.")
                % {"team": self, "captain": self.captain, "by": by}
            )

    def check_room(self, n: int, n_invited: int = 0) -> None:
        """Raise TeamRefusedError if `n` more people were too many, those counted who are invited."""
        there = self.memberships.count()
        if there + n_invited + n > self.contest.most_members:
            waiting = gettext(" and %(n)s invited") % {"n": n_invited} if n_invited else ""
            raise TeamRefusedError(
                gettext(
                    "Expected at most %(most_members)s people in one team; found %(there)s in "
                    "%(team)s%(waiting)s, and %(n)s more."
                )
                % {
                    "most_members": self.contest.most_members,
                    "there": there,
                    "team": self,
                    "waiting": waiting,
                    "n": n,
                }
            )


def hold(*teams: Team) -> None:
    """Lock these rows until the transaction ends, and read them again. Raises TeamRefusedError if one of them is
    gone, or its contest is over.
    """
    for team in sorted(teams, key=lambda team: team.pk):  # in one order, so that nobody waits for each other
        try:
            team.refresh_from_db(from_queryset=Team.objects.select_for_update())
        except Team.DoesNotExist as error:
            raise TeamRefusedError(gettext("The team %(team)s is gone.") % {"team": team}) from error
        if team.merged_into_id:
            raise TeamRefusedError(
                gettext("The team %(team)s has gone over into %(merged_into)s.")
                % {"team": team, "merged_into": team.merged_into}
            )
        if team.contest.is_over:
            raise TeamRefusedError(
                gettext("%(contest)s is over: its teams stay as they are.") % {"contest": team.contest}
            )


class Membership(models.Model):
    """One person in one team, and in one contest in no other."""

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["joined_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["contest", "user"],
                name="competition_one_team_each",
                violation_error_message=_("You are in a team of this contest already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"
