"""Who is asked what, what they said, and what we believe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Self

import numpy as np
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from labeling import consensus
from labeling.splits import SPLITS, TRAIN
from taxonomy.models import Change, Draft, Synset
from taxonomy.models.ledger import Kind

LEASE_TIME = timedelta(minutes=15)
MOST_CHANGES = 20  # of the taxonomy that one annotator is told of
MOST_LEASES = 100  # that one annotator may hold in one collection
REFIT_BATCH = 500  # questions that a refit locks at a time
FEED_SIZE = 200  # questions opened at a time; the window stays small beside a large collection


class ImageQuerySet(models.QuerySet["Image"]):
    def shown(self) -> Self:
        return self.filter(withdrawn_at=None)


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

    def __str__(self) -> str:
        return self.sha256[:12]

    def get_absolute_url(self) -> str:
        return reverse("labeling:picture", args=[self.sha256])

    def get_thumbnail_url(self) -> str:
        return reverse("labeling:thumbnail", args=[self.sha256])


class CollectionQuerySet(models.QuerySet["Collection"]):
    def open(self) -> Self:
        return self.filter(is_open=True)

    def grown(self) -> list["Collection"]:
        """Return those whose votes have grown by a tenth, and by ten at least, since their last fit."""
        last = ConsensusFit.objects.filter(collection=OuterRef("pk")).order_by("-pk").values("n_votes")[:1]
        counted = self.annotate(
            n_votes=Coalesce(models.Sum("questions__n_votes"), 0), n_fitted=Coalesce(Subquery(last), 0)
        )
        return list(counted.filter(n_votes__gte=F("n_fitted") * 1.1 + 10))


class Collection(models.Model):
    """One labelling campaign: many pictures, one list of classes, one policy."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    guide = models.TextField(blank=True, help_text=_("What volunteers should know."))
    root = models.ForeignKey(Synset, on_delete=models.PROTECT, related_name="+")
    classes = models.ManyToManyField(Synset, through="CollectionClass", related_name="collections")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    is_open = models.BooleanField(default=True, help_text=_("Volunteers are asked."))
    target_confidence = models.FloatField(default=0.98, help_text=_("A question settles from here."))
    min_votes = models.PositiveSmallIntegerField(default=2)
    max_votes = models.PositiveSmallIntegerField(default=10, help_text=_("Then it is given up as undecided."))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(target_confidence__gt=0.5, target_confidence__lt=1),
                name="labeling_target_confidence_range",
                violation_error_message=_("The target confidence lies between 0.5 and 1."),
            ),
            models.CheckConstraint(
                condition=Q(min_votes__gte=1, max_votes__gte=F("min_votes")),
                name="labeling_votes_range",
                violation_error_message=_("At least one vote, and at most no fewer than at least."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("labeling:collection", args=[self.slug])

    @property
    def is_asking(self) -> bool:
        """Whether volunteers are asked: open, and about nothing sensitive."""
        return self.is_open and not self.root.is_sensitive

    @property
    def policy(self) -> consensus.Policy:
        return consensus.Policy(self.target_confidence, self.min_votes, self.max_votes)

    def ordered_classes(self) -> list[Synset]:
        """Return the classes in the order of their keys; a place in it is what arrays call `label`."""
        return [row.synset for row in self.collectionclass_set.all()]

    def offered(self) -> list[Synset]:
        """Return the classes that volunteers are asked for and networks learn: none that is sensitive or unseen."""
        return [synset for synset in self.ordered_classes() if synset.is_askable]

    def judged_classes(self) -> list[Synset]:
        """Return what votes are weighed over: the classes, and nouns that were split. Nobody is asked for those any
        more, but votes for one still say that a picture shows one of its parts.
        """
        classes = self.ordered_classes()
        return [*classes, *self.split_nouns(classes)]

    def split_nouns(self, classes: list[Synset]) -> dict[Synset, "Narrowing"]:
        """Return the nouns that were split and are none of `classes`, each with what its pictures are asked."""
        return {each.noun: each for each in self.narrowings.standing() if each.noun not in classes}

    def fit_over(self, classes: Iterable[Synset]) -> "ConsensusFit | None":
        """Return the latest fit if it is one over `classes`; None otherwise."""
        latest = self.fits.order_by("-pk").first()
        return latest if latest and latest.classes == [synset.wnid for synset in classes] else None

    @transaction.atomic
    def set_classes(self, synsets: Iterable[Synset]) -> None:
        """Make `synsets` the classes, in this order. Where votes name others, taxonomy changes call this."""
        CollectionClass.objects.filter(collection=self).delete()
        CollectionClass.objects.bulk_create(
            CollectionClass(collection=self, synset=synset, position=position)
            for position, synset in enumerate(synsets)
        )


class CollectionClassManager(models.Manager["CollectionClass"]):
    def get_queryset(self) -> models.QuerySet["CollectionClass"]:
        return super().get_queryset().select_related("synset")  # nobody wants the one without the other


class CollectionClass(models.Model):
    """One answer that a collection offers, and its place among them."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE)
    synset = models.ForeignKey(Synset, on_delete=models.PROTECT)
    position = models.PositiveSmallIntegerField()

    objects = CollectionClassManager()

    class Meta:
        verbose_name_plural = "collection classes"
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "synset"], name="labeling_class_once"),
            models.UniqueConstraint(fields=["collection", "position"], name="labeling_class_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: {self.synset}"


class ClassesChangedError(Exception):
    """A collection got other classes while a refit ran, so what it found no longer fits."""


class NarrowingQuerySet(models.QuerySet["Narrowing"]):
    def standing(self) -> Self:
        """Those whose split was not undone, in the order in which fits hold their nouns."""
        return self.filter(is_over=False).select_related("noun").order_by("pk")


class Narrowing(models.Model):
    """Pictures known to show one noun, asked again which of its parts, since that noun was split."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="narrowings")
    noun = models.ForeignKey(
        Synset, on_delete=models.PROTECT, related_name="+", help_text=_("What was split.")
    )
    stands_at = models.ForeignKey(
        Synset, on_delete=models.PROTECT, related_name="+", help_text=_("The label until it is narrowed.")
    )
    parts = models.ManyToManyField(Synset, related_name="+")
    is_over = models.BooleanField(default=False, help_text=_("The split was undone."))

    objects = NarrowingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "noun"], name="labeling_narrowing_once"),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: which {self.noun}?"

    @property
    def label(self) -> Synset:
        """The label of its pictures until they are narrowed: what they stand at, as it counts today."""
        today = Synset.objects.resolution().get(self.stands_at_id, self.stands_at_id)
        return self.stands_at if today in (None, self.stands_at_id) else Synset.objects.get(pk=today)

    def choices(self) -> list[Synset]:
        """Return the classes of today that are one of the parts, or a kind of one."""
        becomes = Synset.objects.resolution()
        parts = {becomes.get(part, part) for part in self.parts.values_list("pk", flat=True)}
        below = set(
            Synset.objects.filter(ancestor_rows__ancestor__in=parts - {None}).values_list("pk", flat=True)
        )
        return [synset for synset in self.collection.ordered_classes() if synset.pk in below]


class ConsensusFit(models.Model):
    """One refit of a collection's consensus: the parameters that made its labels."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="fits")
    classes = models.JSONField(help_text=_("The wnid of each class index."))
    parameters = models.JSONField()
    n_votes = models.PositiveIntegerField()
    log_likelihood = models.FloatField()
    taxonomy_version = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        get_latest_by = "pk"

    def __str__(self) -> str:
        return f"{self.collection}, fit {self.pk}"

    def refuse_other_classes(self) -> None:
        """Raise ClassesChangedError unless votes are still weighed over the classes of this fit."""
        collection = Collection.objects.get(pk=self.collection_id)
        if [synset.wnid for synset in collection.judged_classes()] != self.classes:
            raise ClassesChangedError(
                f"Expected the classes of {self}; found that a change of the taxonomy gave it others."
            )


class Skill(models.Model):
    """How often one annotator is right in one collection: a Beta distribution, the crowd's prior included."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="skills")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    right = models.FloatField(help_text=_("Pseudo-votes that were right."))
    wrong = models.FloatField(help_text=_("Pseudo-votes that were wrong."))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "annotator"], name="labeling_skill_once"),
            models.CheckConstraint(condition=Q(right__gt=0, wrong__gt=0), name="labeling_skill_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.mean:.2f}"

    @property
    def mean(self) -> float:
        return self.right / (self.right + self.wrong)


@dataclass(frozen=True)
class Keys:
    """What the whole numbers of a Votes array stand for: rows' primary keys, by place."""

    questions: Sequence[int]
    annotators: Sequence[int]
    classes: Sequence[int]


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

    def never_asked(self, annotator: User) -> Self:
        """Leave out what `annotator` has answered or holds a lease on. A question that is being narrowed is
        another one than it was: which kind of dog, not what.
        """
        answered = Vote.objects.filter(question=OuterRef("pk"), annotator=annotator)
        same = answered.annotate(asked=Coalesce("narrowing", 0)).filter(
            asked=Coalesce(OuterRef("narrowing"), 0)
        )
        held = Lease.objects.filter(question=OuterRef("pk"), annotator=annotator)
        return self.exclude(Exists(same)).exclude(Exists(held))

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
        nobody_comes = ~Exists(Lease.objects.filter(question=OuterRef("pk")))
        return self.open().filter(nobody_comes, open_places=0).update(open_places=1)

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

    objects = QuestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "image"], name="labeling_question_once"),
            models.CheckConstraint(
                condition=Q(state="open") | Q(open_places=0), name="labeling_places_only_while_open"
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
        said = _places(answers, classes)
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


def _places(said: Mapping[int, int | None], classes: list[Synset]) -> dict[int, int]:
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


class LeaseExpiredError(Exception):
    """The lease ran out, or was never this annotator's, so the vote cannot be taken."""


class NotAClassError(ValueError):
    """The collection does not offer this noun as an answer."""


class LeaseQuerySet(models.QuerySet["Lease"]):
    def running(self) -> Self:
        return self.filter(expires_at__gt=timezone.now())

    def held_by(self, annotator: User) -> Self:
        return self.running().filter(annotator=annotator)

    def hand_out(self, collection: Collection, annotator: User, count: int) -> list["Lease"]:
        """Return up to `count` leases that `annotator` holds: those held already, renewed, then new ones.

        So a request that is repeated, because a page was loaded again or an answer was lost, costs nothing.
        Fewer come back, or none, when nothing else is left that this annotator has not been asked.
        """
        mine = self.filter(annotator=annotator, question__collection=collection)
        # An expired lease of one's own would hide its question from oneself, so those go first.
        mine.expired().release()
        with transaction.atomic():
            # Two windows of one annotator take turns, or both would be lent the same question.
            walk, _made = Walk.objects.select_for_update().get_or_create(
                collection=collection, annotator=annotator
            )
            mine.running().renew()
            n_new = min(count, MOST_LEASES) - mine.count()
            if n_new > 0 and collection.is_asking:
                walk.claim_next(n_new)
        shown = mine.running().select_related("question__image", "question__narrowing__stands_at")
        return list(shown.order_by("pk")[:count])

    def might_come(self, collection: Collection, annotator: User) -> bool:
        """Say whether questions are left for `annotator`, though others may hold them at this moment."""
        left = collection.questions.filter(Q(open_places__gt=0) | Q(state=Question.State.WAITING))
        return collection.is_asking and left.filter(image__withdrawn_at=None).never_asked(annotator).exists()

    def renew(self) -> None:
        """Let these leases run anew. One that is being voted on right now is left alone, not waited for."""
        free = self.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
        Lease.objects.filter(pk__in=list(free)).update(expires_at=timezone.now() + LEASE_TIME)

    def expired(self) -> Self:
        return self.filter(expires_at__lte=timezone.now())

    @transaction.atomic
    def release(self) -> int:
        """Give these leases' places back and delete them; return how many those were."""
        # Locked in one order, and rows that somebody is voting on right now are left alone.
        leases = list(self.select_for_update(skip_locked=True, of=("self",)).order_by("question_id"))
        if not leases:
            return 0
        for lease in leases:
            open_question = Question.objects.open().filter(pk=lease.question_id)
            open_question.update(open_places=F("open_places") + 1)
        Lease.objects.filter(pk__in=[lease.pk for lease in leases]).delete()
        return len(leases)


class Lease(models.Model):
    """A short loan of one question to one annotator."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="leases")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="leases")
    expires_at = models.DateTimeField(db_index=True)

    objects = LeaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question", "annotator"], name="labeling_lease_once_per_question"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question} to {self.annotator}"

    @transaction.atomic
    def cast(self, synset: Synset | None, seconds: float | None = None) -> "Vote":
        """Turn this lease into a vote for `synset`, or into "cannot tell" where it is None.

        Raises LeaseExpiredError if it is held no more, NotAClassError if the collection does not ask for `synset`.
        """
        Change.objects.hold_still()
        # One DELETE both checks and ends the lease, so it cannot be voted on twice. Everybody locks a lease
        # before its question, so nobody deadlocks.
        n_ended, _rows = Lease.objects.held_by(self.annotator).filter(pk=self.pk).delete()
        if not n_ended:
            raise LeaseExpiredError(
                f"Expected a lease that is still held; lease {self.pk} ran out at "
                f"{self.expires_at:%H:%M:%S} UTC. Ask for another question."
            )
        question = Question.objects.select_for_update().get(pk=self.question_id)
        classes = question.choices()
        said = _places({0: synset.pk}, classes).get(0) if synset else None
        if synset is not None and (said is None or not classes[said].is_askable):
            raise NotAClassError(f"Expected one of the classes of {question.collection}; found {synset}.")
        vote = Vote.objects.create(
            question=question,
            annotator=self.annotator,
            synset=synset,
            answer=Vote.Answer.PRESENT if synset else Vote.Answer.CANNOT_TELL,
            seconds=seconds,
            lease_number=self.pk,
            narrowing=question.narrowing,
            taxonomy_version=Change.objects.version(),
        )
        question.take_vote()
        return vote


class Walk(models.Model):
    """How far one annotator has walked along one collection's window of open questions."""

    START = -1

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE)
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    position = models.IntegerField(default=START)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "annotator"], name="labeling_walk_once"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} at {self.position} in {self.collection}"

    def claim_next(self, n_wanted: int) -> None:
        """Walk the window of open questions from here; feed it at its end; walk it again from its start."""
        n_wanted -= self.claim(n_wanted)
        if n_wanted and Question.objects.feed(self.collection):
            n_wanted -= self.claim(n_wanted)
        if n_wanted:
            self.position = Walk.START
            self.claim(n_wanted)
        self.save(update_fields=["position"])

    def claim(self, n_wanted: int) -> int:
        """Take up to `n_wanted` places on open questions ahead; move there; return how many were taken."""
        # Rows that others are taking right now are passed over instead of waited for, so nobody deadlocks.
        ahead = (
            Question.objects.filter(
                collection=self.collection_id,
                open_places__gt=0,
                position__gt=self.position,
                image__withdrawn_at=None,
            )
            .never_asked(self.annotator)
            .order_by("position")
            .select_for_update(skip_locked=True, of=("self",))
        )
        found = list(ahead.values_list("pk", "position")[:n_wanted])
        if not found:
            return 0
        keys = [pk for pk, _position in found]
        # One UPDATE both checks and takes the places: the constraint refuses to go below none.
        Question.objects.filter(pk__in=keys).update(open_places=F("open_places") - 1)
        expires_at = timezone.now() + LEASE_TIME
        Lease.objects.bulk_create(
            Lease(question_id=pk, annotator=self.annotator, expires_at=expires_at) for pk in keys
        )
        self.position = found[-1][1]
        return len(found)


class VoteQuerySet(models.QuerySet["Vote"]):
    def touched(self, annotator: User) -> list[tuple[Change, int]]:
        """Return the latest changes of the taxonomy that made votes of `annotator` count for another noun, or had
        their pictures asked again, each with the number of those votes.
        """
        cast = self.filter(annotator=annotator, synset__isnull=False)
        n_of = cast.values_list("synset__wnid", "taxonomy_version").annotate(n=Count("pk")).order_by()
        kinds = (Kind.MERGE, Kind.SPLIT, Kind.RETIRE, Kind.RESTORE, Kind.UNDO)
        changes = Change.objects.filter(kind__in=kinds, synsets__in=cast.values("synset")).distinct()
        counted = [
            (change, sum(n for wnid, version, n in n_of if version < change.pk and wnid in change.turned))
            for change in changes[:MOST_CHANGES]
        ]
        return [(change, n) for change, n in counted if n]

    def imported(self) -> Self:
        return self.filter(lease_number=None)

    def as_arrays(
        self, collection: Collection, classes: Sequence[int], becomes: Mapping[int, int | None]
    ) -> tuple[consensus.Votes, Keys, consensus.Ints, consensus.Ints]:
        """Return every vote for one of `classes` as arrays, what their numbers stand for, and of each question the
        number of all its votes, and of those that answer what it shows, "cannot tell" included.

        classes: synsets' primary keys; becomes: as Synset.objects.resolution() gives it, what votes for other
        synsets count as. Votes that only narrow a known noun say nothing about the other classes and are left out.
        """
        rows = self.filter(question__collection=collection).values_list(
            "question_id", "annotator_id", Coalesce("synset_id", -1), Coalesce("narrowing_id", 0)
        )
        table = np.fromiter(
            (cell for row in rows.iterator(chunk_size=20_000) for cell in row), dtype=np.int64
        ).reshape(-1, 4)
        questions, item, n_votes = np.unique(table[:, 0], return_inverse=True, return_counts=True)
        annotators, annotator = np.unique(table[:, 1], return_inverse=True)
        place = {pk: i for i, pk in enumerate(classes)}
        synsets, observed = np.unique(table[:, 2], return_inverse=True)
        today = [pk if pk in place else becomes.get(pk, pk) for pk in synsets.tolist()]
        label = np.array([place.get(pk or -1, -1) for pk in today], dtype=np.int64)[observed]
        answers = table[:, 3] == 0  # others only narrow a noun that is known
        n_answers = np.bincount(item[answers], minlength=len(questions))
        named = (label >= 0) & answers
        votes = consensus.Votes(item[named], annotator[named], label[named])
        return votes, Keys(questions.tolist(), annotators.tolist(), list(classes)), n_votes, n_answers


class Vote(models.Model):
    """One annotator's answer to one question; never edited."""

    class Answer(models.TextChoices):
        PRESENT = "present", _("it shows this")
        CANNOT_TELL = "cannot_tell", _("cannot tell")

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="votes")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="votes")
    synset = models.ForeignKey(Synset, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    answer = models.CharField(max_length=11, choices=Answer)
    narrowing = models.ForeignKey(
        Narrowing,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="votes",
        help_text=_("Set where only the kind of a known noun was asked."),
    )
    taxonomy_version = models.PositiveIntegerField()
    seconds = models.FloatField(null=True, blank=True, help_text=_("From seeing the picture to answering."))
    lease_number = models.BigIntegerField(
        null=True,
        blank=True,
        unique=True,
        help_text=_("The lease it was cast on; empty for an imported vote."),
    )
    cast_at = models.DateTimeField(auto_now_add=True)

    objects = VoteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question", "annotator"],
                condition=Q(narrowing=None),
                name="labeling_vote_once_per_question",
                violation_error_message=_("You have already answered this question."),
            ),
            models.UniqueConstraint(
                fields=["question", "annotator", "narrowing"],
                condition=Q(narrowing__isnull=False),
                name="labeling_vote_once_per_narrowing",
                violation_error_message=_("You have already answered this question."),
            ),
            models.CheckConstraint(
                condition=Q(answer="present", synset__isnull=False)
                | Q(answer="cannot_tell", synset__isnull=True),
                name="labeling_vote_names_what_it_sees",
                violation_error_message=_("Say which noun the picture shows, or that you cannot tell."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.synset or self.get_answer_display()}"

    @property
    def is_imported(self) -> bool:
        return self.lease_number is None


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
    moved = models.JSONField(help_text=_("The primary keys of the nouns that count as others after it."))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draft", "collection"], name="labeling_reclass_once"),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: {len(self.before)} to {len(self.after)} classes"


class Relabel(models.Model):
    """What one question's label is before and after a change of the taxonomy; kept, so that undo is exact."""

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
