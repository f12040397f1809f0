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
from labeling.targets import shifted
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
    """Bring the questions of every collection to its policy, where that was changed or its starter set has room for
    more; return how many changed.
    """
    return sum(
        follow(each)
        for each in Collection.objects.order_by("pk")
        if Question.objects.draw_starters(each) or not _is_followed(each)
    )


def follow(collection: Collection) -> int:
    """Bring the questions of one to its policy, some at a time; return how many were weighed anew.

    Safe to stop and repeat: what was brought to the policy before is not found again.
    """
    policy, n_weighed = collection.policy, 0
    n_drawn = Question.objects.draw_starters(collection)
    keys = [pk for pk, _before, _after in _changed(collection, policy)]
    for start in range(0, len(keys), BATCH):
        n_weighed += _weigh(collection, keys[start : start + BATCH])
    names = ("target_confidence", "min_votes", "max_votes", "n_starters", "starter_votes")
    unchanged = {name: getattr(collection, name) for name in names}
    # A policy that was changed meanwhile is followed the next time.
    Collection.objects.filter(pk=collection.pk, **unchanged).update(followed_policy=_as_json(collection))
    if n_weighed or n_drawn:
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
    collection: Collection, asked_by: Policy, among: Sequence[int] | None = None
) -> Iterator[tuple[int, str, consensus.Decision]]:
    """Yield each question that `asked_by` turns into something else: (its key, its state, what is decided); `among`
    some, if not all.
    """
    choices = Choices.now(collection)
    starters = frozenset(Question.objects.starters(collection, collection.n_starters))
    counts = Q(votes__narrowing=F("narrowing")) | Q(votes__narrowing=None, narrowing=None)
    voted = collection.questions.filter(is_gold=False, confidence__isnull=False).exclude(state=State.WAITING)
    voted = voted if among is None else voted.filter(pk__in=among)
    # What a network disputes is with people, whatever the policy says of the votes that it had.
    disputed = Dispute.objects.unanswered().filter(question__collection=collection)
    voted = voted.exclude(state=State.OPEN, pk__in=disputed.values("question"))
    found = voted.filter(_may_change(collection, asked_by, choices, starters)).annotate(
        n_answers=Count("votes", filter=counts),
        n_named=Count("votes", filter=counts & Q(votes__synset__isnull=False)),
        n_none=Count("votes", filter=counts & Q(votes__answer=Vote.Answer.NONE_OF_THESE)),
    )
    broader = [*choices.broader]
    if broader:
        found = found.annotate(
            n_broader=Count("votes", filter=counts & Q(votes__synset__among=broader)),
            n_nouns=Count("votes__synset", filter=counts, distinct=True),
        )
    else:
        found = found.annotate(n_broader=Value(0), n_nouns=Value(0))
    columns = ("pk", "state", "label", "about", "narrowing", "confidence", "n_named", "n_answers", "n_none",
               "n_broader", "n_nouns")  # fmt: skip
    is_broader = frozenset(broader)
    for pk, state, label, about, narrowing, *numbers in found.order_by("pk").values_list(*columns).iterator():
        confidence, n_named, n_answers, n_none, n_broader, n_nouns = numbers
        policy = asked_by.of_starter(collection.starter_votes) if pk in starters else asked_by
        if collection.n_starters and not narrowing:
            policy = choices.settling_as(policy, label if about is None else about)
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


def _may_change(collection: Collection, policy: Policy, choices: Choices, starters: frozenset[int]) -> Q:
    """Leave out what is the same by the policy that was followed, as far as its own row tells."""
    if collection.followed_policy is None:
        return Q()
    before, has_starters = Policy(*collection.followed_policy[:3]), len(collection.followed_policy) > 3
    if has_starters != bool(collection.n_starters):
        return Q()  # with a starter set come the targets of nouns, and with it they go
    low, high = sorted((before.target_confidence, policy.target_confidence))
    if low < high and collection.n_starters:
        shifts = [0.0, choices.shift, *choices.shifts.values()]
        low, high = shifted(low, min(shifts)), shifted(high, max(shifts))
    may = Q(confidence__gte=low, confidence__lt=high)
    if starters or has_starters:
        may |= Q(pk__among=starters) | Q(is_starter=True)
    if before.min_votes != policy.min_votes:
        may |= Q(n_votes__gte=min(before.min_votes, policy.min_votes))
    if before.max_votes != policy.max_votes:
        may |= Q(n_votes__gte=min(before.max_votes, policy.max_votes))
    return may


def _is_followed(collection: Collection) -> bool:
    return collection.followed_policy == _as_json(collection)


def _as_json(collection: Collection) -> list[float]:
    starters = [collection.n_starters, collection.starter_votes] if collection.n_starters else []
    return [collection.target_confidence, collection.min_votes, collection.max_votes, *starters]
