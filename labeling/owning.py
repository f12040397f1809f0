"""The pages of whoever organises a collection: making it, its nouns, examples and gold questions, and a dashboard."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.middleware import HtmxDetails

from accounts.http import AuthenticatedRequest
from accounts.listing import LISTED, Listed
from labeling import overview, progress, reopening
from labeling.forms import ClassesForm, CollectionForm, ExampleForm
from labeling.models import (
    Choices,
    ClassRefusedError,
    Collection,
    Example,
    ExampleRefusedError,
    Figures,
    Lease,
    NotReadyError,
    Question,
    Reach,
    Refit,
    Vote,
    may_organise,
    tell_inner,
)
from labeling.splits import TEST, TRAIN
from taxonomy.models import Synset
from taxonomy.picking import offer_nouns

A_PAGE = 24  # pictures to choose from
SHOWN = {"labelled", "named", "all"}  # pictures with this label; with another, though somebody said this; any
VOTERS_PAGE = 50
POLICY = ("target_confidence", "min_votes", "max_votes", "n_starters", "starter_votes")

P = ParamSpec("P")


class OwnerRequest(AuthenticatedRequest):
    htmx: HtmxDetails  # false where the page was not asked for by htmx


def organisers_only(view: Callable[[OwnerRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Strangers are asked to sign in; others may not."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: OwnerRequest) -> HttpResponse:
        if not may_organise(request.user):
            raise PermissionDenied
        return view(request)

    return guarded


def owners_only(
    view: Callable[Concatenate[OwnerRequest, Collection, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """A page about one collection, for its owner and staff; others do not find it."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: OwnerRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        collections = Collection.objects.edited_by(request.user).select_related("root")
        return view(request, get_object_or_404(collections, slug=slug), *args, **kwargs)

    return guarded


def presses(view: Callable[[OwnerRequest, Collection], None]) -> Callable[..., HttpResponse]:
    """A button of the owner's page. Who comes without pressing it, as after signing in, sees the page."""

    @owners_only
    @wraps(view)
    def pressed(request: OwnerRequest, collection: Collection) -> HttpResponse:
        if request.method == "POST":
            view(request, collection)
        return redirect("labeling:edit", collection.slug)

    return pressed


# --- Making and editing -----------------------------------------------------------------------------------


@organisers_only
def make(request: OwnerRequest) -> HttpResponse:
    """Make a collection, closed until its owner opens it."""
    form = CollectionForm(request.POST or None)
    if form.is_valid():
        form.instance.owner = request.user
        form.instance.is_open = False
        collection = form.save()
        messages.success(request, _("It is made, and closed until you open it. Now choose its nouns."))
        return redirect(_classes(collection))
    return render(request, "labeling/own_new.html", {"form": form})


@owners_only
def edit(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """All that a collection is. ?noun= says which noun is about to be added, with what is below it."""
    form = CollectionForm(request.POST or None, instance=collection)
    effect = _effect(request, form) if form.is_valid() else None
    if form.is_valid() and not effect:
        # Not the whole row: somebody may open or close it meanwhile.
        form.instance.save(update_fields=CollectionForm.Meta.fields)
        messages.success(request, _("Saved."))
        return redirect("labeling:edit", collection.slug)
    # A form that was refused has changed the row that it was given, but not the one that is kept.
    kept = Collection.objects.select_related("root").get(pk=collection.pk) if form.is_bound else collection
    classes_form = ClassesForm(request.GET if "noun" in request.GET else None, collection=kept)
    context = {
        "collection": kept,
        "form": form,
        "effect": effect,
        "confirmed": _policy(form.instance),
        "classes": kept.ordered_classes(),
        "moved": request.GET.get("moved", ""),
        "way": request.GET.get("way", ""),
        "fewest": kept.fewest_classes,
        "has_votes": kept.has_votes,
        "counts": progress.of(kept),
        "n_leases": Lease.objects.running().filter(question__collection=kept).count(),
        "n_examples": kept.examples.count(),
        "n_gold": kept.questions.filter(is_gold=True).count(),
        "classes_form": classes_form,
        **_offer(kept, classes_form),
    }
    return render(request, "labeling/_own_reach.html" if request.htmx else "labeling/own.html", context)


def _effect(request: OwnerRequest, form: CollectionForm) -> reopening.Effect | None:
    """Return what saving would change of answered questions, unless that was told and it was pressed again."""
    if not {*POLICY} & {*form.changed_data}:
        return None
    if request.POST.get("confirmed") == _policy(form.instance):
        return None
    return reopening.foretell(form.instance, form.instance.policy)


def _policy(collection: Collection) -> str:
    """A policy as a form sends it back, so that only what was told of it is confirmed."""
    return " ".join(str(getattr(collection, name)) for name in POLICY)


@dataclass(frozen=True)
class Offer:
    """What pressing one button adds."""

    reach: Reach
    n_new: int
    n_there: int
    n_left_out: int  # sensitive, or not to be seen in a picture


def _offer(collection: Collection, form: ClassesForm) -> dict[str, Any]:
    """Count what each way of adding the noun that a form names would add; a sentence where it cannot be one."""
    if not form.is_bound or not form.is_valid():
        return {"noun": None, "offers": [], "refusal": ""}
    noun = form.cleaned_data["noun"]
    refusal = ""
    try:
        collection.refuse([noun])
    except ClassRefusedError as error:
        refusal = str(error)
    is_inside = Synset.objects.below(collection.root).filter(pk=noun.pk).exists()
    there = collection.collectionclass_set.values("synset")
    offers = [_count(reach, noun, there) for reach in Reach] if is_inside else []
    return {
        "noun": noun,
        "offers": [offer for offer in offers if offer.n_new or offer.n_there],
        "refusal": refusal,
    }


def _count(reach: Reach, noun: Synset, there: QuerySet[Any, Any]) -> Offer:
    nouns = reach.of(noun)
    askable = nouns & Synset.objects.askable()
    n_askable = askable.count()
    n_there = askable.filter(pk__in=there).count()
    return Offer(reach, n_askable - n_there, n_there, nouns.count() - n_askable)


@require_safe
@organisers_only
def pick_root(request: OwnerRequest) -> HttpResponse:
    """The nouns that ?q= may mean, as the options of a picker."""
    return offer_nouns(request, Synset.objects.shown_to(request.user))


@require_safe
@owners_only
def pick_class(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """Those of them that are kinds of the root."""
    return offer_nouns(request, Synset.objects.shown_to(request.user).below(collection.root))


@owners_only
def change_classes(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """Add the nouns that a button names, move one up or down, or remove it; a refusal says why."""
    if request.method == "POST" and {"up", "down"} & {*request.POST}:
        return _move_class(request, collection)
    if request.method == "POST":
        try:
            messages.success(request, _changed_classes(request, collection))
        except ClassRefusedError as error:
            messages.error(request, str(error))
    return redirect(_classes(collection))


def _move_class(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """Swap a noun with its neighbour, and lead back to the button that was pressed."""
    way = "up" if "up" in request.POST else "down"
    synset = get_object_or_404(collection.classes, wnid=request.POST[way])
    place = collection.move_class(synset, -1 if way == "up" else 1)
    messages.success(request, _("“%(noun)s” is number %(place)d now.") % {"noun": synset, "place": place + 1})
    moved = urlencode({"moved": synset.wnid, "way": way})
    return redirect(f"{reverse('labeling:edit', args=[collection.slug])}?{moved}")


def _changed_classes(request: OwnerRequest, collection: Collection) -> str:
    """Do what was pressed, and say it."""
    if "remove" in request.POST:
        synset = get_object_or_404(collection.classes, wnid=request.POST["remove"])
        collection.remove_class(synset)
        return _("“%(noun)s” is no choice any more.") % {"noun": synset}
    form = ClassesForm(request.POST, collection=collection)
    if not form.is_valid():
        raise ClassRefusedError(" ".join(str(error) for errors in form.errors.values() for error in errors))
    reach, noun = Reach(form.cleaned_data["reach"] or Reach.NOUN), form.cleaned_data["noun"]
    nouns = reach.of(noun)
    n = collection.add_classes(nouns if reach is Reach.NOUN else nouns & Synset.objects.askable())
    return ngettext("%(n)d noun added.", "%(n)d nouns added.", n) % {"n": n}


def _classes(collection: Collection) -> str:
    return f"{reverse('labeling:edit', args=[collection.slug])}#nouns"


@presses
def open_(request: OwnerRequest, collection: Collection) -> None:
    try:
        collection.open()
    except NotReadyError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("It is open: volunteers are asked from now on."))


@presses
def close(request: OwnerRequest, collection: Collection) -> None:
    collection.close()
    messages.success(request, _("It is closed: nobody is given another picture."))


# --- Examples ---------------------------------------------------------------------------------------------


@owners_only
def examples(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """The guide's pictures, noun by noun. ?noun= says for which one a picture is chosen, ?show= from which."""
    form = ExampleForm(request.POST or None, collection=collection)
    if request.method == "POST" and _took_example(request, collection, form):
        asked = urlencode({"noun": request.POST.get("noun", ""), "show": request.GET.get("show", "")})
        return redirect(f"{reverse('labeling:examples', args=[collection.slug])}?{asked}")
    classes = collection.offered()
    wnid = request.POST.get("noun") or request.GET.get("noun", "")
    noun = next((synset for synset in classes if synset.wnid == wnid), next(iter(classes), None))
    show = request.GET.get("show", "")
    show = show if show in SHOWN else "labelled"
    page = Listed(_pictures(collection, noun, show), A_PAGE).get_page(request.GET.get("page"))
    page.object_list = tell_inner(page.object_list)
    context = {
        "collection": collection,
        "classes": classes,
        "noun": noun,
        "show": show,
        "page": page,
        "form": form,
        "examples": collection.examples.shown().filter(synset=noun),
        "guide": collection.examples.shown().exclude(synset=noun),
    }
    return render(request, "labeling/own_examples.html", context)


def _pictures(collection: Collection, noun: Synset | None, show: str) -> QuerySet[Question]:
    questions = collection.questions.filter(image__split=TRAIN, image__withdrawn_at=None)
    questions = questions.select_related("image", "label").order_by("position", "pk")
    if collection.is_verifying and noun is not None:
        # Each picture has a question for every noun that it may show.
        questions = questions.filter(about__in=Choices.read(collection, None).asked_as(noun))
    if show == "labelled":
        return questions.filter(state=Question.State.SETTLED, label=noun).order_by("-confidence", "pk")
    if show == "named":
        named = questions.filter(votes__synset=noun, votes__answer=Vote.Answer.PRESENT)
        return named.exclude(label=noun).distinct()
    return questions


def _took_example(request: OwnerRequest, collection: Collection, form: ExampleForm) -> bool:
    """Do what was pressed; say whether it could be done, or what to mend in the form."""
    if "remove" in request.POST:
        number = request.POST["remove"]
        collection.examples.filter(pk=int(number[:18]) if number.isdecimal() else 0).delete()
        messages.success(request, _("The example is taken out."))
        return True
    if not form.is_valid():
        return False
    data = form.cleaned_data
    try:
        Example.objects.choose(
            collection, data["noun"], data["question"].image, is_good=data["is_good"], note=data["note"]
        )
    except ExampleRefusedError as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, _("It is in the guide now."))
    return True


# --- Gold questions ---------------------------------------------------------------------------------------


@owners_only
def gold(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """Questions with a known answer, which measure whoever answers them; ?show= says which of them."""
    if request.method == "POST":
        _change_gold(request, collection)
        asked = urlencode({"show": request.POST.get("show", "")})
        return redirect(f"{reverse('labeling:gold', args=[collection.slug])}?{asked}")
    shown = {name: Listed(questions, A_PAGE) for name, questions in _gold_lists(collection).items()}
    counts = {name: listed.count for name, listed in shown.items()}
    first = next((name for name, n in counts.items() if n), "settled")
    show = request.GET.get("show", "")
    show = show if show in shown else first
    page = shown[show].get_page(request.GET.get("page"))
    context = {"collection": collection, "show": show, "page": page, "counts": counts, "listed": LISTED}
    return render(request, "labeling/own_gold.html", context)


def _gold_lists(collection: Collection) -> dict[str, QuerySet[Question]]:
    """What is gold; what else has a known answer; what is settled most surely. No test picture can become gold."""
    questions = collection.questions.filter(image__withdrawn_at=None).order_by("position", "pk")
    questions = questions.select_related("image", "truth", "label", "about")
    open_ones = questions.filter(is_gold=False).exclude(image__split=TEST)
    settled = open_ones.filter(state=Question.State.SETTLED, label__is_sensitive=False)
    settled = settled.filter(Q(truth=None) | Q(confirmed_at__isnull=False))
    settled = settled.filter(label__in=collection.classes.order_by())
    return {
        "gold": questions.filter(is_gold=True),
        # Above 0 are all: said so that its index is read, since few have one.
        "known": open_ones.filter(truth__gt=0, truth__is_sensitive=False, confirmed_at=None),
        "settled": settled.order_by(F("confidence").desc(nulls_last=True), "-n_votes", "pk"),
    }


def _change_gold(request: OwnerRequest, collection: Collection) -> None:
    chosen = [int(pk[:18]) for pk in request.POST.getlist("question") if pk.isdecimal()][:A_PAGE]
    if not chosen:
        messages.error(request, _("Choose one picture at least."))
    elif "use" in request.POST:
        n = collection.use_as_gold(chosen)
        Figures.objects.filter(collection=collection).mark()
        messages.success(
            request, ngettext("%(n)d picture is gold now.", "%(n)d pictures are gold now.", n) % {"n": n}
        )
    else:
        n = collection.no_longer_gold(chosen)
        Figures.objects.filter(collection=collection).mark()
        said = ngettext("%(n)d picture is asked as any other.", "%(n)d pictures are asked as any others.", n)
        messages.success(request, said % {"n": n})


# --- Dashboard --------------------------------------------------------------------------------------------


@require_safe
@owners_only
def dashboard(request: HttpRequest, collection: Collection) -> HttpResponse:
    """How far it is, when it will be done, what was learnt last, how well people agree, and who they are."""
    page = Paginator(overview.by_skill(collection), VOTERS_PAGE).get_page(request.GET.get("page"))
    context = {
        "collection": collection,
        "report": overview.report(collection),
        "refits": Refit.objects.of(collection),
        "page": page,
        "known": overview.known_voters(collection, page.object_list),
    }
    return render(request, "labeling/own_dashboard.html", context)
