"""What annotators said."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import Case, Count, Exists, F, OuterRef, Q, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sql import IS_POSTGRESQL, rows, run
from labeling import consensus
from labeling.models.choices import Choices
from labeling.models.collections import VERIFIED, Collection, CollectionClass, Narrowing
from labeling.models.predictions import Prediction
from labeling.models.questions import ABSENT, CANNOT_TELL, NONE_OF_THESE, PRESENT, Question
from labeling.models.sql import among, cells, keys, table, to_moment
from taxonomy.models import Ancestry, Change, Synset
from taxonomy.models.ledger import Kind

MOST_CHANGES = 20  # of the taxonomy that one annotator is told of
# That a vote says what its question, which is decided, says too.
AGREES = Q(question__state="settled", answer=PRESENT, synset=F("question__label")) | Q(
    question__state="absent", answer=ABSENT
)
# That a vote can be measured by an answer that was known when it was cast, and names a noun.
IS_KNOWN = Q(synset__isnull=False, question__truth__isnull=False, narrowing=None) & (
    Q(question__confirmed_at=None) | Q(question__confirmed_at__lt=F("cast_at"))
)


@dataclass(frozen=True)
class Keys:
    """What the whole numbers of a Votes array stand for: rows' primary keys, by place."""

    questions: Sequence[int]
    annotators: Sequence[int]
    classes: Sequence[int]

    def gold(self, known: Mapping[int, int | None]) -> consensus.Gold:
        """Return the class that is known of questions, by their keys, as arrays; left out is what has no vote, or
        shows none of the classes (None).
        """
        item_of = {pk: item for item, pk in enumerate(self.questions)}
        found = [(item_of[pk], label) for pk, label in known.items() if pk in item_of and label is not None]
        item, label = np.array(sorted(found), dtype=np.int64).reshape(-1, 2).T
        return consensus.Gold(item, label)


@dataclass(frozen=True, eq=False)
class Counts:
    """Votes on each question, by place; (n_items,) int64 each."""

    votes: consensus.Ints
    answers: consensus.Ints  # those that answer what it shows, "cannot tell" included
    none: consensus.Ints  # those that say none of the classes
    unsure: consensus.Ints  # those that cannot tell


# The columns of a vote that is cast, with their types.
NEW_VOTE = (("question_id", "bigint"), ("annotator_id", "bigint"), ("synset_id", "bigint"), ("answer", "text"),
            ("narrowing_id", "bigint"), ("taxonomy_version", "integer"), ("seconds", "float8"),
            ("lease_number", "bigint"), ("cast_at", "timestamptz"))  # fmt: skip
WEIGHED = "id, lease_number, question_id, annotator_id, synset_id, answer, narrowing_id"


def weighed(votes: str) -> str:
    """The statement that reads what is weighed of each of `votes`, a subquery: the columns WEIGHED, and how often its
    annotator is right, if that is known. Takes the collection, then what `votes` takes.
    """
    columns = ", ".join(f"v.{name}" for name in WEIGHED.split(", "))
    # Looked up for each vote by itself, by an index. PostgreSQL takes the votes that are passed for a hundred, for
    # which it would rather read all of a table that it joins.
    skill = """SELECT s."right" / (s."right" + s.wrong) FROM labeling_skill s
        WHERE s.collection_id = %s AND s.annotator_id = v.annotator_id"""
    return f"SELECT {columns}, ({skill}) FROM {votes} v ORDER BY v.id"


def by_collection(questions: Iterable[Question]) -> Iterable[tuple[int, list[Question]]]:
    """Yield each collection's key with those of the questions that are in it: votes may be sent for several."""
    sorted_: dict[int, list[Question]] = {}
    for question in questions:
        sorted_.setdefault(question.collection_id, []).append(question)
    return sorted_.items()


def _decide(
    questions: Sequence[Question], cast: Sequence[tuple[Any, ...]], read: Callable[[Question], Choices]
) -> None:
    """Decide these questions by votes as `weighed` gives them."""
    answers: dict[int, list[tuple[int, int | None, str]]] = {question.pk: [] for question in questions}
    narrowing = {question.pk: question.narrowing_id for question in questions}
    skills: dict[int, dict[int, float]] = {question.pk: {} for question in questions}
    for _pk, _lease, question, annotator, synset, answer, narrowed, skill in cast:
        if narrowed == narrowing[question]:
            answers[question].append((annotator, synset, answer))
            if skill is not None:
                skills[question][annotator] = skill
    choices = {each.pk: read(each) for each in questions}
    foretold = Prediction.objects.helping(choices)
    for each in questions:
        each.decide(choices[each.pk], answers[each.pk], skills[each.pk], foretold.get(each.pk))
    Question.objects.write_decisions(questions)


def is_right() -> Q:
    """The condition that a vote on a question with a known answer says it; or names a noun above it that is no class,
    and so is right as far as it goes. Absent is right where another noun is known to be there.
    """
    above = Ancestry.objects.filter(ancestor=OuterRef("synset"), descendant=OuterRef("question__truth"))
    offering = CollectionClass.objects.filter(collection=OuterRef("question__collection")).order_by()
    is_broader = Q(Exists(above), ~Exists(offering.filter(synset=OuterRef("synset"))), question__about=None)
    says_it = Q(synset=F("question__truth"))
    return Q(answer=PRESENT) & (says_it | is_broader) | Q(answer=ABSENT) & ~says_it


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

    def decide(self, questions: Sequence[Question], read: Callable[[Question], Choices]) -> None:
        """Settle each of these questions by its votes, ask one more person, or give it up. Call it on locked rows,
        with the taxonomy held still.

        read: gives what the votes on a question are weighed over.
        """
        statement = weighed(f"(SELECT * FROM labeling_vote WHERE {among('question_id')})")
        for collection, asked in by_collection(questions):
            cast = rows(statement, [collection, keys(question.pk for question in asked)])
            _decide(asked, cast, read)

    def cast(self, votes: Sequence["Vote"], read: Callable[[Question], Choices]) -> None:
        """Write votes that are cast on leases, which end thereby, and decide their questions, as `decide` does."""
        vote_on = {vote.question_id: vote for vote in votes}
        for collection, questions in by_collection([vote.question for vote in votes]):
            self._cast(collection, [vote_on[question.pk] for question in questions], read)

    def _cast(self, collection: int, votes: Sequence["Vote"], read: Callable[[Question], Choices]) -> None:
        leases, questions = keys(v.lease_number or 0 for v in votes), keys(v.question_id for v in votes)
        at = to_moment(timezone.now())
        new = [
            (v.question_id, v.annotator_id, v.synset_id, v.answer, v.narrowing_id, v.taxonomy_version, v.seconds,
             v.lease_number, at)
            for v in votes
        ]  # fmt: skip
        columns = ", ".join(name for name, _kind in NEW_VOTE)
        insert = f"INSERT INTO labeling_vote ({columns}) SELECT {columns} FROM {table(NEW_VOTE)}"
        end = f"DELETE FROM labeling_lease WHERE {among('id')}"
        every = f"SELECT {WEIGHED} FROM labeling_vote WHERE {among('question_id')}"
        if IS_POSTGRESQL:
            # At once. What `every` reads is as it was before, so the new votes are put to it.
            statement = weighed(f"({every} UNION ALL SELECT {WEIGHED} FROM new)")
            values = [cells(new), leases, collection, questions]
            found = rows(f"WITH new AS ({insert} RETURNING {WEIGHED}), ended AS ({end}) {statement}", values)
        else:
            run(insert, [cells(new)])
            run(end, [leases])
            found = rows(weighed(f"({every})"), [collection, questions])
        by_lease = {vote.lease_number: vote for vote in votes}
        for pk, lease_number, *_others in found:
            if lease_number in by_lease:
                by_lease[lease_number].pk = pk
        _decide([vote.question for vote in votes], found, read)

    def imported(self) -> Self:
        return self.filter(lease_number=None)

    def as_arrays(
        self,
        collection: Collection,
        classes: Sequence[int],
        becomes: Mapping[int, int | None],
        broader: Iterable[int] = (),
    ) -> tuple[consensus.Votes, Keys, Counts]:
        """Return every vote for one of `classes` as arrays, what their numbers stand for, and how many votes of
        each kind every question has.

        classes: synsets' primary keys; becomes: as Collection.counts_as() gives it, what votes for other synsets
        count as; broader: other nouns, which classes are below; votes for them are labels from len(classes) on. Votes
        that only narrow a known noun say nothing about the other classes and are left out.
        """
        rows = self.filter(question__collection=collection).values_list(
            "question_id",
            "annotator_id",
            Coalesce("synset_id", -1),
            Coalesce("narrowing_id", 0),
            Case(When(answer=NONE_OF_THESE, then=1), When(answer=CANNOT_TELL, then=2), default=0),
        )
        table = np.fromiter(
            (cell for row in rows.iterator(chunk_size=20_000) for cell in row), dtype=np.int64
        ).reshape(-1, 5)
        questions, item, n_votes = np.unique(table[:, 0], return_inverse=True, return_counts=True)
        annotators, annotator = np.unique(table[:, 1], return_inverse=True)
        place = {pk: i for i, pk in enumerate([*classes, *broader])}
        synsets, observed = np.unique(table[:, 2], return_inverse=True)
        named_as = {pk: pk for pk in classes}
        today = [named_as.get(pk, becomes.get(pk, pk)) for pk in synsets.tolist()]
        label = np.array([place.get(pk or -1, -1) for pk in today], dtype=np.int64)[observed]
        answers = table[:, 3] == 0  # others only narrow a noun that is known
        counts = Counts(
            votes=n_votes,
            answers=np.bincount(item[answers], minlength=len(questions)),
            none=np.bincount(item[answers & (table[:, 4] == 1)], minlength=len(questions)),
            unsure=np.bincount(item[answers & (table[:, 4] == 2)], minlength=len(questions)),
        )
        named = (label >= 0) & answers
        votes = consensus.Votes(item[named], annotator[named], label[named])
        return votes, Keys(questions.tolist(), annotators.tolist(), list(classes)), counts

    def as_verified_arrays(self, collection: Collection) -> tuple[consensus.Votes, Keys, Counts]:
        """The same for a collection that verifies, whose classes are the places of VERIFIED: whether the noun that a
        question is about was seen. A vote on what counts as another noun by now says nothing about it.
        """
        choices = Choices.read(collection, None)
        place = Case(*(When(answer=answer, then=place) for place, answer in enumerate(VERIFIED)), default=-1)
        rows = self.filter(question__collection=collection).values_list(
            "question_id", "annotator_id", place, Coalesce("synset_id", -1), "question__about"
        )
        table = np.fromiter(
            (cell for row in rows.iterator(chunk_size=20_000) for cell in row), dtype=np.int64
        ).reshape(-1, 5)
        questions, item, n_votes = np.unique(table[:, 0], return_inverse=True, return_counts=True)
        annotators, annotator = np.unique(table[:, 1], return_inverse=True)
        nouns, column = np.unique(table[:, 3:], return_inverse=True)
        today = np.array([-1 if (p := choices.place(pk)) is None else p for pk in nouns.tolist()], np.int64)
        said, about = today[column.reshape(-1, 2)].T
        told = (table[:, 2] >= 0) & (said == about) & (about >= 0)
        votes = consensus.Votes(item[told], annotator[told], table[told, 2])
        unsure = np.bincount(item[table[:, 2] < 0], minlength=len(questions))
        counts = Counts(votes=n_votes, answers=n_votes, none=np.zeros_like(n_votes), unsure=unsure)
        return votes, Keys(questions.tolist(), annotators.tolist(), range(len(VERIFIED))), counts


class Vote(models.Model):
    """One annotator's answer to one question; never edited."""

    class Answer(models.TextChoices):
        PRESENT = PRESENT, _("it shows this")
        ABSENT = ABSENT, _("it does not show this")
        CANNOT_TELL = CANNOT_TELL, _("cannot tell")
        NONE_OF_THESE = NONE_OF_THESE, _("none of these")

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="votes", db_index=False)
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="votes")
    synset = models.ForeignKey(Synset, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    answer = models.CharField(max_length=13, choices=Answer)
    narrowing = models.ForeignKey(
        Narrowing,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="votes",
        db_index=False,
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
            # Once as the question first was, and once for each noun that it is narrowed from. As an index this finds
            # the votes on a question too.
            models.UniqueConstraint(
                "question",
                "annotator",
                Coalesce("narrowing", 0),
                name="labeling_vote_once",
                violation_error_message=_("You have already answered this question."),
            ),
            models.CheckConstraint(
                condition=Q(answer__in=["present", "absent"], synset__isnull=False)
                | Q(answer__in=["cannot_tell", "none_of_these"], synset__isnull=True),
                name="labeling_vote_names_what_it_sees",
                violation_error_message=_("Say which noun the picture shows, or that you cannot tell."),
            ),
        ]
        indexes = [
            models.Index(
                fields=["narrowing"], condition=Q(narrowing__isnull=False), name="labeling_narrowing_votes"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.synset or self.get_answer_display()}"

    def says(self, question: Question) -> bool:
        """Say whether it is what its question, which is decided, says too; see AGREES."""
        if question.state == Question.State.ABSENT:
            return self.answer == ABSENT
        return self.answer == PRESENT and self.synset_id == question.label_id

    @property
    def is_imported(self) -> bool:
        return self.lease_number is None


class Retraction(models.Model):
    """A vote that its annotator took back. The vote is gone and its picture was lent again; this says that it was."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="retractions")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    synset = models.ForeignKey(Synset, on_delete=models.PROTECT, null=True, related_name="+")
    answer = models.CharField(max_length=13, choices=Vote.Answer)
    lease_number = models.BigIntegerField(unique=True)
    cast_at = models.DateTimeField()
    retracted_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.annotator} took back: {self.synset or self.get_answer_display()}"
