"""What the organiser of a contest sees of it: every entry with its attempts and logs, and what looks odd."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.http import AuthenticatedRequest
from competition import rescoring
from competition.forms import RescoringForm
from competition.models import Contest, Device, Submission
from competition.tasks import rescore_waiting

A_PAGE = 100
LAST_RESCORINGS = 5

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
    return _page(request, contest, RescoringForm(contest=contest))


@require_POST
@organisers_only
def score_anew(request: AuthenticatedRequest, contest: Contest) -> HttpResponse:
    """Have all entries scored anew, by other labels or the scorer of today. Boards show it when all of it is done."""
    form = RescoringForm(request.POST, contest=contest)
    if form.is_valid():
        data = form.cleaned_data
        try:
            rescoring.start(contest, data["truth"], data["reason"], request.user)
        except rescoring.RescoringRefusedError as error:
            form.add_error(None, str(error))
        else:
            # The row is kept whatever becomes of the message: a sweep finds it.
            transaction.on_commit(rescore_waiting.delay, robust=True)
            return redirect("competition:organise", contest.slug)
    return _page(request, contest, form)


def _page(request: AuthenticatedRequest, contest: Contest, form: RescoringForm) -> HttpResponse:
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
        "form": form,
        "rescorings": contest.rescorings.select_related("truth__collection", "author").defer(
            "truth__taxonomy", "truth__card", "moved"
        )[:LAST_RESCORINGS],
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
