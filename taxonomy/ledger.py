"""Patches -> the tree: what may be written is written at once, and one line of the ledger says so."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from taxonomy import tree
from taxonomy.changes import PLANS, Arguments, ChangeRefusedError, next_sense, refuse_second_split
from taxonomy.models import Ancestry, Change, Hypernym, Lemma, Synset
from taxonomy.models.ledger import Kind
from taxonomy.patch import Edge, Edit, Key, Nouns, Patch


def plan(kind: str, arguments: Arguments) -> Patch:
    """Return what a change of this kind would do to the tree as it stands. Raises ChangeRefusedError."""
    if kind == Kind.UNDO:
        return _plan_undo(int(arguments["change"]))
    patch = PLANS[Kind(kind)](arguments)
    # A split into kinds that are there already changes no edge, but pictures are asked again.
    if not patch and kind != Kind.SPLIT:
        raise ChangeRefusedError(_("Expected a change; found that everything is so already."))
    if wrong := patch.conflicts(nouns_of(patch)):
        changed = _say(wrong[0])
        raise ChangeRefusedError(
            _("Expected the tree as it was; %(part)s has changed meanwhile.") % {"part": changed}
        )
    if cycle := _cycle(patch):
        raise ChangeRefusedError(_say_cycle(cycle))
    _refuse_counting_as_itself(patch)
    return patch


@transaction.atomic
def make(kind: str, arguments: Arguments, *, author: User | None, reason: str, **fields: Any) -> Change:
    """Make one change now: plan it on the tree as it stands, write it, and append it to the ledger.

    For changes that went through a draft see taxonomy.drafting. Raises ChangeRefusedError; then nothing is kept.
    """
    Change.objects.lock()
    patch = plan(kind, arguments)
    undoes = Change.objects.get(pk=arguments["change"]) if kind == Kind.UNDO else None
    fields.setdefault("summary", summarize(kind, arguments))
    write(patch)
    return Change.objects.record(
        Kind(kind),
        patch,
        Synset.objects.filter(wnid__among=_touched(kind, arguments, patch)),
        author=author,
        reason=reason,
        arguments=dict(arguments),
        undoes=undoes,
        **fields,
    )


def _touched(kind: str, arguments: Arguments, patch: Patch) -> set[str]:
    """Return the nouns whose history has this change: those it touches, what they become, and what it is about."""
    becomes = {edit.after for edit in patch.edited if edit.field == "becomes" and edit.after}
    about = {arguments["synset"]} if kind == Kind.SPLIT else set()
    if kind == Kind.UNDO and not patch:
        about = set(Synset.objects.filter(changes=arguments["change"]).values_list("wnid", flat=True))
    return patch.wnids | becomes | about


def write(patch: Patch) -> None:
    """Bring the rows to what `patch` says, and the ancestry after them."""
    synsets = {synset.wnid: synset for synset in Synset.objects.filter(wnid__among=patch.ends)}
    keys = {wnid: synset.pk for wnid, synset in synsets.items()}
    Synset.objects.filter(wnid__among=patch.added).update(is_retired=False)
    _unlink({(keys[edge.hyponym], keys[edge.hypernym]) for edge in patch.unlinked})
    Synset.objects.filter(wnid__among=patch.removed).update(is_retired=True)
    Hypernym.objects.bulk_create(
        (
            Hypernym(hyponym_id=keys[e.hyponym], hypernym_id=keys[e.hypernym], is_instance=e.is_instance)
            for e in patch.linked
        ),
        batch_size=2000,
    )
    for edit in patch.edited:
        if edit.field == "lemmas":
            _write_words(synsets[edit.wnid], edit.after)
    _write_fields((edit for edit in patch.edited if edit.field != "lemmas"), keys)
    moved = {e.hyponym for e in (*patch.linked, *patch.unlinked)} | {*patch.added, *patch.removed}
    if moved:
        Ancestry.objects.refresh(keys[wnid] for wnid in moved)


def _unlink(edges: set[tuple[int, int]]) -> None:
    rows = Hypernym.objects.filter(hyponym__among={low for low, _top in edges})
    cut = [
        pk for pk, low, top in rows.values_list("pk", "hyponym", "hypernym").iterator() if (low, top) in edges
    ]
    Hypernym.objects.filter(pk__among=cut).delete()


def _write_words(synset: Synset, words: list[tuple[str, int, str]]) -> None:
    Lemma.objects.filter(synset=synset).delete()
    Lemma.objects.bulk_create(
        Lemma(synset=synset, text=text, sense=sense, key=key, position=position)
        for position, (text, sense, key) in enumerate(words)
    )
    Synset.objects.filter(pk=synset.pk).update(name=words[0][0])


def _write_fields(edited: Iterable[Edit], keys: Mapping[str, int]) -> None:
    """Write the fields but for words: nouns that get the same value, as a whole branch does, in one statement."""
    nouns: dict[tuple[str, Any], list[int]] = {}
    for edit in edited:
        nouns.setdefault((edit.field, edit.after), []).append(keys[edit.wnid])
    for (field, after), of in nouns.items():
        values = {field: after}
        if field == "becomes":
            values = {"becomes_id": keys[after] if after else None}
        if field == "sensitive_reason":
            values["is_sensitive"] = bool(after)
        Synset.objects.filter(pk__among=of).update(**values)


def plant(name: str, gloss: str, lemmas: Iterable[str] = (), stand_in: Synset | None = None) -> Synset:
    """Keep a noun that is not in the tree yet, for a change that adds it. Until then nobody sees it.

    stand_in: the noun that votes for it count as, should the change be undone.
    """
    with transaction.atomic():
        Change.objects.lock()
        [wnid] = Synset.objects.all().new_wnids(1)
        synset = Synset.objects.create(wnid=wnid, name=name, gloss=gloss, is_retired=True, becomes=stand_in)
        Lemma.objects.bulk_create(
            Lemma(synset=synset, text=text, sense=next_sense(text), position=position)
            for position, text in enumerate(dict.fromkeys([name, *lemmas]))
        )
    return synset


# --- Whether a patch fits ---------------------------------------------------------------------------------


def nouns_of(patch: Patch) -> Nouns:
    """Return the nouns and edges that `patch` meets, as they stand: of a noun the fields that a patch may edit."""
    fields = ("pk", "wnid", "is_retired", "gloss", "is_imageable", "sensitive_reason", "becomes__wnid")
    values: dict[str, dict[str, Any]] = {}
    keys: dict[str, int] = {}
    rows = Synset.objects.filter(wnid__among=patch.ends).order_by().values_list(*fields)
    for pk, wnid, is_retired, gloss, is_imageable, reason, becomes in rows.iterator():
        keys[wnid] = pk
        values[wnid] = {
            "is_retired": is_retired,
            "gloss": gloss,
            "is_imageable": is_imageable,
            "sensitive_reason": reason,
            "becomes": becomes,
            "lemmas": [],
        }
    worded = [edit.wnid for edit in patch.edited if edit.field == "lemmas"]
    lemmas = Lemma.objects.filter(synset__wnid__among=worded).order_by("synset", "position")
    for wnid, *lemma in lemmas.values_list("synset__wnid", "text", "sense", "key"):
        values[wnid]["lemmas"].append(lemma)
    low = {edge.hyponym for edge in (*patch.linked, *patch.unlinked)} | set(patch.removed)
    edges = _edges_where(hyponym__among=[keys[wnid] for wnid in low])
    edges |= _edges_where(hypernym__among=[keys[wnid] for wnid in patch.removed])
    return Nouns(values, frozenset(edges))


def _edges_where(**condition: list[int]) -> set[Edge]:
    rows = Hypernym.objects.filter(**condition).values_list("hyponym__wnid", "hypernym__wnid", "is_instance")
    return {Edge(*row) for row in rows.iterator()}


def _cycle(patch: Patch) -> list[str]:
    """Return the wnids on the way round a cycle that `patch` would make, first = last; none if it makes none."""
    # A cycle goes up from the upper end of a new edge, so what is above the new edges' ends holds all of it.
    if not patch.linked:
        return []
    ends = {end for edge in patch.linked for end in (edge.hyponym, edge.hypernym)}
    above = Ancestry.objects.filter(descendant__wnid__among=ends).values("ancestor")
    near = Hypernym.objects.filter(hyponym__in=above)
    rows = near.values_list("hyponym__wnid", "hypernym__wnid", "is_instance")
    edges = ({Edge(*row) for row in rows} - set(patch.unlinked)) | set(patch.linked)
    wnids = sorted({end for edge in edges for end in (edge.hyponym, edge.hypernym)})
    place = {wnid: i for i, wnid in enumerate(wnids)}
    parents: dict[int, list[int]] = {i: [] for i in range(len(wnids))}
    for edge in sorted(edges):
        parents[place[edge.hyponym]].append(place[edge.hypernym])
    try:
        tree.topological_order(parents)
    except tree.CycleError as error:
        return [wnids[i] for i in error.path]
    return []


def _say_cycle(cycle: list[str]) -> str:
    names = dict(Synset.objects.filter(wnid__in=cycle).values_list("wnid", "name"))
    return tree.say_cycle([names[wnid] for wnid in cycle])


def _refuse_counting_as_itself(patch: Patch) -> None:
    try:
        Synset.objects.resolution(patch)
    except tree.CycleError as error:
        names = dict(Synset.objects.filter(pk__in=error.path).values_list("pk", "name"))
        raise ChangeRefusedError(
            _("Expected that votes for a retired noun count as one in the tree; found that %(found)s.")
            % {"found": _(" counts as ").join(names[pk] for pk in error.path)}
        ) from error


def _say(key: Key) -> str:
    """Name what a key of a patch is about."""
    names = dict(Synset.objects.filter(wnid__in=key[1:]).values_list("wnid", "name"))
    words = {
        "noun": "whether {} is in the tree",
        "edge": "whether {} is a {}",
        "lemmas": "the words for {}",
        "gloss": "the gloss of {}",
        "is_imageable": "whether {} can be seen in a picture",
        "sensitive_reason": "whether {} is sensitive",
        "becomes": "what {} counts as",
    }
    return words[key[0]].format(*(names.get(wnid, wnid) for wnid in key[1:]))


# --- Undoing ----------------------------------------------------------------------------------------------


def _plan_undo(number: int) -> Patch:
    """Return the inverse of a change, unless a later change depends on it: then the refusal says which."""
    change = Change.objects.filter(pk=number).first()
    if change is None:
        raise ChangeRefusedError(_("Expected the number of a change; found %(number)s.") % {"number": number})
    _refuse_undone(change)
    original, is_made = change.original()
    if original.kind == Kind.SPLIT and not is_made:
        refuse_second_split(Synset.objects.get(wnid=original.arguments["synset"]))
    inverse = change.patch.inverse()
    wrong = inverse.conflicts(nouns_of(inverse))
    if wrong:
        raise ChangeRefusedError(_depends(change, _last_to_touch(change, {wrong[0]}), _say(wrong[0])))
    if later := _later_use(change):
        raise ChangeRefusedError(_depends(change, later, _("a noun that it brought")))
    if cycle := _cycle(inverse):
        keys: set[Key] = {("edge", low, top) for low, top in pairwise(cycle)}
        raise ChangeRefusedError(f"{_say_cycle(cycle)} {_depends(change, _last_to_touch(change, keys), '')}")
    _refuse_counting_as_itself(inverse)
    return inverse


def _refuse_undone(change: Change) -> None:
    turns = [change]  # undone, done again, undone again...
    while later := Change.objects.filter(undoes=turns[-1]).first():
        turns.append(later)
    last = {"last": turns[-1].pk}
    if len(turns) % 2 == 0:
        raise ChangeRefusedError(
            _("Expected a change that was not undone; change %(last)s has undone it.") % last
        )
    if len(turns) > 1:
        raise ChangeRefusedError(
            _(
                "Expected a change that was not undone; change %(last)s has made it again since. Undo change "
                "%(last)s instead."
            )
            % last
        )


def _depends(change: Change, later: Change | None, what: str) -> str:
    if later is None:
        return _("Expected the tree as change %(change)s left it; %(part)s is otherwise now.") % {
            "change": change.pk,
            "part": what,
        }
    return _(
        "Expected that nothing depends on change %(change)s; found that change %(later)s does (%(summary)s). "
        "Undo that one first."
    ) % {"change": change.pk, "later": later.pk, "summary": later.summary}


def _last_to_touch(change: Change, keys: set[Key]) -> Change | None:
    """Return the latest change after `change` that changed one of `keys`."""
    wnids = {wnid for key in keys for wnid in key[1:]}
    later = Change.objects.filter(pk__gt=change.pk, synsets__wnid__among=wnids).distinct()
    return next((each for each in later if each.patch.keys & keys), None)


def _later_use(change: Change) -> Change | None:
    """Return the latest standing change that does something to a noun which `change` brought into the tree."""
    added = set(change.patch.added)
    if not added:
        return None
    undone = Change.objects.undone()
    later = Change.objects.filter(pk__gt=change.pk, synsets__in=change.synsets.all()).distinct()
    for each in later:
        is_undoing = each.undoes_id is not None and each.undoes_id > change.pk
        if each.pk not in undone and not is_undoing and each.patch.ends & added:
            return each
    return None


# --- In words ---------------------------------------------------------------------------------------------


def summarize(kind: str, arguments: Arguments) -> str:
    """Say in one line what a change of this kind does: husky moves from dog to working dog."""
    if kind == Kind.UNDO:
        undone = Change.objects.filter(pk=arguments["change"]).first()
        return f"undo of change {undone.pk}: {undone.summary}"[:500] if undone else "undo"
    wnids = [value for value in arguments.values() if isinstance(value, str)]
    lists = [wnid for value in arguments.values() if isinstance(value, list) for wnid in value]
    names = dict(Synset.objects.filter(wnid__in=[*wnids, *lists]).values_list("wnid", "name"))

    def name(key: str) -> str:
        value = arguments.get(key) or ""
        return ", ".join(names.get(wnid, wnid) for wnid in (value if isinstance(value, list) else [value]))

    sentence = {
        Kind.ADD: "{synset} is new under {hypernyms}"
        if arguments.get("hypernyms")
        else "{synset} is a new root",
        Kind.RENAME: "{synset} is called {name}",
        Kind.EDIT: "words and gloss of {synset}",
        Kind.ADD_PARENT: "{synset} is a {hypernym} too",
        Kind.DROP_PARENT: "{synset} is a {hypernym} no more",
        Kind.MOVE: "{synset} moves under {target}" if arguments.get("target") else "{synset} becomes a root",
        Kind.MERGE: "{synset} is merged into {target}",
        Kind.SPLIT: "{synset} is split into {parts}",
        Kind.RETIRE: "{synset} retires, and all below it"
        if arguments.get("with_below")
        else "{synset} retires",
        Kind.RESTORE: "{synset} is restored",
        Kind.MARK: _summarize_mark(arguments),
    }[Kind(kind)]
    keys = ("synset", "hypernyms", "name", "hypernym", "target", "parts")
    return sentence.format(**{key: name(key) for key in keys})[:500]


def _summarize_mark(arguments: Arguments) -> str:
    sentence = {
        (True, True): "{synset} can be seen in pictures and is sensitive",
        (True, False): "{synset} can be seen in pictures and is not sensitive",
        (False, True): "{synset} cannot be seen in pictures and is sensitive",
        (False, False): "{synset} cannot be seen in pictures and is not sensitive",
    }[bool(arguments.get("is_imageable")), bool(arguments.get("sensitive_reason"))]
    return (
        sentence.replace("{synset}", "{synset} with all below it")
        if arguments.get("with_below")
        else sentence
    )
