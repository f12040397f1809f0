"""A team: who is in it, who is asked to join, and which other team it becomes one with."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import flood
from accounts.http import AuthenticatedRequest
from accounts.models import User
from competition.forms import InviteForm, OfferForm, RenameForm
from competition.models import Contest, Invitation, MergeOffer, Submission, Team, TeamRefusedError

A_PAGE = 100  # entries listed


@require_safe
@never_cache
@login_required
def team(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """One's own team in a contest; who has none sees who invites them, and may enter alone."""
    return _page(request, get_object_or_404(Contest, slug=slug))


def _page(request: AuthenticatedRequest, contest: Contest, **forms: Form) -> HttpResponse:
    mine = Team.objects.of(contest, request.user)
    context: dict[str, Any] = {
        "contest": contest,
        "team": mine,
        "is_over": contest.is_over,
        "asked": Invitation.objects.filter(team__contest=contest, invitee=request.user).select_related(
            "team", "inviter"
        ),
    }
    if mine:
        entries = mine.submissions.select_related("author").order_by("-pk")
        context |= {
            "members": mine.memberships.select_related("user"),
            "is_captain": mine.captain_id == request.user.pk,
            "is_alone": not mine.is_in_use,
            "invitations": mine.invitations.select_related("invitee"),
            "offers": MergeOffer.objects.filter(Q(team=mine) | Q(into=mine)).select_related("team", "into"),
            "entries": entries[:A_PAGE],
            "n_entries": entries.count(),
            "phase": contest.phase,
            "places": Submission.objects.places(contest.phase, request.user) if contest.phase else None,
            "rename": forms.get("rename") or RenameForm(initial={"name": mine.name}),
            "invite": forms.get("invite") or InviteForm(),
            "offer": forms.get("offer") or OfferForm(team=mine),
        }
    return render(request, "competition/team.html", context)


def _attempt(request: AuthenticatedRequest, act: Callable[[], object], done: str = "") -> bool:
    """Do what was asked, or say why it may not be; return whether it was done."""
    try:
        act()
    except TeamRefusedError as error:
        messages.error(request, str(error))
        return False
    if done:
        messages.success(request, done)
    return True


# --- Alone --------------------------------------------------------------------------------------------------------


@require_POST
@login_required
def enter(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Enter as a team of one, which others can be invited to."""
    contest = get_object_or_404(Contest, slug=slug)
    _attempt(request, lambda: Team.objects.enter(contest, request.user))
    return redirect("competition:team", slug)


@require_POST
@login_required
def answer_invitation(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Accept or, with `decline`, drop it: whom it invites, and the captain of the team that does."""
    theirs = Q(invitee=request.user) | Q(team__captain=request.user)
    invitation = get_object_or_404(
        Invitation.objects.filter(theirs).select_related("team__contest", "invitee"), pk=pk
    )
    if "decline" in request.POST or invitation.invitee != request.user:
        invitation.decline()
    else:
        welcome = _("You are in the team %(team)s now.") % {"team": invitation.team}
        _attempt(request, invitation.accept, welcome)
    return redirect("competition:team", invitation.team.contest.slug)


# --- In a team ----------------------------------------------------------------------------------------------------


def _mine(request: AuthenticatedRequest, slug: str) -> Team:
    """Return the team of who asks; others are not found."""
    teams = Team.objects.filter(memberships__user=request.user).select_related("contest", "captain")
    return get_object_or_404(teams, contest__slug=slug)


def _by_form(
    request: AuthenticatedRequest, team: Team, name: str, form: Form, act: Callable[[dict[str, Any]], object]
) -> HttpResponse:
    """Do what a form of the team's page says; what is refused is said in that form."""
    if form.is_valid():
        try:
            act(form.cleaned_data)
            return redirect("competition:team", team.contest.slug)
        except TeamRefusedError as error:
            form.add_error(None, str(error))
    return _page(request, team.contest, **{name: form})


@require_POST
@login_required
def rename(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    mine = _mine(request, slug)
    return _by_form(request, mine, "rename", RenameForm(request.POST), lambda data: mine.rename(data["name"]))


@require_POST
@login_required
def invite(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    mine, form = _mine(request, slug), InviteForm(request.POST)
    flood.spend(request, "invitations")
    return _by_form(
        request, mine, "invite", form, lambda data: mine.invite(data["username"], by=request.user)
    )


@require_POST
@login_required
def offer_merge(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    mine = _mine(request, slug)
    form = OfferForm(request.POST, team=mine)
    flood.spend(request, "invitations")
    return _by_form(
        request, mine, "offer", form, lambda data: mine.offer_merge(data["into"], by=request.user)
    )


@require_POST
@login_required
def leave(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    mine = _mine(request, slug)
    gone = _("You have left the team %(team)s.") % {"team": mine}
    _attempt(request, lambda: mine.leave(request.user), gone)
    return redirect("competition:team", slug)


@require_POST
@login_required
def remove(request: AuthenticatedRequest, slug: str, user: int) -> HttpResponse:
    mine = _mine(request, slug)
    member = get_object_or_404(User.objects.filter(memberships__team=mine), pk=user)
    _attempt(request, lambda: mine.remove(member, by=request.user))
    return redirect("competition:team", slug)


@require_POST
@login_required
def answer_offer(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Accept an offer to merge, or with `decline` drop it: the captains of the two teams."""
    captains = Q(team__captain=request.user) | Q(into__captain=request.user)
    offers = MergeOffer.objects.filter(captains).select_related("team__contest", "into__contest")
    offer = get_object_or_404(offers, pk=pk)
    contest = offer.into.contest
    if "decline" in request.POST:
        _attempt(request, lambda: offer.decline(request.user))
    else:
        merged = _("%(team)s has gone over into %(into)s.") % {"team": offer.team, "into": offer.into}
        _attempt(request, lambda: offer.accept(request.user), merged)
    return redirect("competition:team", contest.slug)
