"""How sure a label of each noun has to be, as a starter set told; see labeling.starting."""

from collections.abc import Mapping

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from labeling.models.collections import Collection
from taxonomy.models import Synset


class TargetManager(models.Manager["Target"]):
    @transaction.atomic
    def replace(self, collection: Collection, of_noun: Mapping[int | None, tuple[float, int]]) -> None:
        """Keep how sure labels have to be, instead of what was kept before: for each noun, by its key, or for all
        together, None, the shift and the starter questions that it rests on.
        """
        self.filter(collection=collection).delete()
        rows = (
            Target(collection=collection, noun_id=noun, shift=shift, n_starters=n)
            for noun, (shift, n) in of_noun.items()
        )
        self.bulk_create(rows, batch_size=500)


class Target(models.Model):
    """How much surer than the collection's target a label of one noun has to be, or of all; see labeling.targets."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="targets")
    noun = models.ForeignKey(
        Synset, on_delete=models.CASCADE, null=True, related_name="+", help_text=_("Empty: all together.")
    )
    shift = models.FloatField(
        help_text=_("By how much the ln odds of its target are above those of the collection’s.")
    )
    n_starters = models.PositiveIntegerField(help_text=_("Starter questions that it rests on."))

    objects = TargetManager()

    class Meta:
        constraints = [
            models.UniqueConstraint("collection", Coalesce("noun", 0), name="labeling_target_once"),
            models.CheckConstraint(condition=Q(shift__gte=0), name="labeling_target_never_below"),
        ]

    def __str__(self) -> str:
        return f"{self.collection}, {self.noun or 'all'}: {self.confidence:.4f}"

    @property
    def confidence(self) -> float:
        """From which confidence a label settles."""
        return self.collection.policy.shifted(self.shift).target_confidence

    @property
    def percent(self) -> float:
        return 100 * self.confidence
