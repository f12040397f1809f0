"""The pages of verifying: one noun with a grid of pictures, and the quiz before somebody's first grid of it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import flood
from accounts.http import AuthenticatedRequest
from labeling import quiz
from labeling.forms import QuizForm, VerifyForm
from labeling.models import GRID, Collection, Lease, Outcome, Vote, VotingDay
from labeling.people_views import number
from taxonomy.models import Synset

QUIZ = "quiz"  # where a session keeps the quiz that was drawn last
NEAREST = 6  # nouns above the one that is asked about, so that its line stays a line


def grid(request: AuthenticatedRequest, collection: Collection) -> HttpResponse:
    """One noun and the pictures to look over; before a first grid of it, its quiz. ?noun= asks for a certain one."""
    noun = _noun(collection, request.GET.get("noun"))
    found = Lease.objects.hand_out_grid(collection, request.user, noun, GRID, renew=True)
    if not found.leases and noun:  # enough of that noun: any other is as good
        found = Lease.objects.hand_out_grid(collection, request.user, None, GRID, renew=True)
    count = Vote.objects.filter(annotator=request.user, question__collection=collection).count()
    context = {"collection": collection, "count": count}
    if not found.leases or found.about is None:
        return render(request, "labeling/verify.html", context)
    if quiz.is_due(collection, request.user, found.about):
        return redirect("labeling:quiz", collection.slug, found.about.wnid)
    context |= {
        "noun": found.about,
        "line": _line(found.about),
        "leases": _shuffled(found.leases),
        "streak": VotingDay.objects.streak(request.user),
        "examples": collection.examples.shown().filter(synset=found.about),
        "config": {
            "votesUrl": reverse("votes"),
            "releaseUrl": reverse("release-leases"),
            "nextUrl": _address(collection, found.about),
            "aheadUrl": _address(collection, found.about, "grid-ahead"),
            "count": count,
        },
    }
    return render(request, "labeling/verify.html", context)


@require_safe
@never_cache
@login_required
def ahead(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """The grid after the one on show, on loan already, so that it is there when this one is sent; 204 where none is
    left. ?after= is the last lease of the one on show, which is lent for longer by the way.
    """
    collection = get_object_or_404(Collection.objects.select_related("root"), slug=slug, kind="verify")
    noun, after = _noun(collection, request.GET.get("noun")), number(request, "after") or 0
    # What is on loan is of another noun where one was chosen in another window: that one's pictures are left there.
    held = Lease.objects.held_by(request.user).filter(question__collection=collection)
    wanted = None if held.exists() else noun
    found = Lease.objects.hand_out_grid(collection, request.user, wanted, 2 * GRID)
    leases = _shuffled([lease for lease in found.leases if lease.pk > after][:GRID])
    if found.about != noun or not leases:
        return HttpResponse(status=204)
    return render(request, "labeling/_grid.html", {"noun": noun, "leases": leases})


@require_POST
@login_required
def cast_grid(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Record the answers to a whole grid, then show the next one of the same noun."""
    collection = get_object_or_404(Collection, slug=slug)
    next_grid = _address(collection, _noun(collection, request.POST.get("noun")))
    form = VerifyForm(request.POST)
    if not form.is_valid():
        errors = [str(error) for of_field in form.errors.values() for error in of_field]
        messages.error(request, " ".join(errors))
        return redirect(next_grid)
    answers = form.answers()
    flood.spend(request, "votes", len(answers))
    _tell(request, Lease.objects.cast(request.user, answers))
    return redirect(next_grid)


def _tell(request: HttpRequest, outcomes: list[Outcome]) -> None:
    n_refused = sum(outcome.refusal is not None for outcome in outcomes)
    n_kept = len(outcomes) - n_refused
    if n_kept:
        words = ngettext("%(n)d answer is kept. Thank you.", "%(n)d answers are kept. Thank you.", n_kept)
        messages.success(request, words % {"n": n_kept})
    if n_refused:
        words = ngettext(
            "%(n)d picture had been open for too long and has gone to somebody else, so what you said of it does "
            "not count.",
            "%(n)d pictures had been open for too long and have gone to others, so what you said of them does not "
            "count.",
            n_refused,
        )
        messages.warning(request, words % {"n": n_refused})


@require_POST
@login_required
def another_noun(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Go on with the next noun that has pictures, in the order of the classes; those of this one are given back."""
    collection = get_object_or_404(Collection.objects.select_related("root"), slug=slug)
    noun = _noun(collection, request.POST.get("noun"))
    left = Lease.objects.nouns_left(collection, request.user)
    nouns = collection.offered()
    at = nouns.index(noun) + 1 if noun in nouns else 0
    others = [each for each in nouns[at:] + nouns[:at] if each in left and each != noun]
    if not others:
        messages.info(request, _("No other noun has pictures for you just now."))
    return redirect(_address(collection, others[0] if others else noun))


@never_cache
@login_required
def quiz_page(request: AuthenticatedRequest, slug: str, wnid: str) -> HttpResponse:
    """What a noun means here, with its examples; ?ask hides that and asks; answers are marked, and what was wrong is
    said beside what it means.
    """
    collection = get_object_or_404(Collection.objects.select_related("root"), slug=slug, kind="verify")
    noun = get_object_or_404(Synset, wnid=wnid)
    if noun not in collection.offered() or not quiz.is_due(collection, request.user, noun):
        return redirect(_address(collection, noun))
    if request.method == "POST":
        return _mark(request, collection, noun)
    if "ask" not in request.GET:
        return _render_meaning(request, collection, noun)
    return _ask(request, collection, noun)


def _ask(request: AuthenticatedRequest, collection: Collection, noun: Synset) -> HttpResponse:
    drawn = quiz.Quiz.draw(collection, noun)
    if drawn is None:  # what it could be taken for has just gone from the nouns
        return redirect(_address(collection, noun))
    request.session[QUIZ] = drawn.keep(collection)
    return _render_quiz(request, collection, drawn, QuizForm(quiz=drawn))


def _mark(request: AuthenticatedRequest, collection: Collection, noun: Synset) -> HttpResponse:
    drawn = quiz.Quiz.restore(request.session.get(QUIZ, {}), collection, noun)
    if drawn is None:  # answered in another window, or long ago
        return _ask(request, collection, noun)
    form = QuizForm(request.POST, quiz=drawn)
    if not form.is_valid():
        return _render_quiz(request, collection, drawn, form)
    flood.spend(request, "quizzes")
    del request.session[QUIZ]
    if missed := drawn.mark(*form.answers()):
        return _render_meaning(request, collection, noun, missed)
    quiz.pass_(collection, request.user, noun)
    return redirect(_address(collection, noun))


def _render_quiz(
    request: HttpRequest, collection: Collection, drawn: quiz.Quiz, form: QuizForm
) -> HttpResponse:
    context = {
        "collection": collection,
        "noun": drawn.synset,
        "form": form,
        "pictures": [
            (form[name], example) for name, example in zip(form.pictures, drawn.pictures, strict=True)
        ],
    }
    return render(request, "labeling/quiz.html", context)


def _render_meaning(
    request: HttpRequest, collection: Collection, noun: Synset, missed: list[quiz.Missed] | None = None
) -> HttpResponse:
    examples = collection.examples.shown().filter(synset=noun)
    context = {
        "collection": collection,
        "noun": noun,
        "line": _line(noun),
        "examples": examples,
        "missed": missed,
    }
    return render(request, "labeling/quiz_meaning.html", context)


def _noun(collection: Collection, wnid: str | None) -> Synset | None:
    """Return the noun that was asked for; None where none was, or one that volunteers are not asked about here."""
    return next((synset for synset in collection.offered() if synset.wnid == wnid), None)


def _shuffled(leases: list[Lease]) -> list[Lease]:
    """Return them in another order, the same each time: gold questions, which are lent first, would show by it."""
    return sorted(leases, key=lambda lease: lease.question.image.sha256)


def _line(noun: Synset) -> list[Synset]:
    """Return the nearest nouns above `noun` that may be shown, on its shortest way down, the widest first."""
    ways = [[step for step in way if not step.is_sensitive] for way in noun.hypernym_paths()]
    return min(ways, key=len, default=[])[-NEAREST:]


def _address(collection: Collection, noun: Synset | None, page: str = "label") -> str:
    address = reverse(f"labeling:{page}", args=[collection.slug])
    return f"{address}?noun={noun.wnid}" if noun else address
