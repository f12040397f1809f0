"""Records of nouns -> rows. Importing the same file again changes nothing."""

from collections.abc import Iterable, Iterator

from django.db import transaction
from django.db.models import Min, Model, OuterRef, Subquery

from accounts.models import User
from taxonomy.models import Ancestry, Change, ExternalId, Hypernym, Lemma, Synset
from taxonomy.models.ledger import Kind
from taxonomy.models.synsets import analyze, copy_in
from taxonomy.patch import Edge, Patch
from taxonomy.records import Lemma as LemmaRecord
from taxonomy.records import SynsetRecord
from taxonomy.tree import CycleError, say_cycle

LONGEST: dict[tuple[type[Model], str], int] = {
    (Synset, "sensitive_reason"): Synset._meta.get_field("sensitive_reason").max_length or 0,
    (Lemma, "text"): Lemma._meta.get_field("text").max_length or 0,
    (Lemma, "key"): Lemma._meta.get_field("key").max_length or 0,
    (ExternalId, "scheme"): ExternalId._meta.get_field("scheme").max_length or 0,
    (ExternalId, "version"): ExternalId._meta.get_field("version").max_length or 0,
    (ExternalId, "value"): ExternalId._meta.get_field("value").max_length or 0,
}


class ImportRefusedError(ValueError):
    """The records contradict each other or the taxonomy; nothing of them is kept."""


@transaction.atomic
def import_synsets(records: Iterable[SynsetRecord], reason: str, author: User | None = None) -> int:
    """Add the nouns that the taxonomy lacks, with their words, edges and external ids; return how many those are.

    A noun that is there already is left as it is, because a curator may have mended it.
    Raises ImportRefusedError if a hypernym is unknown or the edges would form a cycle.
    """
    Change.objects.lock()
    present = set(Synset.objects.values_list("wnid", flat=True))
    new = {record.wnid: record for record in records if record.wnid not in present}
    if not new:
        return 0
    _refuse_bad_nouns(new, present, set(Synset.objects.current().values_list("wnid", flat=True)))
    _write_nouns(new)
    ids = dict(Synset.objects.values_list("wnid", "pk"))
    _write_what_belongs_to_them(new, ids)
    try:
        _write_ancestry([ids[wnid] for wnid in new], is_most=len(new) > len(present))
    except CycleError as error:
        names = {pk: name for pk, name in Synset.objects.values_list("pk", "name") if pk in error.path}
        raise ImportRefusedError(say_cycle([names[pk] for pk in error.path])) from error
    planted = Synset.objects.filter(pk__gte=min(ids[wnid] for wnid in new))
    Change.objects.record(
        Kind.IMPORT,
        _patch(new),
        planted,
        author=author,
        reason=reason,
        summary=f"import of {len(new):,} nouns",
    )
    return len(new)


def _refuse_bad_nouns(new: dict[str, SynsetRecord], known: set[str], current: set[str]) -> None:
    there = current | {record.wnid for record in new.values() if not record.is_retired}
    for record in new.values():
        _refuse_long_texts(record)
        if record.wnid in (*record.hypernyms, *record.instance_of):
            raise ImportRefusedError(say_cycle([record.name, record.name]))
        if record.is_retired and (record.hypernyms or record.instance_of):
            raise ImportRefusedError(f"{_name(record)}: expected no hypernym of a retired noun.")
        if record.becomes and record.becomes not in known and record.becomes not in new:
            raise ImportRefusedError(
                f"{_name(record)}: expected that it counts as a noun of this file or of the taxonomy; "
                f"found {record.becomes}."
            )
        for wnid in (*record.hypernyms, *record.instance_of):
            if wnid not in there:
                raise ImportRefusedError(
                    f"{_name(record)}: expected hypernyms that are in this file or in the taxonomy; found {wnid}."
                )


def _refuse_long_texts(record: SynsetRecord) -> None:
    texts: list[tuple[type[Model], str, str]] = [(Synset, "sensitive_reason", record.sensitive_reason)]
    texts += [(Lemma, name, getattr(lemma, name)) for lemma in record.lemmas for name in ("text", "key")]
    texts += [
        (ExternalId, field, getattr(external, name))
        for external in record.external_ids
        for field, name in (("scheme", "scheme"), ("version", "version"), ("value", "id"))
    ]
    for model, field, text in texts:
        most = LONGEST[model, field]
        if len(text) > most:
            raise ImportRefusedError(
                f"{_name(record)}: expected at most {most} characters; found {len(text)} in {text[:40]!r}..."
            )


def _name(record: SynsetRecord) -> str:
    return f"{record.wnid} ({record.name[:40]})"


def _write_nouns(new: dict[str, SynsetRecord]) -> None:
    Synset.objects.bulk_create(
        (
            Synset(
                wnid=record.wnid,
                name=record.name,
                gloss=record.gloss,
                is_imageable=record.is_imageable,
                is_sensitive=bool(record.sensitive_reason),
                sensitive_reason=record.sensitive_reason,
                is_retired=record.is_retired,
            )
            for record in new.values()
        ),
        batch_size=2000,
    )


def _write_what_belongs_to_them(new: dict[str, SynsetRecord], ids: dict[str, int]) -> None:
    copy_in(Lemma, ["synset_id", "text", "sense", "position", "key"], _lemma_rows(new, ids))
    edges = ((ids[edge.hyponym], ids[edge.hypernym], edge.is_instance) for edge in _edges(new))
    copy_in(Hypernym, ["hyponym_id", "hypernym_id", "is_instance"], edges)
    copy_in(
        ExternalId,
        ["synset_id", "scheme", "version", "value"],
        ((ids[r.wnid], e.scheme, e.version, e.id) for r in new.values() for e in r.external_ids),
    )
    analyze(Synset, Lemma, Hypernym)
    planted = Synset.objects.filter(pk__gte=min(ids[wnid] for wnid in new))
    # While it is in the tree this says nothing; should the import be undone, votes count as a hypernym.
    above = Hypernym.objects.filter(hyponym=OuterRef("pk")).order_by().values("hyponym")
    planted.update(becomes=Subquery(above.annotate(one=Min("hypernym")).values("one")))
    for record in new.values():
        if record.becomes:
            Synset.objects.filter(pk=ids[record.wnid]).update(becomes=ids[record.becomes])


def _write_ancestry(keys: list[int], *, is_most: bool) -> None:
    if is_most:
        Ancestry.objects.rebuild()
    else:
        Ancestry.objects.refresh(keys)
    analyze(Ancestry)


def _lemma_rows(
    new: dict[str, SynsetRecord], ids: dict[str, int]
) -> Iterator[tuple[int, str, int, int, str]]:
    for record in new.values():
        for position, lemma in enumerate(_first_of_each_word(record.lemmas)):
            yield ids[record.wnid], lemma.text, lemma.sense, position, lemma.key


def _first_of_each_word(lemmas: Iterable[LemmaRecord]) -> list[LemmaRecord]:
    words: dict[str, LemmaRecord] = {}
    for lemma in lemmas:
        words.setdefault(lemma.text, lemma)
    return list(words.values())


def _edges(new: dict[str, SynsetRecord]) -> Iterator[Edge]:
    for record in new.values():
        kinds = dict.fromkeys(record.hypernyms)
        for wnid in kinds:
            yield Edge(record.wnid, wnid)
        for wnid in dict.fromkeys(record.instance_of):
            if wnid not in kinds:
                yield Edge(record.wnid, wnid, is_instance=True)


def _patch(new: dict[str, SynsetRecord]) -> Patch:
    return Patch(
        added=tuple(wnid for wnid, record in new.items() if not record.is_retired), linked=tuple(_edges(new))
    )
