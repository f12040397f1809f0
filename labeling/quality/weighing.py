"""What the votes on gold questions say by themselves, though their known answers decide these.

A refit is told what gold questions show, so each vote on one has told its annotator's skill whether it was right.
That share is taken out of the skill that the vote is weighed with; else somebody's mistakes would excuse
themselves. It stays in what the crowd confuses, and in the confusions of those with votes enough for their own,
where it is one of many.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q

from labeling.models import Choices, Collection, ConsensusFit, Question, Skill, Vote
from labeling.people import IS_OPEN_TO_ALL
from labeling.splits import TEST

MOST_GOLD = 1000  # questions that are looked at, those at the lowest of their random positions
LEAST = 0.1  # pseudo-votes that are left of a skill


@dataclass(frozen=True)
class Said:
    annotator: int
    synset: int | None
    answer: str
    cast_at: datetime


def by_votes(collection: Collection, choices: Choices) -> Iterator[Question]:
    """Yield gold questions with the label and the confidence that the votes alone would give them by the fit and
    the skills of today; nothing is written. Left out are test pictures, and votes from which the answer was taken.
    """
    gold = collection.questions.filter(is_gold=True, narrowing=None).exclude(image__split=TEST)
    questions = {question.pk: question for question in gold.order_by("position", "pk")[:MOST_GOLD]}
    if not questions:
        return
    said = _said(questions)
    skills = _skills(collection, {each.annotator for votes in said.values() for each in votes})
    fits = ConsensusFit.objects.filter(pk=collection.latest_fit_id or 0)
    fitted_at = fits.values_list(
        "created_at", flat=True
    ).first()  # and none of its parameters, which are large
    for pk, votes in said.items():
        question = questions[pk]
        if question.about_id and choices.about(question.about_id) is None:
            continue
        means = {
            each.annotator: _mean(skills[each.annotator], _told(choices, question, each, fitted_at))
            for each in votes
            if each.annotator in skills
        }
        question.collection, question.is_gold = collection, False  # in here alone
        question.decide(choices, [(each.annotator, each.synset, each.answer) for each in votes], means)
        if question.confidence is not None:
            yield question


def is_right(choices: Choices, label: int | None, truth: int | None, about: int | None) -> bool:
    """Say whether a noun is the truth, or an inner noun above it; of a question about one noun, whether that is
    there or not, as is known.
    """
    if about is not None:
        return (label is not None) == (choices.about(truth) == choices.about(about))
    if label is None or truth is None:
        return False
    place = choices.place(truth)
    return (place is not None and choices.place(label) == place) or choices.is_above(label, truth)


def _said(questions: Mapping[int, Question]) -> dict[int, list[Said]]:
    is_later = Q(question__confirmed_at=None) | Q(question__confirmed_at__lt=F("cast_at"))
    votes = Vote.objects.filter(is_later, IS_OPEN_TO_ALL, question__among=questions, narrowing=None)
    rows = votes.order_by("pk").values_list("question", "annotator", "synset", "answer", "cast_at")
    of: dict[int, list[Said]] = defaultdict(list)
    for question, annotator, synset, answer, cast_at in rows:
        of[question].append(Said(annotator, synset, answer, cast_at))
    return of


def _skills(collection: Collection, annotators: set[int]) -> dict[int, tuple[float, float]]:
    """Return the pseudo-votes, right and wrong, of each of these annotators that has a skill."""
    known = Skill.objects.filter(collection=collection, annotator__among=annotators)
    return {who: (right, wrong) for who, right, wrong in known.values_list("annotator", "right", "wrong")}


def _told(choices: Choices, question: Question, said: Said, fitted_at: datetime | None) -> bool | None:
    """Say whether a vote was right, as it told the latest fit; None where it named nothing, or came later."""
    if said.synset is None or fitted_at is None or said.cast_at >= fitted_at:
        return None
    named = said.synset if said.answer == Vote.Answer.PRESENT else None
    return is_right(choices, named, question.truth_id, question.about_id)


def _mean(skill: tuple[float, float], told: bool | None) -> float:
    """Return P(right) of somebody without what one vote told of it, or with all where that is None."""
    right, wrong = skill
    if told is not None:
        right, wrong = max(right - told, LEAST), max(wrong - (not told), LEAST)
    return right / (right + wrong)
