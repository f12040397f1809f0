"""Pages about who votes: one's own votes and how they stand, and the boards."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.http import AuthenticatedRequest
from labeling import people
from labeling.models import Collection

LARGEST = 2**53  # a number that every database can look up, and count fifty times over


@require_safe
@never_cache
@login_required
def my_votes(request: AuthenticatedRequest) -> HttpResponse:
    """One's own votes, the newest first."""
    before = number(request, "before")
    votes, next_before = people.own_votes(request.user, before)
    context = {
        "votes": votes,
        "before": before,
        "next_before": next_before,
        "accuracy": people.accuracy(request.user),
    }
    return render(request, "labeling/my_votes.html", context)


@require_safe
@never_cache
@login_required
def standing(request: AuthenticatedRequest) -> HttpResponse:
    """What compares with everybody's votes and takes longer to count: the part of that page, or one of its own."""
    is_part = request.htmx  # type: ignore[attr-defined]
    template = "labeling/_standing.html" if is_part else "labeling/standing.html"
    return render(request, template, {"place": people.place(request.user)})


@require_safe
def board(request: HttpRequest, slug: str | None = None) -> HttpResponse:
    """Who has named the most pictures as they were settled, on the whole site or in one collection."""
    collection = get_object_or_404(Collection, slug=slug) if slug else None
    page = number(request, "page")
    try:
        found = people.board(collection, 1 if page is None else page)
    except IndexError as error:
        raise Http404(str(error)) from error
    return render(request, "labeling/board.html", {"collection": collection, "board": found})


def number(request: HttpRequest, name: str) -> int | None:
    """Read a number above 0 from the address; None where there is none."""
    text = request.GET.get(name)
    if text is None:
        return None
    if not (text.isdecimal() and len(text) < 19 and 0 < int(text) <= LARGEST):
        raise Http404(
            _("%(name)s: expected a number from 1 up; found %(text)s.") % {"name": name, "text": repr(text)}
        )
    return int(text)
