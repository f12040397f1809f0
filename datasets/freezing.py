"""A Collection's settled questions -> a Snapshot."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.core.files import File
from django.db import transaction

from accounts.models import User
from datasets.manifest import ManifestRow, write_manifest
from datasets.models import Snapshot
from labeling.models import Collection
from labeling.splits import SPLITS
from taxonomy.models import Change, Hypernym, Synset


class NothingToFreezeError(ValueError):
    """The collection has no settled question that would go in."""


class _TaxonomyChangedError(Exception):
    """The taxonomy changed while a snapshot was made, so it may hold labels from before and after."""


def freeze(collection: Collection, min_confidence: float | None = None) -> Snapshot:
    """Freeze what is settled at `min_confidence` or above (the collection's target, unless given).

    Freezing what has not changed since a snapshot returns that snapshot. Where the taxonomy changes meanwhile, it
    begins again: nobody has to wait for a freezing. Raises NothingToFreezeError.
    """
    while True:
        try:
            return _freeze(collection, min_confidence)
        except _TaxonomyChangedError:
            continue


@transaction.atomic
def _freeze(collection: Collection, min_confidence: float | None) -> Snapshot:
    # One freezing at a time for a collection, so that numbers follow each other.
    collection = Collection.objects.select_for_update().get(pk=collection.pk)
    version = Change.objects.version()
    floor = collection.target_confidence if min_confidence is None else min_confidence
    taxonomy = _taxonomy(collection)
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryFile() as file:
        digest = write_manifest(_rows(collection, floor, counts), taxonomy, file)
        if not counts:
            raise NothingToFreezeError(
                f"{collection}: expected settled questions with a confidence of at least {floor:.2f}; found none."
            )
        if Change.objects.version() != version:
            raise _TaxonomyChangedError
        same = collection.snapshots.filter(digest=digest).first()
        if same:
            return same
        number = (collection.snapshots.order_by("-number").values_list("number", flat=True).first() or 0) + 1
        snapshot = Snapshot(
            collection=collection,
            number=number,
            taxonomy=taxonomy,
            card=_card(collection, taxonomy["classes"], counts),
            digest=digest,
            n_images=counts.total(),
            min_confidence=floor,
            taxonomy_version=version,
        )
        snapshot.manifest.save(f"snapshots/{collection.slug}/{number}-{digest[:12]}.parquet", File(file))
    return snapshot


def _rows(collection: Collection, floor: float, counts: Counter[tuple[str, str]]) -> Iterator[ManifestRow]:
    """Yield the rows in the order of their hashes, and count them by class and split on the way."""
    settled = collection.questions.settled().filter(
        confidence__gte=floor, image__withdrawn_at=None, label__in=collection.offered()
    )
    columns = (
        "image__sha256", "image__file", "label__wnid", "label__name", "confidence", "n_votes",
        "image__licence", "image__credit", "image__split",
    )  # fmt: skip
    for sha256, file, wnid, name, confidence, n_votes, licence, credit, split in (
        settled.order_by("image__sha256").values_list(*columns).iterator(chunk_size=5000)
    ):
        counts[wnid, split] += 1
        file_name = file.rpartition("/")[2]
        yield ManifestRow(sha256, file_name, wnid, name, confidence, n_votes, split, licence, credit)


def _taxonomy(collection: Collection) -> dict[str, Any]:
    """Return the classes that may be learnt in their order, and every noun above them with its hypernyms, as
    they stand now.
    """
    classes = collection.offered()
    nouns = Synset.objects.filter(descendant_rows__descendant__in=classes).distinct().order_by("wnid")
    edges = Hypernym.objects.filter(hyponym__in=nouns).values_list("hyponym__wnid", "hypernym__wnid")
    above: dict[str, list[str]] = {}
    for hyponym, hypernym in sorted(edges):
        above.setdefault(hyponym, []).append(hypernym)
    return {
        "classes": [synset.wnid for synset in classes],
        "nouns": {s.wnid: {"name": s.name, "hypernyms": above.get(s.wnid, [])} for s in nouns},
    }


def _card(collection: Collection, classes: list[str], counts: Counter[tuple[str, str]]) -> dict[str, Any]:
    annotators = User.objects.filter(votes__question__collection=collection).distinct()
    return {
        "by_class": {wnid: {split: counts[wnid, split] for split in SPLITS} for wnid in classes},
        "by_split": {split: sum(counts[wnid, split] for wnid in classes) for split in SPLITS},
        "annotators": {kind: annotators.filter(kind=kind).count() for kind in User.Kind.values},
        "n_votes": collection.questions.counts()["n_votes"],
        "policy": {
            "target_confidence": collection.target_confidence,
            "min_votes": collection.min_votes,
            "max_votes": collection.max_votes,
        },
    }
