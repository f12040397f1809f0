"""What a collection says is to be trained on each of its snapshots."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.models import Collection
from training.models.runs import DEFAULT_SIZE_PX


class TrainingPolicy(models.Model):
    """Networks that are trained by their usual recipes on each new snapshot of a collection."""

    collection = models.OneToOneField(Collection, on_delete=models.CASCADE, related_name="training_policy")
    networks = models.JSONField(default=list, help_text=_("Names of networks."))
    size_px = models.PositiveSmallIntegerField(default=DEFAULT_SIZE_PX)
    after = models.PositiveIntegerField(
        default=0, help_text=_("Snapshots of higher numbers than this one are trained on.")
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)

    class Meta:
        verbose_name_plural = "training policies"

    def __str__(self) -> str:
        return f"{self.collection}: {', '.join(self.networks)}"
