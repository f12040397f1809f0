"""What collections and labels are before and after each change of the taxonomy."""

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.sql import run
from labeling.models.collections import Collection, Narrowing
from labeling.models.fits import ConsensusFit
from labeling.models.questions import Question
from labeling.models.sql import among, keys
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


class RelabelQuerySet(models.QuerySet["Relabel"]):
    def write_labels(self, draft: Draft, collection: Collection, late: Iterable[int]) -> None:
        """Give the collection's questions what the draft prepared for them, but for those that are `late`.

        One that is asked about from now on is given a place, or as many as a narrowing needs, unless it has some or
        somebody is on the way. One statement, since votes wait for its end.
        """
        columns = [f"{name}_id" if name in Relabel.LINKS else name for name in Relabel.ANSWER]
        after = [f"{name}_after_id" if name in Relabel.LINKS else f"{name}_after" for name in Relabel.ANSWER]
        written = ", ".join(f"{column} = r.{new}" for column, new in zip(columns, after, strict=True))
        run(
            f"""
            UPDATE labeling_question SET {written}, open_places = CASE
                WHEN r.state_after <> 'open' THEN 0
                WHEN labeling_question.open_places > 0 THEN labeling_question.open_places
                WHEN EXISTS (SELECT 1 FROM labeling_lease l WHERE l.question_id = labeling_question.id) THEN 0
                WHEN r.narrowing_after_id IS NULL THEN 1
                ELSE %s END
            FROM labeling_relabel r
            WHERE r.question_id = labeling_question.id AND r.draft_id = %s
                AND labeling_question.collection_id = %s AND NOT {among("r.question_id")}""",
            [collection.min_votes, draft.pk, collection.pk, keys(late)],
        )


class Relabel(models.Model):
    """What one question's label is before and after a change of the taxonomy; kept, so that undo is exact."""

    ANSWER = ("label", "confidence", "state", "fit", "narrowing")  # what is kept of a question
    LINKS = ("label", "fit", "narrowing")  # to rows

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

    objects = RelabelQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draft", "question"], name="labeling_relabel_once"),
        ]

    def __str__(self) -> str:
        return f"{self.question}: {self.label_before} to {self.label_after}"
