"""How nouns count before and after a change of the taxonomy."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from taxonomy.models import Change, Draft, Synset
from taxonomy.models.ledger import Kind
from taxonomy.patch import Patch


@dataclass(frozen=True)
class Turn:
    """How nouns count before and after a change; keys are primary keys, None where nothing is left."""

    before: Mapping[int, int | None]  # of retired nouns, as Synset.objects.resolution() gives it
    after: Mapping[int, int | None]
    moved: frozenset[int]  # nouns that count as another one after it
    split: int | None = None  # the noun whose pictures are to be narrowed
    parts: tuple[int, ...] = ()
    stands_at: int | None = None  # what they are labelled until they are
    unsplit: int | None = None  # the noun whose split is undone
    is_undoing: bool = False  # it takes a change back; what is undone twice is made again
    patch: Patch = field(default_factory=Patch)  # what is still to be done

    @classmethod
    def of(cls, draft: Draft, patch: Patch) -> "Turn":
        before, after = Synset.objects.resolution(), Synset.objects.resolution(patch)
        moved = {pk for pk in {*before, *after} if before.get(pk, pk) != after.get(pk, pk)}
        original, is_made = _original(draft)
        if original.kind != Kind.SPLIT:
            return cls(before, after, frozenset(moved), is_undoing=not is_made, patch=patch)
        wnids = [original.arguments["synset"], *original.arguments["parts"]]
        keys = dict(Synset.objects.filter(wnid__in=wnids).values_list("wnid", "pk"))
        split, *parts = [keys[wnid] for wnid in wnids]
        moved |= {split}
        if not is_made:
            return cls(before, after, frozenset(moved), unsplit=split, is_undoing=True, patch=patch)
        stands_at = _stands_at(original, split, after)
        return cls(before, after, frozenset(moved), split, tuple(parts), stands_at, patch=patch)

    def classes(self, before: list[int]) -> list[int]:
        """Return a collection's classes after the change: a noun that left gives its place to what it became, one
        that was split to its parts; twice the same is one.
        """
        after: list[int | None] = []
        for pk in before:
            after += self.parts if pk == self.split else (self.after.get(pk, pk),)
        return [pk for pk in dict.fromkeys(after) if pk is not None]

    def hypernyms(self, came: Set[int]) -> dict[int, set[int]]:
        """Return for each of these nouns, which come into the tree, the nouns of the tree now that it comes under."""
        wnids = dict(Synset.objects.filter(wnid__among=self.patch.ends).values_list("wnid", "pk"))
        over: dict[int, set[int]] = {}
        for edge in self.patch.linked:
            over.setdefault(wnids[edge.hyponym], set()).add(wnids[edge.hypernym])
        found = {pk: over.get(pk, set()) for pk in came}
        # A hypernym may come too; the lines of these have an end, since a patch makes no cycle.
        while any(self.before.keys() & nouns for nouns in found.values()):
            for pk, nouns in found.items():
                coming = self.before.keys() & nouns
                found[pk] = (nouns - coming).union(*(over.get(noun, ()) for noun in coming))
        return found

    def label(self, before: int | None) -> int | None:
        """Return the label of a picture that was labelled `before` and has nothing else to go by."""
        return before if before is None else self.after.get(before, before)


def _original(draft: Draft) -> tuple[Draft | Change, bool]:
    """Return the change that a draft is in the end about, and whether the draft makes it or takes it back: the
    undoing of an undoing makes it again.
    """
    if draft.kind != Kind.UNDO:
        return draft, True
    original, is_made = Change.objects.get(pk=draft.arguments["change"]).original()
    return original, not is_made


def _stands_at(original: Draft | Change, split: int, after: Mapping[int, int | None]) -> int | None:
    """Return what pictures of a split noun are labelled: the same when it is made again, whatever became of that."""
    if original.arguments.get("is_kept"):
        return split
    edits = original.patch.edited if isinstance(original, Change) else ()
    then = [
        edit.after for edit in edits if (edit.field, edit.wnid) == ("becomes", original.arguments["synset"])
    ]
    return Synset.objects.get(wnid=then[0]).pk if then else after.get(split, split)
