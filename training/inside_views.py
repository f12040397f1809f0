"""Look inside: one picture goes through a network, step by step."""

import base64
from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import flood
from config.retelling import told
from labeling.models import Image
from training import trying
from training.asking import Asked, Bytes, NoNetworkError, network_of
from training.certainty import softmax
from training.looking import Look, NoSuchDrawingError, Step
from training.models import Run
from training.packing import PackError, square
from training.try_forms import SeenForm

A_DAY_S = 60 * 60 * 24
N_CLASSES = 10  # classes whose logits are listed
UNIT = "unit-"  # what begins the name of a choice; the layer's name follows


@require_http_methods(["GET", "HEAD", "POST"])
def inside(request: HttpRequest, pk: int) -> HttpResponse:
    """What a network does with one picture: a validation picture, or the square that somebody sends along."""
    run = _run(pk)
    asked = _asked(run)
    examples = list(trying.examples(run)[: trying.N_EXAMPLES])
    context: dict[str, Any] = {"run": run, "examples": examples}
    if asked is None:
        return render(request, "training/inside.html", {**context, "is_missing": True})
    if request.method == "POST":
        flood.spend(request, "tries")
        form = SeenForm(request.POST)
        if not form.is_valid():
            return render(request, "training/inside.html", {**context, "form": form}, status=400)
        pixels = square(form.cleaned_data["pixels"].data, run.options.size_px)
        context["seen"] = request.POST["pixels"]
        said = _said(run, asked, pixels, request.POST, None)
    else:
        sha256 = request.GET.get("picture") or (examples[0].image.sha256 if examples else "")
        if not sha256:
            return render(request, "training/inside.html", {**context, "is_empty": True})
        image, pixels = _example(run, sha256)
        context |= {"image": image, "sha256": sha256}
        said = _said(run, asked, pixels, request.GET, sha256)
    return render(request, "training/inside.html", {**context, **said})


@require_safe
def drawing(request: HttpRequest, pk: int, sha256: str, name: str) -> HttpResponse:
    """One of the page's drawings, as a PNG."""
    run = _run(pk)
    asked = _asked(run)
    if asked is None:
        raise Http404(_("This run has no network that could be asked."))
    _image, pixels = _example(run, sha256)
    try:
        data = asked.look(pixels).draw(name)
    except NoSuchDrawingError as error:
        raise Http404(told(error)) from error
    response = HttpResponse(data, content_type="image/png")
    # A trained network and a picture never change; but a picture may be withdrawn.
    patch_cache_control(response, public=True, max_age=A_DAY_S)
    return response


def _run(pk: int) -> Run:
    return get_object_or_404(Run.objects.select_related("snapshot__collection"), pk=pk)


def _asked(run: Run) -> Asked | None:
    try:
        return network_of(run)
    except NoNetworkError:
        return None


def _example(run: Run, sha256: str) -> tuple[Image, Bytes]:
    image = trying.example(run, sha256)
    if image is None:
        raise Http404(_("There is no such picture to look at."))
    try:
        return image, trying.pixels_of(image, run.options.size_px)
    except (FileNotFoundError, PackError) as error:
        raise Http404(told(error)) from error


def _said(run: Run, asked: Asked, pixels: Bytes, query: Any, sha256: str | None) -> dict[str, Any]:
    """Return what the page says of one picture. sha256: of a picture that is here; None for one that is not."""
    look, heard = asked.look(pixels), trying.ask(run, asked, pixels)
    chosen = {
        name.removeprefix(UNIT): int(value)
        for name, value in query.items()
        if name.startswith(UNIT) and value.isdecimal() and len(value) < 7
    }

    def url_of(name: str) -> str:
        if sha256 is None:  # nothing is kept that could have an address
            return f"data:image/png;base64,{base64.b64encode(look.draw(name)).decode()}"
        return reverse("training:drawing", args=[run.pk, sha256, name])

    taxonomy = trying.shown_taxonomy(run.snapshot)
    names = [taxonomy["nouns"][wnid]["name"] for wnid in run.snapshot.classes]
    label = chosen.get("class", -1)
    if not 0 <= label < len(names):
        label = int(heard.answer.logits.argmax())
    first, *others = look.steps(chosen)
    is_of_classes = len(others) == 0 and len(names) == first.shape[0]
    return {
        "picture_url": url_of("picture"),
        "corner": look.corner,
        "planes": look.planes(),
        "size_px": len(pixels),
        "pixels_kind": _pixels_words(run),
        "first": _with_drawings(first, look, url_of, names if is_of_classes else None),
        "steps": [_with_drawings(step, look, url_of, None) for step in others],
        "last": _with_drawings(look.logits_step(label), look, url_of, names),
        "label_name": names[label],
        "classes": _classes(heard.answer.logits, heard.answer.probabilities, names, asked.temperature, label),
        "all_classes": list(enumerate(names)),
        "temperature": asked.temperature,
        "n_more_views": asked.n_views - 1,
        "heard": heard,
        "chosen": chosen,
    }


def _pixels_words(run: Run) -> dict[str, bool]:
    return {"is_gray": run.options.grayscale, "is_centred": run.options.centred}


def _with_drawings(
    step: Step, look: Look, url_of: Callable[[str], str], names: list[str] | None
) -> dict[str, Any]:
    """Return a step with the addresses and sizes of its drawings, and what its units are called."""
    choices = [(choice, names[choice] if names else str(choice + 1)) for choice in step.choices]
    urls = {what: url_of(name) for what, name in step.drawings.items()}
    field = f"{UNIT}{step.layer}"
    return {
        "step": step,
        "urls": urls,
        "sizes": {what: look.size(name) for what, name in step.drawings.items()},
        "choices": choices,
        "field": field,
        "is_of_classes": names is not None,
    }


def _classes(
    logits: Any, probabilities: Any, names: list[str], temperature: float, label: int
) -> list[dict[str, Any]]:
    """Return the classes of the highest logits, and the chosen one, each with its logit and probability."""
    raw = softmax(logits)
    order = [int(place) for place in (-logits).argsort(kind="stable")[:N_CLASSES]]
    if label not in order:
        order.append(label)
    return [
        {
            "label": place,
            "name": names[place],
            "logit": float(logits[place]),
            "raw": float(raw[place]),
            "probability": float(probabilities[place]),
            "width": round(1000 * float(probabilities[place])),
            "is_chosen": place == label,
        }
        for place in order
    ]
