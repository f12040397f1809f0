"""Runs side by side."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from training import wording
from training.comparing import charts, lay_side_by_side
from training.models import Run

MOST = 6  # runs: as many lines are told apart by dash and mark


@require_safe
def compare_page(request: HttpRequest) -> HttpResponse:
    """?run=, twice or more, says which; those beyond the sixth are left out, and so is what is no run."""
    asked = list(
        dict.fromkeys(int(pk) for pk in request.GET.getlist("run") if pk.isdecimal() and len(pk) < 18)
    )
    found = (
        Run.objects.select_related("snapshot__collection").prefetch_related("epochs").in_bulk(asked[:MOST])
    )
    runs = [found[pk] for pk in asked if pk in found]
    compared, verdicts = lay_side_by_side(runs)
    context = {
        "compared": compared,
        "verdicts": verdicts,
        "widest": max((each.interval[1] for each in compared if each.interval), default=1.0),
        "curves": charts(compared) if any(each.error is not None for each in compared) else [],
        "differing": wording.differing([run.options for run in runs]),
        "has_several_snapshots": len({run.snapshot_id for run in runs}) > 1,
        "most": MOST,
        "has_more": len(asked) > MOST,
    }
    return render(request, "training/compare.html", context)
