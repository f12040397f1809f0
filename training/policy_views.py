"""What is trained on each new snapshot of a collection, for whoever edits it."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from datasets.models import Snapshot
from labeling.models import Collection
from labeling.owning import OwnerRequest, owners_only
from training import wording
from training.forms import PolicyForm
from training.models import Run, TrainingPolicy
from training.sizing import usual_size_px

LATEST = 10  # runs


@dataclass(frozen=True)
class Foretold:
    """What a policy would do with the next snapshot, as far as the latest one lets it be foreseen."""

    number: int  # of that next snapshot
    networks: list[str]
    size_px: int
    n_pictures: int
    epochs: list[tuple[str, int]]  # of each network


@require_http_methods(["GET", "HEAD", "POST"])
@owners_only
def policy(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """Say what is to be trained by itself, see in words what follows, and switch it on or off."""
    kept = TrainingPolicy.objects.filter(collection=collection).first()
    if request.method == "POST" and "stop" in request.POST:
        TrainingPolicy.objects.filter(collection=collection).delete()
        messages.success(request, _("Nothing is trained by itself any more."))
        return redirect("training:policy", collection.slug)
    latest = collection.snapshots.order_by("-number").first()
    usual = usual_size_px(latest.sides()) if latest else usual_size_px([])
    form = PolicyForm.of(kept, usual, request.POST if request.method == "POST" else None)
    if form.is_valid() and "keep" in request.POST:
        TrainingPolicy.objects.say(collection, request.user, **form.cleaned_data)
        messages.success(request, _("From the next snapshot on this is trained by itself."))
        return redirect("training:policy", collection.slug)
    context = {"collection": collection, "form": form, "foretold": _foretold(latest, form)}
    if request.htmx:
        return render(request, "training/_policy_preview.html", context)
    runs = Run.objects.filter(snapshot__collection=collection).select_related("snapshot", "author")
    return render(
        request, "training/policy.html", context | {"policy": kept, "latest": latest, "runs": runs[:LATEST]}
    )


def _foretold(latest: Snapshot | None, form: PolicyForm) -> Foretold | None:
    """Return what follows from the form as it stands; None where it says nothing yet."""
    if form.is_bound:
        networks, size_px = form.cleaned_data.get("networks", []), form.cleaned_data.get("size_px")
    else:
        networks, size_px = form.initial["networks"], form.initial["size_px"]
    if not networks or size_px is None:
        return None
    n_pictures = latest.card["by_split"]["train"] if latest else 0
    return Foretold(
        number=latest.number + 1 if latest else 1,
        networks=networks,
        size_px=size_px,
        n_pictures=n_pictures,
        epochs=[(name, wording.usual_epochs(name, size_px, n_pictures)) for name in networks],
    )
