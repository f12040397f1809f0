"""Freezing a collection, for whoever edits it: what would go in, freezing it now or by itself, and how far it is."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import User
from datasets.choosing import Choice
from datasets.forms import FreezeForm, as_lines
from datasets.freezing import enqueue
from datasets.models import FreezePolicy, Freezing
from datasets.previewing import preview
from datasets.tasks import freeze_waiting
from datasets.wording import WHY_LEFT_OUT, named
from labeling.models import Collection, Figures
from labeling.owning import OwnerRequest, owners_only

# So many settled labels take a third of a second to count; of more the page is shown first, and counted after it.
MANY = 200_000


def ask(collection: Collection, choice: Choice, user: User) -> Freezing:
    """Have a worker freeze a collection; return what waits or runs. Raises FreezeRefusedError."""
    freezing = enqueue(collection, choice, asked_by=user)
    # The row is kept whatever becomes of the message: a task that comes every minute finds it.
    transaction.on_commit(freeze_waiting.delay, robust=True)
    return freezing


@owners_only
def freeze(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """What would go into a snapshot; and buttons that freeze it, now or whenever enough has settled."""
    if request.method == "POST" and "stop" in request.POST:
        return _stop(request, collection)
    form = _form(request, collection)
    if form.is_valid() and "freeze" in request.POST:
        return redirect(ask(collection, form.choice, request.user))
    if form.is_valid() and "keep" in request.POST and _kept(request, form):
        return redirect("datasets:freeze", collection.slug)
    if request.htmx:
        return render(request, "datasets/_preview.html", _preview(collection, form))
    context = {
        "form": form,
        "policy": FreezePolicy.objects.filter(collection=collection).first(),
        "unfinished": collection.freezings.unfinished().first(),
        "collection": collection,
        **({"counts_later": True} if _counts_later(request, collection) else _preview(collection, form)),
    }
    return render(request, "datasets/freeze.html", context)


def _form(request: OwnerRequest, collection: Collection) -> FreezeForm:
    """Return the form as it was sent; with the nouns that a button adds or lists among its classes."""
    if request.method != "POST":
        return FreezeForm(collection=collection)
    form = FreezeForm(request.POST, collection=collection)
    if "add" in request.POST:
        form.is_valid()
        return _with_lines(request.POST, collection, as_lines(form.nouns_to_add()))
    if "list" in request.POST:
        return _with_lines(request.POST, collection, as_lines(collection.offered()))
    return form


def _with_lines(sent: QueryDict, collection: Collection, lines: str) -> FreezeForm:
    if not lines:
        return FreezeForm(sent, collection=collection)
    data = sent.copy()
    data["classes"] = "\n".join(filter(None, [sent.get("classes", "").strip(), lines]))
    data["noun"] = ""
    return FreezeForm(data, collection=collection)


def _counts_later(request: OwnerRequest, collection: Collection) -> bool:
    counted = Figures.objects.of(collection)
    is_large = counted is not None and counted.n_settled > MANY
    return is_large and request.method == "GET" and "count" not in request.GET


def _preview(collection: Collection, form: FreezeForm) -> dict[str, Any]:
    """Return what would go in by the form, or by what it holds before anybody has touched it."""
    if not form.is_bound:
        form = FreezeForm({"min_confidence": collection.target_confidence}, collection=collection)
    if not form.is_valid():
        return {"collection": collection, "preview": None, "refused": form.errors}
    found = preview(collection, form.plan)
    return {
        "collection": collection,
        "preview": found,
        "lacking": named(found.lacking, parts=True),
        "may_lack": form.plan.may_lack,
        "left_out": [(WHY_LEFT_OUT[bar.name], bar) for bar in found.left_out],
    }


def _kept(request: OwnerRequest, form: FreezeForm) -> bool:
    """Have the collection frozen by itself from now on; say whether that could be done."""
    every = form.cleaned_data["every"]
    if every is None:
        form.add_error("every", _("Say after how many new labels."))
        return False
    FreezePolicy.objects.update_or_create(
        collection=form.collection, defaults={"every": every, "options": form.choice.to_json()}
    )
    said = ngettext(
        "A snapshot is made whenever %(n)d new label has settled.",
        "A snapshot is made whenever %(n)d new labels have settled.",
        every,
    )
    messages.success(request, said % {"n": every})
    return True


def _stop(request: OwnerRequest, collection: Collection) -> HttpResponse:
    FreezePolicy.objects.filter(collection=collection).delete()
    messages.success(request, _("No snapshot is made by itself any more."))
    return redirect("datasets:freeze", collection.slug)


@require_safe
@owners_only
def freezing(request: OwnerRequest, collection: Collection, pk: int) -> HttpResponse:
    """How far a freezing is. The page asks for its part again until it has ended, and then shows the snapshot."""
    found = get_object_or_404(collection.freezings.select_related("snapshot", "asked_by"), pk=pk)
    if request.htmx and found.snapshot and found.is_new:
        found.snapshot.collection = collection
        return HttpResponseClientRedirect(found.snapshot.get_absolute_url())
    context = {"collection": collection, "freezing": found, **_how_far(found)}
    template = "datasets/_freezing.html" if request.htmx else "datasets/freezing.html"
    return render(request, template, context)


def _how_far(found: Freezing) -> dict[str, int]:
    """Return the steps of a freezing: looking for look-alikes, each part, and putting the parts together."""
    n_read = found.parts.count()
    n_done = {Freezing.State.READING: 1 + n_read, Freezing.State.SEALING: 1 + found.n_parts}
    return {
        "n_read": n_read,
        "n_steps": found.n_parts + 2,
        "n_done": n_done.get(Freezing.State(found.state), 0),
    }
