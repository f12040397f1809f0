"""What collections and labels are before and after each change of the taxonomy."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.models.collections import Collection, Narrowing
from labeling.models.fits import ConsensusFit
from labeling.models.questions import Question
from taxonomy.models import Draft, Synset


class Reclass(models.Model):
    """What a collection asks for before and after a change of the taxonomy; kept, so that undo is exact."""

    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="reclasses")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    root_before = models.ForeignKey(Synset, on_delete=models.PROTECT, related_name="+")
    root_after = models.ForeignKey(Synset, on_delete=models.PROTECT, related_name="+")
    before = models.JSONField(help_text=_("The wnids of its classes, in their order."))
    after = models.JSONField()
    fit = models.JSONField(
        null=True, help_text=_("What a fit over the classes after found, where there is one.")
    )
    known_before = models.JSONField(
        null=True,
        help_text=_(
            "The fit before it, and what was known of annotators by that; empty where it made no other."
        ),
    )
    moved = models.JSONField(help_text=_("The primary keys of the nouns that count as others after it."))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draft", "collection"], name="labeling_reclass_once"),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: {len(self.before)} to {len(self.after)} classes"


class Relabel(models.Model):
    """What one question's label is before and after a change of the taxonomy; kept, so that undo is exact."""

    ANSWER = ("label", "confidence", "state", "fit", "narrowing")  # what is kept of a question

    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="relabels")
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="relabels")
    n_votes = models.PositiveIntegerField(
        help_text=_("Of the question; with another number it is decided anew.")
    )
    label_before = models.ForeignKey(Synset, on_delete=models.PROTECT, null=True, related_name="+")
    confidence_before = models.FloatField(null=True)
    state_before = models.CharField(max_length=9, choices=Question.State)
    fit_before = models.ForeignKey(ConsensusFit, on_delete=models.SET_NULL, null=True, related_name="+")
    narrowing_before = models.ForeignKey(Narrowing, on_delete=models.PROTECT, null=True, related_name="+")
    label_after = models.ForeignKey(Synset, on_delete=models.PROTECT, null=True, related_name="+")
    confidence_after = models.FloatField(null=True)
    state_after = models.CharField(max_length=9, choices=Question.State)
    fit_after = models.ForeignKey(ConsensusFit, on_delete=models.SET_NULL, null=True, related_name="+")
    narrowing_after = models.ForeignKey(Narrowing, on_delete=models.PROTECT, null=True, related_name="+")
    is_fitted = models.BooleanField(default=False, help_text=_("The change's own fit decided it."))
    is_restored = models.BooleanField(default=False, help_text=_("It is as it was before what is undone."))
    is_narrowed = models.BooleanField(default=False, help_text=_("The change makes its narrowing."))
    is_flip = models.BooleanField(
        default=False, help_text=_("Another label than the old one's noun of today.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draft", "question"], name="labeling_relabel_once"),
        ]

    def __str__(self) -> str:
        return f"{self.question}: {self.label_before} to {self.label_after}"
