"""A release of WordNet -> rows: nouns that are here already are found again, whatever their offsets are by now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from taxonomy.importing import import_synsets
from taxonomy.mapping import match
from taxonomy.models import Change, ExternalId, Lemma, Synset
from taxonomy.records import ExternalId as ExternalIdRecord
from taxonomy.records import SynsetRecord

FIRST_RELEASE = "3.0"  # the WordNet whose offsets wnids are, as ImageNet has it


@dataclass(frozen=True)
class ReleaseReport:
    """What became of the nouns of a WordNet release; each by its wnid there."""

    n_added: int
    n_by_id: int  # known by an external id of this release
    n_by_key: int  # known by sense keys, which outlive releases
    ambiguous: dict[str, tuple[str, ...]]  # not mapped: could be any of these nouns
    unplaced: list[str]  # new, but all that they hang from could not be mapped


@transaction.atomic
def import_release(records: Sequence[SynsetRecord], version: str, reason: str) -> ReleaseReport:
    """Bring in the nouns of a WordNet release: those that are here get its external ids, new ones are added.

    A noun is here if it has the release's id or shares the most sense keys with it: see taxonomy.mapping. Nothing
    else of a noun that is here changes. Safe to repeat.
    """
    Change.objects.lock()
    matching = match(records, _known_ids(), _known_keys())
    present = matching.by_id | matching.by_key
    _write_external_ids(records, present)
    wanted = set(matching.new)
    new = [record for record in records if record.wnid in wanted]
    placed, unplaced = _place(new, _in_the_tree(present))
    wnids = (
        [r.wnid for r in placed] if version == FIRST_RELEASE else Synset.objects.all().new_wnids(len(placed))
    )
    renamed = _in_the_tree(present) | dict(zip((r.wnid for r in placed), wnids, strict=True))
    n_added = import_synsets([_renamed(record, renamed) for record in placed], reason)
    return ReleaseReport(n_added, len(matching.by_id), len(matching.by_key), matching.ambiguous, unplaced)


def _known_ids() -> dict[ExternalIdRecord, str]:
    rows = ExternalId.objects.values_list("scheme", "version", "value", "synset__wnid")
    own = Synset.objects.filter(wnid__regex=r"^n\d{8}$").values_list("wnid", flat=True)
    by_wnid = {ExternalIdRecord("wordnet", FIRST_RELEASE, f"{wnid[1:]}-n"): wnid for wnid in own}
    return by_wnid | {ExternalIdRecord(*row[:3]): row[3] for row in rows.iterator()}


def _known_keys() -> dict[str, set[str]]:
    """Return the nouns that have each sense key: those in the tree, where there are any, before retired ones."""
    known: dict[bool, dict[str, set[str]]] = {False: {}, True: {}}
    rows = Lemma.objects.exclude(key="").values_list("synset__is_retired", "key", "synset__wnid")
    for is_retired, key, wnid in rows.iterator():
        known[is_retired].setdefault(key, set()).add(wnid)
    return known[True] | known[False]


def _write_external_ids(records: Iterable[SynsetRecord], present: dict[str, str]) -> None:
    ids = dict(Synset.objects.values_list("wnid", "pk"))
    ExternalId.objects.bulk_create(
        (
            ExternalId(synset_id=ids[present[r.wnid]], scheme=e.scheme, version=e.version, value=e.id)
            for r in records
            if r.wnid in present
            for e in r.external_ids
        ),
        batch_size=5000,
        ignore_conflicts=True,
    )


def _in_the_tree(present: dict[str, str]) -> dict[str, str]:
    """Follow nouns that have left the tree to what they became; leave out what is gone altogether."""
    wnids = dict(Synset.objects.values_list("pk", "wnid"))
    becomes = {wnids[pk]: wnids[to] if to else None for pk, to in Synset.objects.resolution().items()}
    followed = {wnid: becomes.get(noun, noun) for wnid, noun in present.items()}
    return {wnid: noun for wnid, noun in followed.items() if noun is not None}


def _place(new: list[SynsetRecord], present: dict[str, str]) -> tuple[list[SynsetRecord], list[str]]:
    """Tell the new nouns that hang from something known or placed, or from nothing at all, from the others."""
    placed: list[SynsetRecord] = []
    waiting = new
    known = set(present)
    while True:
        ready = [r for r in waiting if not (tops := {*r.hypernyms, *r.instance_of}) or tops & known]
        if not ready:
            return placed, [record.wnid for record in waiting]
        placed += ready
        known |= {record.wnid for record in ready}
        waiting = [record for record in waiting if record.wnid not in known]


def _renamed(record: SynsetRecord, wnids: dict[str, str]) -> SynsetRecord:
    return replace(
        record,
        wnid=wnids[record.wnid],
        hypernyms=tuple(wnids[wnid] for wnid in record.hypernyms if wnid in wnids),
        instance_of=tuple(wnids[wnid] for wnid in record.instance_of if wnid in wnids),
    )
