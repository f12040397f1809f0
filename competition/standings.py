"""Scores and answers -> Standing rows: who stands where on the board of each part, and what may be told of them.

While a contest goes on its public board says what was told (Score.told) and nothing else: values are told values, and
intervals are made from those. Once it is over, the exact values and their intervals take their place.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from competition import contenders
from competition.contenders import Field
from competition.grading import chance_error, grade
from competition.models import Contest, Metric, Part, Phase, Score, Standing
from competition.placing import places
from competition.releasing import GUESSES_OF
from competition.saying import said


@dataclass(frozen=True)
class Asked:
    """All that standings follow from. Two workers that found the same make the same rows."""

    phase: Phase | None
    is_over: bool
    truth_digest: str
    ranked_by: str
    fields: dict[Part, Field]


@dataclass(frozen=True)
class Made:
    asked: Asked
    rows: list[Standing]
    at: datetime


def board(contest: Contest, part: Part | None = None) -> QuerySet[Standing]:
    """Return the rows on the board of `part`, by default of what the contest ranks by today; each with its
    submission, team and run, in the order of the board. The private part has none until the contest is over.
    """
    phase = contest.phase
    if phase is None or (part == Part.PRIVATE and phase.shown_part != part):
        return Standing.objects.none()
    rows = Standing.objects.filter(contest=contest, part=part or phase.shown_part, submission__phase=phase)
    return rows.select_related("submission__team", "submission__run").order_by("place")


def leaders(contests: QuerySet[Contest]) -> dict[int, Standing]:
    """Return the first row on the board of each contest, by its key; with its contest, team and run."""
    firsts = Standing.objects.filter(contest__in=contests, place=1, rank__isnull=False)
    rows = firsts.select_related("contest", "submission__team", "submission__run")
    found = {}
    for row in rows.prefetch_related("contest__phases"):
        phase = row.contest.phase
        if phase and row.submission.phase_id == phase.pk and row.part == phase.shown_part:
            found[row.contest_id] = row
    return found


def rebuild(contest: Contest) -> None:
    """Make the standings of both parts anew. Safe to repeat, and in two workers at once."""
    made = _make(contest)
    with transaction.atomic():
        contest = Contest.objects.select_for_update().get(pk=contest.pk)
        # Answers are read before anybody has to wait for this row; and again if something was scored meanwhile.
        if made.asked != _asked(contest):
            made = _make(contest)
        Standing.objects.filter(contest=contest).delete()
        Standing.objects.bulk_create(made.rows)
        Contest.objects.filter(pk=contest.pk).update(ranked_at=made.at)


def rebuild_old() -> int:
    """Rank those contests that have ended since they were ranked last; return how many there were."""
    old = Contest.objects.with_old_standings()
    for contest in old:
        rebuild(contest)
    return len(old)


def _asked(contest: Contest) -> Asked:
    phase = contest.phase
    found = contenders.fields(contest, phase) if phase else {}
    return Asked(phase, contest.is_over, contest.labels.digest, contest.ranked_by, found)


def _make(contest: Contest) -> Made:
    at = timezone.now()  # before anything is read, so that an end in between makes it old
    asked = _asked(contest)
    rows = [row for part, field in asked.fields.items() for row in _rows(contest, asked, part, field)]
    return Made(asked, rows, at)


def _rows(contest: Contest, asked: Asked, part: Part, field: Field) -> Iterator[Standing]:
    """Yield the rows of a part in the order of its board: by rank, then by what is told of them."""
    entries = (*field.ranked, *field.late)
    if asked.phase is None or not entries:
        return
    scores = _scores(contest, part, [each.pk for each in entries])
    place_of = places(contest, asked.phase, part, field.ranked)
    said_of = {each.pk: said(contest, scores[each.pk], asked.is_over) for each in entries}

    error_of = {pk: each[contest.ranked_by]["value"] or 0.0 for pk, each in said_of.items()}

    def in_order(pk: int) -> tuple[bool, int, float, int]:
        place = place_of.get(pk)
        return place is None, place.rank if place else 0, error_of[pk], pk

    for number, pk in enumerate(sorted(said_of, key=in_order), start=1):
        place = place_of.get(pk)
        yield Standing(
            contest=contest,
            submission_id=pk,
            part=part,
            place=number,
            rank=place.rank if place else None,
            rank_low=place.low if place else None,
            rank_high=place.high if place else None,
            n_images=scores[pk][contest.ranked_by].n_images,
            metrics=said_of[pk],
            grade=_grade(contest, error_of[pk]),
        )


def _grade(contest: Contest, error: float) -> str:
    """Return a letter for an error by the metric that the contest ranks by."""
    chance = chance_error(contest.snapshot.n_classes, GUESSES_OF[Metric(contest.ranked_by)])
    return grade(error, chance, contest.human_error)


def _scores(contest: Contest, part: Part, pks: Iterable[int]) -> dict[int, dict[str, Score]]:
    found: dict[int, dict[str, Score]] = defaultdict(dict)
    for score in contenders.current(contest).filter(part=part, submission__in=pks):
        found[score.submission_id][score.metric] = score
    return found
