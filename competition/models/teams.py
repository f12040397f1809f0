"""Who enters together. Whoever enters alone is a team of one; the limits count by team."""

from itertools import count
from typing import Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import User, refuse_unseen
from competition.models.contests import Contest


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
        """Return the team that `user` is in, a new team of one where they have none. Two requests make one."""
        # Whoever holds the contest's row enters alone, so that no two teams are made for one person.
        Contest.objects.select_for_update().get(pk=contest.pk)
        if team := self.of(contest, user):
            return team
        team = self.create(contest=contest, name=self._free_name(contest, user.display_name), captain=user)
        Membership.objects.create(contest=contest, team=team, user=user)
        return team

    def _free_name(self, contest: Contest, wanted: str) -> str:
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


class Device(models.Model):
    """A browser that entered a contest as somebody: many accounts in one are a note to the organiser.

    `mark` is a keyed digest of a random cookie of the contest alone; it follows nobody elsewhere.
    """

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="devices")
    mark = models.CharField(max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contest", "mark", "user"], name="competition_device_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.contest}"
