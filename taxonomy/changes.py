"""One function for each kind of change: what was asked for -> the patch that it is on the tree of today.

These functions read and refuse; taxonomy.ledger writes. Every refusal is one sentence for the curator.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from taxonomy import tree
from taxonomy.models import Change, Hypernym, Lemma, Synset
from taxonomy.models.ledger import Kind
from taxonomy.patch import Edge, Edit, Patch

Arguments = Mapping[str, Any]
LONGEST_WORD = Lemma._meta.get_field("text").max_length or 0


class ChangeRefusedError(ValueError):
    """The tree does not allow this change; the message says what was expected and what was found."""


def add(arguments: Arguments) -> Patch:
    """A new noun `synset`, planted before, under `hypernyms`; under none it is a root."""
    synset = _one(arguments["synset"], is_retired=True)
    return Patch(
        added=(synset.wnid,),
        linked=tuple(Edge(synset.wnid, _one(wnid).wnid) for wnid in dict.fromkeys(arguments["hypernyms"])),
    )


def rename(arguments: Arguments) -> Patch:
    """`synset` is shown as `name`; its old name stays among its words. No label is touched."""
    synset, name = _one(arguments["synset"]), _word(arguments["name"])
    others = [lemma.text for lemma in synset.lemmas.all() if lemma.text != name]
    return _edit_lemmas(synset, [name, *others])


def edit(arguments: Arguments) -> Patch:
    """`synset` has these `lemmas`, the first of them its name, and this `gloss`."""
    synset = _one(arguments["synset"])
    texts = list(dict.fromkeys(_word(text) for text in arguments["lemmas"]))
    if not texts:
        raise ChangeRefusedError(
            _("Expected at least one word for %(synset)s; found none.") % {"synset": synset}
        )
    gloss = str(arguments["gloss"]).strip()
    edits = _edit_lemmas(synset, texts).edited
    if gloss != synset.gloss:
        edits = (*edits, Edit(synset.wnid, "gloss", synset.gloss, gloss))
    return Patch(edited=edits)


def add_parent(arguments: Arguments) -> Patch:
    """`synset` is a `hypernym` too."""
    synset, hypernym = _one(arguments["synset"]), _one(arguments["hypernym"])
    _refuse_self(synset, hypernym)
    if _edge(synset, hypernym):
        raise ChangeRefusedError(
            _("Expected a hypernym that %(synset)s has not; found %(hypernym)s, which it has.")
            % {"synset": synset, "hypernym": hypernym}
        )
    return Patch(linked=(Edge(synset.wnid, hypernym.wnid),))


def drop_parent(arguments: Arguments) -> Patch:
    """`synset` is no `hypernym` any more. The last hypernym stays: without one it would be a root."""
    synset, hypernym = _one(arguments["synset"]), _one(arguments["hypernym"], is_retired=None)
    edges = _edges(synset)
    edge = _edge(synset, hypernym)
    if edge is None:
        raise ChangeRefusedError(
            _("Expected a hypernym of %(synset)s; found %(hypernym)s, which is none.")
            % {"synset": synset, "hypernym": hypernym}
        )
    if len(edges) == 1:
        raise ChangeRefusedError(
            _(
                "Expected a noun with another hypernym; found that %(hypernym)s is the only one of "
                "%(synset)s. Move %(synset_2)s instead."
            )
            % {"hypernym": hypernym, "synset": synset, "synset_2": synset}
        )
    return Patch(unlinked=(edge,))


def move(arguments: Arguments) -> Patch:
    """`synset` and all below it go from under `source` to under `target`; `source` may be left out where it has
    one hypernym, and no target makes it a root.
    """
    synset = _one(arguments["synset"])
    edges = _edges(synset)
    source = arguments.get("source") or None
    if source is None and len(edges) > 1:
        raise ChangeRefusedError(
            _("Expected the hypernym to move %(synset)s away from, since it has %(n)s; found none.")
            % {"synset": synset, "n": len(edges)}
        )
    leaving = [edge for edge in edges if source in (None, edge.hypernym)]
    if source and not leaving:
        raise ChangeRefusedError(
            _("Expected a hypernym of %(synset)s; found %(one)s.")
            % {"synset": synset, "one": _one(source, is_retired=None)}
        )
    if not arguments.get("target"):
        return Patch(unlinked=tuple(leaving))
    target = _one(arguments["target"])
    _refuse_self(synset, target)
    if _edge(synset, target):
        raise ChangeRefusedError(
            _("Expected another hypernym for %(synset)s; found %(target)s, which it has.")
            % {"synset": synset, "target": target}
        )
    is_instance = any(edge.is_instance for edge in leaving)
    return Patch(linked=(Edge(synset.wnid, target.wnid, is_instance),), unlinked=tuple(leaving))


def merge(arguments: Arguments) -> Patch:
    """`synset` is the same as `target`: its kinds and words go there, it retires, its votes count there."""
    synset, target = _one(arguments["synset"]), _one(arguments["target"])
    if synset == target:
        raise ChangeRefusedError(
            _("Expected two nouns to merge; found %(synset)s twice.") % {"synset": synset}
        )
    kinds = _edges_down(synset)
    own = _edges(synset)
    known = {edge.hyponym for edge in _edges_down(target)} | {target.wnid}
    linked = [Edge(e.hyponym, target.wnid, e.is_instance) for e in kinds if e.hyponym not in known]
    if any(edge.hyponym == target.wnid for edge in kinds):
        # The target hung from it, so it takes over what that hung from.
        has = {edge.hypernym for edge in _edges(target)}
        linked += [Edge(target.wnid, e.hypernym, e.is_instance) for e in own if e.hypernym not in has]
    words = [lemma.text for lemma in target.lemmas.all()]
    return Patch(
        removed=(synset.wnid,),
        linked=tuple(linked),
        unlinked=(*kinds, *own),
        edited=(
            *_edit_lemmas(target, [*words, *(lemma.text for lemma in synset.lemmas.all())], synset).edited,
            *_becomes(synset, target.wnid),
        ),
    )


def split(arguments: Arguments) -> Patch:
    """`synset` is several nouns, `parts`: new ones that were planted before, or some that are there.

    Where `is_kept`, it stays as the hypernym of its parts; otherwise it retires, new parts take its place, and
    its votes count as the lowest noun above all parts. It is split once: pictures of it are asked about one list
    of parts.
    """
    synset = _one(arguments["synset"])
    refuse_second_split(synset)
    parts = [_one(wnid, is_retired=None) for wnid in dict.fromkeys(arguments["parts"])]
    new = {part.wnid for part in parts if part.is_retired}
    if len(parts) < 2 or synset in parts:
        raise ChangeRefusedError(
            _("Expected two nouns or more that %(synset)s is split into; found %(n)s.")
            % {"synset": synset, "n": len(parts)}
        )
    if arguments.get("is_kept"):
        has = {edge.hyponym for edge in _edges_down(synset)}
        linked = [Edge(part.wnid, synset.wnid) for part in parts if part.wnid not in has]
        return Patch(added=tuple(sorted(new)), linked=tuple(linked))
    own = _edges(synset)
    linked = [Edge(wnid, edge.hypernym) for wnid in sorted(new) for edge in own]
    leaves = _leave([synset])
    stand_in = _where_parts_meet(synset, parts, new, own)
    if stand_in is None:
        raise ChangeRefusedError(
            _(
                "Expected a noun above all parts, for the pictures of %(synset)s to stand at until they "
                "are told apart; found none. Keep %(synset_2)s as the hypernym of its parts."
            )
            % {"synset": synset, "synset_2": synset}
        )
    return Patch(
        added=tuple(sorted(new)),
        removed=leaves.removed,
        linked=(*linked, *leaves.linked),
        unlinked=leaves.unlinked,
        edited=tuple(_becomes(synset, stand_in)),
    )


def retire(arguments: Arguments) -> Patch:
    """`synset` leaves the tree. With `with_below` so does all that hangs from nothing else; otherwise its
    hyponyms move up to its hypernyms. Its votes count as its lowest hypernym.
    """
    synset = _one(arguments["synset"])
    leaving = _branch(synset) if arguments.get("with_below") else [synset]
    stand_in = _lowest(edge.hypernym for edge in _edges(synset))
    leaves = _leave(leaving)
    edits = [edit for noun in leaving for edit in _becomes(noun, stand_in)]
    return Patch(removed=leaves.removed, linked=leaves.linked, unlinked=leaves.unlinked, edited=tuple(edits))


def restore(arguments: Arguments) -> Patch:
    """`synset` comes back under `hypernyms`; without any named, under those that it left."""
    synset = _one(arguments["synset"], is_retired=True)
    named = list(arguments.get("hypernyms") or ())
    edges = [Edge(synset.wnid, _one(wnid).wnid) for wnid in named] or _edges_when_it_left(synset)
    return Patch(added=(synset.wnid,), linked=tuple(edges))


def mark(arguments: Arguments) -> Patch:
    """`synset` can be seen in pictures or not, and is sensitive for a reason or not; `with_below`: all below too."""
    synset = _one(arguments["synset"])
    nouns = Synset.objects.below(synset) if arguments.get("with_below") else [synset]
    is_imageable = bool(arguments["is_imageable"])
    reason = str(arguments.get("sensitive_reason") or "").strip()
    edits = []
    for noun in nouns:
        if noun.is_imageable != is_imageable:
            edits.append(Edit(noun.wnid, "is_imageable", noun.is_imageable, is_imageable))
        if noun.sensitive_reason != reason:
            edits.append(Edit(noun.wnid, "sensitive_reason", noun.sensitive_reason, reason))
    return Patch(edited=tuple(edits))


PLANS: dict[Kind, Callable[[Arguments], Patch]] = {
    Kind.ADD: add,
    Kind.RENAME: rename,
    Kind.EDIT: edit,
    Kind.ADD_PARENT: add_parent,
    Kind.DROP_PARENT: drop_parent,
    Kind.MOVE: move,
    Kind.MERGE: merge,
    Kind.SPLIT: split,
    Kind.RETIRE: retire,
    Kind.RESTORE: restore,
    Kind.MARK: mark,
}


def refuse_second_split(synset: Synset) -> None:
    if first := Change.objects.standing_split(synset.wnid):
        raise ChangeRefusedError(
            _(
                "Expected a noun that was not split; found that change %(first)s stands (%(summary)s). "
                "Undo that one first."
            )
            % {"first": first.pk, "summary": first.summary}
        )


# --- Reading the tree -------------------------------------------------------------------------------------


def _one(wnid: str, is_retired: bool | None = False) -> Synset:
    """Return the noun with this wnid: in the tree, retired, or either where `is_retired` is None."""
    synset = Synset.objects.filter(wnid=wnid).prefetch_related("lemmas").first()
    if synset is None:
        raise ChangeRefusedError(_("Expected the wnid of a noun; found %(wnid)s.") % {"wnid": repr(wnid)})
    if is_retired is not None and synset.is_retired is not is_retired:
        expected, found = ("retired", "in the tree") if is_retired else ("in the tree", "retired")
        raise ChangeRefusedError(
            _("Expected a noun that is %(expected)s; found %(synset)s, which is %(found)s.")
            % {"expected": expected, "synset": synset, "found": found}
        )
    return synset


def _word(text: str) -> str:
    word = " ".join(str(text).split())
    if not 0 < len(word) <= LONGEST_WORD:
        raise ChangeRefusedError(
            _("Expected a word of 1 to %(longest_word)s characters; found %(n)s.")
            % {"longest_word": LONGEST_WORD, "n": len(word)}
        )
    return word


def _refuse_self(synset: Synset, hypernym: Synset) -> None:
    if synset == hypernym:
        raise ChangeRefusedError(tree.say_cycle([synset.name, hypernym.name]))


def _edges(synset: Synset) -> list[Edge]:
    """The edges up from a noun."""
    return _edges_of([synset], "hyponym")


def _edges_down(synset: Synset) -> list[Edge]:
    return _edges_of([synset], "hypernym")


def _edges_of(synsets: list[Synset], end: str) -> list[Edge]:
    """The edges that have one of `synsets` at this end."""
    columns = ("pk", "hyponym__wnid", "hypernym__wnid", "is_instance")
    rows = Hypernym.objects.filter(**{f"{end}__among": [synset.pk for synset in synsets]})
    return [Edge(*edge) for _pk, *edge in rows.order_by("pk").values_list(*columns)]


def _edge(synset: Synset, hypernym: Synset) -> Edge | None:
    return next((edge for edge in _edges(synset) if edge.hypernym == hypernym.wnid), None)


def _edges_when_it_left(synset: Synset) -> list[Edge]:
    """The edges up that the latest change which took `synset` out of the tree cut, to nouns still there."""
    for change in Change.objects.of(synset):
        patch = change.patch
        if synset.wnid in patch.removed:
            cut = [edge for edge in patch.unlinked if edge.hyponym == synset.wnid]
            there = Synset.objects.current().filter(wnid__in=[edge.hypernym for edge in cut])
            wnids = set(there.values_list("wnid", flat=True))
            if cut and not wnids:
                raise ChangeRefusedError(
                    _(
                        "Expected a hypernym to restore %(synset)s under, since those it had are retired; found "
                        "none."
                    )
                    % {"synset": synset}
                )
            return [edge for edge in cut if edge.hypernym in wnids]
    raise ChangeRefusedError(
        _("Expected a noun that was in the tree once; found %(synset)s.") % {"synset": synset}
    )


# --- What the kinds share ---------------------------------------------------------------------------------


def _edit_lemmas(synset: Synset, texts: Iterable[str], merged: Synset | None = None) -> Patch:
    """Make `texts` the words for `synset`, the first its name. A word keeps its sense, also one of `merged`."""
    before = [[lemma.text, lemma.sense, lemma.key] for lemma in synset.lemmas.all()]
    known = {lemma.text: lemma for noun in (merged, synset) if noun for lemma in noun.lemmas.all()}
    after = []
    for text in dict.fromkeys(texts):
        lemma = known.get(text)
        after.append([text, lemma.sense, lemma.key] if lemma else [text, next_sense(text), ""])
    if before == after:
        return Patch()
    return Patch(edited=(Edit(synset.wnid, "lemmas", before, after),))


def next_sense(text: str) -> int:
    """Return the sense number that a new noun called `text` gets: one after the rarest."""
    senses = Lemma.objects.filter(text__iexact=text)
    return int(senses.aggregate(last=Max("sense"))["last"] or 0) + 1


def _becomes(synset: Synset, stand_in: str | None) -> list[Edit]:
    before = synset.becomes.wnid if synset.becomes else None
    return [Edit(synset.wnid, "becomes", before, stand_in)] if before != stand_in else []


def _leave(leaving: list[Synset]) -> Patch:
    """Take `leaving` out of the tree. What hangs from them and stays moves up to what they hang from, unless
    it is below that by another way.
    """
    out = {synset.wnid for synset in leaving}
    up, down = _edges_of(leaving, "hyponym"), _edges_of(leaving, "hypernym")
    tops = [edge.hypernym for edge in up if edge.hypernym not in out]
    linked = [
        Edge(edge.hyponym, top, edge.is_instance)
        for edge in down
        if edge.hyponym not in out
        for top in dict.fromkeys(tops)
        if not _is_below_otherwise(edge.hyponym, top, out)
    ]
    return Patch(
        removed=tuple(synset.wnid for synset in leaving),
        linked=tuple(dict.fromkeys(linked)),
        unlinked=tuple(dict.fromkeys([*up, *down])),
    )


def _is_below_otherwise(wnid: str, top: str, out: set[str]) -> bool:
    """Say whether `wnid` is a `top` by an edge to a hypernym that is not in `out`."""
    edges = Hypernym.objects.filter(hyponym__wnid=wnid).exclude(hypernym__wnid__in=out)
    return edges.filter(hypernym__ancestor_rows__ancestor__wnid=top).exists()


def _branch(synset: Synset) -> list[Synset]:
    """Return `synset` and all below it that hang from nothing else."""
    below = {noun.pk: noun for noun in Synset.objects.below(synset).select_related("becomes")}
    tops: dict[int, set[int]] = {}
    for low, top in Hypernym.objects.filter(hyponym__among=below).values_list("hyponym", "hypernym"):
        tops.setdefault(low, set()).add(top)
    branch = {synset.pk}
    grown = True
    while grown:
        more = {pk for pk in below if pk not in branch and tops[pk] <= branch}
        branch |= more
        grown = bool(more)
    return [below[pk] for pk in sorted(branch)]


def _lowest(wnids: Iterable[str]) -> str | None:
    """Return the noun that is farthest from a root, the first by wnid among equals; None for none."""
    synsets = Synset.objects.filter(wnid__in=list(wnids))
    return min(((-synset.min_depth(), synset.wnid) for synset in synsets), default=(0, None))[1]


def _where_parts_meet(synset: Synset, parts: list[Synset], new: set[str], own: list[Edge]) -> str | None:
    """Return the lowest noun above every part, other than `synset`, which is split; a new part hangs from `own`,
    the edges of that.
    """
    tops = [edge.hypernym for edge in own]
    # What is split is no place to stand, though one of its parts may be a kind of it.
    lines = [
        Synset.objects.filter(descendant_rows__descendant__wnid__in=tops)
        if part.wnid in new
        else Synset.objects.above(part).exclude(pk=part.pk)
        for part in parts
    ]
    wnids = [set(line.values_list("wnid", flat=True)) for line in lines]
    return _lowest(set.intersection(*wnids) - {synset.wnid})
