"""Submission and Score rows -> which entries stand on the board of each part.

Public: the best that each team was told of, and every baseline. Private: of each team the best of those that it has
chosen, else of as many of those that it was told were best. Late ones stand below, one a team, and are not ranked.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from competition.models import Contest, Part, Phase, Score, Submission
from competition.truth import SCORER_VERSION


@dataclass(frozen=True)
class Contender:
    """A scored submission by what decides whether it stands on a board."""

    pk: int
    team: int | None  # None: a baseline
    is_late: bool
    is_chosen: bool
    answers: str  # the name of its file; empty where none were kept
    values: dict[Part, float]  # by the metric that the contest ranks by
    told: float | None  # of that on the public part

    @property
    def as_told(self) -> tuple[bool, float, int]:
        """Sorts a team's entries, the best first; those that it was told nothing of come last."""
        return self.told is None, self.told or 0.0, self.pk


@dataclass(frozen=True)
class Field:
    """The entries on the board of one part."""

    ranked: tuple[Contender, ...]
    late: tuple[Contender, ...]


def current(contest: Contest) -> QuerySet[Score]:
    """Return the scores that count: by the labels and the scorer that the contest shows today."""
    return Score.objects.filter(**counting(contest))


def counting(contest: Contest) -> dict[str, Any]:
    """Return by what the scores and tallies are found that count today."""
    version = contest.scorer_version or SCORER_VERSION
    return {"truth_digest": contest.labels.digest, "scorer_version": version}


def fields(contest: Contest, phase: Phase) -> dict[Part, Field]:
    """Return who stands on the board of each part that is told by now: the private one once the contest is over."""
    contenders = _contenders(contest, phase)
    if not contest.is_over:
        told = [each for each in contenders if each.told is not None and not each.is_late]
        return {Part.PUBLIC: _field(told, Part.PUBLIC, phase.n_chosen)}
    return {part: _field(contenders, part, phase.n_chosen) for part in Part}


def _contenders(contest: Contest, phase: Phase) -> list[Contender]:
    scores = current(contest).filter(submission__phase=phase, metric=contest.ranked_by)
    values: dict[int, dict[Part, float]] = defaultdict(dict)
    told: dict[int, float | None] = {}
    for pk, part, value, is_told in scores.values_list("submission", "part", "value", "told"):
        values[pk][Part(part)] = value
        if part == Part.PUBLIC:
            told[pk] = is_told
    names = ("pk", "team", "is_late", "is_chosen", "answers")
    entries = Submission.objects.scored().filter(phase=phase).order_by("pk").values_list(*names)
    return [
        Contender(pk, team, is_late, is_chosen, answers, values[pk], told.get(pk))
        for pk, team, is_late, is_chosen, answers in entries
        if pk in values
    ]


def _field(contenders: Iterable[Contender], part: Part, n_chosen: int) -> Field:
    baselines = list[Contender]()
    in_time: dict[int, list[Contender]] = defaultdict(list)
    late: dict[int, list[Contender]] = defaultdict(list)
    for each in contenders:
        if part not in each.values:
            continue
        if each.team is None:
            baselines.append(each)
        else:
            (late if each.is_late else in_time)[each.team].append(each)

    def least(theirs: Iterable[Contender]) -> Contender:
        return min(theirs, key=lambda each: (each.values[part], each.pk))

    if part == Part.PUBLIC:
        best = [min(theirs, key=lambda each: each.as_told) for theirs in in_time.values()]
    else:
        best = [least(_final(theirs, n_chosen)) for theirs in in_time.values()]
    return Field((*baselines, *best), tuple(map(least, late.values())))


def _final(theirs: list[Contender], n_chosen: int) -> list[Contender]:
    """Return those of a team that count in the end: what it has chosen, else what it was told was best."""
    chosen = [each for each in theirs if each.is_chosen]
    return chosen or sorted(theirs, key=lambda each: each.as_told)[:n_chosen]
