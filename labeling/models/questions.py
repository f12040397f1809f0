"""What is to be decided about each picture, and how its votes decide it."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Self

import numpy as np
from django.db import connection, models, transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling import consensus
from labeling.models.collections import Collection, ConsensusFit, Narrowing, Skill
from labeling.models.images import Image
from labeling.splits import TRAIN
from taxonomy.models import Change, Synset

REFIT_BATCH = 500  # questions that a refit locks at a time
FEED_SIZE = 200  # questions opened at a time; the window stays small beside a large collection


class QuestionQuerySet(models.QuerySet["Question"]):
    def open(self) -> Self:
        return self.filter(state=Question.State.OPEN)

    def settled(self) -> Self:
        return self.filter(state=Question.State.SETTLED)

    def labelled(self) -> Self:
        """The questions whose label stands: settled, or narrowed from a noun that is known to be right."""
        return self.filter(Q(state=Question.State.SETTLED) | Q(narrowing__isnull=False))

    def examples(self) -> Self:
        """Settled questions to show: no withdrawn picture, no sensitive noun, and none whose label may be a
        contest's secret.
        """
        shown = self.settled().filter(image__withdrawn_at=None, image__split=TRAIN, label__is_sensitive=False)
        return shown.select_related("image", "label")

    def feed(self, collection: Collection) -> int:
        """Open the next waiting questions of `collection`; return how many those are."""
        waiting = self.filter(collection=collection, state=Question.State.WAITING).order_by("position")
        # Two feeders at once take different questions instead of waiting for each other.
        found = waiting.select_for_update(skip_locked=True).values_list("pk", flat=True)[:FEED_SIZE]
        return Question.objects.filter(pk__in=list(found)).update(
            state=Question.State.OPEN, open_places=collection.min_votes
        )

    def reopen_forgotten(self) -> int:
        """Open a place on questions that wait for nobody: none is free and nobody is on the way, as after an
        annotator was deleted. Return how many those were.
        """
        return self.open().filter(leases=None, open_places=0).update(open_places=1)

    def counts(self) -> dict[str, int]:
        """Return how many questions are in each state, and the sum of their votes."""
        states = {f"n_{state.value}": Count("pk", filter=Q(state=state.value)) for state in Question.State}
        return self.aggregate(n_questions=Count("pk"), n_votes=Coalesce(models.Sum("n_votes"), 0), **states)

    def by_label(self) -> list[tuple[Synset, int]]:
        """Return each label of these questions that pages may show with its number of them, the most first."""
        rows = (
            self.filter(label__is_sensitive=False)
            .values_list("label")
            .annotate(n=Count("pk"))
            .order_by("-n", "label")
        )
        synsets = Synset.objects.in_bulk([label for label, _n in rows])
        return [(synsets[label], n) for label, n in rows]

    def accuracy(self) -> float | None:
        """Return the share of settled questions with a known answer whose label is that answer."""
        known = self.settled().exclude(truth=None)
        counts = known.aggregate(n=Count("pk"), right=Count("pk", filter=Q(label=F("truth"))))
        return counts["right"] / counts["n"] if counts["n"] else None

    def record_consensus(
        self, rows: Iterable[tuple[int, int, int, float, str, int | None]], fit: ConsensusFit
    ) -> None:
        """Write what a refit found: (question, n_votes it saw, label, confidence, state, narrowing) each.

        A question that got another vote meanwhile is left to that vote's own decision, and one that is being
        narrowed to its own votes. Raises ClassesChangedError, with what was written so far kept, if a change of
        the taxonomy gave the collection other classes than the fit has.
        """
        # One short statement a row: Django's bulk_update writes a CASE over every row and takes ten times as long.
        statement = """
            UPDATE labeling_question
            SET label_id = %s, confidence = %s, fit_id = %s, state = %s, narrowing_id = %s,
                open_places = CASE WHEN %s <> 'open' THEN 0 WHEN state = 'open' THEN open_places ELSE 1 END
            WHERE id = %s AND n_votes = %s AND narrowing_id IS NULL"""
        values = iter(
            (label, confidence, fit.pk, state, narrowing, state, pk, n_votes)
            for pk, n_votes, label, confidence, state, narrowing in rows
        )
        # Few rows a transaction: whoever votes or fetches meanwhile meets no long lock.
        while batch := list(islice(values, REFIT_BATCH)):
            with transaction.atomic(), connection.cursor() as cursor:
                Change.objects.hold_still()
                fit.refuse_other_classes()
                cursor.executemany(statement, batch)


class Question(models.Model):
    """One thing to be decided about one picture: what is in it?"""

    class State(models.TextChoices):
        WAITING = "waiting", _("not asked yet")
        OPEN = "open", _("being asked")
        SETTLED = "settled", _("settled")
        UNDECIDED = "undecided", _("given up as undecided")

        @classmethod
        def after(cls, decision: consensus.Decision) -> "Question.State":
            """Return the state that a question is in once this was decided."""
            return cls.OPEN if decision == consensus.Decision.ASK_AGAIN else cls(decision.value)

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="questions")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="questions", db_index=False)
    position = models.IntegerField(help_text=_("Random; the order in which questions are asked."))
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    open_places = models.PositiveSmallIntegerField(default=0, help_text=_("Leases still to be had."))
    n_votes = models.PositiveIntegerField(default=0)
    label = models.ForeignKey(Synset, on_delete=models.PROTECT, null=True, blank=True, related_name="labels")
    confidence = models.FloatField(null=True, blank=True)
    fit = models.ForeignKey(ConsensusFit, on_delete=models.SET_NULL, null=True, blank=True)
    narrowing = models.ForeignKey(
        Narrowing,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="questions",
        help_text=_("Set where the noun is known and only its kind is asked."),
    )
    truth = models.ForeignKey(
        Synset,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_(
            "The answer where it was known beforehand. It measures the consensus and never enters it."
        ),
    )
    is_gold = models.BooleanField(default=False)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "image"], name="labeling_question_once"),
            models.CheckConstraint(
                condition=Q(state="open") | Q(open_places=0), name="labeling_places_only_while_open"
            ),
            models.CheckConstraint(
                condition=Q(is_gold=False) | Q(truth__isnull=False), name="labeling_gold_has_its_answer"
            ),
        ]
        indexes = [
            models.Index(
                fields=["collection", "position"],
                condition=Q(open_places__gt=0),
                name="labeling_window",
            ),
            models.Index(
                fields=["collection", "position"], condition=Q(state="waiting"), name="labeling_waiting"
            ),
            # These two hold all that counting labels reads: by label, and by picture.
            models.Index(fields=["collection", "state", "label"], name="labeling_settled"),
            models.Index(fields=["image", "state", "label"], name="labeling_of_picture"),
        ]

    def __str__(self) -> str:
        return f"{self.collection}, question {self.pk}"

    def choices(self) -> list[Synset]:
        """Return the classes among which this question decides; a place in it is what arrays call `label`."""
        return self.narrowing.choices() if self.narrowing else self.collection.ordered_classes()

    def offered(self) -> list[Synset]:
        """Return the choices that volunteers are asked for: none that is sensitive or unseen."""
        return [synset for synset in self.choices() if synset.is_askable]

    @property
    def words(self) -> str:
        """What is asked, in the words of the page."""
        if self.narrowing is None:
            return gettext("What is in this picture?")
        return gettext("Which kind of %(noun)s is this?") % {"noun": self.narrowing.label}

    def take_vote(self) -> None:
        """Count one more vote: settle this question, ask one more person, or give it up.

        Call it inside the vote's transaction, on a row that is locked for update.
        """
        self.n_votes += 1
        self.decide()

    def decide(self) -> None:
        """Settle this question from its votes, ask one more person, or give it up. Call it on a locked row."""
        choices = self.choices()
        split = {} if self.narrowing else self.collection.split_nouns(choices)
        classes = [*choices, *split]
        if classes:  # none is left where all parts of what is narrowed have gone
            self._decide(classes)
            if self.label in split:
                self._narrow(split[self.label])
            if self.state != Question.State.OPEN:
                self.open_places = 0
            elif not self.open_places and not self.leases.exists():
                self.open_places = 1  # one more person, only when nobody is on the way
        self.save(
            update_fields=["n_votes", "label", "confidence", "state", "open_places", "fit", "narrowing"]
        )

    def _decide(self, classes: list[Synset]) -> None:
        answers = dict(self.votes.filter(narrowing=self.narrowing).values_list("annotator", "synset"))
        said = places_said(answers, classes)
        posterior = self._posterior(classes, said)
        best = int(posterior.argmax())
        self.label, self.confidence = classes[best], float(posterior[best])
        decision = consensus.decide(self.confidence, len(said), len(answers), self.collection.policy)
        self.state = Question.State.after(decision)
        if self.narrowing and self.state != Question.State.SETTLED:
            # The noun it is narrowed from is known; only its kind is not.
            self.label = self.narrowing.label

    def _narrow(self, narrowing: Narrowing) -> None:
        """The votes say a noun that was split: once that is sure, ask which of its parts it is."""
        self.label = narrowing.label
        if self.state == Question.State.SETTLED and narrowing.choices():
            self.narrowing, self.state = narrowing, Question.State.OPEN

    def _posterior(self, classes: list[Synset], said: dict[int, int]) -> consensus.Floats:
        """The probability of each class given what was `said`, a place in `classes` by annotator, and today's
        skills.
        """
        self.fit = None if self.narrowing else self.collection.fit_over(classes)
        parameters = consensus.Parameters.start(len(classes))
        if self.fit:
            parameters = consensus.Parameters.from_json(self.fit.parameters)
        known = Skill.objects.filter(collection=self.collection_id, annotator__in=said)
        skills = {skill.annotator_id: skill.mean for skill in known}
        newcomer = parameters.newcomer_skill
        return consensus.posterior(
            np.array(list(said.values()), dtype=np.int64),
            np.array([skills.get(annotator, newcomer) for annotator in said], dtype=np.float64),
            parameters,
        )


def places_said(said: Mapping[int, int | None], classes: list[Synset]) -> dict[int, int]:
    """Return for each annotator the place in `classes` of what they said, as it counts today. Who could not tell,
    or named a noun that is no class, says nothing.
    """
    place = {synset.pk: i for i, synset in enumerate(classes)}
    becomes: dict[int, int | None] = {}
    if any(synset is not None and synset not in place for synset in said.values()):
        becomes = Synset.objects.resolution()
    today = {
        annotator: synset if synset in place else becomes.get(synset or 0, synset)
        for annotator, synset in said.items()
    }
    return {annotator: place[synset] for annotator, synset in today.items() if synset in place}
