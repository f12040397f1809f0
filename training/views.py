"""Pages of trainings: all runs, one run with its curves as they grow, starting and cancelling."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import AuthenticatedRequest
from training.curves import Curve, curve
from training.forms import RunForm
from training.models import Run, SensitiveNounsError
from training.tasks import predict, train_queued

MOST_RUNS = 200


def run_list(request: HttpRequest, form: RunForm | None = None) -> HttpResponse:
    runs = Run.objects.select_related("snapshot__collection").annotate(n_done=Count("epochs"))
    runs = runs.order_by("-pk")[:MOST_RUNS]
    context = {"runs": runs, "form": (form or RunForm()) if request.user.is_staff else None}
    return render(request, "training/run_list.html", context)


@require_safe
def run_page(request: HttpRequest, pk: int) -> HttpResponse:
    context = _live(pk)
    run = context["run"]
    may_ask = _may_ask(request, run)
    return render(request, "training/run.html", {**context, "recipe": _recipe(run), "may_ask": may_ask})


def _may_ask(request: HttpRequest, run: Run) -> bool:
    """Whether who asks for a page may ask a run's network about the pictures of its collection."""
    collection = run.snapshot.collection
    is_ready = run.status == Run.Status.FINISHED and not collection.is_verifying
    return is_ready and collection.is_edited_by(request.user)


@require_safe
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that changes while it trains."""
    return render(request, "training/live.html", _live(pk))


def _live(pk: int) -> dict[str, Any]:
    run = get_object_or_404(Run.objects.select_related("snapshot__collection"), pk=pk)
    epochs = list(run.epochs.all())
    return {"run": run, "epochs": epochs, "curves": _curves(epochs, run.n_epochs)}


def _recipe(run: Run) -> list[tuple[str, Any]]:
    """Return the options that say something, by their names in words."""
    words = {"size_px": _("picture size, pixels")}
    return [
        (words.get(name, name.replace("_", " ")), _("yes") if value is True else value)
        for name, value in run.config.items()
        if value and name != "network" and (name != "activation" or run.network == "mlp")
    ]


def _curves(epochs: list[Any], n_epochs: int) -> list[Curve]:
    def column(name: str) -> list[float]:
        return [getattr(epoch, name) for epoch in epochs]

    losses = {_("training"): column("train_loss"), _("validation"): column("val_loss")}
    errors = {_("top-5"): column("val_top5_error"), _("top-1"): column("val_top1_error")}
    return [
        curve(_("Error on the validation split"), "fraction", errors, n_epochs),
        curve(_("Loss"), "", losses, n_epochs),
        curve(_("Learning rate"), "", {_("learning rate"): column("learning_rate")}, n_epochs),
    ]


@require_POST
@staff_member_required(login_url="accounts:sign-in")
def create(request: AuthenticatedRequest) -> HttpResponse:
    form = RunForm(request.POST)
    if not form.is_valid():
        return run_list(request, form)
    try:
        run = Run.objects.enqueue_usual(**form.cleaned_data, author=request.user)
    except SensitiveNounsError as error:
        form.add_error("snapshot", str(error))
        return run_list(request, form)
    # The row is kept whatever becomes of the message: a sweep finds it.
    transaction.on_commit(train_queued.delay, robust=True)
    return redirect(run)


@require_POST
@staff_member_required(login_url="accounts:sign-in")
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if not run.cancel():
        messages.info(request, _("This run had ended already."))
    return redirect(run)


@require_POST
@login_required
def foretell(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Have a trainer ask a finished network about every picture of its collection, for whoever edits that."""
    run = get_object_or_404(Run.objects.select_related("snapshot__collection"), pk=pk)
    if not _may_ask(request, run):
        raise PermissionDenied
    transaction.on_commit(partial(predict.delay, run.pk), robust=True)
    messages.success(
        request,
        _(
            "A trainer asks it about every picture. Minutes later, what it disputes is on the collection’s page."
        ),
    )
    return redirect(run)
