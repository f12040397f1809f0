"""Pages of contests for everybody: the list, and the leaderboard of each."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from competition import leaderboard
from competition.models import Contest, Submission


@require_safe
def contest_list(request: HttpRequest) -> HttpResponse:
    contests = Contest.objects.select_related("snapshot__collection")
    return render(request, "competition/contest_list.html", {"contests": contests})


@require_safe
def contest_page(request: HttpRequest, slug: str) -> HttpResponse:
    """The leaderboard, for everybody."""
    contest = get_object_or_404(Contest.objects.select_related("snapshot__collection"), slug=slug)
    board = leaderboard.rows(contest)
    mine = Submission.objects.filter(phase__contest=contest, author=request.user.pk or None)
    context = {
        "contest": contest,
        "rows": board,
        "x_max": leaderboard.axis_max(board),
        "n_test": board[0]["n_images"] if board else None,
        "part_name": contest.phase.shown_part.label
        if contest.phase and contest.phase.public_share < 1
        else "",
        "my_submissions": mine if request.user.is_authenticated else [],
    }
    return render(request, "competition/contest.html", context)
