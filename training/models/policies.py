"""What a collection says is to be trained on each of its snapshots."""

import logging

from django.conf import settings
from django.core.cache import cache
from django.db import models
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from datasets.models import Snapshot
from labeling.models import Collection
from training.config import ConfigError
from training.models.runs import DEFAULT_SIZE_PX, Run, SensitiveNounsError

logger = logging.getLogger(__name__)

TOLD_EVERY_S = 86_400  # of what cannot be trained on


class TrainingPolicyQuerySet(models.QuerySet["TrainingPolicy"]):
    def follow(self) -> int:
        """Queue what these policies ask for and what is not there yet; return how many runs that is."""
        return sum(policy.follow() for policy in self.select_related("author"))

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

    def follow(self) -> int:
        """Queue each named network on each later snapshot that has no run of it; return how many runs that is."""
        snapshots = Snapshot.objects.filter(collection=self.collection_id, number__gt=self.after)
        there = set(Run.objects.filter(snapshot__in=snapshots).values_list("snapshot", "network"))
        wanted = [
            (snapshot, network)
            for snapshot in snapshots.order_by("number")
            for network in self.networks
            if (snapshot.pk, network) not in there
        ]
        return sum(self._enqueue(snapshot, network) for snapshot, network in wanted)

    def _enqueue(self, snapshot: Snapshot, network: str) -> bool:
        """Queue a run; False, and a line in the log once a day, if it cannot be trained."""
        try:
            Run.objects.enqueue_usual(snapshot, network, size_px=self.size_px, author=self.author)
        except (SensitiveNounsError, ConfigError) as error:
            if cache.add(f"training.policy.{self.pk}.{snapshot.pk}.{network}", True, TOLD_EVERY_S):
                logger.warning("%s is not followed: %s", self, error)
            return False
        return True
