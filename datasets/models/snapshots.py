"""Frozen sets of pictures and labels. The database refuses to change or delete one: see migration 0003."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext

from config.storage import private_storage
from datasets.manifest import ManifestRow, RemainderRow, VoteRow, read_rows
from labeling.models import Collection, Image, Question
from taxonomy.models import Synset

MEASURED = 200  # pictures whose sizes are looked at


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    def naming(self, wnids: Iterable[str]) -> list["Snapshot"]:
        """Return the snapshots with one of these nouns among their classes or above them."""
        wanted = set(wnids)
        rows = self.select_related("collection").defer("card")
        return [snapshot for snapshot in rows.iterator() if not wanted.isdisjoint(snapshot.taxonomy["nouns"])]


class Snapshot(models.Model):
    """Numbered per collection, never changed."""

    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="snapshots")
    number = models.PositiveIntegerField()
    manifest = models.FileField(storage=private_storage, max_length=200)
    remainder = models.FileField(
        storage=private_storage,
        max_length=200,
        blank=True,
        help_text="Settled pictures that are in no class, and why.",
    )
    votes = models.FileField(
        storage=private_storage,
        max_length=200,
        blank=True,
        help_text="Votes on pictures that are no test pictures, by pseudonyms; empty where none were wanted.",
    )
    taxonomy = models.JSONField(help_text="Its classes, and the nouns above them as they stood.")
    card = models.JSONField(help_text="The data card: counts and how the labels were made.")
    options = models.JSONField(default=dict, help_text="What was chosen when it was frozen.")
    seal = models.JSONField(
        default=dict,
        help_text="The SHA-256 of each part of it; empty in snapshots that were frozen before there were seals.",
    )
    digest = models.CharField(max_length=64, help_text="SHA-256 of the seal, and so over all of it.")
    content = models.CharField(
        max_length=64,
        blank=True,
        help_text="SHA-256 over all of it without salts. It is told nobody: test labels could be tried against it.",
    )
    n_images = models.PositiveIntegerField()
    n_remainder = models.PositiveIntegerField(default=0)
    min_confidence = models.FloatField()
    taxonomy_version = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "number"], name="datasets_number_once"),
            models.UniqueConstraint(fields=["collection", "digest"], name="datasets_digest_once"),
            models.CheckConstraint(condition=Q(n_images__gt=0), name="datasets_snapshot_is_not_empty"),
        ]

    def __str__(self) -> str:
        return gettext("%(name)s, snapshot %(number)s") % {"name": self.collection, "number": self.number}

    def get_absolute_url(self) -> str:
        return reverse("datasets:snapshot", args=[self.collection.slug, self.number])

    @property
    def classes(self) -> list[str]:
        """The wnid of each class; a place in it is what arrays call `label`."""
        classes: list[str] = self.taxonomy["classes"]
        return classes

    @property
    def n_classes(self) -> int:
        return len(self.classes)

    @property
    def folder(self) -> str:
        """Where its files lie in the private storage."""
        return (self.manifest.name or "").rpartition("/")[0]

    def open(self, name: str) -> BinaryIO:
        """Open one of its files for reading: manifest, remainder or votes."""
        return cast(BinaryIO, private_storage().open(getattr(self, name).name, "rb"))

    def rows(self) -> Iterator[ManifestRow]:
        """Yield the manifest's rows, test labels included: for training and scoring, never for a page."""
        with self.open("manifest") as file:
            yield from read_rows(ManifestRow, file)

    def remainder_rows(self) -> Iterator[RemainderRow]:
        """Yield what was settled and is in no class, secret labels included: never for a page."""
        if self.remainder:
            with self.open("remainder") as file:
                yield from read_rows(RemainderRow, file)

    def vote_rows(self) -> Iterator[VoteRow]:
        """Yield the votes that were frozen with it, by picture; none where none were wanted."""
        if self.votes:
            with self.open("votes") as file:
                yield from read_rows(VoteRow, file)

    def sides(self) -> list[int]:
        """Return the shorter side of some pictures of its collection, in pixels: the first that came in."""
        questions = Question.objects.filter(collection=self.collection_id).order_by("pk")
        return [min(size) for size in questions.values_list("image__width", "image__height")[:MEASURED]]

    def withdrawn(self) -> set[str]:
        """Return the SHA-256 of those of its pictures that have been withdrawn since: their rows stay, and nothing
        shows them or learns from them. The manifest is read only where the collection has such a picture.
        """
        hashes = self.withdrawn_here()
        return {row.sha256 for row in self.rows() if row.sha256 in hashes} if hashes else hashes

    def withdrawn_here(self) -> set[str]:
        """Return the SHA-256 of the pictures of its collection that are withdrawn, whether they are in it or not."""
        # By the few that are withdrawn, and not by all of the collection's.
        asked = Question.objects.filter(image=OuterRef("pk"), collection=self.collection_id)
        gone = Image.objects.withdrawn().filter(Exists(asked))
        return set(gone.values_list("sha256", flat=True))

    def sensitive_classes(self) -> models.QuerySet[Synset]:
        """Return its classes that have been marked sensitive since: no page shows them, no network learns them."""
        return Synset.objects.filter(wnid__in=self.classes, is_sensitive=True)
