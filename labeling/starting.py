"""Rows -> votes of the starter set -> how sure a label of each noun has to be -> rows; see labeling.targets."""

from collections import defaultdict
from dataclasses import replace
from functools import cache

import numpy as np

from labeling import consensus, targets
from labeling.models import VERIFIED, Choices, Collection, Keys, Question, Target, Vote
from labeling.models.choices import read_shifts

UNSURE = -1  # the label of a vote that cannot tell; see Fit.course
# (annotator, synset, kind of answer) of each vote on a question, in the order in which they came.
Said = list[tuple[int, int | None, str]]


def calibrate(
    collection: Collection, choices: Choices, keys: Keys, fit: consensus.Fit
) -> targets.Targets | None:
    """Return the targets of the nouns of `choices`, by place, as the starter set's votes tell them by `fit`; None
    without a starter set. Those count that so many people have answered as its policy says.
    """
    if not collection.n_starters:
        return None
    rows: list[tuple[int, int, float, bool]] = []
    item_of = {pk: item for item, pk in enumerate(keys.questions)}
    annotator_of = {pk: place for place, pk in enumerate(keys.annotators)}
    abouts = dict(collection.questions.filter(is_starter=True).values_list("pk", "about"))
    for question, said in _said(collection).items():
        about = choices.place(abouts[question]) if collection.is_verifying else None
        if question in item_of and (about is not None or not collection.is_verifying):
            votes = _votes(choices, said, annotator_of, about)
            rows += _course(fit, item_of[question], votes, collection.min_votes, about)
    item, group, confidence, agrees = zip(*rows, strict=True) if rows else ((), (), (), ())
    course = targets.Course(
        np.array(item, dtype=np.int64),
        np.array(group, dtype=np.int64),
        np.minimum(np.array(confidence, dtype=np.float64), 1),
        np.array(agrees, dtype=np.bool_),
    )
    return targets.calibrate(course, len(choices.synsets), collection.target_confidence)


def keep(collection: Collection, choices: Choices, found: targets.Targets | None) -> None:
    """Write the targets down, or that there are none any more."""
    if found is None:
        Target.objects.filter(collection=collection).delete()
        return
    wanted = collection.target_confidence
    of_noun: dict[int | None, tuple[float, int]] = {
        noun.pk: (targets.shift(target, wanted), n)
        for noun, target, n in zip(
            choices.synsets, found.of_group.tolist(), found.n_items.tolist(), strict=True
        )
    }
    of_noun[None] = targets.shift(found.common, wanted), found.n_all
    Target.objects.replace(collection, of_noun)


def with_targets(collection: Collection, choices: Choices) -> Choices:
    """Return the same choices with the targets that are kept by now."""
    shifts, shift = read_shifts(collection)
    return replace(choices, shifts=shifts, shift=shift)


class Policies:
    """By which policy each question of a collection settles as what."""

    def __init__(self, collection: Collection, choices: Choices) -> None:
        self._collection, self._choices = collection, choices
        starters = (
            collection.questions.filter(is_starter=True) if collection.n_starters else Question.objects.none()
        )
        self._starters = frozenset(starters.values_list("pk", flat=True))
        self._of = cache(self._read)

    def of(self, question: int, noun: int | None) -> consensus.Policy:
        """Return that of a question, by key, which is to settle as a noun, or is about it; None: an inner noun."""
        return self._of(question in self._starters, noun)

    def _read(self, is_starter: bool, noun: int | None) -> consensus.Policy:
        policy = self._collection.starter_policy if is_starter else self._collection.policy
        return self._choices.settling_as(policy, noun) if self._collection.n_starters else policy


def _said(collection: Collection) -> dict[int, Said]:
    """Return the votes on each question of the starter set on which there are enough."""
    asked = Vote.objects.filter(
        question__collection=collection,
        question__is_starter=True,
        question__is_gold=False,
        question__n_votes__gte=collection.starter_votes,
        narrowing=None,
    )
    said: dict[int, Said] = defaultdict(list)
    rows = asked.order_by("pk").values_list("question", "annotator", "synset", "answer")
    for question, annotator, synset, kind in rows.iterator(chunk_size=20_000):
        said[question].append((annotator, synset, kind))
    return said


def _votes(
    choices: Choices, said: Said, annotator_of: dict[int, int], about: int | None
) -> list[tuple[int, int]]:
    """Return who said what, as the fit calls both, of those votes that say something, or cannot tell: UNSURE.

    about: the place of the noun that the question is about.
    """
    found = []
    for who, synset, kind in said:
        if about is None:
            label = choices.answer(synset)
        else:
            label = VERIFIED.index(kind) if kind in VERIFIED and choices.place(synset) == about else None
        if label is not None and who in annotator_of:
            found.append((annotator_of[who], label))
        elif kind == Vote.Answer.CANNOT_TELL:
            found.append((annotator_of.get(who, 0), UNSURE))
    return found


def _course(
    fit: consensus.Fit, item: int, votes: list[tuple[int, int]], min_votes: int, about: int | None
) -> list[tuple[int, int, float, bool]]:
    """Return (item, group, confidence, whether all votes say so) after each vote by which it could have settled."""
    annotators, labels = np.array(votes, dtype=np.int64).reshape(-1, 2).T
    course = fit.course(item, annotators, labels)  # (n_votes, n_classes)
    best = course.argmax(axis=1)
    n_named = np.cumsum((labels >= 0) & (labels < course.shape[1]))
    return [
        (item, int(best[n]) if about is None else about, float(course[n, best[n]]), bool(best[n] == best[-1]))
        for n in range(len(labels))
        if n_named[n] >= min_votes
    ]
