"""Whose votes are doubtful: those who say one noun of nearly everything, and those surely right less often than
dice.

Nobody is accused: somebody may see pictures of one noun alone. So saying one noun counts only where the pictures
are mostly labelled otherwise, and being below chance only where the whole interval is.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count, F, Q
from django.db.models.functions import Coalesce

from accounts.models import User
from labeling import agreement
from labeling.models import VERIFIED, Choices, Collection, Question, Vote
from labeling.models.collections import FEWEST_CLASSES
from labeling.overview import by_skill, votes_on_pictures, what_was_said
from labeling.people import IS_OPEN_TO_ALL
from taxonomy.models import Synset

FEWEST = 20  # votes, and decided pictures among them, before anything is said of somebody
NEARLY_ALL = 0.95  # of somebody's votes
MOSTLY_OTHERWISE = 0.5  # of their pictures that are decided are labelled with something else
MOST_NAMED = 50
BLOCK = 500  # annotators whose intervals are worked out at a time


@dataclass(frozen=True)
class Clicker:
    """Somebody who says one thing of nearly everything."""

    annotator: User
    said: str
    n_said: int
    n_votes: int
    share_otherwise: float  # of their decided pictures: those that are labelled with something else


@dataclass(frozen=True)
class Doubts:
    clickers: list[Clicker]
    n_clickers: int  # of whom the ones with most votes are named
    chance: float  # how often dice would be right
    n_below: int  # annotators whose whole interval is below that

    @property
    def said_by(self) -> dict[int, str]:
        """What each of them says, by the annotator's key."""
        return {each.annotator.pk: each.said for each in self.clickers}


def measure(collection: Collection, becomes: Mapping[int, int | None], choices: Choices) -> dict[str, Any]:
    constant = _constant(collection, becomes)
    otherwise = _labelled_otherwise(
        collection, {who: row[0] for who, row in constant.items()}, becomes, choices
    )
    clickers = [
        [who, *row, otherwise[who]]
        for who, row in sorted(constant.items(), key=lambda each: (-each[1][1], each[0]))
        if otherwise.get(who, 0.0) >= MOSTLY_OTHERWISE
    ]
    chance = _chance(collection, choices)
    return {
        "clickers": clickers[:MOST_NAMED],
        "n_clickers": len(clickers),
        "chance": chance,
        "n_below": _n_below(collection, chance),
    }


def _constant(collection: Collection, becomes: Mapping[int, int | None]) -> dict[int, tuple[int, int, int]]:
    """Return who has one answer to nearly everything: that answer, how often they gave it, and all their votes."""
    votes = votes_on_pictures(collection).filter(synset__isnull=False).order_by()
    groups = votes.values_list("annotator", what_was_said(collection)).annotate(n=Count("pk"))
    said: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for annotator, answer, n in groups.filter(n__gte=FEWEST):
        today = becomes.get(answer, answer)
        if today is not None:
            said[annotator][today] += n
    most = {annotator: max(of.items(), key=lambda cell: cell[1]) for annotator, of in said.items()}
    cast = votes.values_list("annotator").annotate(n=Count("pk"))
    return {who: (*most[who], n) for who, n in cast if who in most and most[who][1] >= NEARLY_ALL * n}


def _labelled_otherwise(
    collection: Collection, answers: Mapping[int, int], becomes: Mapping[int, int | None], choices: Choices
) -> dict[int, float]:
    """Return which share of each annotator's decided pictures is labelled with something else than their one
    answer, of those with pictures enough. An inner noun is right of all its kinds.
    """
    if not answers:
        return {}
    is_decided = Q(question__state__in=(Question.State.SETTLED, Question.State.ABSENT))
    # Not the column itself: on SQLite each question would be asked for the vote of each of these annotators.
    votes = votes_on_pictures(collection).alias(who=Coalesce("annotator", 0)).filter(who__among=answers)
    judged = votes.filter(IS_OPEN_TO_ALL, is_decided).order_by()
    rows = judged.values_list("annotator", "question__state", "question__label")
    n_of: dict[int, int] = defaultdict(int)
    n_otherwise: dict[int, int] = defaultdict(int)
    for who, state, label, n in rows.annotate(n=Count("pk")):
        n_of[who] += n
        if collection.is_verifying:
            is_absent = state == Question.State.ABSENT
            is_it = answers[who] == _answer_of(Vote.Answer.ABSENT if is_absent else Vote.Answer.PRESENT)
        else:
            is_it = becomes.get(label, label) == answers[who] or choices.is_above(answers[who], label)
        n_otherwise[who] += 0 if is_it else n
    return {who: n_otherwise[who] / n for who, n in n_of.items() if n >= FEWEST}


def _answer_of(answer: str) -> int:
    """Return what overview.what_was_said calls an answer about one noun."""
    return -1 - VERIFIED.index(answer)


def shown(found: Mapping[str, Any]) -> Doubts:
    """Put people and nouns to what was counted; who is gone since, or what is hidden, is left out. Two queries."""
    rows = found["clickers"]
    users = User.objects.in_bulk([row[0] for row in rows])
    nouns = Synset.objects.shown().in_bulk([row[1] for row in rows if row[1] > 0])
    words = {pk: noun.name for pk, noun in nouns.items()}
    words |= {_answer_of(answer): str(Vote.Answer(answer).label) for answer in VERIFIED}
    clickers = [
        Clicker(users[who], words[answer], n, n_votes, otherwise)
        for who, answer, n, n_votes, otherwise in rows
        if who in users and answer in words
    ]
    return Doubts(clickers, found["n_clickers"], found["chance"], found["n_below"])


def _chance(collection: Collection, choices: Choices) -> float:
    """Return how often dice would be right: one in as many as there are to choose from."""
    return 1 / (len(VERIFIED) if collection.is_verifying else max(len(choices.offered), FEWEST_CLASSES))


def _n_below(collection: Collection, share: float) -> int:
    """Return how many annotators are right less often than `share`, their whole interval being below it."""
    low = by_skill(collection).filter(right__lt=share * (F("right") + F("wrong")))
    columns = np.array([*low.values_list("right", "wrong")], dtype=np.float64).reshape(-1, 2)
    blocks = [columns[at : at + BLOCK] for at in range(0, len(columns), BLOCK)]
    return sum(int((agreement.beta_intervals(*block.T)[:, 1] < share).sum()) for block in blocks)
