"""What another policy makes of questions that were voted on: some are asked again, some settle, some are given up.

It is foretold from what each question's votes led to when they were last weighed, and brought about by weighing them
anew. Gold questions are decided by what is known, whatever the policy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from django.db import transaction
from django.db.models import Count, F, Q, Value

from labeling import consensus
from labeling.consensus import Policy
from labeling.models import Choices, Collection, Dispute, Figures, Question, Vote
from taxonomy.models import Change

BATCH = 200  # questions that are locked at a time
State = Question.State
DECIDED = (State.SETTLED, State.ABSENT)


@dataclass
class Effect:
    """How many questions become something else."""

    n_asked_again: int = 0  # which are settled
    n_reopened: int = 0  # which were given up
    n_settled: int = 0
    n_given_up: int = 0

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def add(self, before: str, after: consensus.Decision) -> None:
        if after == consensus.Decision.SETTLED:
            self.n_settled += 1
        elif after == consensus.Decision.UNDECIDED:
            self.n_given_up += 1
        elif before in DECIDED:
            self.n_asked_again += 1
        else:
            self.n_reopened += 1


def foretell(collection: Collection, policy: Policy) -> Effect:
    """Count what `policy` would change. One query, which passes over the votes that may matter."""
    effect = Effect()
    for _pk, before, after in _changed(collection, policy):
        effect.add(before, after)
    return effect


def follow_policies() -> int:
    """Bring the questions of every collection to its policy, where that was changed; return how many changed."""
    return sum(follow(each) for each in Collection.objects.order_by("pk") if not _is_followed(each))


def follow(collection: Collection) -> int:
    """Bring the questions of one to its policy, some at a time; return how many were weighed anew.

    Safe to stop and repeat: what was brought to the policy before is not found again.
    """
    policy, n_weighed = collection.policy, 0
    keys = [pk for pk, _before, _after in _changed(collection, policy)]
    for start in range(0, len(keys), BATCH):
        n_weighed += _weigh(collection, keys[start : start + BATCH])
    unchanged = {"target_confidence": policy.target_confidence, "min_votes": policy.min_votes,
                 "max_votes": policy.max_votes}  # fmt: skip
    # A policy that was changed meanwhile is followed the next time.
    Collection.objects.filter(pk=collection.pk, **unchanged).update(followed_policy=_as_json(policy))
    if n_weighed:
        Figures.objects.filter(collection=collection).mark()
    return n_weighed


@transaction.atomic
def _weigh(collection: Collection, keys: list[int]) -> int:
    """Decide by their votes those of these that still have to change; return how many. Whoever votes on one of them
    meanwhile goes first or waits.
    """
    Change.objects.hold_still()
    version = Change.objects.version()
    collection = Collection.objects.get(pk=collection.pk)
    list(Question.objects.filter(pk__in=keys).order_by("pk").select_for_update().values_list("pk"))
    left = [pk for pk, _before, _after in _changed(collection, collection.policy, keys)]
    questions = list(Question.objects.filter(pk__in=left).order_by("pk"))
    for question in questions:
        question.collection = collection
    read = cache(lambda narrowing: Choices.of(collection, narrowing, version))
    Vote.objects.decide(questions, lambda question: read(question.narrowing_id))
    return len(questions)


def _changed(
    collection: Collection, policy: Policy, among: Sequence[int] | None = None
) -> Iterator[tuple[int, str, consensus.Decision]]:
    """Yield each question that `policy` turns into something else: (its key, its state, what is decided); `among`
    some, if not all.
    """
    counts = Q(votes__narrowing=F("narrowing")) | Q(votes__narrowing=None, narrowing=None)
    voted = collection.questions.filter(is_gold=False, confidence__isnull=False).exclude(state=State.WAITING)
    voted = voted if among is None else voted.filter(pk__in=among)
    # What a network disputes is with people, whatever the policy says of the votes that it had.
    disputed = Dispute.objects.unanswered().filter(question__collection=collection)
    voted = voted.exclude(state=State.OPEN, pk__in=disputed.values("question"))
    found = voted.filter(_may_change(collection, policy)).annotate(
        n_answers=Count("votes", filter=counts),
        n_named=Count("votes", filter=counts & Q(votes__synset__isnull=False)),
        n_none=Count("votes", filter=counts & Q(votes__answer=Vote.Answer.NONE_OF_THESE)),
    )
    broader = [*Choices.now(collection).broader]
    if broader:
        found = found.annotate(
            n_broader=Count("votes", filter=counts & Q(votes__synset__among=broader)),
            n_nouns=Count("votes__synset", filter=counts, distinct=True),
        )
    else:
        found = found.annotate(n_broader=Value(0), n_nouns=Value(0))
    columns = ("pk", "state", "label", "confidence", "n_named", "n_answers", "n_none", "n_broader", "n_nouns")
    is_broader = frozenset(broader)
    for pk, state, label, confidence, *numbers in found.order_by("pk").values_list(*columns).iterator():
        n_named, n_answers, n_none, n_broader, n_nouns = numbers
        if state == State.SETTLED and label in is_broader:
            is_final = n_answers >= policy.max_votes or (n_nouns == 1 and n_named == n_answers)
            confidence = confidence if is_final else 0.0  # with more votes a class may yet be the label
        else:
            n_named -= n_broader  # no class settles by those
        decision = consensus.decide(confidence, n_named, n_answers, policy, n_none)
        if not _says(state, decision):
            yield pk, state, decision


def _says(state: str, decision: consensus.Decision) -> bool:
    """Whether a question in `state` is what was decided already."""
    if decision == consensus.Decision.SETTLED:
        return state in DECIDED
    return state == Question.State.after(decision)


def _may_change(collection: Collection, policy: Policy) -> Q:
    """Leave out what is the same by the policy that was followed, as far as its own row tells."""
    if collection.followed_policy is None:
        return Q()
    before = Policy(*collection.followed_policy)
    low, high = sorted((before.target_confidence, policy.target_confidence))
    may = Q(confidence__gte=low, confidence__lt=high)
    if before.min_votes != policy.min_votes:
        may |= Q(n_votes__gte=min(before.min_votes, policy.min_votes))
    if before.max_votes != policy.max_votes:
        may |= Q(n_votes__gte=min(before.max_votes, policy.max_votes))
    return may


def _is_followed(collection: Collection) -> bool:
    return collection.followed_policy == _as_json(collection.policy)


def _as_json(policy: Policy) -> list[float]:
    return [policy.target_confidence, policy.min_votes, policy.max_votes]
