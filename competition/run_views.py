"""The button by which a finished run enters a contest; it is on the run's page."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounts import flood
from accounts.http import AuthenticatedRequest
from competition import run_entry
from competition.models import Contest, SubmissionRefusedError
from competition.tasks import score_queued
from training.models import Run


@require_POST
@login_required
def enter(request: AuthenticatedRequest, pk: int, slug: str) -> HttpResponse:
    """Enter a run for one's team, by whoever started it and who runs the contest."""
    run = get_object_or_404(Run.objects.select_related("snapshot__collection"), pk=pk)
    contest = get_object_or_404(Contest.objects.select_related("snapshot__collection"), slug=slug)
    if not run_entry.may_enter(run, contest, request.user):
        raise PermissionDenied
    flood.spend(request, "uploads")
    try:
        submission = run_entry.enter(run, contest, request.user)
    except SubmissionRefusedError as error:
        messages.error(request, str(error))
        return redirect(run)
    # The row is kept whatever becomes of the message: a sweep finds it.
    transaction.on_commit(score_queued.delay, robust=True)
    return redirect(submission)
