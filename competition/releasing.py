"""Which entries a team is told the scores of while the contest goes on: its first, and each new best.

One decision an entry, by the metric that the contest ranks by: a decision for each metric would be so many looks at
the hidden labels. Nobody is told of one as it is found: `told` of a score stands ready, and is emptied.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from competition import kept
from competition.answers import Answers
from competition.ladder import release
from competition.metrics import top_k_wrong
from competition.models import Metric, Part, Score, Submission
from competition.truth import Truth

GUESSES_OF = {Metric.TOP1: 1, Metric.TOP5: 5}  # that count, by the metric that a contest ranks by
Wrong = NDArray[np.float64]


class Ladder:
    """What each team was told last, by which the next of its entries is judged. Entries come as they were handed in.

    Source: Blum & Hardt (2015), arXiv:1502.04585.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._best: dict[tuple[int, int], tuple[float, Wrong]] = {}  # by phase and team

    def remember(self, submission: Submission, told: float, answers: Answers) -> None:
        """Take it that the submission's team was told this of it."""
        if submission.team_id is not None:
            self._best[submission.phase_id, submission.team_id] = told, self._wrong(submission, answers)

    def releases(self, submission: Submission, answers: Answers) -> bool:
        """Say whether the submission's team is told of it, and remember that.

        A baseline competes with nobody, so it is always told. A late entry comes when everything is told anyway, and
        is nobody's best.
        """
        wrong = self._wrong(submission, answers)
        if submission.team_id is None or not len(wrong):
            return True
        if submission.is_late:
            return False
        told, theirs = self._best.get((submission.phase_id, submission.team_id), (None, None))
        now = release(told, wrong, theirs)
        if now is not None:
            self._best[submission.phase_id, submission.team_id] = now, wrong
        return now is not None

    def _wrong(self, submission: Submission, answers: Answers) -> Wrong:
        """Return 1 for each public picture that the entry is wrong about, else 0."""
        counts = self._truth.counts(submission.phase, Part.PUBLIC)
        k = GUESSES_OF[Metric(self._truth.contest.ranked_by)]
        return top_k_wrong(answers.guesses[counts], self._truth.labels[counts], k)


def release_next(submission: Submission, answers: Answers, scores: Iterable[Score], truth: Truth) -> None:
    """Empty `told` of these scores, which are not kept yet, unless the submission is a new best of its team. Whoever
    calls holds the team's row.
    """
    ladder = Ladder(truth)
    if (best := _best_of(submission, truth)) and best.told is not None:
        ladder.remember(best.submission, best.told, kept.read(best.submission))
    if not ladder.releases(submission, answers):
        for score in scores:
            score.told = None


def _best_of(submission: Submission, truth: Truth) -> Score | None:
    """Return the score of which the submission's team was told last, by today's scorer."""
    told = Score.objects.filter(
        **truth.key,
        submission__phase=submission.phase_id,
        submission__team=submission.team_id,
        part=Part.PUBLIC,
        metric=truth.contest.ranked_by,
        told__isnull=False,
    )
    best = told.select_related("submission__phase__contest").order_by("told", "submission")
    return best.first() if submission.team_id else None
