"""The pictures."""

from typing import Self

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from labeling.splits import SPLITS


class ImageQuerySet(models.QuerySet["Image"]):
    def shown(self) -> Self:
        return self.filter(withdrawn_at=None)


class Image(models.Model):
    """A checked picture. The SHA-256 of its stored bytes is its identity."""

    sha256 = models.CharField(max_length=64, unique=True)
    file = models.FileField(max_length=100)
    thumbnail = models.FileField(max_length=100, blank=True, help_text=_("Empty where the file is small."))
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    source = models.CharField(max_length=300, blank=True, help_text=_("Where it came from."))
    licence = models.CharField(max_length=100, blank=True)
    credit = models.CharField(max_length=200, blank=True)
    split = models.CharField(max_length=5, choices=[(name, name) for name in SPLITS])
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ImageQuerySet.as_manager()

    def __str__(self) -> str:
        return self.sha256[:12]

    def get_absolute_url(self) -> str:
        return reverse("labeling:picture", args=[self.sha256])

    def get_thumbnail_url(self) -> str:
        return reverse("labeling:thumbnail", args=[self.sha256])
