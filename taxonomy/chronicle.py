"""The ledger as its readers see it: which changes they ask for, and what is said of each."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from taxonomy.models import Change, Lemma, Synset
from taxonomy.models.ledger import ChangeQuerySet, Kind
from taxonomy.models.synsets import may_curate
from taxonomy.patch import Patch
from taxonomy.search import Asked

HEAVY = ("facts", "arguments", "impact")  # those of an import fill megabytes


class ChangeFilter(forms.Form):
    kind = forms.ChoiceField(label=_("What"), required=False, choices=[("", _("everything")), *Kind.choices])
    author = forms.ModelChoiceField(
        label=_("Who"), required=False, queryset=User.objects.none(), empty_label=_("everybody")
    )
    noun = forms.CharField(label=_("Which noun"), required=False, max_length=200)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        authors = Change.objects.order_by().values("author").distinct()
        field = cast(forms.ModelChoiceField, self.fields["author"])
        field.queryset = User.objects.filter(pk__in=authors).order_by("username")

    def of(self, changes: ChangeQuerySet, user: object) -> ChangeQuerySet:
        """Return those of `changes` that are asked for; of a noun that `user` may not see, none."""
        asked = self.cleaned_data
        if asked["kind"]:
            changes = changes.filter(kind=asked["kind"])
        if asked["author"]:
            changes = changes.filter(author=asked["author"])
        if asked["noun"]:
            changes = changes.filter(pk__in=_touching(asked["noun"], user))
        if asked["since"]:
            changes = changes.filter(created_at__date__gte=asked["since"])
        if asked["until"]:
            changes = changes.filter(created_at__date__lte=asked["until"])
        return changes


def _touching(text: str, user: object) -> Any:
    """The keys of the changes to the nouns with this wnid or sense name, or that it is a word for."""
    asked = Asked.read(text)
    nouns = Synset.objects.filter(
        Q(wnid=asked.text) | Q(pk__in=Lemma.objects.filter(asked.as_word).values("synset"))
    )
    if not may_curate(user):
        nouns = nouns.filter(is_sensitive=False)
    return Change.synsets.through.objects.filter(synset__in=nouns).values("change")


@dataclass(frozen=True)
class Entry:
    """One change as a line of the history."""

    change: Change
    undone_by: int | None  # the number of the change that undid it
    stands: bool  # undone, and the undoing was not undone
    is_told: bool  # False: it is about a sensitive noun, and its reader is no curator


def light() -> ChangeQuerySet:
    """The changes without what only a page of one of them needs."""
    return ChangeQuerySet(Change).select_related("author", "approver").defer(*HEAVY)


def entries(changes: Iterable[Change], user: object) -> list[Entry]:
    """Say of each change what its line says; the queries are as many for many as for one."""
    changes = list(changes)
    undone_by = dict(Change.objects.filter(undoes__in=changes).order_by().values_list("undoes", "pk"))
    undone = Change.objects.undone()
    untold = set() if may_curate(user) else _about_sensitive(changes)
    return [
        Entry(change, undone_by.get(change.pk), change.pk not in undone, change.pk not in untold)
        for change in changes
    ]


def _about_sensitive(changes: list[Change]) -> set[int]:
    """Return the numbers of those that name a sensitive noun. An import names none, however many it brought."""
    named = [change.pk for change in changes if change.kind != Kind.IMPORT]
    links = Change.synsets.through.objects.filter(change__in=named, synset__is_sensitive=True)
    return set(links.values_list("change", flat=True))


def without(patch: Patch, hidden: Iterable[str]) -> Patch:
    """Return `patch` without what it says of these nouns."""
    out = frozenset(hidden)
    return replace(
        patch,
        added=tuple(wnid for wnid in patch.added if wnid not in out),
        removed=tuple(wnid for wnid in patch.removed if wnid not in out),
        linked=tuple(edge for edge in patch.linked if out.isdisjoint(edge[:2])),
        unlinked=tuple(edge for edge in patch.unlinked if out.isdisjoint(edge[:2])),
        edited=tuple(edit for edit in patch.edited if edit.wnid not in out),
    )
