"""Rows -> arrays -> consensus -> rows: the refit of a collection's labels from every vote on it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from django.db import transaction

from labeling import consensus, disputing, foretelling, starting, tallying
from labeling.gain import NextVote
from labeling.models import (
    VERIFIED,
    Choices,
    ClassesChangedError,
    Collection,
    ConsensusFit,
    Counts,
    Figures,
    Keys,
    Question,
    Refit,
    Skill,
    Vote,
)
from labeling.models.fits import learnt
from taxonomy.models import Change

MOST_TRIES = 3  # of a refit that changes of the taxonomy overtake


State = Refit.State
# What a question is decided as: its key, its votes, label, confidence, state, narrowing and gain.
Row = tuple[int, int, int | None, float, str, int | None, float | None]


class Tell(Protocol):
    """Whoever is told how far a refit is: the state that it is in, and other fields of a Refit by name."""

    def __call__(self, state: State, **progress: Any) -> None: ...


@dataclass(frozen=True)
class Report:
    """What a refit found. Accuracies are fractions of the questions whose answer is known; None without any."""

    fit: ConsensusFit
    is_anew: bool  # it did not go on from the last fit
    n_iterations: int
    n_votes: int
    n_questions: int
    n_settled: int
    accuracy: float | None
    majority_accuracy: float | None
    n_known: int


def tell_nobody(state: State, **progress: Any) -> None:
    """Keep it to oneself."""


def refit(collection: Collection, *, is_anew: bool = True, tell: Tell = tell_nobody) -> Report:
    """Estimate skills, confusions and labels from every vote, and write them down.

    is_anew: begin with the votes alone, so that the result depends on them and on nothing else. Otherwise it goes on
    from what the last fit had learnt, where that was over the same classes, which takes fewer iterations.
    tell: is called often, and may raise to have it end.
    Safe to repeat and to run beside voting: a question that got a vote meanwhile keeps what that vote decided. Where
    a change of the taxonomy gives the collection other classes meanwhile, it begins again. Raises
    ClassesChangedError if that happens again and again.
    """
    for _attempt in range(MOST_TRIES - 1):
        try:
            return _refit(collection, is_anew, tell)
        except ClassesChangedError:
            continue
    return _refit(collection, is_anew, tell)


def _refit(collection: Collection, is_anew: bool, tell: Tell) -> Report:
    tell(State.READING)
    collection.refresh_from_db(fields=["latest_fit"])
    version = Change.objects.version()
    choices = Choices.read(collection, None)
    classes = choices.synsets
    votes, keys, counts = _read(collection, choices)
    n_items, n_classes = len(keys.questions), len(keys.classes)
    n_votes = int(counts.votes.sum())
    gold = _gold(collection, choices, keys)
    start = None if is_anew else _start(collection, choices, keys)
    foretold = foretelling.read(collection, choices, keys)
    tell(State.LEARNING, n_votes=n_votes, is_anew=start is None, n_iterations=0, moved=None)
    fit = consensus.fit(
        votes,
        n_items,
        n_classes,
        tree=choices.tree,
        gold=gold,
        prior=foretold.probabilities,
        n_unsure=counts.unsure,
        start=start,
        watch=lambda n, moved: tell(State.LEARNING, n_iterations=n, moved=moved),
    )
    tell(State.WRITING, n_iterations=fit.n_iterations)
    decide = _verified if collection.is_verifying else _decisions
    targets = starting.calibrate(collection, choices, keys, fit)
    with transaction.atomic():
        row = ConsensusFit.objects.keep(
            collection,
            classes=collection.fitted_names(classes),
            parameters=fit.parameters.to_json(),
            n_votes=n_votes,
            log_likelihood=fit.log_likelihood,
            **foretold.kept,
        )
        if collection.is_verifying and row.taxonomy_version != version:
            raise ClassesChangedError("The taxonomy changed while the votes were read.")
        Skill.objects.keep(row, learnt(keys.annotators, fit.start))
        starting.keep(collection, choices, targets)
    choices = starting.with_targets(collection, choices)
    decided = decide(collection, choices, keys, votes, counts, fit)
    Question.objects.record_consensus(_telling(decided, tell), row)
    disputing.ask_again(collection)
    tallying.forget()
    Figures.objects.filter(collection=collection).mark()
    majority, _share = consensus.majority(votes.where(votes.label < n_classes), n_items, n_classes)
    found = _report(collection, keys, n_votes, fit.label, majority)
    return Report(fit=row, is_anew=start is None, n_iterations=fit.n_iterations, **found)


def _read(collection: Collection, choices: Choices) -> tuple[consensus.Votes, Keys, Counts]:
    if collection.is_verifying:
        return Vote.objects.as_verified_arrays(collection)
    judged = [synset.pk for synset in choices.synsets]
    return Vote.objects.as_arrays(collection, judged, choices.becomes, choices.broader)


def _gold(collection: Collection, choices: Choices, keys: Keys) -> consensus.Gold:
    """Return the gold questions that have votes, and what they show: they tell who is right."""
    rows = collection.questions.filter(is_gold=True, n_votes__gt=0).values_list("pk", "truth", "about")
    return keys.gold(
        {
            pk: int(choices.about(truth) == choices.about(about)) if about else choices.place(truth)
            for pk, truth, about in rows
        }
    )


def _start(collection: Collection, choices: Choices, keys: Keys) -> consensus.Start | None:
    """Return what the last fit has learnt; None where it was over other classes, or there is none."""
    if choices.fit is None or choices.parameters is None:
        return None
    return collection.skills.as_start(choices.fit, keys.annotators, choices.parameters)


def _telling(rows: Iterable[Row], tell: Tell) -> Iterator[Row]:
    for row in rows:
        tell(State.WRITING)
        yield row


def _decisions(
    collection: Collection,
    choices: Choices,
    keys: Keys,
    votes: consensus.Votes,
    counts: Counts,
    fit: consensus.Fit,
) -> Iterator[Row]:
    """Yield what every voted question is decided as."""
    next_vote, policies = NextVote.of(fit.parameters), starting.Policies(collection, choices)
    nouns = collection.split_nouns(collection.ordered_classes())
    split = {noun.pk: narrowing for noun, narrowing in nouns.items()}
    stands_at = {noun: narrowing.label.pk for noun, narrowing in split.items()}
    has_parts = {noun for noun, narrowing in split.items() if narrowing.choices()}
    n_named = np.bincount(votes.item[votes.label < len(keys.classes)], minlength=len(keys.questions))
    for item, question in enumerate(keys.questions):
        confidence, label = float(fit.confidence[item]), keys.classes[fit.label[item]]
        n_votes, n_none = int(counts.answers[item]), int(counts.none[item])
        # No label is a network's alone: where it helped, somebody has named it too.
        n_naming = int(n_named[item]) if fit.is_named[item] else 0
        policy = policies.of(question, label)
        decision = consensus.decide(confidence, n_naming, n_votes, policy, n_none)
        state, narrowing = Question.State.after(decision), None
        if state != Question.State.SETTLED:
            common = policies.of(question, None)
            inner = fit.fall_back(item, n_votes, common, n_none, len(choices.inner))
            if inner is not None:
                label, confidence, state = choices.inner[inner[0]].pk, inner[1], Question.State.SETTLED
                yield question, int(counts.votes[item]), label, confidence, state.value, None, None
                continue
        if label in has_parts and state == Question.State.SETTLED:
            # It is sure that it is one of the parts; now those are asked for.
            state, narrowing = Question.State.OPEN, split[label].pk
        elif label in split and state == Question.State.SETTLED:
            state = Question.State.UNDECIDED
        label = stands_at.get(label, label)
        gain = _gain(next_vote, fit, item, n_votes) if decision == consensus.Decision.ASK_AGAIN else None
        yield question, int(counts.votes[item]), label, confidence, state.value, narrowing, gain


def _gain(next_vote: NextVote, fit: consensus.Fit, item: int, n_votes: int) -> float:
    """Return what one more vote is worth on an item that has `n_votes`."""
    return next_vote.gain(fit.posterior(item), len(fit.answers(item)), n_votes)


def _verified(
    collection: Collection,
    choices: Choices,
    keys: Keys,
    votes: consensus.Votes,
    counts: Counts,
    fit: consensus.Fit,
) -> Iterator[Row]:
    """The same where each question is about one noun; those whose noun is asked about no more stay as they are."""
    next_vote, policies = NextVote.of(fit.parameters), starting.Policies(collection, choices)
    nouns = dict(collection.questions.filter(n_votes__gt=0).values_list("pk", "about"))
    n_told = np.bincount(votes.item, minlength=len(keys.questions))
    for item, question in enumerate(keys.questions):
        about = choices.about(nouns.get(question))
        if about is None:
            continue
        confidence, is_present = float(fit.confidence[item]), VERIFIED[fit.label[item]] == Vote.Answer.PRESENT
        policy = policies.of(question, about.pk)
        decision = consensus.decide(confidence, int(n_told[item]), int(counts.answers[item]), policy)
        state = Question.State.verified(decision, is_present)
        label = about.pk if is_present else None
        n_votes = int(counts.answers[item])
        gain = _gain(next_vote, fit, item, n_votes) if decision == consensus.Decision.ASK_AGAIN else None
        yield question, int(counts.votes[item]), label, confidence, state.value, None, gain


def _report(
    collection: Collection, keys: Keys, n_votes: int, label: consensus.Ints, majority: consensus.Ints
) -> dict[str, Any]:
    measured = collection.questions.exclude(truth=None).filter(
        is_gold=False
    )  # gold is what it is known to be
    truth = dict(measured.values_list("pk", "truth"))
    if collection.is_verifying:
        about = dict(measured.values_list("pk", "about"))
        absent, present = range(len(VERIFIED))
        truth = {pk: present if noun == about[pk] else absent for pk, noun in truth.items()}
    known = [(i, truth[pk]) for i, pk in enumerate(keys.questions) if pk in truth]

    def share_right(guess: consensus.Ints) -> float | None:
        return sum(keys.classes[guess[i]] == t for i, t in known) / len(known) if known else None

    return {
        "n_votes": n_votes,
        "n_questions": len(keys.questions),
        "n_settled": collection.questions.decided().count(),
        "accuracy": share_right(label),
        "majority_accuracy": share_right(majority),
        "n_known": len(known),
    }
