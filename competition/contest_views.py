"""Pages of contests for everybody: the list, and what each is about."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import User
from competition import cells, leaderboard, rescored, trends, wording
from competition.models import Contest, Standing, Submission, Team
from competition.standings import leaders

SHOWN_ENTRIES, OWN_ENTRIES = 10, 10


def get_contest(slug: str) -> Contest:
    """Return it with what its pages need, and without the nouns of its snapshot: these are large."""
    contests = Contest.objects.select_related("snapshot__collection", "truth").prefetch_related("phases")
    large = [f"{at}__{name}" for at in ("snapshot", "truth") for name in ("taxonomy", "card")]
    return get_object_or_404(contests.defer(*large), slug=slug)


def own_team(contest: Contest, user: User | AnonymousUser) -> Team | None:
    return Team.objects.of(contest, user) if isinstance(user, User) else None


@require_safe
def contest_list(request: HttpRequest) -> HttpResponse:
    """Contests by whether one can enter them."""
    has_entered = Q(teams__merged_into=None, teams__submissions__isnull=False)
    contests = Contest.objects.select_related("snapshot__collection").prefetch_related("phases")
    contests = contests.defer("snapshot__taxonomy", "snapshot__card")
    contests = contests.annotate(n_teams=Count("teams", filter=has_entered, distinct=True))
    first = leaders(Contest.objects.all())
    listed = [
        (words, [_listed(contest, first.get(contest.pk)) for contest in contests if contest.state == state])
        for state, words in (("open", _("Open")), ("coming", _("Coming")), ("past", _("Past")))
    ]
    return render(request, "competition/contest_list.html", {"listed": listed, "is_empty": not contests})


def _listed(contest: Contest, first: Standing | None) -> dict[str, Any]:
    """Return what the list says of a contest: its least error that is told, and when it opens or closes."""
    now, phase = timezone.now(), contest.phase
    return {
        "contest": contest,
        "best": cells.words(
            first.metrics[contest.ranked_by]["value"], cells.PERCENT, leaderboard.decimal_point()
        )
        if first
        else "",
        "closes_at": phase.closes_at if phase and phase.is_open else None,
        "opens_at": min(
            (each.opens_at for each in contest.phases.all() if each.opens_at > now), default=None
        ),
    }


@require_safe
def contest_page(request: HttpRequest, slug: str) -> HttpResponse:
    """What a contest is about, who leads, and how one enters."""
    contest = get_contest(slug)
    team = own_team(contest, request.user)
    context = {
        "contest": contest,
        "phases": sorted(contest.phases.all(), key=lambda phase: phase.opens_at),
        "board": leaderboard.board(contest, a_page=SHOWN_ENTRIES),
        "own_team": team,
        "may_run": isinstance(request.user, User) and contest.may_be_run_by(request.user),
        "my_submissions": Submission.objects.filter(team=team)[:OWN_ENTRIES] if team else [],
        "over_years": trends.over_years(contest),
        "against_cost": trends.against_cost(contest, request.GET.get("cost", "")),
        "rescored": rescored.latest(contest),
        "measures": wording.measures(),
    }
    return render(request, "competition/contest.html", context)
