"""The pictures."""

from typing import Self

from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from labeling.splits import SPLITS


class ImageQuerySet(models.QuerySet["Image"]):
    def shown(self) -> Self:
        return self.filter(withdrawn_at=None)

    def withdrawn(self) -> Self:
        return self.filter(withdrawn_at__isnull=False)


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

    class Meta:
        indexes = [
            models.Index(
                fields=["withdrawn_at"], condition=Q(withdrawn_at__isnull=False), name="labeling_withdrawn"
            ),
        ]

    def __str__(self) -> str:
        return self.sha256[:12]

    def get_absolute_url(self) -> str:
        return reverse("labeling:picture", args=[self.sha256])

    def get_about_url(self) -> str:
        return reverse("labeling:about", args=[self.sha256])

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
