"""Scores and answers -> Standing rows: who stands where on the board of each part, and what may be told of them.

While a contest goes on its public board says what was told (Score.told) and nothing else: values are told values, and
intervals are made from those. Once it is over, the exact values and their intervals take their place.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from competition import contenders, grading, ladder, metrics, ranking
from competition.answers import Answers
from competition.contenders import Contender, Field
from competition.frozen import Frozen
from competition.models import Contest, Metric, Part, Phase, Score, Standing
from competition.telling import rounded, told_interval
from config.storage import private_storage
from datasets.models import Snapshot

GUESSES_OF = {Metric.TOP1: 1, Metric.TOP5: 5}  # that count by each metric that a contest may rank by
NOT_RANKED = (None, None, None)
Told = dict[str, dict[str, float | None]]


def board(contest: Contest, part: Part | None = None) -> QuerySet[Standing]:
    """Return the rows of the board of `part`, which is what the contest ranks by today unless it is given; each with
    its submission, team and run. The private part has none until the contest is over.
    """
    phase = contest.phase
    if phase is None or (part == Part.PRIVATE != phase.shown_part):
        return Standing.objects.none()
    rows = Standing.objects.filter(contest=contest, part=part or phase.shown_part, submission__phase=phase)
    return rows.select_related("submission__team", "submission__run").order_by("place")


def rebuild_old() -> int:
    """Rank the contests that have ended since they were ranked last, and return how many."""
    old = Contest.objects.with_old_standings()
    for contest in old:
        rebuild(contest)
    return len(old)


def rebuild(contest: Contest) -> None:
    """Make the standings of both parts anew. Safe to repeat, and in two workers at once."""
    made = _made(contest)
    with transaction.atomic():
        contest = Contest.objects.select_for_update().get(pk=contest.pk)
        # Answers are read and ranked before anybody waits for this row; again, if something was scored meanwhile.
        if made is None or made.asked != _asked(contest):
            made = _made(contest)
        Standing.objects.filter(contest=contest).delete()
        Standing.objects.bulk_create(made.rows)
        Contest.objects.filter(pk=contest.pk).update(ranked_at=made.at)
