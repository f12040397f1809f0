"""What a collection says is to be trained on each of its snapshots."""

from django.conf import settings
from django.db import models
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from labeling.models import Collection
from training.models.runs import DEFAULT_SIZE_PX


class TrainingPolicyQuerySet(models.QuerySet["TrainingPolicy"]):
    def say(
        self, collection: Collection, author: User, networks: list[str], size_px: int
    ) -> "TrainingPolicy":
        """Have these networks trained on every snapshot of `collection` that is yet to come."""
        latest = collection.snapshots.aggregate(number=Max("number"))["number"] or 0
        policy, _is_new = self.update_or_create(
            collection=collection,
            defaults={"networks": networks, "size_px": size_px, "after": latest, "author": author},
        )
        return policy


class TrainingPolicy(models.Model):
    """Networks that are trained by their usual recipes on each new snapshot of a collection."""

    collection = models.OneToOneField(Collection, on_delete=models.CASCADE, related_name="training_policy")
    networks = models.JSONField(default=list, help_text=_("Names of networks."))
    size_px = models.PositiveSmallIntegerField(default=DEFAULT_SIZE_PX)
    after = models.PositiveIntegerField(
        default=0, help_text=_("Snapshots of higher numbers than this one are trained on.")
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)

    objects = TrainingPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "training policies"

    def __str__(self) -> str:
        return f"{self.collection}: {', '.join(self.networks)}"
