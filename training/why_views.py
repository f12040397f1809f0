"""Why a network answers as it does for one picture: a page that waits for a worker, and its pictures."""

from dataclasses import dataclass
from math import exp
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import flood
from labeling.models import Image
from taxonomy.models import Synset
from training import saliency, showing
from training.explained import GRAD_CAM, METHODS, Explained
from training.faithfulness import Deletion
from training.falling import Fall, fall
from training.models import Explanation, Run, TooManyWaitingError
from training.showing import Labelled
from training.tasks import explain_queued

A_PAGE = 48
SHOWN_ANSWERS = 5
A_DAY_S = 24 * 3600
PICTURES = {"picture": saliency.as_seen, "grays": saliency.in_grays}
PLACES: dict[str, str | Promise] = {
    "upper left": gettext_lazy("upper left"),
    "top": gettext_lazy("top"),
    "upper right": gettext_lazy("upper right"),
    "left": gettext_lazy("left"),
    "middle": gettext_lazy("middle"),
    "right": pgettext_lazy("a side of the picture", "right"),
    "lower left": gettext_lazy("lower left"),
    "bottom": gettext_lazy("bottom"),
    "lower right": gettext_lazy("lower right"),
}


@dataclass(frozen=True)
class Told:
    """One method's map, and what became of it in the test."""

    name: str
    url: str
    for_place: str | Promise
    for_share: float
    against_place: str | Promise
    against_share: float
    full: str  # by how many times full blue makes the class likelier
    test: Deletion
    fall: Fall


@dataclass(frozen=True)
class Guess:
    """A class that the network thinks of."""

    wnid: str
    noun: Synset | None  # None where no page names it
    probability: float


# --- Pages -----------------------------------------------------------------------------------------------------


@require_safe
def choose(request: HttpRequest, pk: int) -> HttpResponse:
    """Validation pictures to choose from, those that the network takes for something else first, the surest first."""
    run = finished_run(pk)
    page = Paginator(showing.by_mistake(run), A_PAGE).get_page(request.GET.get("page"))
    images = Image.objects.shown().in_bulk([each.sha256 for each in page], field_name="sha256")
    nouns = showing.nouns({wnid for each in page for wnid in (each.wnid, each.answer)})
    shown = [
        (images[each.sha256], each, nouns.get(each.wnid), nouns.get(each.answer))
        for each in page
        if each.sha256 in images
    ]
    return render(request, "training/why_choose.html", {"run": run, "page": page, "shown": shown})


@require_safe
@vary_on_headers("HX-Request")
def why(request: HttpRequest, pk: int, sha256: str) -> HttpResponse:
    """One picture, and why the network takes it for what it does, or for `?noun=`. Under htmx the part that waits."""
    run = finished_run(pk)
    picture = find_picture(run, sha256)
    noun = find_noun(run, request.GET.get("noun", ""))
    asked = find_asked(run, sha256, noun.wnid if noun else "")
    context = {
        "run": run,
        "picture": picture,
        "image": get_object_or_404(Image.objects.shown(), sha256=sha256),
        "label": showing.nouns([picture.wnid]).get(picture.wnid),
        "noun": noun,
        "asked": asked,
        **(_told(run, asked) if asked and asked.status == Explanation.Status.FINISHED else {}),
    }
    if not request.htmx:  # type: ignore[attr-defined]
        context["before"], context["after"] = showing.beside(run, sha256)
    return render(request, "training/_why.html" if request.htmx else "training/why.html", context)  # type: ignore[attr-defined]


@require_POST
def ask(request: HttpRequest, pk: int, sha256: str) -> HttpResponse:
    """Have a worker find out why, and lead to the page that waits for it."""
    run = finished_run(pk)
    find_picture(run, sha256)
    noun = find_noun(run, request.POST.get("noun", ""))
    try:
        return redirect(begin(request, run, sha256, noun.wnid if noun else ""))
    except TooManyWaitingError as error:
        messages.error(request, str(error))
    return redirect("training:why", run.pk, sha256)


@require_safe
@cache_control(public=True, max_age=A_DAY_S)
def drawn(request: HttpRequest, pk: int, explanation: int, name: str) -> HttpResponse:
    """One of an explanation's pictures: what the network sees, the same in grays, or a map to lay over it."""
    asked = get_object_or_404(
        Explanation, pk=explanation, run=finished_run(pk), status=Explanation.Status.FINISHED
    )
    find_picture(asked.run, asked.sha256)
    explained = read(asked)
    if name in PICTURES:
        return HttpResponse(PICTURES[name](explained.picture), content_type="image/png")
    found = explained.map_named(name)
    if found is None:
        raise Http404(_("There is no map %(name)s.") % {"name": repr(name)})
    return HttpResponse(saliency.overlay(found), content_type="image/png")


# --- What pages and the API have in common -----------------------------------------------------------------------


def finished_run(pk: int) -> Run:
    runs = Run.objects.filter(status=Run.Status.FINISHED).exclude(weights="")
    return get_object_or_404(runs.select_related("snapshot__collection"), pk=pk)


def find_picture(run: Run, sha256: str) -> Labelled:
    """Return a picture of the run's snapshot that may be shown. A test picture is as if it were not there."""
    if found := showing.labelled(run.snapshot, sha256):
        return found
    raise Http404(_("Expected a training or validation picture of the run's snapshot."))


def find_noun(run: Run, wnid: str) -> Synset | None:
    """Return the class that somebody asks about; None where they name none."""
    if not wnid:
        return None
    found = showing.nouns([wnid]).get(wnid) if wnid in run.snapshot.classes else None
    if found is None:
        raise Http404(_("Expected one of the run's classes."))
    return found


def find_asked(run: Run, sha256: str, wnid: str) -> Explanation | None:
    """Return what was asked before: about this class, or about the network's answer where that is this class."""
    asked = Explanation.objects.filter(run=run, sha256=sha256)
    if wnid and (own := asked.filter(wnid="", status=Explanation.Status.FINISHED).first()):
        own.run = run
        if run.snapshot.classes[read(own).label] == wnid:
            return own
    return asked.filter(wnid=wnid).first()


def begin(request: Any, run: Run, sha256: str, wnid: str) -> Explanation:
    """Return the explanation that is there, or have a worker make one. Raises TooManyWaitingError, FloodError."""
    there = find_asked(run, sha256, wnid)
    if there and there.status != Explanation.Status.FAILED:
        return there
    flood.spend(request, "explanations")
    asked = Explanation.objects.ask(run, sha256, wnid)
    # The row is kept whatever becomes of the message: a sweep finds it.
    transaction.on_commit(explain_queued.delay, robust=True)
    return asked


def read(asked: Explanation) -> Explained:
    with asked.file.open("rb") as file:
        return Explained.from_bytes(file.read())


def drawn_url(asked: Explanation, name: str) -> str:
    return reverse("training:why-drawn", args=[asked.run_id, asked.pk, name])


# --- One explanation's page ----------------------------------------------------------------------------------------


def _told(run: Run, asked: Explanation) -> dict[str, Any]:
    explained = read(asked)
    guesses = _guesses(run, explained)
    return {
        "explained": explained,
        "explained_noun": showing.nouns([wnid := run.snapshot.classes[explained.label]]).get(wnid),
        "probability": float(explained.probabilities[explained.label]),
        "guesses": guesses,
        "is_own_answer": explained.label == int(explained.probabilities.argmax()),
        "guess_wnids": {guess.wnid for guess in guesses},
        "odds_moved": times_words(exp(abs(explained.explained))),
        "picture_url": drawn_url(asked, "picture"),
        "grays_url": drawn_url(asked, "grays"),
        "told": [_method(asked, explained, name) for name in METHODS if name in explained.maps],
        "has_grad_cam": GRAD_CAM in explained.maps,
        "stages": [(side, drawn_url(asked, f"stage-{side}")) for side in explained.stages],
        "last_stage": list(explained.stages)[-1] if explained.stages else None,
    }


def _method(asked: Explanation, explained: Explained, name: str) -> Told:
    map_, test = explained.maps[name], explained.deletions[name]
    (for_place, for_share), (against_place, against_share) = saliency.strongest_places(map_)
    return Told(
        name=name,
        url=drawn_url(asked, name),
        for_place=PLACES[for_place],
        for_share=for_share,
        against_place=PLACES[against_place],
        against_share=against_share,
        full=times_words(exp(saliency.full_colour(map_))),
        test=test,
        fall=fall(test),
    )


def times_words(times: float) -> str:
    """Say a factor as people do: few digits of a large one, and what is beyond one of 1.1 of a small one."""
    if times < 1.1:
        return number_format(times, 3)
    if times < 100:
        return number_format(times, 1)
    return number_format(float(f"{times:.1e}"), 0, use_l10n=True, force_grouping=True)


def _guesses(run: Run, explained: Explained) -> list[Guess]:
    """Return the likeliest classes, the likeliest first."""
    classes = run.snapshot.classes
    likeliest = [int(label) for label in explained.probabilities.argsort()[::-1][:SHOWN_ANSWERS]]
    nouns = showing.nouns(classes[label] for label in likeliest)
    return [
        Guess(classes[label], nouns.get(classes[label]), float(explained.probabilities[label]))
        for label in likeliest
    ]
