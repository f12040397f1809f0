"""A Collection's settled questions -> a Snapshot."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from django.core.files import File
from django.db import transaction

from accounts.models import User
from datasets.manifest import ManifestRow, write_manifest
from datasets.models import Snapshot
from labeling.models import Collection
from labeling.splits import SPLITS
from taxonomy.models import Ancestry, Change, Hypernym, Synset


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
    rows = _labels(collection, floor)
    for row in _one_each(rows, _above(collection)) if collection.is_verifying else rows:
        counts[row.wnid, row.split] += 1
        yield row


def _labels(collection: Collection, floor: float) -> Iterator[ManifestRow]:
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
        file_name = file.rpartition("/")[2]
        yield ManifestRow(sha256, file_name, wnid, name, confidence, n_votes, split, licence, credit)


def _above(collection: Collection) -> dict[str, set[str]]:
    """Return for each class the others that are above it."""
    classes = collection.offered()
    pairs = Ancestry.objects.filter(ancestor__in=classes, descendant__in=classes, depth__gt=0)
    above: dict[str, set[str]] = {}
    for descendant, ancestor in pairs.values_list("descendant__wnid", "ancestor__wnid"):
        above.setdefault(descendant, set()).add(ancestor)
    return above


def _one_each(rows: Iterable[ManifestRow], above: Mapping[str, set[str]]) -> Iterator[ManifestRow]:
    """Yield one row for each picture, whose rows follow each other.

    A picture that was asked about several nouns may be settled to show several. Of a noun and one below it the one
    below is its label, since that says both; of nouns that lie side by side the more confident one, since a network
    learns one class of a picture.
    """
    for _sha256, group in groupby(rows, key=lambda row: row.sha256):
        of_picture = list(group)
        said = set().union(*(above.get(row.wnid, set()) for row in of_picture))
        lowest = [row for row in of_picture if row.wnid not in said]
        yield max(lowest, key=lambda row: (row.confidence, row.n_votes, row.wnid))


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
