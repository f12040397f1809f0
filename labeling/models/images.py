"""The pictures."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Self

import numpy as np
from django.db import models, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from labeling import likeness
from labeling.splits import SPLITS

MEASURED = 256  # pictures whose files are read before what was found is kept,
N_READERS = 8  # this many at a time: a file of S3 is mostly waited for

# Each third of a perceptual hash, as the database computes it.
_THIRDS = [f"((%(expressions)s >> {shift}) & {(1 << width) - 1})" for shift, width in likeness.THIRDS]


def _may_look_like(hashes: likeness.Hashes) -> RawSQL:
    """Return the condition that a third of a picture's hash is that of one of `hashes`, but for one bit.

    The numbers stand in the statement: SQLite uses no index of an expression whose numbers come as parameters, and
    Django takes ten times as long over thousands of those as the database does over the rows.
    """
    column = {"expressions": "labeling_image.perceptual_hash"}
    wanted = zip(_THIRDS, likeness.thirds_near(hashes), strict=True)
    one_is = (f"{third % column} IN ({','.join(map(str, values.tolist()))})" for third, values in wanted)
    return RawSQL(f"({' OR '.join(one_is)})", (), output_field=models.BooleanField())  # noqa: S611  # whole numbers


class PictureFileError(Exception):
    """The file of a picture is missing or is no longer what came in; the message names the picture."""


class ImageQuerySet(models.QuerySet["Image"]):
    def shown(self) -> Self:
        return self.filter(withdrawn_at=None)

    def withdrawn(self) -> Self:
        return self.filter(withdrawn_at__isnull=False)

    def near(self, image: "Image") -> Self:
        """Those that look like `image` and are not it: near duplicates of it."""
        hashes = {image.pk: image.perceptual_hash} if image.perceptual_hash is not None else {}
        return self.filter(pk__in=[other for _image, other, _distance in self.near_each(hashes)])

    def near_each(self, hashes: dict[int, int]) -> list[tuple[int, int, int]]:
        """Return (image, other, distance in bits) of each that looks like one of `hashes`, by primary key.

        One query for all of them. The database looks up what may; NumPy counts the bits that differ.
        """
        if not hashes:
            return []
        mine = np.array([*hashes.items()], dtype=np.int64).T
        found = list(self.filter(_may_look_like(mine[1])).values_list("pk", "perceptual_hash"))
        if not found:
            return []
        theirs = np.array(found, dtype=np.int64).T
        apart = likeness.distances(mine[1][:, None], theirs[1])  # (n_hashes, n_found)
        is_near = (apart <= likeness.NEAR) & (mine[0][:, None] != theirs[0])
        return [(int(mine[0, i]), int(theirs[0, j]), int(apart[i, j])) for i, j in np.argwhere(is_near)]

    def near_pairs(self) -> Iterator[tuple[int, int]]:
        """Yield the primary keys of every two of these that look alike, each pair once; 16 bytes a picture."""
        rows = self.exclude(perceptual_hash=None).order_by("pk").values_list("pk", "perceptual_hash")
        table = np.fromiter(chain.from_iterable(rows.iterator()), dtype=np.int64).reshape(-1, 2)
        keys, hashes = table.T
        for i, j in likeness.near_pairs(hashes):
            yield int(keys[i]), int(keys[j])

    def measure(self) -> int:
        """Find n_bytes and crc32 of those of these that came in before either was noted; return how many that were.

        Reads their files. What was found is kept batch by batch, so that stopping is safe and repeating goes on.
        Raises PictureFileError at a file that is missing or that holds other bytes than came in.
        """
        unmeasured = self.filter(crc32=None).order_by("pk")
        n_measured, last = 0, 0
        with ThreadPoolExecutor(N_READERS) as pool:
            while batch := list(dict.fromkeys(unmeasured.filter(pk__gt=last)[:MEASURED])):
                for image, found in zip(batch, pool.map(Image.read_sizes, batch), strict=True):
                    image.n_bytes, image.crc32 = found
                Image.objects.bulk_update(batch, ["n_bytes", "crc32"])
                n_measured, last = n_measured + len(batch), batch[-1].pk
        return n_measured

    def sent_as(self, hashes: Iterable[str]) -> dict[str, int]:
        """Return the primary key of each picture that was sent as bytes of one of these SHA-256, by that."""
        hashes = list(hashes)
        arrivals = Arrival.objects.filter(sha256__in=hashes, image__in=self.all())
        kept = self.filter(sha256__in=hashes)
        return dict(arrivals.values_list("sha256", "image")) | dict(kept.values_list("sha256", "pk"))


class Image(models.Model):
    """A checked picture. The SHA-256 of its stored bytes is its identity."""

    sha256 = models.CharField(max_length=64, unique=True)
    file = models.FileField(max_length=100)
    display = models.FileField(
        max_length=100, blank=True, help_text=_("To label by; empty where the file is small.")
    )
    thumbnail = models.FileField(max_length=100, blank=True, help_text=_("Empty where the file is small."))
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    source = models.CharField(max_length=300, blank=True, help_text=_("Where it came from."))
    licence = models.CharField(max_length=100, blank=True)
    credit = models.CharField(max_length=200, blank=True)
    split = models.CharField(max_length=5, choices=[(name, name) for name in SPLITS])
    perceptual_hash = models.BigIntegerField(
        null=True, blank=True, help_text=_("What it looks like; empty where it is too plain to tell.")
    )
    n_bytes = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text=_("Of the file; empty until it is measured, where it came in long ago."),
    )
    crc32 = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text=_("Of the file's bytes, as archives want it; empty together with their number."),
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ImageQuerySet.as_manager()

    class Meta:
        # A trigger (migration 23) keeps `sha256` and `split` of every row as they are.
        constraints = [
            models.CheckConstraint(
                condition=Q(n_bytes=None, crc32=None)
                | Q(n_bytes__isnull=False, n_bytes__gte=1, crc32__isnull=False, crc32__lt=2**32),
                name="labeling_image_measured_whole",
                violation_error_message=_("The number of bytes and their CRC-32 are known together."),
            ),
        ]
        indexes = [
            models.Index(
                fields=["withdrawn_at"], condition=Q(withdrawn_at__isnull=False), name="labeling_withdrawn"
            ),
            models.Index(fields=["id"], condition=Q(crc32=None), name="labeling_unmeasured"),
            *(
                models.Index(
                    models.Func(
                        models.F("perceptual_hash"), template=third, output_field=models.BigIntegerField()
                    ),
                    name=f"labeling_image_third_{i}",
                )
                for i, third in enumerate(_THIRDS)
            ),
        ]

    def __str__(self) -> str:
        return self.sha256[:12]

    def get_absolute_url(self) -> str:
        return reverse("labeling:picture", args=[self.sha256])

    def get_about_url(self) -> str:
        return reverse("labeling:about", args=[self.sha256])

    def read_sizes(self) -> tuple[int, int]:
        """Read its file; return the number of its bytes and their CRC-32.

        Raises PictureFileError where it is missing, or holds other bytes than came in.
        """
        n_bytes, crc32, sha256 = 0, 0, hashlib.sha256()
        try:
            with self.file.open() as file:
                for chunk in file.chunks():
                    n_bytes, crc32 = n_bytes + len(chunk), zlib.crc32(chunk, crc32)
                    sha256.update(chunk)
        except FileNotFoundError as error:
            raise PictureFileError(
                f"Picture {self.sha256}: expected the file {self.file.name}; found none."
            ) from error
        if sha256.hexdigest() != self.sha256:
            raise PictureFileError(
                f"Picture {self.sha256}: expected bytes of this SHA-256 in {self.file.name}; found "
                f"{n_bytes:,} bytes of {sha256.hexdigest()}."
            )
        return n_bytes, crc32

    def get_thumbnail_url(self) -> str:
        return reverse("labeling:thumbnail", args=[self.sha256])

    @transaction.atomic
    def withdraw(self) -> int:
        """Show and ask it nowhere any more; return how many leases that ended. Votes and labels stay as they are,
        out of sight, and so does its row in frozen manifests. Withdrawing twice does no harm.
        """
        Image.objects.shown().filter(pk=self.pk).update(withdrawn_at=timezone.now())
        self.refresh_from_db(fields=["withdrawn_at"])
        n_ended = 0
        for question in self.questions.order_by("pk"):
            # A lease before its question, as everybody locks them.
            n_ended += question.leases.all().delete()[0]
            type(question).objects.open().filter(pk=question.pk).update(open_places=0)
        return n_ended

    @transaction.atomic
    def put_back(self) -> None:
        """Undo a withdrawing: it is shown again, and asked where it was still being asked."""
        Image.objects.withdrawn().filter(pk=self.pk).update(withdrawn_at=None)
        self.refresh_from_db(fields=["withdrawn_at"])
        for question in self.questions.open().select_related("collection").order_by("pk"):
            wanted = max(1, question.collection.min_votes - question.n_votes)
            free = type(question).objects.open().filter(pk=question.pk, open_places=0, leases=None)
            free.update(open_places=wanted)

    def get_display_url(self) -> str:
        return reverse("labeling:display", args=[self.sha256])


class Arrival(models.Model):
    """Bytes that came in and are kept as others, turned upright or stripped, so that they need no second look."""

    sha256 = models.CharField(max_length=64, unique=True, help_text=_("Of what was sent."))
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="arrivals")

    def __str__(self) -> str:
        return f"{self.sha256[:12]}, kept as {self.image}"
