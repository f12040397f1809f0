"""Rows -> records of nouns, as files hold them."""

from collections.abc import Iterator
from itertools import islice

from django.db.models import QuerySet

from taxonomy.models import Synset
from taxonomy.records import ExternalId, Lemma, SynsetRecord

BATCH = 5000  # nouns in memory at a time


def export_synsets(under: Synset | None = None) -> Iterator[SynsetRecord]:
    """Yield every noun that is or was in the tree, by wnid; with `under` that noun, all below it, and all above
    those, so that no hypernym is missing.
    """
    synsets = Synset.objects.current() | Synset.objects.filter(pk__in=Synset.objects.retired())
    if under is not None:
        below = Synset.objects.below(under).values("pk")
        synsets = Synset.objects.filter(descendant_rows__descendant__in=below).distinct()
    yield from _records(synsets.order_by("wnid"))


def _records(synsets: QuerySet[Synset]) -> Iterator[SynsetRecord]:
    keys = iter(list(synsets.values_list("pk", flat=True)))
    while batch := list(islice(keys, BATCH)):
        rows = Synset.objects.filter(pk__in=batch).select_related("becomes").order_by("wnid")
        for synset in rows.prefetch_related("lemmas", "external_ids", "hypernym_edges__hypernym"):
            yield _record(synset)


def _record(synset: Synset) -> SynsetRecord:
    edges = sorted(synset.hypernym_edges.all(), key=lambda edge: edge.pk)
    return SynsetRecord(
        wnid=synset.wnid,
        lemmas=tuple(Lemma(lemma.text, lemma.sense, lemma.key) for lemma in synset.lemmas.all()),
        hypernyms=tuple(edge.hypernym.wnid for edge in edges if not edge.is_instance),
        gloss=synset.gloss,
        instance_of=tuple(edge.hypernym.wnid for edge in edges if edge.is_instance),
        is_imageable=synset.is_imageable,
        sensitive_reason=synset.sensitive_reason,
        is_retired=synset.is_retired,
        becomes=synset.becomes.wnid if synset.is_retired and synset.becomes else "",
        external_ids=tuple(ExternalId(e.scheme, e.version, e.value) for e in synset.external_ids.all()),
    )
