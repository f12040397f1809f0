"""Settled labels that a trained network disputes come back as ordinary questions, and people decide.

The network is sure of another class, as far as it has proved reliable, and holds the label for hardly possible
(labeling.suspicion says when). One more person is then asked, once for each network; from then on the question is
as any that is open. Never gold, and never of the test part: contests stand on its labels, and where a
network chose which of them are looked at again they would come to favour it.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from labeling.models import Choices, Collection, Dispute, Network, Prediction, Question, Vote
from labeling.models.predictions import log_of
from labeling.splits import TEST
from labeling.suspicion import suspect
from taxonomy.models import Change, Synset

MOST_SHARE = 0.01  # of the settled questions that are asked again at a time
READ_AT_ONCE = 5_000
Row = tuple[int, int, float, int, list[tuple[int, float]], str]


@dataclass(frozen=True)
class Suspect:
    """A question whose label a network disputes, as it was when that was found."""

    question: int
    label: int
    n_votes: int
    claim: int
    probability: float
    doubt: float


def ask_again(collection: Collection) -> int:
    """Ask one more person about the labels that the network of the latest fit disputes, the surest first; return how
    many those are. Of what waits for people already no more than `MOST_SHARE` of what is settled.

    Safe to repeat: nothing is disputed twice by one network. What settled as before though nobody who was asked again
    has said it is asked once more: two who agreed would outweigh whoever contradicts them, and people who misread a
    picture alike are surer together than they should be. What came to be settled again though nobody has answered, as
    by a change of the nouns, is asked once more.
    """
    n_reopened = reopen(collection.questions.filter(pk__in=_unconfirmed(collection).values("question")))
    choices = Choices.now(collection)
    fit = collection.latest_fit
    network = fit.network if fit and choices.fit == fit.pk else None
    if network is None or choices.parameters is None:
        return n_reopened
    settled = collection.questions.settled().filter(is_gold=False)
    n_pending = Dispute.objects.filter(question__collection=collection).by_networks().pending().count()
    room = ceil(MOST_SHARE * settled.count()) - n_pending
    if room <= 0:
        return n_reopened
    surest = heapq.nlargest(room, _suspects(settled, network, choices), key=lambda each: each.doubt)
    return n_reopened + _dispute(collection, network, surest)


def _unconfirmed(collection: Collection) -> QuerySet[Dispute]:
    """Disputes whose question is settled as before, though nobody has said so since; nobody holds it and more may."""
    disputes = Dispute.objects.filter(question__collection=collection)
    since = Vote.objects.filter(question=OuterRef("question"), cast_at__gt=OuterRef("made_at"))
    said = since.filter(
        Q(synset=OuterRef("label")) | Q(synset=OuterRef("question__label")), answer=Vote.Answer.PRESENT
    )
    as_before = Q(question__label=F("label"))
    becomes = Synset.objects.resolution()
    for label in disputes.filter(label__is_retired=True).values_list("label", flat=True).distinct():
        as_before |= Q(label=label, question__label=becomes.get(label))
    waiting = disputes.filter(
        as_before,
        question__state=Question.State.SETTLED,
        question__is_gold=False,
        question__n_votes__lt=F("question__collection__max_votes"),
        question__leases=None,
    )
    return waiting.exclude(Exists(said))


def _suspects(settled: QuerySet[Question], network: Network, choices: Choices) -> Iterator[Suspect]:
    """Yield the labels that `network` disputes for the first time."""
    asked = settled.filter(
        prediction__network=network, label__isnull=False, narrowing=None, image__withdrawn_at=None
    ).exclude(image__split=TEST)
    fresh = asked.exclude(pk__in=network.disputes.values("question"))
    columns = ("pk", "label", "confidence", "n_votes", "prediction__likeliest", "prediction__use")
    batch: list[Row] = []
    for row in fresh.order_by("pk").values_list(*columns).iterator(chunk_size=READ_AT_ONCE):
        batch.append(row)
        if len(batch) == READ_AT_ONCE:
            yield from _suspected(batch, network, choices)
            batch = []
    yield from _suspected(batch, network, choices)


def _suspected(batch: Sequence[Row], network: Network, choices: Choices) -> Iterator[Suspect]:
    parameters, n_classes = choices.parameters, len(choices.synsets)
    answered = [(row, answer) for row in batch if (answer := choices.answer(row[1])) is not None]
    if not answered or parameters is None:
        return
    q = np.array([choices.foretold(likeliest) for (*_row, likeliest, _use), _answer in answered])
    label = np.zeros(q.shape, dtype=np.bool_)
    for place, (_row, answer) in enumerate(answered):
        label[place, [answer] if answer < n_classes else choices.tree[answer - n_classes]] = True
    confidence = np.array([row[2] or 0.0 for row, _answer in answered])
    is_heeded = choices.network == network.pk
    helped = np.array([is_heeded and row[5] == Prediction.Use.HELPS for row, _answer in answered])
    read = parameters.network.read(log_of(q), parameters.prior)
    found = suspect(read, label, confidence, parameters.prior, helped)
    for place in np.flatnonzero(found.is_disputed).tolist():
        question, noun, _confidence, n_votes, _likeliest, _use = answered[place][0]
        claim = choices.synsets[int(found.claim[place])].pk
        yield Suspect(
            question, noun, n_votes, claim, float(found.probability[place]), float(found.doubt[place])
        )


@transaction.atomic
def _dispute(collection: Collection, network: Network, suspects: Sequence[Suspect]) -> int:
    """Write down what is disputed, where its question still stands as it was, and ask again; return how many those
    are."""
    Change.objects.hold_still()
    of_question = {each.question: each for each in suspects}
    locked = collection.questions.settled().filter(pk__among=of_question, is_gold=False).order_by("pk")
    rows = locked.select_for_update(of=("self",)).values_list("pk", "label", "n_votes")
    found = [of_question[pk] for pk, *now in rows if now == [of_question[pk].label, of_question[pk].n_votes]]
    Dispute.objects.bulk_create(
        [
            Dispute(
                question_id=each.question,
                network=network,
                label_id=each.label,
                claim_id=each.claim,
                probability=each.probability,
                n_votes=each.n_votes,
            )
            for each in found
        ],
        batch_size=1000,
    )
    return reopen(collection.questions.filter(pk__among=[each.question for each in found]))


def reopen(questions: QuerySet[Question]) -> int:
    """Ask one more person about each of these."""
    waiting = questions.filter(image__withdrawn_at=None).values("pk")
    return (
        Question.objects.settled()
        .filter(pk__in=waiting)
        .update(state=Question.State.OPEN, open_places=F("open_places") + 1)
    )
