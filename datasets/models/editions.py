"""What may be downloaded of a snapshot as long as the same rows are held back."""

from datetime import timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.clock import silent
from config.storage import private_storage
from datasets import formats
from datasets.manifest import json_seal
from datasets.models.snapshots import Snapshot

VOTES = "votes.parquet"  # the snapshot's own file: all of it may be known
LOST_AFTER = timedelta(minutes=5)  # without a word from who works out checksums


class EditionQuerySet(models.QuerySet["Edition"]):
    def now(self, snapshot: Snapshot) -> "Edition | None":
        """Return the edition with what is to be held back today; None where it has not been made yet."""
        return self.filter(snapshot=snapshot, key=held_back_key(*held_back(snapshot))).first()

    def unsummed(self) -> Self:
        """Those with archives whose checksums are not all worked out, and nobody is at it."""
        return self.filter(Q(summing_at=None) | silent("summing_at", LOST_AFTER), summed_at=None)

    def claim_unsummed(self) -> "Edition | None":
        """Take the latest of these upon oneself; None if there is none."""
        for pk in self.unsummed().values_list("pk", flat=True)[:10]:
            # One UPDATE both checks and takes it, so two workers do not work out the same.
            if self.unsummed().filter(pk=pk).update(summing_at=timezone.now()):
                return self.select_related("snapshot__collection").get(pk=pk)
        return None


def held_back(snapshot: Snapshot) -> tuple[set[str], set[str]]:
    """Return what is held back of a snapshot today: pictures of its collection by their SHA-256, classes by wnid."""
    return snapshot.withdrawn_here(), set(snapshot.sensitive_classes().values_list("wnid", flat=True))


def held_back_key(withdrawn: set[str], sensitive: set[str]) -> str:
    """Return the name of the edition that holds these back, as archives are laid out today."""
    return json_seal([sorted(withdrawn), sorted(sensitive), formats.LAYOUT])


class Edition(models.Model):
    """The public files of a snapshot with some rows held back: its first one, and one for each later withdrawal."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="editions")
    key = models.CharField(
        max_length=64, help_text="SHA-256 of what is held back and how archives are laid out."
    )
    files = models.JSONField(help_text="Size and SHA-256 of each file that is kept, by its name.")
    n_held_back = models.PositiveIntegerField(default=0, help_text="Rows of the snapshot that are left out.")
    archives = models.JSONField(
        default=list, help_text="Name, size, media type, number of pictures and purpose of each archive."
    )
    memo = models.JSONField(default=dict, help_text="Where things lie in its archives: see datasets.formats.")
    sums = models.JSONField(
        default=dict, help_text="SHA-256 of each archive, by its name, as far as they are worked out."
    )
    summing_at = models.DateTimeField(
        null=True, help_text="When somebody who works them out was last heard of."
    )
    summed_at = models.DateTimeField(null=True, help_text="When all were worked out.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EditionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["snapshot", "key"], name="datasets_edition_once")]

    def __str__(self) -> str:
        return f"{self.snapshot}, edition {self.key[:8]}"

    def stored_as(self, name: str) -> str:
        """Return where its file of this name lies in the private storage."""
        if name == VOTES:
            return self.snapshot.votes.name or ""
        return f"{self.snapshot.folder}/{self.key[:16]}/{name}"

    def keep_sum(self, name: str, sha256: str) -> None:
        """Note the checksum of one archive."""
        self.sums[name] = sha256
        Edition.objects.filter(pk=self.pk).update(sums=self.sums, summing_at=timezone.now())

    def still_summing(self) -> None:
        """Say that whoever works out its checksums lives."""
        Edition.objects.filter(pk=self.pk).update(summing_at=timezone.now())

    def all_summed(self) -> None:
        self.summed_at = timezone.now()
        Edition.objects.filter(pk=self.pk).update(summed_at=self.summed_at)

    def open(self, name: str) -> Any:
        """Open its file of this name for reading."""
        return private_storage().open(self.stored_as(name), "rb")
