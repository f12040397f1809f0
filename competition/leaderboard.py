"""Score rows -> the leaderboard: the best entry of each author and every baseline, ranked."""

from typing import Any

import numpy as np

from competition.metrics import ranks
from competition.models import Contest, Score, Submission
from competition.scoring import SCORER_VERSION


def rows(contest: Contest) -> list[dict[str, Any]]:
    """Return one dict a row, the lowest error first: rank, submission, method, author, is_baseline, n_images and,
    for each metric by its name, value, low and high; `ranked` is the one that the contest ranks by.
    """
    phase = contest.phase
    if phase is None:
        return []
    scores = Score.objects.filter(
        submission__phase=phase,
        submission__status=Submission.Status.SCORED,
        part=phase.shown_part,
        truth_digest=contest.snapshot.digest,
        scorer_version=SCORER_VERSION,
    ).select_related("submission__author", "submission__run")
    entries: dict[int, dict[str, Any]] = {}
    for score in scores:
        entry = entries.setdefault(score.submission_id, _entry(score.submission))
        entry[score.metric] = score.as_dict()
        entry["n_images"] = score.n_images
    return _ranked(list(entries.values()), contest.ranked_by)


def _entry(submission: Submission) -> dict[str, Any]:
    return {
        "submission": submission,
        "method": submission.method,
        "author": submission.author,
        "is_baseline": submission.is_baseline,
    }


def _ranked(entries: list[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    """Sort by `metric`, keep each author's best, and number the rows; equal errors share a rank."""
    entries.sort(key=lambda entry: (entry[metric]["value"], entry["submission"].pk))
    best: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        key = entry["submission"].pk if entry["is_baseline"] else ("author", entry["submission"].author_id)
        best.setdefault(key, entry)
    kept = list(best.values())
    numbers = ranks(np.array([entry[metric]["value"] for entry in kept]))
    return [
        {"rank": int(rank), "ranked": entry[metric], **entry}
        for rank, entry in zip(numbers, kept, strict=True)
    ]


def axis_max(board: list[dict[str, Any]]) -> float:
    """Return where the drawn intervals' axis ends."""
    return max((row["ranked"]["high"] for row in board), default=0.0) or 1.0
