"""What was learnt from a collection's votes: of the crowd as a whole, and of each annotator."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from labeling import consensus
from labeling.models.collections import ClassesChangedError, Collection
from labeling.parameters import pack, unpack
from taxonomy.models import Change


class ConsensusFitManager(models.Manager["ConsensusFit"]):
    @transaction.atomic
    def keep(self, collection: Collection, **fields: Any) -> "ConsensusFit":
        """Keep the parameters of a fit as the collection's latest, from which votes go on."""
        fit = self.create(collection=collection, taxonomy_version=Change.objects.version(), **fields)
        Collection.objects.filter(pk=collection.pk).update(latest_fit=fit)
        collection.latest_fit = fit
        self._thin(fit)
        return fit

    def _thin(self, fit: "ConsensusFit") -> None:
        """Forget what the fit before the last one had learnt: 5 MB of a thousand classes. Votes go on from the latest
        alone, the one before stays for whoever has just begun to read it. Over other classes it stays too, since a
        change of the nouns may be undone.
        """
        latest = self.filter(collection=fit.collection_id).order_by("-pk").defer("parameters")
        third = latest[2:3].first()
        if third and third.classes == fit.classes:
            self.filter(pk=third.pk).update(parameters={})


class ConsensusFit(models.Model):
    """One refit of a collection's consensus: the parameters that made its labels; {} once they are forgotten."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="fits")
    classes = models.JSONField(help_text=_("The wnid of each class index, or absent and present."))
    parameters = models.JSONField()
    n_votes = models.PositiveIntegerField()
    log_likelihood = models.FloatField()
    taxonomy_version = models.PositiveIntegerField()
    network = models.ForeignKey(
        "Network",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Whose reliability it measured, if one has said enough for that."),
    )
    heard_at = models.DateTimeField(
        null=True, blank=True, help_text=_("Up to when it knows what networks said.")
    )
    uses_predictions = models.BooleanField(default=False, help_text=_("That network helped to decide."))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConsensusFitManager()

    class Meta:
        get_latest_by = "pk"

    def __str__(self) -> str:
        return f"{self.collection}, fit {self.pk}"

    def reorder(self, classes: list[str]) -> None:
        """Keep the same parameters with the classes in another order."""
        parameters = consensus.Parameters.from_json(self.parameters)
        order = [self.classes.index(name) for name in classes]
        self.parameters, self.classes = parameters.reordered(order).to_json(), classes
        self.save(update_fields=["classes", "parameters"])
        skills = list(Skill.objects.filter(fit=self, confusion__isnull=False))
        for skill in skills:
            own = skill.own_confusion()
            if own is not None:
                skill.confusion = pack(own[np.ix_(order, order)])
        Skill.objects.bulk_update(skills, ["confusion"], batch_size=500)

    def refuse_other_classes(self) -> None:
        """Raise ClassesChangedError unless votes are still weighed over the classes of this fit. Where those do not
        name nouns, any change of the taxonomy counts: it may turn what questions are about.
        """
        collection = Collection.objects.get(pk=self.collection_id)
        has_turned = collection.is_verifying and Change.objects.version() != self.taxonomy_version
        if has_turned or collection.fitted_names(collection.judged_classes()) != self.classes:
            raise ClassesChangedError(
                f"Expected the classes of {self}; found that a change of the taxonomy gave it others."
            )


# What is known of one annotator: their key, pseudo-votes right and wrong, and their own confusion, packed, if any.
Known = tuple[int, float, float, bytes | None]


def learnt(annotators: Sequence[int], found: consensus.Start) -> Iterator[Known]:
    """Yield what a fit has learnt of its annotators; `annotators`: their keys, by place."""
    # Who has no vote that counts comes last, and of them nothing was learnt.
    for place, (annotator, (right, wrong)) in enumerate(zip(annotators, found.skill.tolist(), strict=False)):
        own = found.own.get(place)
        yield annotator, right, wrong, None if own is None else pack(own)


def known_as_json(known: Iterable[Known]) -> list[list[Any]]:
    return [[*row, own and b64encode(own).decode()] for *row, own in known]


def known_from_json(document: list[list[Any]]) -> list[Known]:
    """Return what `known_as_json` was given, without annotators that are gone."""
    there = set(User.objects.filter(pk__among=[who for who, *_row in document]).values_list("pk", flat=True))
    return [(who, r, w, own and b64decode(own)) for who, r, w, own in document if who in there]


class SkillQuerySet(models.QuerySet["Skill"]):
    def keep(self, fit: ConsensusFit, known: Iterable[Known]) -> None:
        """Keep what a fit of a collection has learnt of annotators; others stay as they are."""
        Skill.objects.bulk_create(
            (
                Skill(
                    collection_id=fit.collection_id,
                    annotator_id=annotator,
                    right=right,
                    wrong=wrong,
                    fit=fit,
                    confusion=confusion,
                )
                for annotator, right, wrong, confusion in known
            ),
            batch_size=2000,
            update_conflicts=True,
            unique_fields=["collection", "annotator"],
            update_fields=["right", "wrong", "fit", "confusion"],
        )

    def known(self) -> Iterator[Known]:
        """Yield what is kept, in the order of the annotators."""
        rows = self.order_by("annotator").values_list("annotator", "right", "wrong", "confusion")
        for annotator, right, wrong, own in rows.iterator():
            yield annotator, right, wrong, None if own is None else bytes(own)

    def as_start(
        self, fit: int, annotators: Sequence[int], parameters: consensus.Parameters
    ) -> consensus.Start:
        """Return what a fit of theirs has learnt, for another to go on from: its parameters, and of these annotators,
        by place, what is known. Whoever is new is a newcomer.
        """
        place = {pk: i for i, pk in enumerate(annotators)}
        skill, own = np.tile(parameters.skill_prior, (len(annotators), 1)), {}
        for each in self.filter(annotator__among=annotators).iterator():
            skill[place[each.annotator_id]] = each.right, each.wrong
            confusion = each.own_confusion() if each.fit_id == fit else None
            if confusion is not None:
                own[place[each.annotator_id]] = confusion
        return consensus.Start(parameters, skill, own)


class Skill(models.Model):
    """How often one annotator is right in one collection: a Beta distribution, the crowd's prior included."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="skills")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    right = models.FloatField(help_text=_("Pseudo-votes that were right."))
    wrong = models.FloatField(help_text=_("Pseudo-votes that were wrong."))
    fit = models.ForeignKey(
        "ConsensusFit", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    confusion = models.BinaryField(
        null=True,
        help_text=_("Of whoever has votes enough: P(observed | truth) over the classes of the fit, float32."),
    )

    objects = SkillQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "annotator"], name="labeling_skill_once"),
            models.CheckConstraint(condition=Q(right__gt=0, wrong__gt=0), name="labeling_skill_above_zero"),
        ]
        indexes = [
            models.Index(
                fields=["fit"], condition=Q(confusion__isnull=False), name="labeling_own_confusions"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.mean:.2f}"

    @property
    def mean(self) -> float:
        return self.right / (self.right + self.wrong)

    def own_confusion(self) -> consensus.Floats | None:
        """Return their confusion, (n_classes, n_classes), [truth, observed], rows summing to 1, or None."""
        if self.confusion is None:
            return None
        rows = unpack(bytes(self.confusion))
        found: consensus.Floats = rows / rows.sum(axis=1, keepdims=True)
        return found
