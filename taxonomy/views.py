"""The guide's own pages: the tree, a search, one page a noun, and the history of all of it."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Window
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import flood
from taxonomy.browsing import branch_page, figures_of, nearest_above, open_tree, root_page
from taxonomy.chronicle import ChangeFilter, entries, light, without
from taxonomy.forms import UndoForm
from taxonomy.history import TreeThen, as_of, today, ways_down
from taxonomy.models import Change, Draft, Synset
from taxonomy.models.synsets import may_curate
from taxonomy.search import Asked
from taxonomy.tree import follow
from taxonomy.wording import steps

RESULTS = 20  # on one page
CHANGES = 50
LATEST = 5  # changes on a noun's own page
MOST_WAYS = 60  # to a root; no noun of WordNet has more, but a tree can be drawn that has billions
MOST_TOUCHED = 30  # nouns; those of a larger change are not linked one by one
LARGEST = 2**31 - 1  # numbers that every database can look up


@dataclass(frozen=True)
class Past:
    """The version that somebody looks at; `change` made it, and is None for the time before any."""

    version: int
    change: Change | None

    @property
    def query(self) -> str:
        return f"?as_of={self.version}"


# --- The tree ---------------------------------------------------------------------------------------------


@require_safe
@vary_on_headers("HX-Request")
def tree_page(request: HttpRequest) -> HttpResponse:
    """The tree, open where ?open= says; or, for ?q=, the nouns that somebody looks up."""
    query = request.GET.get("q", "").strip()
    if query:
        return _results(request, query)
    tree, past = _tree(request)
    page = _page(request)
    if page > 1:
        level, here = root_page(tree, page), ""
    else:
        level, here = open_tree(tree, request.GET.getlist("open"))
    context = {"level": level, "here": here, "past": past, "version": Change.objects.version()}
    return render(request, _part_or_page(request, "taxonomy/tree.html"), context)


@require_safe
@vary_on_headers("HX-Request")
def children(request: HttpRequest, wnid: str) -> HttpResponse:
    """One page of what is right below a noun: rows for the tree, or a page of its own."""
    tree, past = _tree(request)
    noun = tree.noun(wnid)
    if noun is None:
        raise Http404(_("The tree has no %(wnid)s.") % {"wnid": wnid})
    context = {"noun": noun, "level": branch_page(tree, wnid, _page(request)), "past": past}
    return render(request, _part_or_page(request, "taxonomy/children.html"), context)


def _part_or_page(request: HttpRequest, page: str) -> str:
    is_part = request.htmx  # type: ignore[attr-defined]
    return "taxonomy/_branch.html" if is_part else page


def _results(request: HttpRequest, query: str) -> HttpResponse:
    page = _page(request)
    flood.spend(request, "searches")
    found = Synset.objects.shown_to(request.user).search(query).prefetch_related("lemmas")
    # Counted in passing: a query of its own would look through every gloss once more.
    counted = found.annotate(n_found=Window(Count("pk")))
    results = list(counted[(page - 1) * RESULTS : page * RESULTS])
    n_found = results[0].n_found if results else 0
    lines = nearest_above(today().shown_to(request.user), [synset.wnid for synset in results])
    context = {
        "query": query,
        "results": results,
        "found": [(synset, lines[synset.wnid], _sense(synset, query)) for synset in results],
        "n_found": n_found,
        "page": page,
        "previous_page": page - 1,
        "next_page": page + 1 if page * RESULTS < n_found else None,
    }
    return render(request, "taxonomy/synset_list.html", context)


def _sense(synset: Synset, query: str) -> str:
    """Name the sense of the word that was looked up, head.n.03 of *mind*; else that of the noun's own name."""
    word = Asked.read(query).text.casefold()
    found = next((lemma for lemma in synset.lemmas.all() if lemma.text.casefold() == word), None)
    return f"{found.text.replace(' ', '_')}.n.{found.sense:02}" if found else synset.sense_name


def _tree(request: HttpRequest) -> tuple[TreeThen, Past | None]:
    """Return the tree that ?as_of= asks for, as its reader may see it; today's without."""
    asked = request.GET.get("as_of", "").strip()
    if not asked:
        return today().shown_to(request.user), None
    version = _number(asked, least=0)
    if version is None or version > Change.objects.version():
        raise Http404(
            _("Expected the number of a change that was made; found %(asked)s.") % {"asked": repr(asked)}
        )
    change = light().filter(pk__lte=version).first()
    return as_of(version).shown_to(request.user), Past(version, change)


def _page(request: HttpRequest) -> int:
    page = _number(request.GET.get("page", "1"), least=1)
    if page is None:
        raise Http404(_("Expected the number of a page."))
    return page


def _number(text: str, least: int) -> int | None:
    number = int(text) if text.isdecimal() and len(text) < 10 else -1
    return number if least <= number <= LARGEST else None


# --- One noun ---------------------------------------------------------------------------------------------


@require_safe
def synset_page(request: HttpRequest, wnid: str) -> HttpResponse:
    """A noun as an entry of the guide: today's, one that has left the tree, or with ?as_of= one of the past."""
    tree, past = _tree(request)
    noun = tree.noun(wnid)
    if noun is None:
        return _retired_page(request, wnid, past)
    above = tree.edges_above([wnid])
    ways = sorted(islice(ways_down(wnid, above), MOST_WAYS + 1), key=len)
    names = tree.names({step for way in ways for step in way} | {edge.hypernym for edge in above[wnid]})
    synset = get_object_or_404(Synset.objects.prefetch_related("lemmas"), wnid=wnid)
    context = {
        "synset": synset,
        "noun": noun,
        "ways": [[(step, names[step]) for step in way] for way in ways[:MOST_WAYS] if way],
        "has_more_ways": len(ways) > MOST_WAYS,
        "hypernyms": [(wnid, names[wnid]) for wnid in noun.hypernyms],
        "instance_of": [(wnid, names[wnid]) for wnid in noun.instance_of],
        "level": branch_page(tree, wnid, _page(request)),
        "figures": figures_of(tree, [wnid])[wnid],
        "past": past,
        **_latest(request, synset),
    }
    return render(request, "taxonomy/synset.html", context)


def _latest(request: HttpRequest, synset: Synset) -> dict[str, Any]:
    """What was done to a noun lately, and for curators what is proposed."""
    latest = entries(light().filter(pk__in=synset.changes.values("pk"))[:LATEST], request.user)
    drafts = Draft.objects.unfinished().filter(synset=synset).select_related("author")[:LATEST]
    return {"entries": latest, "drafts": drafts if may_curate(request.user) else []}


def _retired_page(request: HttpRequest, wnid: str, past: Past | None) -> HttpResponse:
    """A noun that is not in the tree today, or was not at the version asked for."""
    nouns = Synset.objects.all() if may_curate(request.user) else Synset.objects.filter(is_sensitive=False)
    # One that is only drafted has not been in the tree.
    synset = get_object_or_404(nouns.exclude(changes=None).prefetch_related("lemmas"), wnid=wnid)
    left = None if past else _change_that_took_out(synset)
    context = {
        "synset": synset,
        "left": left,
        "before": left.pk - 1 if left else None,
        "stand_in": None if past else _stand_in(synset, request.user),
        "past": past,
        **_latest(request, synset),
    }
    return render(request, "taxonomy/retired.html", context)


def _change_that_took_out(synset: Synset) -> Change | None:
    changes = Change.objects.of(synset).select_related("author")
    return next((change for change in changes.iterator() if synset.wnid in change.patch.removed), None)


def _stand_in(synset: Synset, user: object) -> Synset | None:
    becomes = dict(Synset.objects.filter(is_retired=True).values_list("pk", "becomes"))
    return Synset.objects.shown_to(user).filter(pk__in=[follow(synset.pk, becomes)]).first()


# --- The history ------------------------------------------------------------------------------------------


@require_safe
def change_list(request: HttpRequest) -> HttpResponse:
    """The ledger, newest first."""
    form = ChangeFilter(request.GET)
    changes = form.of(light(), request.user) if form.is_valid() else light().none()
    page = Paginator(changes, CHANGES).get_page(request.GET.get("page"))
    asked = any(request.GET.get(name) for name in form.fields)
    context = {"form": form, "page": page, "entries": entries(page, request.user), "asked": asked}
    return render(request, "taxonomy/change_list.html", context)


@require_safe
def change_page(request: HttpRequest, number: int) -> HttpResponse:
    """One change: what it did, what depended on it past, and for curators the way back."""
    changes = Change.objects.select_related("author", "approver", "undoes")
    change = get_object_or_404(changes, pk=min(number, LARGEST))
    [entry] = entries([change], request.user)
    if not entry.is_told:
        raise Http404(_("Change %(number)s is about a noun that is not shown.") % {"number": number})
    hidden = today().shown_to(request.user).hidden
    patch = without(change.patch, hidden)
    touched = Synset.objects.filter(wnid__in=patch.wnids) if len(patch.wnids) <= MOST_TOUCHED else []
    context = {
        "change": change,
        "entry": entry,
        "before": change.pk - 1,
        "steps": steps(patch),
        "touched": touched,
        "undo_form": UndoForm() if may_curate(request.user) else None,
    }
    return render(request, "taxonomy/change.html", context)
