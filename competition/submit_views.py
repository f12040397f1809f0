"""Handing in, and what became of it."""

from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import flood
from accounts.http import AuthenticatedRequest
from competition import devices
from competition.forms import CardForm, SubmissionForm
from competition.models import Contest, Submission, SubmissionRefusedError, Team
from competition.tasks import score_queued

# How long a page waits until it asks again, in seconds, by how long ago the entry was handed in.
WAITS_S = ((30, 1), (300, 3))
LONGEST_WAIT_S = 15


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def submit(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    contest = get_object_or_404(Contest.objects.select_related("snapshot__collection"), slug=slug)
    form = SubmissionForm(request.POST or None, request.FILES or None, contest=contest)
    card = CardForm(request.POST or None, prefix="card")
    if form.is_valid() and card.is_valid():
        flood.spend(request, "uploads")
        try:
            submission = _hand_in(request, contest, form.cleaned_data, card.cleaned_data)
        except SubmissionRefusedError as error:
            form.add_error(None, str(error))
        else:
            response = redirect(submission)
            devices.note(request, response, contest)
            return response
    context = {"contest": contest, "form": form, "card": card, **_places(request, contest)}
    return render(request, "competition/submit.html", context)


@transaction.atomic
def _hand_in(
    request: AuthenticatedRequest, contest: Contest, entry: dict[str, Any], card: dict[str, Any]
) -> Submission:
    submission = Submission.objects.submit(
        contest.phase,
        request.user,
        entry["method"],
        entry["file"],
        kind=entry["kind"],
        token=entry["token"],
    )
    if any(value not in ("", None) for value in card.values()):
        submission.describe(**card)
    # The row is kept whatever becomes of the message: a sweep finds it.
    transaction.on_commit(score_queued.delay, robust=True)
    return submission


def _places(request: AuthenticatedRequest, contest: Contest) -> dict[str, Any]:
    """Say how many entries may still be handed in, and when the next one may."""
    phase = contest.phase
    if phase is None:
        return {"phase": None}
    team = Team.objects.of(contest, request.user)
    return {"phase": phase, "team": team, "places": Submission.objects.places(phase, request.user)}


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
    """Show a submission to its team, the contest's organiser and staff; a baseline is everybody's."""
    visible = Submission.objects.visible_to(request.user).select_related(
        "phase__contest__snapshot", "phase__contest__truth", "author", "team", "run", "card"
    )
    submission = get_object_or_404(visible, pk=pk)
    scores = submission.shown_scores() if submission.is_scored else []
    context = {
        "submission": submission,
        "scores": scores,
        "is_told": any(score.is_told for score in scores),
        "is_over": submission.contest.is_over,
        "may_change": Submission.objects.changed_by(request.user).filter(pk=pk).exists(),
        "may_organise": submission.contest.may_be_run_by(request.user),
        "wait_s": _wait_s(submission),
    }
    return render(request, template, context)


def _wait_s(submission: Submission) -> int:
    """Return how long the page waits until it asks again: most entries are scored in a moment, some wait for long."""
    age_s = (timezone.now() - submission.created_at).total_seconds()
    return next((wait for most, wait in WAITS_S if age_s < most), LONGEST_WAIT_S)


# --- What its team does with it -----------------------------------------------------------------------------------


@require_POST
@login_required
def cancel(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """End an entry that has not ended, by its team or the contest's organiser."""
    submission = get_object_or_404(_held(request), pk=pk)
    if Submission.objects.filter(pk=submission.pk).cancel():
        messages.success(request, _("Cancelled. Its place under the limit is free again."))
    else:
        messages.info(request, _("It had ended already, and stays as it is."))
    return redirect(submission)


@require_POST
@login_required
def choose(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Choose an entry for the private part, or, with `give_up`, another one instead of it."""
    submission = get_object_or_404(
        Submission.objects.changed_by(request.user).select_related("phase__contest"), pk=pk
    )
    try:
        submission.choose("give_up" not in request.POST)
    except SubmissionRefusedError as error:
        messages.error(request, str(error))
    return redirect(submission)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit_card(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Say how an entry was made."""
    submission = get_object_or_404(
        Submission.objects.changed_by(request.user).select_related("phase__contest", "card"), pk=pk
    )
    form = CardForm(request.POST or None, instance=getattr(submission, "card", None))
    if form.is_valid():
        submission.describe(**form.cleaned_data)
        return redirect(submission)
    return render(request, "competition/submission_card_edit.html", {"submission": submission, "form": form})


@require_safe
def card(request: HttpRequest, pk: int) -> HttpResponse:
    """What a team says of an entry that stands on the board, for everybody."""
    submission = get_object_or_404(
        Submission.objects.shown_to(request.user).select_related(
            "phase__contest", "author", "team", "card", "run"
        ),
        pk=pk,
    )
    return render(request, "competition/submission_card.html", {"submission": submission})


@require_safe
@login_required
def file(request: AuthenticatedRequest, pk: int) -> FileResponse:
    """What was handed in, for its team and the contest's organiser."""
    submission = get_object_or_404(_held(request), pk=pk)
    name = f"entry-{submission.pk}{Path(submission.file.name).suffix}"
    return FileResponse(submission.file.open("rb"), as_attachment=True, filename=name)


def _held(request: AuthenticatedRequest) -> Any:
    """Return the entries that who asks may end, and whose files they may have."""
    return Submission.objects.held_by(request.user).select_related("phase__contest")
