"""Handing in, and what became of it."""

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts import flood
from accounts.http import AuthenticatedRequest
from competition.forms import SubmissionForm
from competition.models import Contest, Submission, SubmissionRefusedError
from competition.tasks import score_queued


@login_required
def submit(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    contest = get_object_or_404(Contest.objects.select_related("snapshot__collection"), slug=slug)
    form = SubmissionForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        flood.spend(request, "uploads")
        data = form.cleaned_data
        try:
            submission = Submission.objects.submit(contest.phase, request.user, data["method"], data["file"])
        except SubmissionRefusedError as error:
            form.add_error(None, str(error))
        else:
            # The row is kept whatever becomes of the message: a sweep finds it.
            transaction.on_commit(score_queued.delay, robust=True)
            return redirect(submission)
    return render(request, "competition/submit.html", {"contest": contest, "form": form})


@require_safe
@login_required
def submission_page(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    return _render(request, "competition/submission.html", pk)


@require_safe
@login_required
def submission_state(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """The part of a submission's page that changes while it is scored."""
    return _render(request, "competition/_state.html", pk)


def _render(request: AuthenticatedRequest, template: str, pk: int) -> HttpResponse:
    """Show a submission to its author and to staff; a baseline is everybody's."""
    visible = Submission.objects.visible_to(request.user).select_related("phase__contest", "author", "run")
    submission = get_object_or_404(visible, pk=pk)
    context = {"submission": submission, "scores": submission.shown_scores() if submission.is_scored else []}
    return render(request, template, context)
