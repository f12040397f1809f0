"""The curators' pages: proposing a change of the tree, and what becomes of the draft."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import Case, Q, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from accounts.http import AuthenticatedRequest
from taxonomy import ledger, proposing
from taxonomy.changes import ChangeRefusedError
from taxonomy.forms import (
    FORMS,
    AddForm,
    ChangeForm,
    Initial,
    SplitForm,
    UndoForm,
    initial_from_draft,
    known_noun,
)
from taxonomy.models import Ancestry, Change, Draft, Synset
from taxonomy.models.ledger import Kind
from taxonomy.picking import offer_nouns
from taxonomy.wording import Step, steps

A_PAGE = 50
TOUCHED_AT_ONCE = 20_000  # nouns; to say in words what a larger change does would keep its reader waiting


class CuratorRequest(AuthenticatedRequest):
    htmx: HtmxDetails  # false where the page was not asked for by htmx


def curators_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Strangers are asked to sign in; others may not."""
    return never_cache(login_required(permission_required("taxonomy.curate", raise_exception=True)(view)))


# --- Proposing --------------------------------------------------------------------------------------------


@curators_only
def propose_new(request: CuratorRequest) -> HttpResponse:
    """Add a noun: under the one that ?under= names, or as a root."""
    form = AddForm(request.POST or None, initial=_initial(request, Kind.ADD))
    return _propose(request, form, known_noun(request.GET.get("under", "")))


@curators_only
def propose(request: CuratorRequest, wnid: str, kind: str) -> HttpResponse:
    """One change of one noun. Fields may come filled in by the address: ?target=, ?source=, ?from= a draft."""
    synset = get_object_or_404(Synset.objects.prefetch_related("lemmas"), wnid=wnid)
    if synset.is_retired and not synset.changes.exists():
        raise Http404(_("A noun that is only drafted cannot be changed."))
    if kind == Kind.ADD:
        return redirect(f"{reverse('taxonomy:add')}?{urlencode({'under': wnid})}")
    if kind not in FORMS:
        raise Http404(_("No such kind of change."))
    form = FORMS[kind](request.POST or None, synset=synset, initial=_initial(request, kind))
    return _propose(request, form, synset)


def _initial(request: HttpRequest, kind: str) -> Initial:
    number = request.GET.get("from", "")
    if number.isdecimal():
        draft = Draft.objects.filter(pk=int(number[:18]), kind=kind).first()
        return initial_from_draft(draft) if draft else {}
    nouns = {"target": "target", "hypernym": "hypernym", "under": "hypernym"}
    initial: Initial = {
        field: known_noun(request.GET[name]) for name, field in nouns.items() if name in request.GET
    }
    return initial | ({"source": request.GET["source"]} if "source" in request.GET else {})


def _propose(request: CuratorRequest, form: ChangeForm, synset: Synset | None) -> HttpResponse:
    if isinstance(form, SplitForm) and "more" in request.POST:
        form = form.with_one_more()
    elif form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            draft = proposing.propose(form.kind, form.arguments(), author=request.user, reason=reason)
        except ChangeRefusedError as error:
            form.add_error(None, str(error))
        else:
            return _go(request, draft.get_absolute_url())
    template = "taxonomy/_propose.html" if request.htmx else "taxonomy/propose.html"
    return render(request, template, {"form": form, "kind": form.kind, "synset": synset, **_around(synset)})


def _around(synset: Synset | None) -> dict[str, int]:
    """Count what a change of `synset` takes with it."""
    if synset is None:
        return {}
    n_below = Ancestry.objects.filter(ancestor=synset, depth__gt=0).count()
    return {"n_below": n_below, "n_hyponyms": synset.hyponym_edges.count()}


def _go(request: CuratorRequest, address: str) -> HttpResponse:
    """Lead on to a page, from a form that was sent by htmx too."""
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


@require_safe
@curators_only
def pick(request: CuratorRequest) -> HttpResponse:
    """The nouns that ?q= may mean, as the options of a picker; all but the one that ?not= names."""
    nouns = Synset.objects.shown_to(request.user).exclude(wnid=request.GET.get("not", ""))
    return offer_nouns(request, nouns)


# --- Drafts -----------------------------------------------------------------------------------------------


@require_safe
@curators_only
def draft_list(request: CuratorRequest) -> HttpResponse:
    """Every draft: those that wait for this curator, then others that are open, then those that have ended."""
    mine = Q(state=Draft.State.READY, author=request.user)
    for_me = mine | (Q(state=Draft.State.WAITING) & ~Q(author=request.user))
    is_past = Q(state__in=Draft.ENDS)
    place = Case(When(for_me, then=Value("mine")), When(is_past, then=Value("past")), default=Value("open"))
    order = Case(When(for_me, then=Value(0)), When(is_past, then=Value(2)), default=Value(1))
    drafts = Draft.objects.select_related("author", "synset").annotate(place=place).order_by(order, "-pk")
    page = Paginator(drafts, A_PAGE).get_page(request.GET.get("page"))
    return render(request, "taxonomy/draft_list.html", {"page": page})


@require_safe
@curators_only
def draft_page(request: CuratorRequest, number: int) -> HttpResponse:
    draft = _draft(number)
    refusal, said = _what_it_does(draft)
    context = {**_state(request, draft), "steps": said, "refusal_today": refusal}
    return render(request, "taxonomy/draft.html", context)


@require_safe
@curators_only
def draft_state(request: CuratorRequest, number: int) -> HttpResponse:
    """The part of a draft's page that changes while it is worked on; nothing while it stands as ?was= says."""
    draft = _draft(number)
    if request.GET.get("was") == draft.state:
        return HttpResponse(status=204)
    return render(request, "taxonomy/_draft_state.html", _state(request, draft))


def _draft(number: int) -> Draft:
    drafts = Draft.objects.select_related("author", "approver", "synset", "change")
    return get_object_or_404(drafts, pk=number)


def _state(request: CuratorRequest, draft: Draft) -> dict[str, Any]:
    return {
        "draft": draft,
        "touched": [each for each in draft.impact if each["count"]],
        "untouched": [_(each["what"]) for each in draft.impact if not each["count"]],
        "second_curator_from": settings.SECOND_CURATOR_FROM,
        "is_author": draft.author_id == request.user.pk,
        "undo_form": UndoForm(auto_id="undo-%s"),
    }


def _what_it_does(draft: Draft) -> tuple[str, list[Step]]:
    """Say step by step what a draft does, or why the tree of today would refuse it."""
    if draft.change:
        return "", steps(draft.change.patch)
    if draft.state in Draft.ENDS or _is_too_large_to_tell(draft):
        return "", []
    try:
        return "", steps(ledger.plan(draft.kind, draft.arguments))
    except ChangeRefusedError as error:
        return str(error), []


def _is_too_large_to_tell(draft: Draft) -> bool:
    if draft.kind == Kind.UNDO:
        change = Change.objects.filter(pk=draft.arguments["change"]).first()
        return change is not None and change.synsets.count() > TOUCHED_AT_ONCE
    has_below = bool(draft.arguments.get("with_below"))
    return has_below and Ancestry.objects.filter(ancestor=draft.synset).count() > TOUCHED_AT_ONCE


def presses(view: Callable[[CuratorRequest, Draft], None]) -> Callable[..., HttpResponse]:
    """A button of a draft's page. Who comes without pressing it, as after signing in, sees the page."""

    @curators_only
    @wraps(view)
    def pressed(request: CuratorRequest, number: int) -> HttpResponse:
        draft = _draft(number)
        if request.method == "POST":
            view(request, draft)
        return redirect(draft)

    return pressed


@presses
def commit(request: CuratorRequest, draft: Draft) -> None:
    """Ask for the commit; a second press finds the draft on its way and does nothing."""
    proposing.commit(draft)


@presses
def approve(request: CuratorRequest, draft: Draft) -> None:
    if draft.author_id == request.user.pk:
        messages.error(request, _("A second curator has to approve it, not its author."))
    elif not proposing.approve(draft, request.user):
        messages.info(
            request, _("There was nothing to approve: %(state)s.") % {"state": draft.get_state_display()}
        )


@presses
def discard(request: CuratorRequest, draft: Draft) -> None:
    proposing.discard(draft)
    if draft.state != Draft.State.DISCARDED:
        messages.info(
            request, _("It could not be discarded: %(state)s.") % {"state": draft.get_state_display()}
        )


@curators_only
def undo(request: CuratorRequest, number: int) -> HttpResponse:
    """Propose the undoing of a change. Where a later one depends on it, its page says which."""
    change = get_object_or_404(Change, pk=number)
    if request.method != "POST":
        return redirect(change)
    form = UndoForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why you undo it, in 1 to 300 characters."))
        return redirect(change)
    try:
        draft = proposing.propose(
            Kind.UNDO, {"change": number}, author=request.user, reason=form.cleaned_data["reason"]
        )
    except ChangeRefusedError as error:
        messages.error(request, str(error))
        return redirect(change)
    return redirect(draft)
