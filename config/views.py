"""Pages that speak of every part of the site."""

import sys
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.defaults import page_not_found, server_error

from competition import leaderboard
from competition.models import Contest, Submission
from config.outages import is_full, is_passing
from labeling import progress
from labeling.models import Collection, Question
from taxonomy.models import Synset
from training.models import Run

SHOWN_EXAMPLES, SHOWN_ENTRIES = 8, 5
RETRY_AFTER_S = 5  # what was away is mostly back by then


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    contest = Contest.objects.select_related("snapshot", "truth").prefetch_related("phases").first()
    context = {
        "collection": Collection.objects.open().first(),
        "collections": Collection.objects.select_related("root")[:6],
        "counts": _counts(),
        "contest": contest,
        "board": leaderboard.board(contest, a_page=SHOWN_ENTRIES) if contest else None,
        "examples": Question.objects.examples().order_by("-pk")[:SHOWN_EXAMPLES].telling_inner(),
    }
    return render(request, "home.html", context)


@require_safe
def counts(request: HttpRequest) -> HttpResponse:
    """The part of the home page that moves."""
    return render(request, "_counts.html", {"counts": _counts()})


def _counts() -> dict[str, Any]:
    return {
        **progress.of_site(),
        "n_synsets": Synset.objects.count(),
        "n_runs": Run.objects.count(),
        "n_submissions": Submission.objects.count(),
    }


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers look on pages that name no icon, the admin's among them."""
    return redirect(static("favicon.svg"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that nothing is there: to people on a page, to programs as the API says everything."""
    if request.path_info.startswith("/api/"):
        return JsonResponse({"detail": _("Not found.")}, status=404)
    return page_not_found(request, exception)


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Say that this process answers and reaches its database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


def broken(request: HttpRequest) -> HttpResponse:
    """Say what could not be reached, or that there is no room, where that is why something broke; to programs in
    JSON. Anything else is a fault of the site.
    """
    error = sys.exception()
    if error and is_full(error):
        status, said = (
            507,
            _(
                "There is no room left on the site’s disk, so nothing of this was kept. Send it again once there is; "
                "whoever runs the site has to make some."
            ),
        )
    elif error and is_passing(error):
        status, said = (
            503,
            _(
                "Something that the site needs does not answer just now. Send it again in a moment: what was kept "
                "already is not counted twice."
            ),
        )
    else:
        return server_error(request)
    if request.path.startswith("/api/"):
        response: HttpResponse = JsonResponse({"detail": said}, status=status)
    else:
        # Without a context of the request, which would ask the database who it is.
        response = HttpResponse(render_to_string("503.html", {"status": status, "said": said}), status=status)
    response["Retry-After"] = RETRY_AFTER_S
    return response
