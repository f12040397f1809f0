"""Settled labels that a network takes for something else, asked about again since somebody who saw that wants it.

As with the labels that networks dispute by themselves (labeling.disputing), one more person is asked, once for each
network, and people decide. Never gold, and never of the test part: contests stand on its labels.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from labeling import why
from labeling.disputing import reopen
from labeling.models import Collection, Dispute, Finding, Network, Question
from labeling.splits import TEST
from taxonomy.models import Change, Synset


@dataclass(frozen=True)
class Doubt:
    """That a network takes a picture for something else than it is labelled."""

    picture: str  # its SHA-256
    label: str  # the wnid of what it is held to be labelled
    claim: str  # the wnid of what the network says
    probability: float  # of that, as the network says it


@dataclass(frozen=True)
class Asking:
    """How a picture stands that may be asked about again."""

    question: Question  # which of its questions that is, or was
    dispute: Dispute | None = None  # over it, by this network,
    finding: Finding | None = None  # and what came of that

    @property
    def label_words(self) -> str:
        """What it is labelled today, in words; empty where nothing stands."""
        return why.name(self.question.label) if self.question.label else ""

    @property
    def is_possible(self) -> bool:
        """Whether one more person may be asked for the sake of this network."""
        return self.dispute is None and self.question.state == Question.State.SETTLED


@dataclass(frozen=True)
class AskedAgain:
    """About how many pictures one more person is asked; about how many that was so before; how many are left."""

    n_asked: int
    n_already: int
    n_left: int  # gold, kept apart for contests, withdrawn, or without a label that stands


def standing(collection: Collection, network: str, doubts: Iterable[Doubt]) -> dict[str, Asking]:
    """Return how each of these pictures stands, by its SHA-256; without those about which nobody is asked again:
    gold, the test part, what was withdrawn, is no part of the collection, or never came to a label.
    """
    by_picture = {doubt.picture: doubt for doubt in doubts}
    return _standing(network, by_picture, _askable(collection, by_picture))


@transaction.atomic
def ask_again(collection: Collection, network: str, doubts: Iterable[Doubt], asked_by: User) -> AskedAgain:
    """Ask one more person about each of these pictures, since `network` takes it for something else. Safe to repeat:
    nothing is asked again twice for one network, nor while people are being asked.
    """
    Change.objects.hold_still()
    by_picture = {doubt.picture: doubt for doubt in doubts}
    questions = _askable(collection, by_picture)
    # Whoever asks about the same pictures at once waits here, and then finds the disputes of whoever was first.
    list(questions.select_for_update(of=("self",)).values_list("pk"))
    found = _standing(network, by_picture, questions)
    possible = {picture: each.question for picture, each in found.items() if each.is_possible}
    if possible:
        _write_down(
            Network.objects.called(collection, network),
            [(question, by_picture[picture]) for picture, question in possible.items()],
            asked_by,
        )
    n_asked = reopen(collection.questions.filter(pk__in=[each.pk for each in possible.values()]))
    return AskedAgain(n_asked, len(found) - n_asked, len(by_picture) - len(found))


def _askable(collection: Collection, pictures: Iterable[str]) -> QuerySet[Question]:
    """The questions about these pictures that people may be asked again, or are being asked."""
    asked = collection.questions.filter(
        image__sha256__in=[*pictures],
        image__withdrawn_at=None,
        is_gold=False,
        state__in=(Question.State.SETTLED, Question.State.OPEN, Question.State.ABSENT),
    )
    return asked.exclude(image__split=TEST).order_by("pk")


def _standing(network: str, doubts: Mapping[str, Doubt], questions: QuerySet[Question]) -> dict[str, Asking]:
    becomes = Synset.objects.resolution()
    held = {doubt.label for doubt in doubts.values()}
    noun = {
        wnid: becomes.get(pk, pk)
        for wnid, pk in Synset.objects.filter(wnid__in=held).values_list("wnid", "pk")
    }
    of_picture: dict[str, list[Question]] = defaultdict(list)
    for question in questions.select_related("image", "label"):
        of_picture[question.image.sha256].append(question)
    disputes = Dispute.objects.filter(network__name=network, question__in=questions)
    by_question = {dispute.question_id: dispute for dispute in disputes}
    chosen = {
        picture: _chosen(each, noun.get(doubts[picture].label), by_question, becomes)
        for picture, each in of_picture.items()
    }
    return {picture: asking for picture, asking in chosen.items() if asking}


def _chosen(
    questions: Sequence[Question],
    noun: int | None,
    disputes: Mapping[int, Dispute],
    becomes: Mapping[int, int | None],
) -> Asking | None:
    """Return which of a picture's questions it is: there are several where each is about one noun."""
    for question in questions:
        if dispute := disputes.get(question.pk):
            dispute.question = question  # as it was read just now
            return Asking(question, dispute, dispute.came_to(becomes))
    settled = [each for each in questions if each.state == Question.State.SETTLED]
    if settled:
        return Asking(max(settled, key=lambda each: (each.label_id == noun, each.confidence or 0.0)))
    open_ = [each for each in questions if each.state == Question.State.OPEN]
    return Asking(open_[0]) if open_ else None


def _write_down(network: Network, doubted: Sequence[tuple[Question, Doubt]], asked_by: User) -> None:
    wnids = {doubt.claim for _question, doubt in doubted}
    claims = dict(Synset.objects.filter(wnid__in=wnids).values_list("wnid", "pk"))
    Dispute.objects.bulk_create(
        Dispute(
            question=question,
            network=network,
            label_id=question.label_id,  # type: ignore[misc]  # what is settled has one
            claim_id=claims[doubt.claim],
            probability=doubt.probability,
            n_votes=question.n_votes,
            asked_by=asked_by,
        )
        for question, doubt in doubted
    )
