"""Whether a confidence of 98 % is right 98 times in 100: measured on questions whose answer is known."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import log10
from typing import Any

import numpy as np
from django.db.models import F, Q, QuerySet

from labeling import calibration
from labeling.calibration import Bin
from labeling.models import Choices, Collection, Question, Skill, Vote
from labeling.people import IS_OPEN_TO_ALL
from labeling.splits import TEST

MOST_GOLD, MOST_KNOWN = (
    1000,
    5000,
)  # questions that are looked at, those at the lowest of their random positions
SIDE = 600  # of the drawing, in its own units
NINES = 3  # of the axes, which end at 99.9 %


@dataclass(frozen=True)
class Drawn:
    """A bin, and where it is drawn, y downwards: its mean confidence, the share that is right, its interval."""

    bin: Bin
    x: float
    y: float
    y_low: float
    y_high: float

    @property
    def range(self) -> list[float]:
        """From which confidence to which it goes, in percent."""
        return [100 * self.bin.low, 100 * self.bin.high]

    @property
    def interval(self) -> list[float]:
        """Between which shares the one that is right lies, in percent."""
        return [100 * end for end in self.bin.interval]


@dataclass(frozen=True)
class Calibration:
    bins: list[Drawn]
    line: str  # through them
    error: float | None  # the expected calibration error
    n: int
    n_gold: int


def measure(collection: Collection, choices: Choices) -> dict[str, Any]:
    gold = list(_gold_by_votes(collection, choices))
    known = [*gold, *_known_beforehand(collection, choices)]
    confidence = np.array([confidence for confidence, _is_right in known], dtype=np.float64)
    is_right = np.array([is_right for _confidence, is_right in known], dtype=np.bool_)
    return {"bins": [asdict(each) for each in calibration.bins(confidence, is_right)], "n_gold": len(gold)}


def _known_beforehand(collection: Collection, choices: Choices) -> Iterator[tuple[float, bool]]:
    """Yield the confidence in what votes have found, decided or not yet, and whether that is the answer which came
    with the picture. Where the model is right, when people stop asking makes no difference to this.
    """
    # Above 0 are all: said so that its index is read.
    known = collection.questions.filter(
        truth__gt=0, confirmed_at=None, is_gold=False, confidence__isnull=False, narrowing=None
    )
    found = known.exclude(image__split=TEST).order_by("position", "pk")
    rows: QuerySet[Any, Any] = found.values_list("label", "truth", "about", "confidence")
    for label, truth, about, confidence in rows[:MOST_KNOWN]:
        yield confidence, _is_right(choices, label, truth, about)


def _gold_by_votes(collection: Collection, choices: Choices) -> Iterator[tuple[float, bool]]:
    """Yield the same of gold questions, as the votes alone would decide them by the skills and the fit of today.
    Votes from which the answer was taken are left out.
    """
    gold = collection.questions.filter(is_gold=True, narrowing=None).exclude(image__split=TEST)
    questions = {question.pk: question for question in gold.order_by("position", "pk")[:MOST_GOLD]}
    if not questions:
        return
    answers = _answers(questions)
    skills = _skills(collection, {annotator for each in answers.values() for annotator, *_said in each})
    for pk, question in questions.items():
        if pk not in answers or (question.about_id and choices.about(question.about_id) is None):
            continue
        question.collection, question.is_gold = collection, False  # in here alone: nothing is written
        question.decide(choices, answers[pk], skills)
        if question.confidence is not None:
            is_right = _is_right(choices, question.label_id, question.truth_id, question.about_id)
            yield question.confidence, is_right


def _answers(questions: Mapping[int, Question]) -> dict[int, list[tuple[int, int | None, str]]]:
    is_later = Q(question__confirmed_at=None) | Q(question__confirmed_at__lt=F("cast_at"))
    votes = Vote.objects.filter(is_later, IS_OPEN_TO_ALL, question__among=questions, narrowing=None)
    rows = votes.order_by("pk").values_list("question", "annotator", "synset", "answer")
    of: dict[int, list[tuple[int, int | None, str]]] = defaultdict(list)
    for question, annotator, synset, answer in rows:
        of[question].append((annotator, synset, answer))
    return of


def _skills(collection: Collection, annotators: set[int]) -> dict[int, float]:
    """Return P(right) of each of these annotators that has a skill."""
    known = Skill.objects.filter(collection=collection, annotator__among=annotators)
    return dict(known.values_list("annotator", F("right") / (F("right") + F("wrong"))))


def _is_right(choices: Choices, label: int | None, truth: int | None, about: int | None) -> bool:
    """Say whether a label is the truth, or an inner noun above it; of a question about one noun, whether it is
    there.
    """
    if about is not None:
        return (label is not None) == (choices.about(truth) == choices.about(about))
    if label is None or truth is None:
        return False
    place = choices.place(truth)
    return (place is not None and choices.place(label) == place) or choices.is_above(label, truth)


def shown(found: Mapping[str, Any]) -> Calibration:
    """Draw what was counted."""
    bins = [Bin(**each) for each in found["bins"]]
    drawn = [
        Drawn(each, along(each.mean), SIDE - along(each.share), *(SIDE - along(end) for end in each.interval))
        for each in bins
    ]
    line = " ".join(f"{each.x},{each.y}" for each in drawn)
    n = sum(each.n for each in bins)
    return Calibration(drawn, line, calibration.expected_error(bins), n, found["n_gold"])


def along(share: float) -> float:
    """Return how far along an axis of the drawing a share lies. Each third of the axis has ten times fewer errors
    than the one before: 0, 90, 99 and 99.9 %.
    """
    nines = -log10(max(1 - share, 10.0**-NINES))
    return round(SIDE * nines / NINES, 1)
