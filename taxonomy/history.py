"""The tree at any version: the rows of today, seen through the changes that came after.

The inverses of those changes compose into one patch, whose size is what has changed since and not what the tree
holds. So a look at the tree of last year costs what a look at today's does, and the tree of today is the one
that no patch lies over.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple, Self, TypeVar

from taxonomy.models import Ancestry, Change, Hypernym, Synset
from taxonomy.models.synsets import may_curate
from taxonomy.patch import Edge, Patch, compose
from taxonomy.records import ExternalId, Lemma, SynsetRecord

AT_ONCE = 2000  # nouns read by one statement when all are read
EDGE = ("hyponym__wnid", "hypernym__wnid", "is_instance")
T = TypeVar("T")


class Branch(NamedTuple):
    """A noun as a list of what is under another shows it."""

    wnid: str
    name: str
    is_instance: bool = False


def as_of(version: int) -> "TreeThen":
    """Return the tree as it was when the change numbered `version` was the latest; 0 is before any."""
    later = Change.objects.filter(pk__gt=version).order_by("-pk").values_list("facts", flat=True)
    return TreeThen(compose(Patch.from_json(facts).inverse() for facts in later.iterator(chunk_size=100)))


def today() -> "TreeThen":
    return TreeThen(Patch())


@dataclass(frozen=True)
class TreeThen:
    """The tree that the patch `back` leads to from the one in the database."""

    back: Patch
    shows_sensitive: bool = True

    def shown_to(self, user: object) -> Self:
        """Return what `user` may see of it. What is sensitive today is hidden from the public in every version."""
        return replace(self, shows_sensitive=may_curate(user))

    # --- One noun -----------------------------------------------------------------------------------------

    def roots(self) -> list[SynsetRecord]:
        return self._records(root.wnid for root in self.tops())

    def children(self, wnid: str) -> list[SynsetRecord]:
        """Return what is right below, by name, instances after kinds."""
        return self._records(branch.wnid for branch in self.branches([wnid])[wnid])

    def parents(self, wnid: str) -> list[SynsetRecord]:
        return self._records(edge.hypernym for edge in self.edges_up([wnid])[wnid])

    def noun(self, wnid: str) -> SynsetRecord | None:
        """Return the noun with its fields of then; None if it was not in the tree."""
        return self.nouns([wnid]).get(wnid)

    def paths(self, wnid: str) -> list[list[SynsetRecord]]:
        """Return every way down from a root to the hypernyms of `wnid`; a root has one empty path."""
        paths = list(ways_down(wnid, self.edges_above([wnid])))
        nouns = self.nouns({step for path in paths for step in path})
        return [[nouns[step] for step in path] for path in paths]

    def all(self) -> Iterator[SynsetRecord]:
        """Return every noun, by wnid, without holding them all."""
        current = set(Synset.objects.current().values_list("wnid", flat=True))
        wnids = iter(sorted((current | set(self.back.added)) - self._out - self.hidden.keys()))
        while part := list(islice(wnids, AT_ONCE)):
            yield from self._records(part)

    def _records(self, wnids: Iterable[str]) -> list[SynsetRecord]:
        ordered = list(wnids)
        nouns = self.nouns(ordered)
        return [nouns[wnid] for wnid in ordered]

    # --- Many nouns, in as many queries as one ------------------------------------------------------------

    def nouns(self, wnids: Collection[str]) -> dict[str, SynsetRecord]:
        """Return those of `wnids` that are in this tree, by wnid."""
        rows = Synset.objects.filter(wnid__in=wnids).prefetch_related("lemmas", "external_ids")
        here = [synset for synset in rows if self._holds(synset)]
        up = self.edges_up([synset.wnid for synset in here])
        return {noun.wnid: _record(noun, up[noun.wnid], self._edits.get(noun.wnid, {})) for noun in here}

    def tops(self) -> list[Branch]:
        """Return the roots, by name."""
        names = dict(Synset.objects.roots().values_list("wnid", "name"))
        # Besides today's, a root then may be what came back, and what has a hypernym today that it had not then.
        changed = {*self.back.added, *(edge.hyponym for edge in self.back.unlinked)}
        uprooted = changed - names.keys() - self._out - self._linked_above.keys()
        up = self._edges_up(uprooted)
        names |= self.names({wnid for wnid in uprooted if not up[wnid]})
        gone = self._out | self._linked_above.keys() | self.hidden.keys()
        return _by_name(
            Branch(wnid, self._name(wnid, name)) for wnid, name in names.items() if wnid not in gone
        )

    def branches(self, wnids: Collection[str]) -> dict[str, list[Branch]]:
        """Return for each noun what is right below it, by name, instances after kinds."""
        below: dict[str, list[Branch]] = {wnid: [] for wnid in wnids}
        rows = Hypernym.objects.filter(hypernym__wnid__in=below)
        for *edge, name in rows.values_list(*EDGE, "hyponym__name"):
            if Edge(*edge) not in self._unlinked:
                low, top, is_instance = edge
                below[top].append(Branch(low, self._name(low, name), is_instance))
        back = [edge for wnid in below for edge in self._linked_below.get(wnid, ())]
        names = self.names({edge.hyponym for edge in back})
        for edge in back:
            below[edge.hypernym].append(Branch(edge.hyponym, names[edge.hyponym], edge.is_instance))
        hidden = self.hidden
        return {wnid: _by_name(b for b in found if b.wnid not in hidden) for wnid, found in below.items()}

    def edges_up(self, wnids: Collection[str]) -> dict[str, list[Edge]]:
        """Return the edges up from each noun, kinds before instances."""
        hidden = self.hidden
        return {
            wnid: sorted(
                (e for e in edges if e.hypernym not in hidden), key=lambda e: (e.is_instance, e.hypernym)
            )
            for wnid, edges in self._edges_up(wnids).items()
        }

    def edges_above(self, wnids: Collection[str]) -> dict[str, list[Edge]]:
        """Return the edges up from each noun and from each noun above it."""
        above: dict[str, list[Edge]] = {}
        ahead = set(wnids)
        # All that is above today comes at once; another round is for what hung elsewhere then.
        while ahead:
            lines = Ancestry.objects.filter(descendant__wnid__in=ahead).values("ancestor")
            wnids_above = Synset.objects.filter(pk__in=lines).values_list("wnid", flat=True)
            above |= self.edges_up(ahead.union(wnids_above))
            ahead = {edge.hypernym for edges in above.values() for edge in edges} - above.keys()
        return above

    @cached_property
    def hidden(self) -> dict[str, int]:
        """The nouns that are not shown, with their primary keys."""
        if self.shows_sensitive:
            return {}
        return dict(Synset.objects.filter(is_sensitive=True).values_list("wnid", "pk"))

    # --- Laying the patch over the rows -------------------------------------------------------------------

    def _edges_up(self, wnids: Collection[str]) -> dict[str, list[Edge]]:
        up = {wnid: list(self._linked_above.get(wnid, ())) for wnid in wnids}
        for row in Hypernym.objects.filter(hyponym__wnid__in=up).values_list(*EDGE):
            if (edge := Edge(*row)) not in self._unlinked:
                up[edge.hyponym].append(edge)
        return up

    def _holds(self, synset: Synset) -> bool:
        if synset.wnid in self.hidden or synset.wnid in self._out:
            return False
        return not synset.is_retired or synset.wnid in self._back_in

    def names(self, wnids: Collection[str]) -> dict[str, str]:
        rows = Synset.objects.filter(wnid__in=wnids).values_list("wnid", "name") if wnids else ()
        return {wnid: self._name(wnid, name) for wnid, name in rows}

    def _name(self, wnid: str, name: str) -> str:
        lemmas = self._edits.get(wnid, {}).get("lemmas")
        return str(lemmas[0][0]) if lemmas else name

    @cached_property
    def _out(self) -> frozenset[str]:
        return frozenset(self.back.removed)

    @cached_property
    def _back_in(self) -> frozenset[str]:
        return frozenset(self.back.added)

    @cached_property
    def _unlinked(self) -> frozenset[Edge]:
        return frozenset(self.back.unlinked)

    @cached_property
    def _linked_above(self) -> Mapping[str, list[Edge]]:
        return _group((edge.hyponym, edge) for edge in self.back.linked)

    @cached_property
    def _linked_below(self) -> Mapping[str, list[Edge]]:
        return _group((edge.hypernym, edge) for edge in self.back.linked)

    @cached_property
    def _edits(self) -> Mapping[str, dict[str, Any]]:
        edits = _group((edit.wnid, edit) for edit in self.back.edited)
        return {wnid: {edit.field: edit.after for edit in found} for wnid, found in edits.items()}


def ways_down(wnid: str, above: Mapping[str, list[Edge]]) -> Iterator[list[str]]:
    """Return every way down from a root to the hypernyms of `wnid`, one after another: there may be very many.

    above: the edges up from it and from each noun above it.
    """
    if not above[wnid]:
        yield []
    for edge in above[wnid]:
        for way in ways_down(edge.hypernym, above):
            yield [*way, edge.hypernym]


def _group(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def _by_name(branches: Iterable[Branch]) -> list[Branch]:
    return sorted(branches, key=lambda branch: (branch.is_instance, branch.name.casefold(), branch.wnid))


def _record(synset: Synset, up: list[Edge], edits: Mapping[str, Any]) -> SynsetRecord:
    lemmas = [[lemma.text, lemma.sense, lemma.key] for lemma in synset.lemmas.all()]
    return SynsetRecord(
        wnid=synset.wnid,
        lemmas=tuple(Lemma(*lemma) for lemma in edits.get("lemmas", lemmas)),
        hypernyms=tuple(edge.hypernym for edge in up if not edge.is_instance),
        gloss=edits.get("gloss", synset.gloss),
        instance_of=tuple(edge.hypernym for edge in up if edge.is_instance),
        is_imageable=edits.get("is_imageable", synset.is_imageable),
        sensitive_reason=edits.get("sensitive_reason", synset.sensitive_reason),
        external_ids=tuple(ExternalId(e.scheme, e.version, e.value) for e in synset.external_ids.all()),
    )
