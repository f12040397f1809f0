"""What trained networks say of pictures, and where people were asked again because one says otherwise."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import Count, F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from labeling import network
from labeling.consensus import Floats
from labeling.models.choices import Choices
from labeling.models.collections import Collection
from labeling.models.questions import Question
from labeling.splits import TRAIN
from taxonomy.models import Synset

MOST_KEPT = 8  # nouns of one prediction
KEPT_SHARE = 0.9995  # of a prediction, in as many nouns as it takes; the others are its rest
DIGITS = 6


class NetworkQuerySet(models.QuerySet["Network"]):
    def of(self, collection: Collection) -> Self:
        """Those that have said something of the pictures of `collection`, the one that last did first."""
        return self.heard().filter(collection=collection).order_by("-heard_at", "-pk")

    def heard(self) -> Self:
        """Those that have said something, and not only were named by somebody who disputes a label."""
        return self.filter(heard_at__isnull=False)

    def called(self, collection: Collection, name: str) -> "Network":
        """Return the one of this name, though it may have said nothing yet."""
        named, _is_new = self.get_or_create(collection=collection, name=name)
        return named

    def hear(self, collection: Collection, name: str) -> "Network":
        """Return the one of this name, which says something just now."""
        heard, _is_new = self.update_or_create(
            collection=collection, name=name, defaults={"heard_at": timezone.now()}
        )
        return heard

    def unheeded(self) -> models.QuerySet[Collection]:
        """Return the collections with votes whose latest fit does not know what a network last said, or followed
        another policy about predictions.
        """
        fit = "collection__latest_fit__"
        behind = (
            Q(collection__latest_fit=None)
            | Q(**{f"{fit}heard_at": None})
            | Q(heard_at__gt=F(f"{fit}heard_at"))
            | ~Q(**{f"{fit}uses_predictions": F("collection__uses_predictions")})
        )
        voted = Collection.objects.filter(pk__in=self.heard().filter(behind).values("collection"))
        return voted.filter(questions__n_votes__gt=0).distinct().order_by("pk")


class Network(models.Model):
    """A trained network that says what the pictures of one collection show."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="networks")
    name = models.CharField(max_length=100, help_text=_("Which network: a run's name, or any words."))
    heard_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("When it last said something; empty where somebody only disputed labels by it."),
    )

    objects = NetworkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "name"], name="labeling_network_once"),
        ]

    def __str__(self) -> str:
        return self.name


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def replace(self, predictions: Iterable[Any]) -> None:
        """Keep these, each in place of what a network said of the same picture before."""
        self.bulk_create(
            predictions,
            batch_size=2000,
            update_conflicts=True,
            unique_fields=["question"],
            update_fields=["network", "likeliest", "use", "made_at"],
        )

    def helping(self, asked: Mapping[int, Choices]) -> dict[int, Floats]:
        """Return ln q, (n_classes,), by question, of those of `asked` that a network helps to decide; each with
        what it is decided among. One query; none where the latest fit let no network help.
        """
        by_network: dict[int, list[int]] = {}
        for question, choices in asked.items():
            if choices.network is not None:
                by_network.setdefault(choices.network, []).append(question)
        found = {}
        for pk, questions in by_network.items():
            said = self.filter(network=pk, use=Prediction.Use.HELPS, pk__in=questions)
            for question, likeliest in said.values_list("pk", "likeliest"):
                found[question] = log_of(asked[question].foretold(likeliest))
        return found


def log_of(q: Floats) -> Floats:
    """Return ln of a network's probabilities, (n_classes,) or (n, n_classes), none of which is taken for nothing."""
    floored = np.maximum(q, network.SMALLEST)
    found: Floats = np.log(floored / floored.sum(axis=-1, keepdims=True))
    return found


class Prediction(models.Model):
    """What a network says of one question's picture: its likeliest nouns. What is left of it is shared out evenly
    among the others when it is read, so a prediction over a thousand nouns takes no more room than one over ten.
    Nouns follow the taxonomy as votes do: each counts as what it is today.
    """

    class Use(models.TextChoices):
        """What it may be used for beside disputing a label; see docs/decisions/0017-a-networks-word.md."""

        HELPS = "helps", _("may help to decide")
        MEASURES = "measures", _("measures the network")  # in the parts by which networks are measured
        LEARNT = "learnt", _("learnt by heart")  # from this picture's label: no evidence of its own

    question = models.OneToOneField(
        Question, on_delete=models.CASCADE, primary_key=True, related_name="prediction"
    )
    network = models.ForeignKey(Network, on_delete=models.CASCADE, related_name="predictions")
    likeliest = models.JSONField(help_text=_("The keys of nouns, each with its probability."))
    use = models.CharField(max_length=8, choices=Use)
    made_at = models.DateTimeField(default=timezone.now)

    objects = PredictionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.network} on question {self.question_id}"

    @classmethod
    def of(
        cls, heard: Network, question: int, split: str, probability: Mapping[int, float], *, is_learnt: bool
    ) -> Self:
        """Make one of the probabilities of nouns, by their keys: above 0, and 1 at most together.

        split: of its picture. is_learnt: the network learnt from this picture's label.
        """
        use = cls.Use.LEARNT if is_learnt else cls.Use.HELPS if split == TRAIN else cls.Use.MEASURES
        return cls(
            question_id=question,
            network=heard,
            likeliest=likeliest(probability),
            use=use,
            made_at=timezone.now(),
        )


def likeliest(probability: Mapping[int, float]) -> list[list[float]]:
    """Return the nouns that are kept of these, the likeliest first, with their probabilities."""
    ranked = sorted(probability.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_KEPT]
    kept, total = [], 0.0
    for noun, share in ranked:
        if total >= KEPT_SHARE or round(share, DIGITS) <= 0:
            break
        kept.append([noun, round(share, DIGITS)])
        total += share
    return kept


class Finding(models.TextChoices):
    """What came of it that people were asked again."""

    OPEN = "open", _("being asked again")
    UPHELD = "upheld", _("upheld")
    CHANGED = "changed", _("changed")
    UNDECIDED = "undecided", _("given up as undecided")


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def unanswered(self) -> Self:
        """Those on whose question nobody has voted since."""
        return self.filter(question__n_votes__lte=F("n_votes"))

    def by_networks(self) -> Self:
        """Those that networks found by themselves, and nobody picked out."""
        return self.filter(asked_by=None)

    def pending(self) -> Self:
        """Those that people have not decided yet."""
        return self.filter(Q(question__n_votes__lte=F("n_votes")) | Q(question__state=Question.State.OPEN))

    def findings(self) -> dict[str, int]:
        """Return how many of these came to each finding."""
        columns = ("question__state", "label", "question__label", "is_answered")
        answered = models.ExpressionWrapper(
            Q(question__n_votes__gt=F("n_votes")), output_field=models.BooleanField()
        )
        groups = self.annotate(is_answered=answered).order_by().values_list(*columns).annotate(n=Count("pk"))
        becomes = Synset.objects.resolution()
        found: Counter[str] = Counter()
        for state, label, today, is_answered, n in groups:
            found[finding_of(state, becomes.get(label, label), today, is_answered=is_answered)] += n
        return {each.value: found[each] for each in Finding}

    def shown(self) -> Self:
        """Those that pages may tell of, the newest first; each with what is told of it."""
        visible = self.filter(question__image__withdrawn_at=None)
        of_question = ("question__collection", "question__image", "question__label", "question__about")
        related = (*of_question, "network", "label", "claim")
        return visible.select_related(*related).order_by("-pk")


def finding_of(state: str, before: int | None, today: int | None, *, is_answered: bool) -> Finding:
    """Return what came of a dispute over the label `before`, as it counts today; a question is labelled `today`."""
    if state == Question.State.OPEN or not is_answered:
        return Finding.OPEN
    if state == Question.State.ABSENT:  # it was settled as showing its noun
        return Finding.CHANGED
    if state != Question.State.SETTLED:
        return Finding.UNDECIDED
    return Finding.UPHELD if before == today else Finding.CHANGED


class Dispute(models.Model):
    """A settled question that was asked again since a network is sure of another class; once for each network.

    Networks find such labels by themselves, or somebody who looked at what one says asks again by hand.
    """

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="disputes")
    network = models.ForeignKey(Network, on_delete=models.CASCADE, related_name="disputes")
    label = models.ForeignKey(
        Synset, on_delete=models.PROTECT, related_name="+", help_text=_("What it was settled as.")
    )
    claim = models.ForeignKey(
        Synset, on_delete=models.PROTECT, related_name="+", help_text=_("What the network says.")
    )
    probability = models.FloatField(
        help_text=_(
            "Of what the network says, read by what it has proved reliable for; as it says it where somebody asked."
        )
    )
    n_votes = models.PositiveIntegerField(help_text=_("That it had."))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Who asked again by hand; empty where the network was heeded by itself."),
    )
    made_at = models.DateTimeField(auto_now_add=True)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["question", "network"], name="labeling_dispute_once"),
        ]

    def __str__(self) -> str:
        return f"{self.network} on question {self.question_id}: {self.claim}, not {self.label}"

    @property
    def finding(self) -> Finding:
        """What came of it, as its question's row says."""
        return self.came_to(Synset.objects.resolution())

    def came_to(self, becomes: Mapping[int, int | None]) -> Finding:
        """The same for whoever knows what retired nouns count as, as Synset.objects.resolution() gives it."""
        question, before = self.question, becomes.get(self.label_id, self.label_id)
        is_answered = question.n_votes > self.n_votes
        return finding_of(question.state, before, question.label_id, is_answered=is_answered)
