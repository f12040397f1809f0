"""Who is asked what: short loans of questions, and the walk along which they are handed out."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from labeling.models.choices import Choices
from labeling.models.collections import Collection
from labeling.models.questions import Question, QuestionQuerySet
from labeling.models.votes import Vote
from taxonomy.models import Change, Synset

LEASE_TIME = timedelta(minutes=15)
RENEW_BELOW = LEASE_TIME * 0.8  # what is left of it; renewing at every request would write at every request
MOST_LEASES = 100  # that one annotator may hold in one collection
MOST_FEEDS = 5  # in one request: who has answered all that these open comes again


class LeaseExpiredError(Exception):
    """The lease ran out, or was never this annotator's, so the vote cannot be taken."""


class NotAClassError(ValueError):
    """The collection does not offer this noun as an answer."""


class AnsweredOtherwiseError(ValueError):
    """A vote was cast on this lease before, and it says something else."""


@dataclass(frozen=True)
class Answer:
    """What somebody says about the picture of a lease."""

    lease: int
    wnid: str = ""  # of the noun that it shows; empty for "cannot tell"
    seconds: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of an answer: a new vote, the same vote that was cast before, or the reason why none was cast."""

    vote: Vote | None = None
    is_repeated: bool = False
    refusal: LeaseExpiredError | NotAClassError | AnsweredOtherwiseError | None = None


def never_asked(questions: QuestionQuerySet, annotator: User) -> QuestionQuerySet:
    """Leave out what `annotator` has answered or holds a lease on. A question that is being narrowed is another
    one than it was: which kind of dog, not what.
    """
    answered = Vote.objects.filter(question=OuterRef("pk"), annotator=annotator)
    same = answered.annotate(asked=Coalesce("narrowing", 0)).filter(asked=Coalesce(OuterRef("narrowing"), 0))
    held = Lease.objects.filter(question=OuterRef("pk"), annotator=annotator)
    return questions.exclude(Exists(same)).exclude(Exists(held))


class LeaseQuerySet(models.QuerySet["Lease"]):
    def running(self) -> Self:
        return self.filter(expires_at__gt=timezone.now())

    def held_by(self, annotator: User) -> Self:
        return self.running().filter(annotator=annotator)

    @transaction.atomic
    def hand_out(self, collection: Collection, annotator: User, count: int) -> list["Lease"]:
        """Return up to `count` leases that `annotator` holds: those held already, renewed, then new ones.

        So a request that is repeated, because a page was loaded again or an answer was lost, costs nothing.
        Fewer come back, or none, when nothing else is left that this annotator has not been asked.
        """
        # Two windows of one annotator take turns, or both would be lent the same question.
        walk, _made = Walk.objects.select_for_update().get_or_create(
            collection=collection, annotator=annotator
        )
        mine = self.filter(annotator=annotator, question__collection=collection)
        mine = mine.select_related("question__image", "question__narrowing__stands_at").order_by("pk")
        now = timezone.now()
        held: list[Lease] = list(mine)
        if any(lease.expires_at <= now for lease in held):
            # An expired lease of one's own would hide its question from oneself, so those go first.
            mine.expired().release()
            held = list(mine.all())
        if any(lease.expires_at - now < RENEW_BELOW for lease in held):
            mine.renew()
            held = list(mine.all())
        n_new = min(count, MOST_LEASES) - len(held)
        if n_new > 0 and collection.is_asking:
            held += walk.claim_next(n_new)
        return [lease for lease in held if lease.expires_at > now][:count]

    def might_come(self, collection: Collection, annotator: User) -> bool:
        """Say whether questions are left for `annotator`, though others may hold them at this moment."""
        left = collection.questions.filter(Q(open_places__gt=0) | Q(state=Question.State.WAITING))
        left = never_asked(left.filter(image__withdrawn_at=None), annotator)
        return collection.is_asking and left.exists()

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

    @transaction.atomic
    def cast(self, annotator: User, answers: Sequence[Answer]) -> list[Outcome]:
        """Turn leases that `annotator` holds into votes, and decide their questions; return what became of each
        answer, in their order. An answer that is sent again does no harm, and one that is refused stops no other.
        """
        version = Change.objects.hold_still()
        numbers = {answer.lease for answer in answers}
        # Everybody locks leases before questions, both in the order of the questions, so nobody deadlocks.
        leases = self.filter(annotator=annotator, pk__in=numbers).order_by("question_id").select_for_update()
        held = {lease.pk: lease for lease in leases}
        rows = Question.objects.filter(pk__in=[lease.question_id for lease in held.values()])
        rows = rows.select_related("collection").order_by("pk").select_for_update(of=("self",))
        questions = {question.pk: question for question in rows}
        cast = _cast_before(annotator, numbers - held.keys())
        outcomes: list[Outcome] = []
        votes: dict[int, Vote] = {}
        for answer in answers:
            lease = held.pop(answer.lease, None)
            if lease is None:
                earlier = votes.get(answer.lease) or cast.get(answer.lease)
                outcomes.append(_repeat(answer, earlier))
                continue
            question = questions[lease.question_id]
            outcome = _vote(lease, question, choices_of(question, version), answer, version)
            if outcome.vote:
                votes[answer.lease] = outcome.vote
                question.n_votes += 1
            outcomes.append(outcome)
        if votes:
            Vote.objects.bulk_create(votes.values())
            self.filter(pk__in=votes).delete()
            voted = [questions[vote.question_id] for vote in votes.values()]
            Vote.objects.decide(voted, lambda question: choices_of(question, version))
        return outcomes


def choices_of(question: Question, version: int) -> Choices:
    return Choices.of(question.collection, question.narrowing_id, version)


def _cast_before(annotator: User, numbers: AbstractSet[int]) -> dict[int, Vote]:
    """Return the votes that `annotator` cast on these leases earlier."""
    if not numbers:
        return {}
    votes = Vote.objects.filter(annotator=annotator, lease_number__in=numbers).select_related("synset")
    return {vote.lease_number or 0: vote for vote in votes}


def _repeat(answer: Answer, earlier: Vote | None) -> Outcome:
    """Tell an answer that is sent again from one that contradicts it, and both from a lease that is not held."""
    if earlier is None:
        return Outcome(
            refusal=LeaseExpiredError(
                f"Expected a lease that you hold; lease {answer.lease} ran out or is not yours."
            )
        )
    if (earlier.synset.wnid if earlier.synset else "") == answer.wnid:
        return Outcome(vote=earlier, is_repeated=True)
    said = earlier.synset or "cannot tell"
    return Outcome(refusal=AnsweredOtherwiseError(f"You have already answered this question: {said}."))


def _vote(lease: "Lease", question: Question, choices: Choices, answer: Answer, version: int) -> Outcome:
    """Make, without writing it, the vote that `answer` is."""
    if lease.expires_at <= timezone.now():
        return Outcome(
            refusal=LeaseExpiredError(
                f"Expected a lease that is still held; lease {lease.pk} ran out at "
                f"{lease.expires_at:%H:%M:%S} UTC. Ask for another question."
            )
        )
    synset = choices.by_wnid.get(answer.wnid) if answer.wnid else None
    if answer.wnid and synset is None:
        # A page that was open while the taxonomy changed names a noun by what it was.
        synset = Synset.objects.filter(wnid=answer.wnid).first()
        if synset is None:
            return Outcome(refusal=NotAClassError(f"Expected the wnid of a noun; found {answer.wnid!r}."))
    place = choices.place(synset.pk) if synset else None
    if synset is not None and (place is None or choices.synsets[place] not in choices.offered):
        return Outcome(
            refusal=NotAClassError(f"Expected one of the classes of {question.collection}; found {synset}.")
        )
    return Outcome(
        vote=Vote(
            question=question,
            annotator_id=lease.annotator_id,
            synset=synset,
            answer=Vote.Answer.PRESENT if synset else Vote.Answer.CANNOT_TELL,
            seconds=answer.seconds,
            lease_number=lease.pk,
            narrowing_id=question.narrowing_id,
            taxonomy_version=version,
        )
    )


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

    def cast(self, synset: Synset | None, seconds: float | None = None) -> Vote:
        """Turn this lease into a vote for `synset`, or into "cannot tell" where it is None.

        Raises LeaseExpiredError if it is held no more, NotAClassError if the collection does not ask for `synset`.
        """
        wnid = synset.wnid if synset else ""
        [outcome] = Lease.objects.cast(self.annotator, [Answer(self.pk, wnid, seconds)])
        if outcome.is_repeated or outcome.vote is None:
            raise outcome.refusal or LeaseExpiredError(
                f"Expected a lease that you hold; lease {self.pk} has your vote."
            )
        return outcome.vote


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

    def claim_next(self, n_wanted: int) -> list[Lease]:
        """Walk the window of open questions from here; feed it at its end; walk it again from its start."""
        claimed = self.claim(n_wanted)
        for _feed in range(MOST_FEEDS):
            if len(claimed) == n_wanted or not Question.objects.feed(self.collection):
                break
            claimed += self.claim(n_wanted - len(claimed))
        if len(claimed) < n_wanted and self.position != Walk.START:
            self.position = Walk.START
            claimed += self.claim(n_wanted - len(claimed))
        self.save(update_fields=["position"])
        return claimed

    def claim(self, n_wanted: int) -> list[Lease]:
        """Take up to `n_wanted` places on open questions ahead; move there; return the leases."""
        ahead = Question.objects.filter(
            collection=self.collection_id,
            open_places__gt=0,
            position__gt=self.position,
            image__withdrawn_at=None,
        )
        free = never_asked(ahead, self.annotator).order_by("position")
        # Rows that others are taking right now are passed over instead of waited for, so nobody deadlocks.
        free = free.select_related("image", "narrowing__stands_at")
        found = list(free.select_for_update(skip_locked=True, of=("self",))[:n_wanted])
        if not found:
            return []
        # One UPDATE both checks and takes the places: the constraint refuses to go below none.
        Question.objects.filter(pk__in=[question.pk for question in found]).update(
            open_places=F("open_places") - 1
        )
        for question in found:
            question.open_places -= 1
        expires_at = timezone.now() + LEASE_TIME
        self.position = found[-1].position
        return Lease.objects.bulk_create(
            Lease(question=question, annotator=self.annotator, expires_at=expires_at) for question in found
        )
