"""What may be downloaded of a snapshot as long as the same rows are held back."""

from typing import Any, Self

from django.db import models

from config.storage import private_storage
from datasets.manifest import json_seal
from datasets.models.snapshots import Snapshot


class EditionQuerySet(models.QuerySet["Edition"]):
    def now(self, snapshot: Snapshot) -> "Edition | None":
        """Return the edition with what is to be held back today; None where it has not been made yet."""
        return self.filter(snapshot=snapshot, key=held_back_key(*held_back(snapshot))).first()

    def without_sums(self) -> Self:
        """Those whose archives nobody has worked out the checksums of."""
        return self.filter(sums=None)


def held_back(snapshot: Snapshot) -> tuple[set[str], set[str]]:
    """Return what is held back of a snapshot today: pictures of its collection by their SHA-256, classes by wnid."""
    return snapshot.withdrawn_here(), set(snapshot.sensitive_classes().values_list("wnid", flat=True))


def held_back_key(withdrawn: set[str], sensitive: set[str]) -> str:
    """Return the name of the edition that holds these back."""
    return json_seal([sorted(withdrawn), sorted(sensitive)])


class Edition(models.Model):
    """The public files of a snapshot with some rows held back: its first one, and one for each later withdrawal."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="editions")
    key = models.CharField(max_length=64, help_text="SHA-256 of what is held back.")
    files = models.JSONField(help_text="Size and SHA-256 of each file that is kept, by its name.")
    n_held_back = models.PositiveIntegerField(default=0, help_text="Rows of the snapshot that are left out.")
    sums = models.JSONField(
        null=True, help_text="SHA-256 of each archive, by its name; empty until they are worked out."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EditionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["snapshot", "key"], name="datasets_edition_once")]

    def __str__(self) -> str:
        return f"{self.snapshot}, edition {self.key[:8]}"

    def stored_as(self, name: str) -> str:
        """Return where its file of this name lies in the private storage."""
        return f"{self.snapshot.folder}/{self.key[:16]}/{name}"

    def open(self, name: str) -> Any:
        """Open its file of this name for reading."""
        return private_storage().open(self.stored_as(name), "rb")
