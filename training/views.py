"""Pages of trainings: all runs, one run with its curves as they grow, and the buttons that steer it."""

import csv
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import AuthenticatedRequest
from labeling.models import Collection
from labeling.owning import OwnerRequest
from training import starting, wording
from training.curves import Curve, curve
from training.forms import RunFilter
from training.models import Epoch, Run
from training.tasks import predict
from training.watching import history, layers, watch

A_PAGE = 50
LATEST_EPOCHS = 100  # in the table of figures; files have all


@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    """Every run, the latest first. ?snapshot=, ?network= and ?status= say which."""
    chosen = RunFilter(request.GET)
    runs = Run.objects.filter(**chosen.chosen)
    page = Paginator(listed(runs), A_PAGE).get_page(request.GET.get("page"))
    asked = request.GET.copy()
    asked.pop("page", None)
    context = {
        "page": page,
        "filter": chosen,
        "is_filtered": bool(chosen.chosen),
        "asked": f"{asked.urlencode()}&" if asked else "",
        "may_start": request.user.is_authenticated and Collection.objects.edited_by(request.user).exists(),
    }
    return render(request, "training/run_list.html", context)


def listed(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Add to each run what its epochs come to: how many, their seconds, and the error after the last."""
    last = Epoch.objects.filter(run=OuterRef("pk")).order_by("-number")
    return (
        runs.select_related("snapshot__collection", "author")
        .defer("layers", "snapshot__card", "snapshot__taxonomy")
        .annotate(
            n_done=Count("epochs"),
            seconds=Sum("epochs__seconds"),
            error_now=Subquery(last.values("val_top1_error")[:1]),
        )
        .order_by("-pk")
    )


@require_safe
def run_page(request: HttpRequest, pk: int) -> HttpResponse:
    context = _live(request, pk)
    run = context["run"]
    context |= {"recipe": wording.recipe(run.options), "may_ask": _may_ask(request, run)}
    return render(request, "training/run.html", context)


def _may_ask(request: HttpRequest, run: Run) -> bool:
    """Whether who asks for a page may ask a run's network about the pictures of its collection."""
    collection = run.snapshot.collection
    is_ready = run.status == Run.Status.FINISHED and not collection.is_verifying
    return is_ready and collection.is_edited_by(request.user)


@require_safe
def live(request: OwnerRequest, pk: int) -> HttpResponse:
    """The part of a run's page that changes while it trains; with ?layers, its layers too, once they are known."""
    context = _live(request, pk) | {"is_part": True, "wants_layers": "layers" in request.GET}
    return render(request, "training/live.html", context)


def _live(request: HttpRequest, pk: int) -> dict[str, Any]:
    run = get_object_or_404(Run.objects.select_related("snapshot__collection", "author"), pk=pk)
    epochs = list(run.epochs.all())
    return {
        "run": run,
        "epochs": epochs[-LATEST_EPOCHS:],
        "n_epochs_done": len(epochs),
        "curves": curves(epochs, run.n_epochs),
        "watched": watch(run, epochs),
        "machine": wording.machine(run.machine),
        "layers": layers(run),
        "n_multiply_adds": run.n_multiply_adds,
        "n_parameters": sum(layer["n_parameters"] for layer in run.layers) or run.n_parameters,
        "may_steer": run.snapshot.collection.is_edited_by(request.user),
    }


def curves(epochs: list[Any], n_epochs: int) -> list[Curve]:
    def column(name: str) -> list[float]:
        return [getattr(epoch, name) for epoch in epochs]

    losses = {_("training"): column("train_loss"), _("validation"): column("val_loss")}
    errors = {_("top-5"): column("val_top5_error"), _("top-1"): column("val_top1_error")}
    return [
        curve(_("Error on the validation split"), "fraction", errors, n_epochs),
        curve(_("Loss"), "", losses, n_epochs),
        curve(_("Learning rate"), "", {_("learning rate"): column("learning_rate")}, n_epochs),
        curve(_("Pictures per second"), "whole", {_("pictures"): column("pictures_per_second")}, n_epochs),
    ]


@require_safe
def history_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """A run's epochs, a line each."""
    run = get_object_or_404(Run, pk=pk)
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=_attached(run, "csv"))
    rows = csv.DictWriter(
        response, [field.name for field in Epoch._meta.fields if field.name not in ("id", "run")]
    )
    rows.writeheader()
    rows.writerows(history(run.epochs.all()))
    return response


@require_safe
def history_json(request: HttpRequest, pk: int) -> HttpResponse:
    """A run's epochs, with what it was told."""
    run = get_object_or_404(Run.objects.select_related("snapshot"), pk=pk)
    told = {
        "run": run.pk,
        "network": run.network,
        "seed": run.seed,
        "config": run.config,
        "snapshot": run.snapshot.digest,
        "machine": run.machine,
        "epochs": history(run.epochs.all()),
    }
    return JsonResponse(told, headers=_attached(run, "json"), json_dumps_params={"indent": 1})


def _attached(run: Run, ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="run-{run.pk}-history.{ending}"'}


# --- Steering -------------------------------------------------------------------------------------------------------


def _button(act: Callable[[Run], bool], too_late: Callable[[], str]) -> Callable[..., HttpResponse]:
    """A button of a run, for whoever edits its snapshot's collection. Under htmx the part that it is in answers."""

    @require_POST
    @login_required
    def pressed(request: OwnerRequest, pk: int) -> HttpResponse:
        run = get_object_or_404(Run.objects.select_related("snapshot__collection"), pk=pk)
        if not run.snapshot.collection.is_edited_by(request.user):
            raise PermissionDenied
        is_done = act(run)
        if request.htmx:
            context = _live(request, pk) | {"is_part": True, "is_pressed": True}
            return render(
                request, "training/live.html", context | {"too_late": "" if is_done else too_late()}
            )
        if not is_done:
            messages.info(request, too_late())
        return redirect(run)

    return pressed


cancel = _button(Run.cancel, lambda: _("This run had ended already."))
pause = _button(Run.pause, lambda: _("This run neither waits nor trains any more."))
resume = _button(starting.resume, lambda: _("This run is not paused any more."))


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
