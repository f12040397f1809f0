"""Who is asked what: short loans of questions, and the walk along which they are handed out."""

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from labeling.models.collections import Collection
from labeling.models.questions import Question, QuestionQuerySet, places_said
from labeling.models.votes import Vote
from taxonomy.models import Change, Synset

LEASE_TIME = timedelta(minutes=15)
MOST_LEASES = 100  # that one annotator may hold in one collection


class LeaseExpiredError(Exception):
    """The lease ran out, or was never this annotator's, so the vote cannot be taken."""


class NotAClassError(ValueError):
    """The collection does not offer this noun as an answer."""


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
        said = places_said({0: synset.pk}, classes).get(0) if synset else None
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
        ahead = Question.objects.filter(
            collection=self.collection_id,
            open_places__gt=0,
            position__gt=self.position,
            image__withdrawn_at=None,
        )
        free = never_asked(ahead, self.annotator).order_by("position")
        free = free.select_for_update(skip_locked=True, of=("self",))
        found = list(free.values_list("pk", "position")[:n_wanted])
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
