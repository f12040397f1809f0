"""What one change does to the nouns, as facts that can be turned round. Pure.

A patch says of each thing it touches what it was before and what it is after. So its inverse is exact, several
in a row compose into one, and two patches depend on each other just where they touch the same thing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Self


class Edge(NamedTuple):
    hyponym: str  # wnids, as everywhere in a patch
    hypernym: str
    is_instance: bool = False


class Edit(NamedTuple):
    """A field of a noun: lemmas ([[text, sense, key], ...]), gloss, is_imageable, sensitive_reason or becomes."""

    wnid: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Nouns:
    """The nouns that a patch is about to meet, as they stand."""

    values: Mapping[str, Mapping[str, Any]]  # wnid -> its fields, is_retired among them
    edges: frozenset[Edge]  # all that touch the nouns which the patch removes, or that it links or unlinks


Key = tuple[str, ...]  # what a fact is about: ("noun", wnid), ("edge", hyponym, hypernym) or (field, wnid)


@dataclass(frozen=True)
class Patch:
    """Nouns that enter the tree and leave it, edges, and fields. A noun keeps its row and fields while it is out."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    linked: tuple[Edge, ...] = ()
    unlinked: tuple[Edge, ...] = ()
    edited: tuple[Edit, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    def inverse(self) -> Self:
        """Return what undoes this patch exactly."""
        return type(self)(
            added=self.removed,
            removed=self.added,
            linked=self.unlinked,
            unlinked=self.linked,
            edited=tuple(Edit(e.wnid, e.field, e.after, e.before) for e in self.edited),
        )

    @property
    def wnids(self) -> set[str]:
        """Every noun that this patch touches; of an edge its lower end, whose line of hypernyms changes."""
        edges = {edge.hyponym for edge in (*self.linked, *self.unlinked)}
        return {*self.added, *self.removed, *edges, *(edit.wnid for edit in self.edited)}

    @property
    def ends(self) -> set[str]:
        """Every noun that this patch names: also the upper ends of its edges, and what nouns become."""
        tops = {edge.hypernym for edge in (*self.linked, *self.unlinked)}
        becomes = {
            wnid for edit in self.edited if edit.field == "becomes" for wnid in (edit.before, edit.after)
        }
        return self.wnids | tops | (becomes - {None})

    @property
    def keys(self) -> set[Key]:
        """What this patch changes, thing by thing."""
        nouns = {("noun", wnid) for wnid in (*self.added, *self.removed)}
        edges = {_edge_key(edge) for edge in (*self.linked, *self.unlinked)}
        return nouns | edges | {(edit.field, edit.wnid) for edit in self.edited}

    def conflicts(self, nouns: Nouns) -> list[Key]:
        """Return what stands otherwise than this patch expects it, or would be left hanging by it."""
        return [*self._wrong_nouns(nouns), *self._wrong_edges(nouns), *self._wrong_fields(nouns)]

    def _wrong_nouns(self, nouns: Nouns) -> list[Key]:
        expected = [(wnid, True) for wnid in self.added] + [(wnid, False) for wnid in self.removed]
        wrong = [wnid for wnid, is_out in expected if nouns.values[wnid]["is_retired"] is not is_out]
        stays_out = {wnid for wnid, noun in nouns.values.items() if noun["is_retired"]} - set(self.added)
        out = stays_out | set(self.removed)
        hanging = [end for edge in self.linked for end in (edge.hyponym, edge.hypernym) if end in out]
        return [("noun", wnid) for wnid in dict.fromkeys([*wrong, *hanging])]

    def _wrong_edges(self, nouns: Nouns) -> list[Key]:
        pairs = {(edge.hyponym, edge.hypernym) for edge in nouns.edges - set(self.unlinked)}
        twice = [edge for edge in self.linked if (edge.hyponym, edge.hypernym) in pairs]
        missing = [edge for edge in self.unlinked if edge not in nouns.edges]
        removed = set(self.removed)
        left = [
            edge
            for edge in sorted(nouns.edges - set(self.unlinked))
            if edge.hyponym in removed or edge.hypernym in removed
        ]
        return [_edge_key(edge) for edge in dict.fromkeys([*twice, *missing, *left])]

    def _wrong_fields(self, nouns: Nouns) -> list[Key]:
        return [
            (edit.field, edit.wnid)
            for edit in self.edited
            if nouns.values[edit.wnid][edit.field] != edit.before
        ]

    def to_json(self) -> dict[str, list[Any]]:
        return {
            each.name: [list(fact) if isinstance(fact, tuple) else fact for fact in getattr(self, each.name)]
            for each in fields(self)
            if getattr(self, each.name)
        }

    @classmethod
    def from_json(cls, data: Mapping[str, list[Any]]) -> Self:
        return cls(
            added=tuple(data.get("added", ())),
            removed=tuple(data.get("removed", ())),
            linked=tuple(Edge(*edge) for edge in data.get("linked", ())),
            unlinked=tuple(Edge(*edge) for edge in data.get("unlinked", ())),
            edited=tuple(Edit(*edit) for edit in data.get("edited", ())),
        )


def _edge_key(edge: Edge) -> Key:
    return "edge", edge.hyponym, edge.hypernym


@dataclass
class _Net:
    """For each thing its first `before` and its last `after`."""

    nouns: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    edges: dict[Edge, tuple[bool, bool]] = field(default_factory=dict)
    edits: dict[tuple[str, str], tuple[Any, Any]] = field(default_factory=dict)

    def take(self, patch: Patch) -> None:
        for facts, after in ((patch.added, True), (patch.removed, False)):
            for wnid in facts:
                self.nouns[wnid] = self.nouns.get(wnid, (not after, after))[0], after
        for edges, after in ((patch.unlinked, False), (patch.linked, True)):
            for edge in edges:
                self.edges[edge] = self.edges.get(edge, (not after, after))[0], after
        for edit in patch.edited:
            key = edit.wnid, edit.field
            self.edits[key] = self.edits.get(key, (edit.before, edit.after))[0], edit.after


def compose(patches: Iterable[Patch]) -> Patch:
    """Return the one patch that does what `patches` do one after another; what ends as it began is left out."""
    net = _Net()
    for patch in patches:
        net.take(patch)
    return Patch(
        added=tuple(wnid for wnid, was_is in net.nouns.items() if was_is == (False, True)),
        removed=tuple(wnid for wnid, was_is in net.nouns.items() if was_is == (True, False)),
        linked=tuple(edge for edge, was_is in net.edges.items() if was_is == (False, True)),
        unlinked=tuple(edge for edge, was_is in net.edges.items() if was_is == (True, False)),
        edited=tuple(
            Edit(wnid, name, before, after)
            for (wnid, name), (before, after) in net.edits.items()
            if before != after
        ),
    )
