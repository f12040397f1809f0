"""Who is asked what: short loans of questions, and the walk along which they are handed out."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from math import sqrt
from random import random
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sql import build, rows, select
from labeling.models.answers import (
    Answer,
    AnsweredOtherwiseError,
    LeaseExpiredError,
    Outcome,
    Skip,
    kept_before,
    repeat,
    take,
)
from labeling.models.choices import Choices
from labeling.models.collections import TO_ASK, Collection
from labeling.models.days import VotingDay
from labeling.models.grids import GRID, Filling, Grid
from labeling.models.images import Image
from labeling.models.lending import (
    ALL,
    HAS_BEST,
    IMAGE,
    QUESTION,
    Borrower,
    Only,
    lend_ahead,
    lend_best,
    lend_gold,
    next_about,
)
from labeling.models.questions import Question, QuestionQuerySet
from labeling.models.sql import among, from_moment, keys, locked
from labeling.models.votes import Retraction, Vote
from taxonomy.models import Change, Synset
from taxonomy.models.ledger import VERSION

LEASE_TIME = timedelta(minutes=15)
# Of a lease l on question q: whether a change of the taxonomy made it the question that was answered before. As in
# NEVER_ANSWERED, "+ 0" has PostgreSQL look among the question's votes, not the annotator's.
ANSWERED = """EXISTS (SELECT 1 FROM labeling_vote v WHERE v.question_id = q.id AND v.annotator_id + 0 = l.annotator_id
    AND COALESCE(v.narrowing_id, 0) = COALESCE(q.narrowing_id, 0))"""
UNSURE = 0.1  # standard deviation of what is believed of an annotator, from which gold comes at its full rate
RENEW_BELOW = LEASE_TIME * 0.8  # what is left of it; renewing at every request would write at every request
MOST_LEASES = 100  # that one annotator may hold in one collection
UNDO_TIME = timedelta(minutes=10)  # in which one may take back one's latest vote
MOST_FEEDS = 5  # in one request: who has answered all that these open comes again


class NotUndoneError(ValueError):
    """The vote cannot be taken back; the message says why."""


def never_asked(questions: QuestionQuerySet, annotator: User) -> QuestionQuerySet:
    """Leave out what `annotator` has answered, skipped or holds; as `Walk.claim` does."""
    answered = Vote.objects.filter(question=OuterRef("pk"), annotator=annotator)
    same = answered.annotate(asked=Coalesce("narrowing", 0)).filter(asked=Coalesce(OuterRef("narrowing"), 0))
    held = Lease.objects.filter(question=OuterRef("pk"), annotator=annotator)
    skipped = Skip.objects.filter(question=OuterRef("pk"), annotator=annotator)
    return questions.exclude(Exists(same)).exclude(Exists(held)).exclude(Exists(skipped))


class LeaseQuerySet(models.QuerySet["Lease"]):
    def running(self) -> Self:
        return self.filter(expires_at__gt=timezone.now())

    def held_by(self, annotator: User) -> Self:
        return self.running().filter(annotator=annotator)

    @transaction.atomic
    def hand_out(
        self, collection: Collection, annotator: User, count: int, renew: bool = False
    ) -> list["Lease"]:
        """Return up to `count` leases that `annotator` holds: those held already, then new ones.

        So a request that is repeated, because a page was loaded again or an answer was lost, costs nothing.
        Fewer come back, or none, when nothing else is left that this annotator has not been asked.

        renew: those held run anew whatever is left of them, so that a page which is left just now does not give them
        back; see `give_back`.
        """
        return self._hand_out(Walk.objects.lock(collection, annotator), count, renew)

    @transaction.atomic
    def trade(
        self, collection: Collection, annotator: User, answers: Sequence[Answer], count: int
    ) -> tuple[list[Outcome], list["Lease"]]:
        """Cast `answers`, then hand out, both or neither."""
        # In this order, as everybody takes these: the taxonomy, one's walk, leases, questions.
        Change.objects.hold_still()
        walk = Walk.objects.lock(collection, annotator)
        return self._cast(annotator, answers), self._hand_out(walk, count)

    def _hand_out(self, walk: "Walk", count: int, renew: bool = False) -> list["Lease"]:
        # Two windows of one annotator take turns on the walk, or both would be lent the same question.
        held = self._renewed(walk.collection, walk.annotator, renew)
        n_new = min(count, MOST_LEASES) - len(held)
        if n_new > 0 and walk.collection.is_asking:
            held += walk.claim_next(n_new, [lease.question_id for lease in held])
        return held[:count]

    @transaction.atomic
    def hand_out_grid(
        self,
        collection: Collection,
        annotator: User,
        noun: Synset | None = None,
        count: int = GRID,
        renew: bool = False,
    ) -> Grid:
        """Return up to `count` leases that `annotator` holds on questions about one noun: that of those held
        already, or else the next one; or `noun`, and those held of others are given back.

        As with `hand_out`, asking again costs nothing, and nobody is asked twice.
        """
        # The ledger before the walk, as whoever votes takes them.
        Change.objects.hold_still()
        choices = Choices.of(collection, None, Change.objects.version())
        walk = Walk.objects.lock(collection, annotator)
        filling = Filling(walk, choices, self._renewed(collection, annotator, renew))
        return filling.run(noun, min(count, MOST_LEASES))

    def _renewed(self, collection: Collection, annotator: User, at_once: bool) -> list["Lease"]:
        """Return the leases that `annotator` holds here, with what a page shows of them; renewed where little is left
        of one, or at once.
        """
        now = timezone.now()
        held = _held(collection, annotator)
        if any(lease.expires_at <= now for lease in held):
            # An expired lease of one's own would hide its question from oneself, so those go first.
            self.filter(pk__in=[lease.pk for lease in held]).expired().release()
            held = _held(collection, annotator)
        if held and (at_once or any(lease.expires_at - now < RENEW_BELOW for lease in held)):
            self.filter(pk__in=[lease.pk for lease in held]).renew()
            held = _held(collection, annotator)
        return [lease for lease in held if lease.expires_at > now]

    def might_come(self, collection: Collection, annotator: User) -> bool:
        """Say whether questions are left for `annotator`, though others may hold them at this moment."""
        left = collection.questions.filter(Q(open_places__gt=0) | Q(state=Question.State.WAITING))
        left = never_asked(left.filter(image__withdrawn_at=None), annotator)
        if collection.is_verifying:
            choices = Choices.read(collection, None)
            left = left.exclude(about__in=choices.not_asked_about)
        return collection.is_asking and left.exists()

    def nouns_left(self, collection: Collection, annotator: User) -> set[Synset]:
        """Return the classes about which something is left to ask `annotator`, in a collection that verifies."""
        choices = Choices.read(collection, None)
        asked_as = {pk for noun in choices.synsets for pk in choices.asked_as(noun)}
        left = collection.questions.filter(Q(open_places__gt=0) | Q(state=Question.State.WAITING))
        left = never_asked(left.filter(image__withdrawn_at=None, about=OuterRef("pk")), annotator)
        found = Synset.objects.filter(Exists(left), pk__in=asked_as).values_list("pk", flat=True)
        return {noun for pk in found if (noun := choices.about(pk))}

    def renew(self) -> None:
        """Let these leases run anew. One that is being voted on right now is left alone, not waited for."""
        free = self.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
        Lease.objects.filter(pk__in=list(free)).update(expires_at=timezone.now() + LEASE_TIME)

    @transaction.atomic
    def shorten(self) -> None:
        """Let those run anew that run longer than any is lent for, since the clock was set back."""
        self.filter(expires_at__gt=timezone.now() + LEASE_TIME).renew()

    def expired(self) -> Self:
        return self.filter(expires_at__lte=timezone.now())

    def give_back(self, annotator: User, numbers: Sequence[int], expires_by: datetime | None) -> int:
        """Release these leases of `annotator`; return how many those were.

        A page gives back what it holds when it is left, which may be for the same page, loaded again: that one has
        them already, and for longer. So of a page's own only those are released that expire by `expires_by`.
        """
        mine = self.filter(annotator=annotator, pk__in=numbers)
        return (mine.filter(expires_at__lte=expires_by) if expires_by else mine).release()

    @transaction.atomic
    def release(self) -> int:
        """Give these leases' places back and delete them; return how many those were."""
        # A switch takes questions before leases, so it and this must exclude each other, as a switch and votes do.
        Change.objects.hold_still()
        # Locked in one order, and rows that somebody is voting on right now are left alone.
        leases = list(self.select_for_update(skip_locked=True, of=("self",)).order_by("question_id"))
        if not leases:
            return 0
        Question.objects.give_places_back(lease.question_id for lease in leases)
        Lease.objects.filter(pk__in=[lease.pk for lease in leases]).delete()
        return len(leases)

    @transaction.atomic
    def cast(self, annotator: User, answers: Sequence[Answer]) -> list[Outcome]:
        """Turn leases that `annotator` holds into votes, and decide their questions; return what became of each
        answer, in their order. An answer that is sent again does no harm, and one that is refused stops no other.
        """
        Change.objects.hold_still()
        return self._cast(annotator, answers)

    def _cast(self, annotator: User, answers: Sequence[Answer]) -> list[Outcome]:
        numbers = {answer.lease for answer in answers}
        locked_leases, version = _locked_leases(annotator, numbers)
        held = {lease.pk: lease for lease in locked_leases}
        cast = kept_before(annotator, numbers - held.keys())
        outcomes: list[Outcome] = []
        votes: dict[int, Vote] = {}
        skips: dict[int, Skip] = {}
        answered: list[int] = []
        for answer in answers:
            lease = held.pop(answer.lease, None)
            if lease is None:
                earlier = votes.get(answer.lease) or skips.get(answer.lease) or cast.get(answer.lease)
                outcomes.append(repeat(answer, earlier))
                continue
            question = lease.question
            if lease.is_answered:
                answered.append(lease.pk)
                outcomes.append(
                    Outcome(refusal=AnsweredOtherwiseError("You have already answered this question."))
                )
                continue
            choices = choices_of(question, version)
            outcome = take(answer, question, lease.annotator_id, lease.expires_at, choices, version)
            if outcome.skip:
                skips[answer.lease] = outcome.skip
            if outcome.vote:
                votes[answer.lease] = outcome.vote
                question.n_votes += 1
            outcomes.append(outcome)
        if answered:
            self.filter(pk__in=answered).release()
        if skips:
            self.skip(skips)
        if votes:
            Vote.objects.cast([*votes.values()], lambda question: choices_of(question, version))
            Walk.objects.note_gold(annotator, [outcome for outcome in outcomes if outcome.truth])
            # Last, since the first votes of a day wait for each other here.
            VotingDay.objects.note(annotator)
        return outcomes

    def skip(self, skips: Mapping[int, "Skip"]) -> None:
        """End these locked leases without a vote, and give their places back to others."""
        Skip.objects.bulk_create(skips.values())
        self.filter(pk__in=skips).delete()
        passed = Question.objects.open().filter(pk__in=[skip.question_id for skip in skips.values()])
        passed.update(open_places=F("open_places") + 1)

    @transaction.atomic
    def take_back(self, annotator: User, number: int) -> "Lease":
        """Undo the vote that `annotator` cast on this lease: it no longer counts, and its picture is lent again.

        Only the latest vote in its collection, and for a short while. Raises NotUndoneError.
        """
        Change.objects.hold_still()
        version = Change.objects.version()
        cast = Vote.objects.filter(annotator=annotator, lease_number=number).select_related(
            "question__collection"
        )
        vote = cast.first()
        if vote is None:
            raise NotUndoneError(
                gettext("Expected a lease that you voted on; found %(number)s.") % {"number": number}
            )
        # Another window that is being lent questions must not find this one unanswered and not yet held.
        Walk.objects.lock(vote.question.collection, annotator)
        rows = Question.objects.select_related("collection__root", "image", "narrowing__stands_at")
        question = rows.select_for_update(of=("self",)).get(pk=vote.question_id)
        # Now that nobody else can take it back or decide the question.
        _refuse_to_undo(vote, question, version)
        Retraction.objects.create(
            question=question,
            annotator=annotator,
            synset_id=vote.synset_id,
            answer=vote.answer,
            lease_number=number,
            cast_at=vote.cast_at,
        )
        vote.delete()
        lease = self.create(question=question, annotator=annotator, expires_at=timezone.now() + LEASE_TIME)
        question.n_votes -= 1
        Vote.objects.decide([question], lambda each: choices_of(each, version))
        return lease


def _refuse_to_undo(vote: Vote, question: Question, version: int) -> None:
    """Raise NotUndoneError unless `vote` may be taken back: `question` is its own, locked."""
    here = Vote.objects.filter(annotator=vote.annotator_id, question__collection=question.collection_id)
    if here.order_by("-pk").values_list("pk", flat=True).first() != vote.pk:
        raise NotUndoneError(gettext("Expected your latest vote; found that you have voted since."))
    if vote.cast_at < timezone.now() - UNDO_TIME:
        minutes = int(UNDO_TIME.total_seconds() // 60)
        raise NotUndoneError(
            gettext("Expected a vote of the last %(minutes)s minutes; found an older one.")
            % {"minutes": minutes}
        )
    if question.is_gold:
        raise NotUndoneError(
            gettext("Expected a picture whose answer you were not told; found one that you were.")
        )
    is_over = question.about_id and not choices_of(question, version).about(question.about_id)
    if is_over or vote.narrowing_id != question.narrowing_id:
        raise NotUndoneError(
            gettext("Expected a picture that still asks the same; found that it asks another question.")
        )


def _held(collection: Collection, annotator: User) -> list["Lease"]:
    """Return the leases of `annotator` here, expired ones too, with what a page shows of them."""
    found = rows(
        f"""SELECT l.id, l.expires_at, {select("q", QUESTION)}, {select("i", IMAGE)} FROM labeling_lease l
            JOIN labeling_question q ON q.id = l.question_id JOIN labeling_image i ON i.id = q.image_id
            WHERE l.annotator_id = %s AND q.collection_id = %s ORDER BY l.id""",
        [annotator.pk, collection.pk],
    )
    return [
        Lease(id=pk, question=_question(collection, values), annotator=annotator, expires_at=from_moment(at))
        for pk, at, *values in found
    ]


def _question(collection: Collection, values: Sequence[Any]) -> Question:
    """Make a question and its picture of QUESTION's and IMAGE's columns."""
    question = build(Question, QUESTION, values[: len(QUESTION)])
    question.collection = collection
    question.image = build(Image, IMAGE, values[len(QUESTION) :])
    return question


def _locked_leases(annotator: User, numbers: AbstractSet[int]) -> tuple[list["Lease"], int]:
    """Lock these leases, where `annotator` has them, and their questions; both in the order of the questions, as
    everybody does, so that nobody deadlocks. Return them, and the taxonomy's version, 0 without any.
    """
    found = rows(
        f"""SELECT ({VERSION}), l.id, l.expires_at, {ANSWERED}, {select("q", QUESTION)}, {select("c", TO_ASK)}
            FROM labeling_lease l JOIN labeling_question q ON q.id = l.question_id
            JOIN labeling_collection c ON c.id = q.collection_id
            WHERE {among("l.id")} AND l.annotator_id = %s ORDER BY q.id {locked("l", "q")}""",
        [keys(numbers), annotator.pk],
    )
    collections: dict[int, Collection] = {}
    leases = []
    for _version, pk, expires_at, is_answered, *values in found:
        question = build(Question, QUESTION, values[: len(QUESTION)])
        if question.collection_id not in collections:
            collections[question.collection_id] = build(Collection, TO_ASK, values[len(QUESTION) :])
        question.collection = collections[question.collection_id]
        moment = from_moment(expires_at)
        lease = Lease(id=pk, question=question, annotator=annotator, expires_at=moment)
        lease.is_answered = bool(is_answered)
        leases.append(lease)
    return leases, found[0][0] if found else 0


def choices_of(question: Question, version: int) -> Choices:
    return Choices.of(question.collection, question.narrowing_id, version)


class Lease(models.Model):
    """A short loan of one question to one annotator."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="leases", db_index=False)
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="leases")
    expires_at = models.DateTimeField(db_index=True)

    is_answered = False  # set where leases are read to be voted on

    objects = LeaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question", "annotator"], name="labeling_lease_once_per_question"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question} to {self.annotator}"

    def cast(self, synset: Synset | None, seconds: float | None = None) -> Vote:
        """Turn this lease into a vote for `synset`, or into "cannot tell" where it is None.

        Raises LeaseExpiredError if it is held no more, NotAClassError if the collection does not ask for `synset`.
        """
        return self._cast(Answer(self.pk, synset.wnid if synset else "", seconds=seconds))

    def answer(self, kind: str, seconds: float | None = None) -> Vote:
        """Turn this lease into a vote on the noun that it asks about: present, absent or cannot tell. Raises the
        same as `cast`.
        """
        return self._cast(Answer(self.pk, kind=kind, seconds=seconds))

    def _cast(self, answer: Answer) -> Vote:
        [outcome] = Lease.objects.cast(self.annotator, [answer])
        if outcome.is_repeated or outcome.vote is None:
            raise outcome.refusal or LeaseExpiredError(
                gettext("Expected a lease that you hold; lease %(pk)s has your vote.") % {"pk": self.pk}
            )
        return outcome.vote


class WalkManager(models.Manager["Walk"]):
    def lock(self, collection: Collection, annotator: User) -> "Walk":
        """Return the walk of `annotator`, begun if there is none, locked until the transaction's end."""
        find = f"""SELECT {HAS_BEST}, w.id, w.position, w.n_gold, w.n_gold_right FROM labeling_walk w
            WHERE w.collection_id = %s AND w.annotator_id = %s {locked("w")}"""
        found = rows(find, [collection.pk, annotator.pk])
        if not found:
            walk, _is_new = self.select_for_update().get_or_create(collection=collection, annotator=annotator)
            return walk
        [(has_best, *values)] = found
        walk = build(
            Walk,
            ("collection_id", "annotator_id", "id", "position", "n_gold", "n_gold_right"),
            (collection.pk, annotator.pk, *values),
        ).of(collection, annotator)
        walk.has_best = bool(has_best)
        return walk

    def note_gold(self, annotator: User, outcomes: Sequence[Outcome]) -> None:
        """Count new answers to gold questions, and those of them that were right."""
        for outcome in outcomes:
            vote = outcome.vote
            if vote is None or outcome.is_repeated or outcome.truth is None:
                continue
            walk = self.filter(collection=vote.question.collection_id, annotator=annotator)
            walk.update(n_gold=F("n_gold") + 1, n_gold_right=F("n_gold_right") + int(outcome.is_right))


class Walk(models.Model):
    """How far one annotator has walked along one collection's window of open questions."""

    START = -1

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, db_index=False)
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    position = models.IntegerField(default=START)
    n_gold = models.PositiveIntegerField(default=0, help_text=_("Gold questions answered with a noun."))
    n_gold_right = models.PositiveIntegerField(default=0)

    has_best = (
        True  # whether any question is started and has a place; read with the walk, to look for one or not
    )

    objects = WalkManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "annotator"], name="labeling_walk_once"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} at {self.position} in {self.collection}"

    def of(self, collection: Collection, annotator: User) -> Self:
        """Give it the rows that it is about, which whoever asks has at hand."""
        self.collection, self.annotator = collection, annotator
        return self

    @property
    def gold_rate(self) -> float:
        """How many of the next questions are to be gold. It falls as it becomes sure how often this annotator is
        right: with the standard deviation of the Beta distribution of that, from the collection's share.
        """
        right, wrong = self.n_gold_right + 1, self.n_gold - self.n_gold_right + 1
        deviation = sqrt(right * wrong / ((right + wrong) ** 2 * (right + wrong + 1)))
        return self.collection.gold_share * min(1.0, deviation / UNSURE)

    def claim_next(self, n_wanted: int, held: Sequence[int] = (), only: Only = ALL) -> list[Lease]:
        """Take some gold questions; then started ones, those on which one more vote tells most; then walk the window
        of open questions from here; feed it at its end; walk it again from its start. Never a question that this
        annotator has answered, skipped or holds.

        held: what this annotator holds in the collection, by its question.
        """
        to = self._borrower(held)
        n_gold = sum(random() < self.gold_rate for _ in range(n_wanted))  # noqa: S311
        claimed = self._leases(to, lend_gold(to, n_gold, only)) if n_gold else []
        claimed += self._claim_best(to, n_wanted - len(claimed), only)
        claimed += self._claim(to, n_wanted - len(claimed), only)
        for _feed in range(MOST_FEEDS):
            if len(claimed) == n_wanted or not only.questions().feed(self.collection):
                break
            claimed += self._claim(to, n_wanted - len(claimed), only)
        if len(claimed) < n_wanted and self.position != Walk.START:
            self.position = Walk.START
            claimed += self._claim(to, n_wanted - len(claimed), only)
        return claimed

    def look_ahead(self, held: Sequence[int], only: Only) -> int | None:
        """Return what the next open question is about that this annotator was not asked; as `claim_next` finds it."""
        to = self._borrower(held)
        for _feed in range(MOST_FEEDS):
            if about := next_about(to, self.position, only):
                return about
            if not only.questions().feed(self.collection):
                break
        self.position = Walk.START
        return next_about(to, self.position, only)

    def _borrower(self, held: Sequence[int]) -> Borrower:
        expires_at = timezone.now() + LEASE_TIME
        return Borrower(self.collection.pk, self.annotator.pk, [*held], expires_at)

    def _claim_best(self, to: Borrower, n_wanted: int, only: Only) -> list[Lease]:
        """Take up to `n_wanted` places on started questions, wherever they lie; return the leases."""
        if not n_wanted or not self.has_best:
            return []
        leases = self._leases(to, lend_best(to, n_wanted, only))
        for lease in leases:
            lease.question.open_places -= 1
        return leases

    def _claim(self, to: Borrower, n_wanted: int, only: Only) -> list[Lease]:
        """Take up to `n_wanted` places on open questions ahead; move there; return the leases."""
        if not n_wanted:
            return []
        leases = self._leases(to, lend_ahead(to, n_wanted, self.pk, self.position, only))
        for lease in leases:
            lease.question.open_places -= 1
            self.position = lease.question.position
        return leases

    def _leases(self, to: Borrower, lent: Sequence[tuple[Any, ...]]) -> list[Lease]:
        """Make leases of what was lent, which is held from now on."""
        leases = [
            Lease(
                id=pk,
                question=_question(self.collection, values),
                annotator=self.annotator,
                expires_at=to.expires_at,
            )
            for pk, *values in lent
        ]
        to.held.extend(lease.question_id for lease in leases)
        return leases
