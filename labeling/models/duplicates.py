"""Pairs of pictures of one collection that look alike, until whoever keeps it has decided about them."""

from collections.abc import Collection as Several
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from labeling.likeness import nearest_earlier
from labeling.models.collections import Collection
from labeling.models.images import Image

# Earlier pictures that one is kept beside, the nearest first: a thousand frames of one film are 16,000 pairs, not
# half a million.
MOST_NEAR = 16


class NearDuplicateQuerySet(models.QuerySet["NearDuplicate"]):
    def find(self, collection: Collection, images: Several[int]) -> list[tuple[int, int]]:
        """Look for what in `collection` looks like each of `images`, which have just come in, and remember it.

        Call it when others can see them, so that of two intakes at once the later one finds their pair.
        Return (image, other) of each, by primary key.
        """
        rows = Image.objects.filter(pk__in=images).values_list("pk", "perceptual_hash")
        hashes = {pk: value for pk, value in rows if value is not None}
        found = Image.objects.near_each(hashes)
        if not found:
            return []
        others = Image.objects.shown().filter(
            pk__in={other for _image, other, _distance in found}, questions__collection=collection
        )
        here = set(others.values_list("pk", flat=True))
        found = [pair for pair in found if pair[1] in here]
        NearDuplicate.objects.bulk_create(
            [
                NearDuplicate(collection=collection, image_id=image, other_id=other, distance=distance)
                for image, other, distance in nearest_earlier(found, MOST_NEAR)
            ],
            ignore_conflicts=True,
        )
        return [(image, other) for image, other, _distance in found]

    def undecided(self) -> Self:
        """Those that wait for a decision, what is most alike first."""
        shown = self.filter(kept_at=None, image__withdrawn_at=None, other__withdrawn_at=None)
        return shown.order_by("distance", "-pk")

    def keep(self) -> int:
        """Let both pictures of each pair stand; return how many pairs that decided."""
        return self.filter(kept_at=None).update(kept_at=timezone.now())


class NearDuplicate(models.Model):
    """Two pictures of a collection that look alike: one, and one that came in before it."""

    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, db_index=False, related_name="near_duplicates"
    )
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="+")
    distance = models.PositiveSmallIntegerField(help_text="In how many bits their perceptual hashes differ.")
    kept_at = models.DateTimeField(null=True, blank=True, help_text="When it was decided that both stay.")

    objects = NearDuplicateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "image", "other"], name="labeling_near_duplicate_once"
            ),
            models.CheckConstraint(
                condition=Q(image__gt=F("other")), name="labeling_near_duplicate_later_first"
            ),
        ]
        indexes = [
            models.Index(
                fields=["collection", "distance", "-id"],
                condition=Q(kept_at=None),
                name="labeling_near_undecided",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image} and {self.other}"
