"""What the organiser of a contest sees of it: every entry with its attempts and logs, and what looks odd."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.http import AuthenticatedRequest
from competition.models import Contest, Device, Submission

A_PAGE = 100

P = ParamSpec("P")


def organisers_only(
    view: Callable[Concatenate[AuthenticatedRequest, Contest, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """A page about one contest, for who runs it; strangers are asked to sign in, others may not."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: AuthenticatedRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        contest = get_object_or_404(
            Contest.objects.select_related("snapshot__collection", "truth"), slug=slug
        )
        if not contest.may_be_run_by(request.user):
            raise PermissionDenied
        return view(request, contest, *args, **kwargs)

    return guarded


@require_safe
@organisers_only
def organise(request: AuthenticatedRequest, contest: Contest) -> HttpResponse:
    """All entries, or those of one ?state=, and the browsers that entered as several people."""
    entries = Submission.objects.filter(phase__contest=contest)
    counts = dict(entries.order_by().values_list("status").annotate(n=Count("pk")))
    state = request.GET.get("state", "")
    if state in Submission.Status.values:
        entries = entries.filter(status=state)
    entries = entries.select_related("author", "team").order_by("-pk")
    context = {
        "contest": contest,
        "page": Paginator(entries, A_PAGE).get_page(request.GET.get("page")),
        "state": state,
        "states": [(value, label, counts.get(value, 0)) for value, label in Submission.Status.choices],
        "n_entries": sum(counts.values()),
        "shared": Device.objects.shared(contest),
    }
    return render(request, "competition/organise.html", context)


@require_safe
@never_cache
@login_required
def organise_entry(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Every attempt to score one entry, each with its whole log."""
    entries = Submission.objects.organised_by(request.user)
    submission = get_object_or_404(entries.select_related("phase__contest", "author", "team"), pk=pk)
    context = {"submission": submission, "contest": submission.contest, "attempts": submission.attempts.all()}
    return render(request, "competition/organise_entry.html", context)
