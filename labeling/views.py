"""The pages of labelling: collections, one's next picture, and the pictures themselves."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import flood
from accounts.http import AuthenticatedRequest
from accounts.models import User
from labeling import progress as how_far
from labeling import verify_views
from labeling.forms import VoteForm
from labeling.meanings import MOST_NOUNS, meanings
from labeling.models import Answer, Choices, Collection, Image, Lease, Vote, VotingDay, may_organise
from labeling.serializers import ClassSerializer
from labeling.walking import KEYS, tree_of
from taxonomy.models import Synset

A_DAY_S = 86_400  # then caches ask again, so that a picture that was withdrawn is gone from them
CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@require_safe
def collection_list(request: HttpRequest) -> HttpResponse:
    context = {
        "collections": Collection.objects.select_related("root"),
        "may_organise": may_organise(request.user),
    }
    return render(request, "labeling/collection_list.html", context)


@require_safe
def collection_page(request: HttpRequest, slug: str) -> HttpResponse:
    collection = get_object_or_404(Collection, slug=slug)
    examples, by_class = how_far.settled(collection)
    context = {
        "collection": collection,
        "classes": collection.offered(),
        "is_editor": collection.is_edited_by(request.user),
        "guide": collection.examples.shown(),
        "progress": how_far.of(collection),
        "by_class": by_class,
        "examples": examples,
    }
    return render(request, "labeling/collection.html", context)


@require_safe
def progress(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of a collection's page that moves while people label."""
    collection = get_object_or_404(Collection, slug=slug)
    context = {"collection": collection, "progress": how_far.of(collection)}
    return render(request, "labeling/_progress.html", context)


@require_POST
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Begin to label. Whoever is not signed in becomes a guest, so nobody has to sign up first."""
    collection = get_object_or_404(Collection.objects.open(), slug=slug)
    if not request.user.is_authenticated:
        flood.spend(request, "guests")
        login(request, User.objects.create_guest(), backend="django.contrib.auth.backends.ModelBackend")
    return redirect("labeling:label", collection.slug)


@require_safe
@never_cache
@login_required
def label(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """One picture and the nouns to choose from, or one noun and a grid of pictures; an honest word when nothing is
    left for this person.
    """
    collection = get_object_or_404(Collection.objects.select_related("root"), slug=slug)
    if collection.is_verifying:
        return verify_views.grid(request, collection)
    leases = Lease.objects.hand_out(collection, request.user, count=1, renew=True)
    return _render_label(request, collection, leases[0] if leases else None)


@require_POST
@login_required
def cast_vote(request: AuthenticatedRequest, lease_id: int) -> HttpResponse:
    """Record one vote, then show the next picture. A lease that ran out says so and shows another picture."""
    lease = (
        Lease.objects.filter(annotator=request.user, pk=lease_id)
        .select_related("question__collection__root", "question__image", "question__narrowing__stands_at")
        .first()
    )
    if lease is None:
        return _after_lost_lease(request, lease_id)
    collection = lease.question.collection
    form = VoteForm(request.POST, choices=[*lease.question.offered(), *lease.question.broader()])
    if not form.is_valid():
        return _render_label(request, collection, lease, form)
    synset, said = form.cleaned_data["synset"], form.cleaned_data["answer"]
    flood.spend(request, "votes")
    answer = Answer(lease.pk, synset.wnid if synset else "", said, form.cleaned_data["seconds"])
    [outcome] = Lease.objects.cast(request.user, [answer])
    if outcome.refusal:
        messages.warning(request, str(outcome.refusal))
    return redirect("labeling:label", collection.slug)


def _after_lost_lease(request: AuthenticatedRequest, lease_id: int) -> HttpResponse:
    """A second press of the same button finds its vote cast; anything else never was this person's lease."""
    vote = get_object_or_404(
        Vote.objects.select_related("question__collection"), annotator=request.user, lease_number=lease_id
    )
    messages.info(request, _("That picture already has your answer. Here is the next one."))
    return redirect("labeling:label", vote.question.collection.slug)


def _render_label(
    request: AuthenticatedRequest, collection: Collection, lease: Lease | None, form: VoteForm | None = None
) -> HttpResponse:
    tree = tree_of(Choices.now(collection))
    own = (
        ClassSerializer(lease.question.offered(), many=True).data
        if lease and lease.question.narrowing_id
        else None
    )
    path = [] if own is not None else tree.path(request.GET.get("at", ""))
    count = Vote.objects.filter(annotator=request.user, question__collection=collection).count()
    context = {
        "collection": collection,
        "lease": lease,
        "form": form,
        "level": tree.level(path) if own is None else {"choices": own},
        "is_searched": len(tree.top) > len(KEYS) or len(tree.nouns) > len(tree.top),
        "count": count,
        "streak": VotingDay.objects.streak(request.user),
        "config": {
            "leasesUrl": reverse("collection-leases", args=[collection.slug]),
            "votesUrl": reverse("votes"),
            "undoUrl": reverse("undo-vote"),
            "releaseUrl": reverse("release-leases"),
            "meaningsUrl": reverse("labeling:meanings", args=[collection.slug]),
            "words": lease.question.words if lease else "",
            "nouns": tree.nouns,
            "top": list(tree.top),
            "path": path,
            "choices": own,
            "count": count,
        },
    }
    return render(request, "labeling/label.html", context)


@require_safe
@vary_on_headers("HX-Request")
def meanings_page(request: HttpRequest, slug: str) -> HttpResponse:
    """What nouns of a collection mean, those that ?noun= names or else all, some at a time: a part of the page
    on which one chooses between them, or a page of its own.
    """
    collection = get_object_or_404(Collection, slug=slug)
    nouns, wnids = collection.offered(), list(dict.fromkeys(request.GET.getlist("noun")))[:MOST_NOUNS]
    if wnids:
        found = {noun.wnid: noun for noun in Synset.objects.shown().filter(wnid__in=wnids)}
        nouns = [found[wnid] for wnid in wnids if wnid in found]
    page = Paginator(nouns, MOST_NOUNS).get_page(request.GET.get("page"))
    context = {"collection": collection, "page": page, "meanings": meanings(collection, list(page))}
    is_part = request.htmx  # type: ignore[attr-defined]
    return render(request, f"labeling/{'_' if is_part else ''}meanings.html", context)


@require_safe
@vary_on_headers("HX-Request")
def synset_pictures(request: HttpRequest, wnid: str) -> HttpResponse:
    """Settled pictures of a noun and of every noun below it: the part of its page, or a page of its own."""
    synset = get_object_or_404(Synset.objects.shown_to(request.user), wnid=wnid)
    n_pictures, examples = how_far.of_noun(synset)
    context = {"synset": synset, "n_pictures": n_pictures, "examples": examples}
    is_part = request.htmx  # type: ignore[attr-defined]
    template = "labeling/_synset_pictures.html" if is_part else "labeling/synset_pictures.html"
    return render(request, template, context)


@require_safe
@never_cache
@login_required
def touched_votes(request: AuthenticatedRequest) -> HttpResponse:
    """Which changes of the nouns touched one's votes: the part of one's account, or a page of its own."""
    is_part = request.htmx  # type: ignore[attr-defined]
    template = "labeling/_touched_votes.html" if is_part else "labeling/touched_votes.html"
    return render(request, template, {"touched": Vote.objects.touched(request.user)})


@require_safe
@cache_control(public=True, max_age=A_DAY_S, immutable=True)
def picture(request: HttpRequest, sha256: str) -> FileResponse:
    return _file(get_object_or_404(Image.objects.shown(), sha256=sha256).file.name or "")


@require_safe
@cache_control(public=True, max_age=A_DAY_S, immutable=True)
def display(request: HttpRequest, sha256: str) -> FileResponse:
    """The picture as the labelling page shows it."""
    image = get_object_or_404(Image.objects.shown(), sha256=sha256)
    return _file((image.display or image.file).name or "")


@require_safe
@cache_control(public=True, max_age=A_DAY_S, immutable=True)
def thumbnail(request: HttpRequest, sha256: str) -> FileResponse:
    image = get_object_or_404(Image.objects.shown(), sha256=sha256)
    return _file((image.thumbnail or image.file).name or "")


def _file(name: str) -> FileResponse:
    """Send a stored picture; its type comes from how it was checked, never from what was uploaded."""
    try:
        file = default_storage.open(name)
    except FileNotFoundError as error:
        raise Http404(f"The storage lacks {name}.") from error
    return FileResponse(file, content_type=CONTENT_TYPES[name.rpartition(".")[2]])
