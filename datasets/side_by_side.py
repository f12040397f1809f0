"""Two snapshots of a collection side by side: their files, the ledger and the pictures -> what they differ in."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import BinaryIO, NamedTuple, cast

import pyarrow as pa
from django.db.models import Max
from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext as _

from datasets.comparing import LEFT_SCHEMA, SIDE_SCHEMA, Comparison, Reasons, Side, compare, differences
from datasets.manifest import ManifestRow, RemainderRow, read_batches
from datasets.models import Snapshot
from datasets.rolling import RollUp
from datasets.turning import Turn, turned
from labeling.models import Image
from taxonomy import history
from taxonomy.models import Change, Synset
from taxonomy.models.ledger import Kind

KEPT = 16  # comparisons that a process remembers: a page is turned, and all of it is there already

Turned = Mapping[tuple[str, str], tuple[int, ...]]


class NotComparableError(ValueError):
    """These are no two snapshots of one collection."""


class SideBySide(NamedTuple):
    """turned: for each pair of classes the numbers of the changes of the taxonomy that made one of the other."""

    comparison: Comparison
    turned: Turned


def side_by_side(older: Snapshot, newer: Snapshot) -> SideBySide:
    """Return what `newer` differs in from `older`. Raises NotComparableError."""
    refuse_others(older, newer)
    last_withdrawn_at = Image.objects.withdrawn().aggregate(at=Max("withdrawn_at"))["at"]
    return _side_by_side(older.collection_id, (older.digest, newer.digest), last_withdrawn_at)


@lru_cache(maxsize=KEPT)
def _side_by_side(
    collection: int, digests: tuple[str, str], last_withdrawn_at: datetime | None
) -> SideBySide:
    """Known by what it is made of: snapshots never change, nor do the changes between them, but pictures go."""
    older, newer = (Snapshot.objects.get(collection=collection, digest=digest) for digest in digests)
    reasons, turned_by = _reasons(older, newer)
    return SideBySide(compare(_side(older), _side(newer), reasons), turned_by)


def all_differences(older: Snapshot, newer: Snapshot) -> tuple[Iterator[pa.RecordBatch], Turned]:
    """Return each difference, as comparing.DIFFERENCES, and which changes turned what. Raises NotComparableError."""
    refuse_others(older, newer)
    reasons, turned_by = _reasons(older, newer)
    return differences(_side(older), _side(newer), reasons), turned_by


def refuse_others(older: Snapshot, newer: Snapshot) -> None:
    if older.collection_id != newer.collection_id:
        raise NotComparableError(
            _(
                "Expected two snapshots of one collection; found one of %(collection)s and one of "
                "%(collection_2)s."
            )
            % {"collection": older.collection, "collection_2": newer.collection}
        )
    if older.number >= newer.number:
        raise NotComparableError(
            _("Expected an older snapshot and a newer one; found %(older)s and %(newer)s.")
            % {"older": older.number, "newer": newer.number}
        )


def hidden_nouns(older: Snapshot, newer: Snapshot) -> set[str]:
    """Return the wnids of classes that have been marked sensitive since: nothing tells of them."""
    nouns = older.sensitive_classes() | newer.sensitive_classes()
    return set(nouns.values_list("wnid", flat=True))


def _reasons(older: Snapshot, newer: Snapshot) -> tuple[Reasons, Turned]:
    turned_by = _turned(older, newer)
    return Reasons(turned_by.keys(), newer.withdrawn_here()), turned_by


def _side(snapshot: Snapshot) -> Side:
    return Side(
        _batches(ManifestRow, snapshot.manifest, SIDE_SCHEMA.names),
        snapshot.classes,
        _batches(RemainderRow, snapshot.remainder, LEFT_SCHEMA.names),
    )


def _batches(
    kind: type[ManifestRow] | type[RemainderRow], stored: FieldFile, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    if stored:
        with stored.open("rb") as file:
            yield from read_batches(kind, cast(BinaryIO, file), columns)


# --- What the ledger says ---------------------------------------------------------------------------------


def _turned(older: Snapshot, newer: Snapshot) -> Turned:
    turns = list(_turns(older.taxonomy_version, newer.taxonomy_version))
    if not turns:
        return {}
    old_class = _classes(older, {turn.before for turn in turns})
    return turned(turns, old_class, _classes(newer, {turn.after for turn in turns}))


def _turns(after: int, up_to: int) -> Iterator[Turn]:
    """Yield what the changes after one version and up to another turned into what, in their order."""
    changes = list(Change.objects.filter(pk__gt=after, pk__lte=up_to).order_by("pk"))
    moving = {wnid for change in changes for wnid in (*change.patch.added, *change.patch.removed)}
    becomes = _became(after, moving)
    for change in changes:
        patch = change.patch
        before = {wnid: becomes.get(wnid) for wnid in patch.added}
        for edit in patch.edited:
            if edit.field == "becomes":
                becomes[edit.wnid] = edit.after
        pairs: list[tuple[str | None, str | None]] = [(into, wnid) for wnid, into in before.items()]
        pairs += [(wnid, becomes.get(wnid)) for wnid in patch.removed]
        stays = {edge.hyponym for edge in (*patch.linked, *patch.unlinked)} - moving
        pairs += [*_parted(change), *((wnid, wnid) for wnid in sorted(stays))]
        for one, other in dict.fromkeys(pairs):
            if one and other:
                yield Turn(change.pk, one, other)


def _became(version: int, wnids: Collection[str]) -> dict[str, str | None]:
    """Return what votes for these nouns counted as while they were out of the tree, as of then."""
    if not wnids:
        return {}
    rows = Synset.objects.filter(wnid__in=wnids).values_list("wnid", "becomes__wnid")
    then = {edit.wnid: edit.after for edit in history.as_of(version).back.edited if edit.field == "becomes"}
    return {wnid: then.get(wnid, today) for wnid, today in rows}


def _parted(change: Change) -> Iterable[tuple[str, str]]:
    """Return a noun that `change` split with each of its parts; the other way round where it undoes that."""
    original, is_made = change.original()
    if original.kind != Kind.SPLIT:
        return []
    noun, parts = original.arguments["synset"], original.arguments["parts"]
    return [(noun, part) if is_made else (part, noun) for part in parts]


def _classes(snapshot: Snapshot, nouns: Iterable[str]) -> dict[str, str | None]:
    """Return the class of `snapshot` that stood for each of these nouns, as the tree was then."""
    classes = frozenset(snapshot.classes)
    nouns = set(nouns)
    if nouns <= classes:
        return {noun: noun for noun in nouns}
    up = history.as_of(snapshot.taxonomy_version).edges_above(nouns | classes)
    roll_up = RollUp(classes, _above({noun: [edge.hypernym for edge in edges] for noun, edges in up.items()}))
    return {noun: roll_up.place(noun)[0] for noun in nouns}


def _above(up: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return for each noun every noun above it. up: for each noun, and each above it, its hypernyms."""
    above: dict[str, set[str]] = {}

    def find(noun: str) -> set[str]:
        if noun not in above:
            above[noun] = {*up[noun]}.union(*(find(each) for each in up[noun]))
        return above[noun]

    for noun in up:
        find(noun)
    return above
