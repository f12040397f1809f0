"""Rows -> arrays -> consensus -> rows: the refit of a collection's labels from every vote on it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db import transaction

from labeling import consensus, tallying
from labeling.models import (
    ClassesChangedError,
    Collection,
    ConsensusFit,
    Counts,
    Keys,
    Question,
    Skill,
    Vote,
)
from taxonomy.models import Synset

MOST_TRIES = 3  # of a refit that changes of the taxonomy overtake


@dataclass(frozen=True)
class Report:
    """What a refit found. Accuracies are fractions of the questions whose answer is known; None without any."""

    n_votes: int
    n_questions: int
    n_settled: int
    accuracy: float | None
    majority_accuracy: float | None
    n_known: int


def refit(collection: Collection) -> Report:
    """Estimate skills, confusions and labels anew from every vote, and write them down.

    Safe to repeat and to run beside voting: the result depends on the votes alone, and a question that got a
    vote meanwhile keeps what that vote decided. Where a change of the taxonomy gives the collection other
    classes meanwhile, it begins again. Raises ClassesChangedError if that happens again and again.
    """
    for _attempt in range(MOST_TRIES - 1):
        try:
            return _refit(collection)
        except ClassesChangedError:
            continue
    return _refit(collection)


def _refit(collection: Collection) -> Report:
    classes = collection.judged_classes()
    judged = [synset.pk for synset in classes]
    counts_as = collection.counts_as({*judged}, Synset.objects.resolution())
    votes, keys, counts = Vote.objects.as_arrays(collection, judged, counts_as)
    n_items, n_classes = len(keys.questions), len(keys.classes)
    fit = consensus.fit(votes, n_items, n_classes)
    with transaction.atomic():
        row = ConsensusFit.objects.keep(
            collection,
            classes=[synset.wnid for synset in classes],
            parameters=fit.parameters.to_json(),
            n_votes=int(counts.votes.sum()),
            log_likelihood=fit.log_likelihood,
        )
        _write_skills(collection, keys, fit)
    Question.objects.record_consensus(_decisions(collection, keys, votes, counts, fit), row)
    tallying.forget()
    majority, _share = consensus.majority(votes, n_items, n_classes)
    return _report(collection, keys, int(counts.votes.sum()), fit.label, majority)


def _write_skills(collection: Collection, keys: Keys, fit: consensus.Fit) -> None:
    Skill.objects.bulk_create(
        (
            Skill(collection=collection, annotator_id=annotator, right=right, wrong=wrong)
            for annotator, (right, wrong) in zip(keys.annotators, fit.skill.tolist(), strict=False)
        ),
        batch_size=2000,
        update_conflicts=True,
        unique_fields=["collection", "annotator"],
        update_fields=["right", "wrong"],
    )


def _decisions(
    collection: Collection,
    keys: Keys,
    votes: consensus.Votes,
    counts: Counts,
    fit: consensus.Fit,
) -> Iterator[tuple[int, int, int, float, str, int | None]]:
    """Yield (question, its votes, label, confidence, state, narrowing) for every voted question."""
    policy = collection.policy
    nouns = collection.split_nouns(collection.ordered_classes())
    split = {noun.pk: narrowing for noun, narrowing in nouns.items()}
    stands_at = {noun: narrowing.label.pk for noun, narrowing in split.items()}
    has_parts = {noun for noun, narrowing in split.items() if narrowing.choices()}
    n_named = np.bincount(votes.item, minlength=len(keys.questions))
    for item, question in enumerate(keys.questions):
        confidence, label = float(fit.confidence[item]), keys.classes[fit.label[item]]
        decision = consensus.decide(
            confidence, int(n_named[item]), int(counts.answers[item]), policy, int(counts.none[item])
        )
        state, narrowing = Question.State.after(decision), None
        if label in has_parts and state == Question.State.SETTLED:
            # It is sure that it is one of the parts; now those are asked for.
            state, narrowing = Question.State.OPEN, split[label].pk
        elif label in split and state == Question.State.SETTLED:
            state = Question.State.UNDECIDED
        label = stands_at.get(label, label)
        yield question, int(counts.votes[item]), label, confidence, state.value, narrowing


def _report(
    collection: Collection, keys: Keys, n_votes: int, label: consensus.Ints, majority: consensus.Ints
) -> Report:
    truth = dict(collection.questions.exclude(truth=None).values_list("pk", "truth"))
    known = [(i, truth[pk]) for i, pk in enumerate(keys.questions) if pk in truth]

    def share_right(guess: consensus.Ints) -> float | None:
        return sum(keys.classes[guess[i]] == t for i, t in known) / len(known) if known else None

    return Report(
        n_votes=n_votes,
        n_questions=len(keys.questions),
        n_settled=collection.questions.settled().count(),
        accuracy=share_right(label),
        majority_accuracy=share_right(majority),
        n_known=len(known),
    )
