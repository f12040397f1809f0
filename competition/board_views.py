"""The leaderboard of a contest, as a page and as files."""

import csv
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from competition import exporting, leaderboard, rescored, subtree, wording
from competition.contest_views import get_contest, own_team
from competition.leaderboard import Chosen
from competition.models import Contest, Part


@require_safe
def leaderboard_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Every entry that is ranked, for everybody."""
    contest, chosen = get_contest(slug), Chosen.of(request.GET)
    context = {
        "contest": contest,
        "board": leaderboard.board(contest, chosen, request.GET.get("page", "1")),
        "own_team": own_team(contest, request.user),
        "nouns": subtree.offered(contest),
        "rescored": rescored.latest(contest),
        "grades": wording.grades(knows_people=contest.human_error is not None),
        "has_parts": has_parts(contest),
    }
    return render(request, "competition/leaderboard.html", context)


def has_parts(contest: Contest) -> bool:
    """Whether both parts of the test pictures are told by now."""
    return contest.phase is not None and contest.phase.shown_part == Part.PRIVATE


@require_safe
def leaderboard_csv(request: HttpRequest, slug: str) -> HttpResponse:
    contest = get_contest(slug)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{contest.slug}.csv"'
    csv.writer(response).writerows(exporting.table(leaderboard.everything(contest, Chosen.of(request.GET))))
    return response


@require_safe
def leaderboard_json(request: HttpRequest, slug: str) -> JsonResponse:
    contest = get_contest(slug)
    found = leaderboard.everything(contest, Chosen.of(request.GET))
    told: dict[str, Any] = {
        "contest": contest.slug,
        "ranked_by": contest.ranked_by,
        "part": found.part,
        "is_over": contest.is_over,
        "below": found.noun.wnid if found.noun and found.is_below else None,
        "entries": list(exporting.records(found)),
    }
    return JsonResponse(told, headers={"Content-Disposition": f'attachment; filename="{contest.slug}.json"'})
