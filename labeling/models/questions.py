"""What is to be decided about each picture, and how its votes decide it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from random import SystemRandom
from typing import Self

import numpy as np
from django.db import models, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, When
from django.db.models.functions import Coalesce, Mod
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.sql import rows, run, run_many
from labeling import consensus
from labeling.models.choices import Choices, Narrower
from labeling.models.collections import VERIFIED, Collection, CollectionClass, Narrowing
from labeling.models.fits import ConsensusFit
from labeling.models.images import Image
from labeling.models.sql import among, cells, keys, table
from labeling.splits import TRAIN
from taxonomy.models import Change, Synset

NONE_OF_THESE = "none_of_these"  # the answer that it shows none of the classes
CANNOT_TELL = "cannot_tell"
ABSENT, PRESENT = VERIFIED  # the answers to whether it shows the noun that is asked about
REFIT_BATCH = 500  # questions that a refit locks at a time
FEED_SIZE = 200  # questions opened at a time; the window stays small beside a large collection
POSITIONS = 2**31 - 1
SPARE = 8  # times as many as are wanted are looked for, since of some collections the positions lie unevenly
# Of a question about one noun: 1000 of these blocks fit into a position.
BLOCK = 2**21


def random_position(place: int | None = None) -> int:
    """Return where a new question is to stand among those of its collection: anywhere; or, where it is about one
    noun, in the block of that noun's `place` among the classes, so that the window holds noun by noun.
    """
    shuffled = SystemRandom()
    return shuffled.randrange(POSITIONS) if place is None else place * BLOCK + shuffled.randrange(BLOCK)


# That a decided question says what is known: it has that label, or shows not the noun which is known not to be it.
DECIDED_RIGHT = Q(label=F("truth")) | Q(state="absent") & ~Q(truth=F("about"))


def is_inner() -> Q:
    """The condition that a question settled as an inner noun: as none of the classes of a collection that chooses,
    but as what some of them are kinds of. See Collection.inner_among.
    """
    classes = CollectionClass.objects.order_by().filter(collection=OuterRef("collection"))
    label = OuterRef("label")
    is_one, are_below = classes.filter(synset=label), classes.filter(synset__ancestor_rows__ancestor=label)
    return Q(Exists(are_below), ~Exists(is_one), state="settled", about=None)


def tell_inner(questions: Iterable["Question"]) -> list["Question"]:
    """Find out which of `questions` settled as inner nouns, by one query; return them."""
    told = list(questions)
    inner = Question.objects.filter(is_inner(), pk__in=[each.pk for each in told])
    keys = set(inner.values_list("pk", flat=True)) if told else set()
    for each in told:
        each.is_inner = each.pk in keys
    return told


def label_words(noun: Synset, is_inner: bool) -> str:
    """Return a label in the words of pages: of an inner noun it is known that the picture shows it, and no more."""
    return gettext("%(noun)s, kind undecided") % {"noun": noun.name} if is_inner else noun.name


# The columns that a decision writes, with their types.
DECIDED = (("id", "bigint"), ("n_votes", "integer"), ("state", "text"), ("open_places", "smallint"),
           ("label_id", "bigint"), ("confidence", "float8"), ("fit_id", "bigint"),
           ("narrowing_id", "bigint"), ("gain", "float8"))  # fmt: skip


class QuestionQuerySet(models.QuerySet["Question"]):
    def open(self) -> Self:
        return self.filter(state=Question.State.OPEN)

    def settled(self) -> Self:
        return self.filter(state=Question.State.SETTLED)

    def decided(self) -> Self:
        """The settled ones, and those about a noun that their picture is sure not to show."""
        return self.filter(state__in=(Question.State.SETTLED, Question.State.ABSENT))

    def labelled(self) -> Self:
        """The questions whose label stands: settled, or narrowed from a noun that is known to be right."""
        return self.filter(Q(state=Question.State.SETTLED) | Q(narrowing__isnull=False))

    def examples(self) -> Self:
        """Settled questions to show: no withdrawn picture, no sensitive noun, and none whose label may be a
        contest's secret.
        """
        shown = self.settled().filter(image__withdrawn_at=None, image__split=TRAIN, label__is_sensitive=False)
        return shown.select_related("image", "label")

    def first_few(self, n: int, among_about: int) -> Self:
        """Return those `n` of these that stand at the lowest positions, of which there are about `among_about`. As
        positions are random, few of many lie below a bound: those are looked up and sorted, and not all.
        """
        bound = POSITIONS * SPARE * n // max(among_about, 1)
        while bound < POSITIONS:
            few = self.filter(position__lt=bound)
            if few[:n].count() == n:
                return few.order_by("position", "pk")[:n]
            bound *= 2 * SPARE
        return self.order_by("position", "pk")[:n]

    def telling_inner(self) -> list["Question"]:
        """Return these, each with its `is_inner`, which takes one query for all of them. Call it on what a page
        shows: as a column it would be worked out for all rows that are sorted.
        """
        return tell_inner(self)

    def feed(self, collection: Collection) -> int:
        """Open the next waiting questions of `collection`; return how many those are."""
        waiting = self.filter(
            collection=collection, state=Question.State.WAITING, image__withdrawn_at=None
        ).order_by("position")
        # Two feeders at once take different questions instead of waiting for each other.
        found = waiting.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[
            :FEED_SIZE
        ]
        n_wanted = Case(
            When(is_starter=True, then=max(collection.min_votes, collection.starter_votes)),
            default=collection.min_votes,
        )
        return Question.objects.filter(pk__in=list(found)).update(
            state=Question.State.OPEN, open_places=n_wanted
        )

    def starters(self, collection: Collection, n: int) -> list[int]:
        """Return which questions are to be the starter set of `n`: those that are it, and then the first by their
        random positions. Gold ones are none, since votes do not decide them.
        """
        mine = self.filter(collection=collection, is_gold=False, narrowing=None, image__withdrawn_at=None)
        # Where each noun has its block, the first of every block.
        order = Mod("position", BLOCK) if collection.is_verifying else F("position")
        chosen = list(mine.filter(is_starter=True).order_by(order, "pk").values_list("pk", flat=True)[:n])
        if len(chosen) < n:
            others = mine.filter(is_starter=False).order_by(order, "pk")
            chosen += others.values_list("pk", flat=True)[: n - len(chosen)]
        return chosen

    @transaction.atomic
    def draw_starters(self, collection: Collection) -> int:
        """Have the starter set be as large as its policy says; return how many questions that changed."""
        wanted = {*self.starters(collection, collection.n_starters)} if collection.n_starters else set()
        marked = {*self.filter(collection=collection, is_starter=True).values_list("pk", flat=True)}
        changed = wanted ^ marked
        # Locked in the order in which everybody locks several.
        list(self.filter(pk__among=changed).select_for_update().order_by("pk").values_list("pk"))
        self.filter(pk__among=wanted - marked).update(is_starter=True)
        self.filter(pk__among=marked - wanted).update(is_starter=False)
        return len(changed)

    def give_places_back(self, questions: Iterable[int]) -> None:
        """Let others have a place again on each of these that is open; two places on one that is named twice."""
        n_of = Counter(questions)
        # Locked in the order in which everybody locks several.
        list(self.filter(pk__in=n_of).select_for_update().order_by("pk").values_list("pk"))
        for n in set(n_of.values()):
            named = self.open().filter(pk__in=[pk for pk, times in n_of.items() if times == n])
            named.update(open_places=F("open_places") + n)

    def reopen_forgotten(self) -> int:
        """Open a place on questions that wait for nobody: none is free and nobody is on the way, as after an
        annotator was deleted. Return how many those were.
        """
        forgotten = self.open().filter(leases=None, open_places=0, image__withdrawn_at=None)
        return forgotten.update(open_places=1)

    def counts(self) -> dict[str, int]:
        """Return how many questions are in each state, how many of them are decided, and the sum of their votes."""
        states = {f"n_{state.value}": Count("pk", filter=Q(state=state.value)) for state in Question.State}
        counts = self.aggregate(n_questions=Count("pk"), n_votes=Coalesce(models.Sum("n_votes"), 0), **states)
        return {**counts, "n_decided": counts["n_settled"] + counts["n_absent"]}

    def by_label(self) -> list[tuple[int, int]]:
        """Return each label of these questions with its number of them, the most first."""
        labelled = self.filter(label__isnull=False).order_by().values_list("label")
        return list(labelled.annotate(n=Count("*")).order_by("-n", "label"))

    def accuracy(self) -> float | None:
        """Return the share of `measured` questions that are decided as is known."""
        counts = self.measured().aggregate(n=Count("pk"), right=Count("pk", filter=DECIDED_RIGHT))
        return counts["right"] / counts["n"] if counts["n"] else None

    def measured(self) -> Self:
        """The decided questions whose answer was known beforehand. Gold ones, which are decided by it, are left out,
        and so are those whose answer was taken from what people had settled.
        """
        return self.decided().filter(is_gold=False, truth__isnull=False, confirmed_at=None)

    def write_decisions(self, questions: Sequence["Question"]) -> None:
        """Write down what `Question.decide` worked out for these locked rows, and their numbers of votes. An open
        question without a place is given one, so that one more person is asked, unless somebody is on the way.
        """
        unasked = [q.pk for q in questions if q.state == Question.State.OPEN and not q.open_places]
        awaited = set()
        if unasked:
            lent = f"SELECT question_id FROM labeling_lease WHERE {among('question_id')}"
            awaited = {question for (question,) in rows(lent, [keys(unasked)])}
        for question in questions:
            if question.state != Question.State.OPEN:
                question.open_places = 0
            elif not question.open_places and question.pk not in awaited:
                question.open_places = 1
        decided = [
            (
                q.pk,
                q.n_votes,
                q.state,
                q.open_places,
                q.label_id,
                q.confidence,
                q.fit_id,
                q.narrowing_id,
                q.gain,
            )
            for q in questions
        ]
        columns = ", ".join(f"{name} = d.{name}" for name, _kind in DECIDED if name != "id")
        statement = f"UPDATE labeling_question SET {columns} FROM {table(DECIDED)}"
        run(f"{statement} WHERE labeling_question.id = d.id", [cells(decided)])

    def record_consensus(
        self,
        rows: Iterable[tuple[int, int, int | None, float, str, int | None, float | None]],
        fit: ConsensusFit,
    ) -> None:
        """Write what a refit found: (question, n_votes it saw, label, confidence, state, narrowing, gain) each.

        A question that got another vote meanwhile is left to that vote's own decision, one that is being narrowed to
        its own votes, and one that a network disputes to whoever is asked again. Raises ClassesChangedError, with
        what was written so far kept, if a change of the taxonomy gave the collection other classes than the fit has.
        """
        # One short statement a row: Django's bulk_update writes a CASE over every row and takes ten times as long.
        statement = """
            UPDATE labeling_question
            SET label_id = %s, confidence = %s, fit_id = %s, state = %s, narrowing_id = %s, gain = %s,
                open_places = CASE WHEN %s <> 'open' THEN 0 WHEN state = 'open' THEN open_places ELSE 1 END
            WHERE id = %s AND n_votes = %s AND narrowing_id IS NULL AND NOT is_gold AND NOT EXISTS (
                SELECT 1 FROM labeling_dispute d WHERE d.question_id = labeling_question.id
                AND d.n_votes = labeling_question.n_votes AND labeling_question.state = 'open')"""
        values = iter(
            (label, confidence, fit.pk, state, narrowing, gain, state, pk, n_votes)
            for pk, n_votes, label, confidence, state, narrowing, gain in rows
        )
        # Few rows a transaction: whoever votes or fetches meanwhile meets no long lock.
        while batch := list(islice(values, REFIT_BATCH)):
            with transaction.atomic():
                Change.objects.hold_still()
                fit.refuse_other_classes()
                run_many(statement, batch)


class Question(models.Model):
    """One thing to be decided about one picture: what is in it? Or, where it is about one noun: does it show that?"""

    class State(models.TextChoices):
        WAITING = "waiting", _("not asked yet")
        OPEN = "open", _("being asked")
        SETTLED = "settled", _("settled")
        ABSENT = "absent", _("does not show it")
        UNDECIDED = "undecided", _("given up as undecided")

        @classmethod
        def after(cls, decision: consensus.Decision) -> "Question.State":
            """Return the state that a question is in once this was decided."""
            return cls.OPEN if decision == consensus.Decision.ASK_AGAIN else cls(decision.value)

        @classmethod
        def verified(cls, decision: consensus.Decision, is_present: bool) -> "Question.State":
            """The same for a question about one noun: settled means that the picture shows it."""
            state = cls.after(decision)
            return cls.ABSENT if state == cls.SETTLED and not is_present else state

    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, related_name="questions", db_index=False
    )
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="questions", db_index=False)
    about = models.ForeignKey(
        Synset,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        help_text=_("The noun that it asks about, in collections that verify; as it was when it was made."),
    )
    position = models.IntegerField(
        help_text=_(
            "Random, within its noun's block where it is about one; the order in which questions are asked."
        )
    )
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    open_places = models.PositiveSmallIntegerField(default=0, help_text=_("Leases still to be had."))
    n_votes = models.PositiveIntegerField(default=0)
    label = models.ForeignKey(
        Synset, on_delete=models.PROTECT, null=True, blank=True, related_name="labels", db_index=False
    )
    confidence = models.FloatField(null=True, blank=True)
    gain = models.FloatField(
        null=True,
        blank=True,
        help_text=_(
            "How much one more vote would tell, in nats, where it was voted on and is asked on. What tells most is "
            "asked first."
        ),
    )
    fit = models.ForeignKey(ConsensusFit, on_delete=models.SET_NULL, null=True, blank=True, db_index=False)
    narrowing = models.ForeignKey(
        Narrowing,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="questions",
        db_index=False,
        help_text=_("Set where the noun is known and only its kind is asked."),
    )
    truth = models.ForeignKey(
        Synset,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text=_(
            "The answer where it was known beforehand. It measures the consensus and never enters it."
        ),
    )
    is_gold = models.BooleanField(default=False)
    is_starter = models.BooleanField(
        default=False, help_text=_("One of those that tell how sure a label has to be, so many are asked.")
    )
    confirmed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_(
            "When its settled label was taken as the answer; empty where the answer was known beforehand. It "
            "measures later votes, and never the label that it came from."
        ),
    )

    objects = QuestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "image"], condition=Q(about=None), name="labeling_question_once"
            ),
            models.UniqueConstraint(
                fields=["collection", "image", "about"],
                condition=Q(about__isnull=False),
                name="labeling_question_once_about",
            ),
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
            # What was started, by what one more vote would tell; of all nouns, and noun by noun.
            models.Index(
                "collection",
                F("gain").desc(),
                condition=Q(open_places__gt=0, gain__isnull=False),
                name="labeling_best",
            ),
            models.Index(
                "collection",
                "about",
                F("gain").desc(),
                condition=Q(open_places__gt=0, gain__isnull=False, about__isnull=False),
                name="labeling_best_about",
            ),
            models.Index(
                fields=["collection", "position"], condition=Q(state="waiting"), name="labeling_waiting"
            ),
            models.Index(fields=["collection", "position"], condition=Q(is_gold=True), name="labeling_gold"),
            models.Index(
                fields=["collection", "position"], condition=Q(is_starter=True), name="labeling_starters"
            ),
            # Each vote writes into every index that its question is in, so what few have is indexed for those alone.
            *(
                models.Index(
                    fields=fields,
                    condition=Q(**{f"{fields[0]}__isnull": False}),
                    name=f"labeling_by_{fields[0]}",
                )
                for fields in (["label", "position"], ["truth"], ["narrowing"])
            ),
            # Whose places are all lent: few, and looked for every minute.
            models.Index(
                fields=["collection"], condition=Q(state="open", open_places=0), name="labeling_all_lent"
            ),
            # The same window noun by noun, for whoever asks for a certain one.
            models.Index(
                fields=["collection", "about", "position"],
                condition=Q(open_places__gt=0, about__isnull=False),
                name="labeling_window_about",
            ),
            models.Index(
                fields=["collection", "about", "position"],
                condition=Q(state="waiting", about__isnull=False),
                name="labeling_waiting_about",
            ),
            models.Index(fields=["about"], condition=Q(about__isnull=False), name="labeling_about"),
            # These two hold all that counting labels reads: by label, and by picture.
            models.Index(fields=["collection", "state", "label"], name="labeling_settled"),
            models.Index(fields=["image", "state", "label"], name="labeling_of_picture"),
        ]

    def __str__(self) -> str:
        return f"{self.collection}, question {self.pk}"

    def choices(self) -> list[Synset]:
        """Return the classes among which this question decides; a place in it is what arrays call `label`. Where it
        is about one noun, that alone.
        """
        if self.asks_about is not None:
            return [self.asks_about]
        return self.narrowing.choices() if self.narrowing else self.collection.ordered_classes()

    def offered(self) -> list[Synset]:
        """Return the choices that volunteers are asked for: none that is sensitive or unseen."""
        return [synset for synset in self.choices() if synset.is_askable]

    def broader(self) -> tuple[Synset, ...]:
        """Return the inner nouns that are answers beside those that are offered."""
        if self.about_id is not None or self.narrowing_id is not None:
            return ()
        return Choices.now(self.collection).inner

    @cached_property
    def asks_about(self) -> Synset | None:
        """What the noun that it was made about is today; whoever knows it already may set it."""
        if self.about_id is None:
            return None
        today = Synset.objects.resolution().get(self.about_id) or self.about_id
        return Synset.objects.get(pk=today)

    @property
    def words(self) -> str:
        """What is asked, in the words of the page."""
        if self.asks_about is not None:
            return gettext("Does this picture show “%(noun)s”?") % {"noun": self.asks_about}
        if self.narrowing is None:
            return gettext("What is in this picture?")
        return gettext("Which kind of %(noun)s is this?") % {"noun": self.narrowing.label}

    @cached_property
    def is_inner(self) -> bool:
        """Whether it settled as an inner noun, as its row says; see the condition of that name."""
        return Question.objects.filter(is_inner(), pk=self.pk).exists()

    @property
    def label_words(self) -> str:
        """Its label in the words of pages; empty without one."""
        return label_words(self.label, self.is_inner) if self.label else ""

    def policy(self, choices: Choices, noun: Synset | None) -> consensus.Policy:
        """Return the policy by which it settles as `noun`, or where it is about that, as one way or the other."""
        policy = self.collection.starter_policy if self.is_starter else self.collection.policy
        return choices.settling(policy, noun) if self.collection.n_starters else policy

    def decide(
        self,
        choices: Choices,
        answers: Sequence[tuple[int, int | None, str]],
        skills: Mapping[int, float],
        log_q: consensus.Floats | None = None,
    ) -> None:
        """Work out what becomes of this question: settled, one more person asked, or given up. Nothing is written.

        answers: (annotator, synset, kind of answer) of every vote that counts. skills: of annotators that are
        known, P(right). log_q: ln of what a network says that helps, (n_classes,).
        """
        self.gain = None
        if self.about_id is not None:
            self._verify(choices, answers, skills)
            return
        if self.is_gold and (known := choices.place(self.truth_id)) is not None:
            self.state, self.label, self.confidence = Question.State.SETTLED, choices.synsets[known], 1.0
            self.fit_id = None
            return
        if choices.parameters is None:  # none is left where all parts of what is narrowed have gone
            self.state, self.label = Question.State.UNDECIDED, choices.undecided
            self.fit_id = self.confidence = None
            return
        if not answers:  # as after the only vote was taken back
            self.state, self.label, self.confidence, self.fit_id = (
                Question.State.OPEN,
                choices.undecided,
                None,
                None,
            )
            return
        self._weigh(choices, answers, skills, log_q)

    def _weigh(
        self,
        choices: Choices,
        answers: Sequence[tuple[int, int | None, str]],
        skills: Mapping[int, float],
        log_q: consensus.Floats | None,
    ) -> None:
        """Decide which of the nouns it is: a class, or else an inner noun; or not yet."""
        places = [(annotator, choices.answer(synset)) for annotator, synset, _kind in answers]
        n_none = sum(kind == NONE_OF_THESE for _annotator, _synset, kind in answers)
        said = {annotator: place for annotator, place in places if place is not None}
        n_named = sum(place < len(choices.synsets) for place in said.values())
        n_unsure = sum(kind == CANNOT_TELL for _annotator, _synset, kind in answers)
        posterior = choices.weigh(said, skills, log_q, choices.blur(n_unsure, len(said)))
        best = int(posterior.argmax())
        if log_q is not None and best not in said.values():
            n_named = 0  # no label is a network's alone
        policy = self.policy(choices, choices.synsets[best])
        self.fit_id, self.confidence = choices.fit, float(posterior[best])
        decision = consensus.decide(self.confidence, n_named, len(answers), policy, n_none)
        self.state, self.label = Question.State.after(decision), choices.synsets[best]
        if self.state != Question.State.SETTLED and choices.inner:
            labels, policy = np.array(list(said.values()), dtype=np.int64), self.policy(choices, None)
            inner = consensus.fall_back(
                posterior, labels, len(answers), policy, n_none, choices.tree, len(choices.inner)
            )
            if inner is not None:
                self.state, self.label = Question.State.SETTLED, choices.inner[inner[0]]
                self.confidence = inner[1]
                return
        if decision == consensus.Decision.ASK_AGAIN:
            self.gain = choices.gain(posterior, len(said), len(answers))
        if best in choices.split:
            self._narrow(choices.split[best])
        if choices.undecided and self.state != Question.State.SETTLED:
            # The noun it is narrowed from is known; only its kind is not.
            self.label = choices.undecided

    def _verify(
        self,
        choices: Choices,
        answers: Sequence[tuple[int, int | None, str]],
        skills: Mapping[int, float],
    ) -> None:
        """Decide whether the picture shows the noun. One that is settled as not showing it has no label."""
        about, parameters = choices.about(self.about_id), choices.parameters
        if about is None or parameters is None:
            self._ask_no_more()
            return
        if self.is_gold:
            is_right = choices.about(self.truth_id) == about
            self.state = Question.State.SETTLED if is_right else Question.State.ABSENT
            self.label, self.confidence, self.fit_id = about if is_right else None, 1.0, None
            return
        if not answers:  # as after the only vote was taken back
            if self.state != Question.State.WAITING:
                self.state = Question.State.OPEN
            self.label, self.confidence, self.fit_id = None, None, None
            return
        # A vote counts as long as the noun that it is about counts as the question's.
        said = {
            who: VERIFIED.index(kind)
            for who, synset, kind in answers
            if kind in VERIFIED and choices.about(synset) == about
        }
        n_unsure = sum(kind == CANNOT_TELL for _annotator, _synset, kind in answers)
        posterior = choices.weigh(said, skills, blur=choices.blur(n_unsure, len(said)))
        is_present = VERIFIED[int(posterior.argmax())] == PRESENT
        self.fit_id, self.confidence = choices.fit, float(posterior.max())
        decision = consensus.decide(self.confidence, len(said), len(answers), self.policy(choices, about))
        self.state = Question.State.verified(decision, is_present)
        self.label = about if is_present else None
        if decision == consensus.Decision.ASK_AGAIN:
            self.gain = choices.gain(posterior, len(said), len(answers))

    def _ask_no_more(self) -> None:
        """Its noun was split or is no class any more: what was found out stands, under what the noun is today."""
        if self.state in (Question.State.WAITING, Question.State.OPEN):
            self.state, self.label = Question.State.UNDECIDED, None
        elif self.state == Question.State.SETTLED:
            today = Synset.objects.resolution().get(self.about_id or 0, self.about_id)
            self.label_id = today
            self.state = Question.State.SETTLED if today else Question.State.UNDECIDED

    def _narrow(self, narrower: Narrower) -> None:
        """The votes say a noun that was split: once that is sure, ask which of its parts it is, if any is left."""
        self.label = narrower.label
        if self.state == Question.State.SETTLED and narrower.has_parts:
            self.narrowing_id, self.state = narrower.narrowing, Question.State.OPEN
        elif self.state == Question.State.SETTLED:
            self.state = Question.State.UNDECIDED
