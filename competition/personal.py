"""What contests keep about somebody: see accounts.personal. Entries keep their ranks, so that others keep theirs."""

from django.db.models import Q, QuerySet
from django.utils.translation import ngettext

from accounts.personal import Kept
from competition.models import Device, Invitation, Membership, Submission


def _leave_teams(memberships: QuerySet[Membership]) -> None:
    """Take somebody out of their teams; one with entries and nobody else stays, without their name."""
    for membership in memberships.select_related("team__contest", "user"):
        membership.team.forget(membership.user)


KEPT = [
    Kept(
        "entries",
        lambda user: Submission.objects.filter(author=user).order_by("pk"),
        {"contest": "phase__contest__slug", "method": "method", "status": "status", "made_at": "created_at"},
        lambda n: ngettext("%(n)s entry in contests", "%(n)s entries in contests", n) % {"n": n},
    ),
    Kept(
        "teams",
        lambda user: Membership.objects.filter(user=user).order_by("pk"),
        {"contest": "contest__slug", "team": "team__name", "joined_at": "joined_at"},
        lambda n: ngettext("%(n)s place in a team", "%(n)s places in teams", n) % {"n": n},
        goes=True,
        forget=_leave_teams,
    ),
    Kept(
        "invitations",
        lambda user: Invitation.objects.filter(Q(invitee=user) | Q(inviter=user)).order_by("pk"),
        {
            "team": "team__name",
            "from": "inviter__username",
            "to": "invitee__username",
            "made_at": "created_at",
        },
        lambda n: ngettext("%(n)s invitation to a team", "%(n)s invitations to teams", n) % {"n": n},
        goes=True,
    ),
    Kept(
        "browsers_of_contests",
        lambda user: Device.objects.filter(user=user).order_by("pk"),
        {"contest": "contest__slug", "mark": "mark", "seen_at": "seen_at"},
        lambda n: (
            ngettext("%(n)s browser that entered a contest", "%(n)s browsers that entered contests", n)
            % {"n": n}
        ),
        goes=True,
    ),
]
