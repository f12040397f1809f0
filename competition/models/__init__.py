"""Hidden tests, entries, scores. The rows are the truth: workers claim them, and the leaderboard is a query."""

from competition.models.attempts import Attempt, MethodCard
from competition.models.contests import RANKING_METRICS, Contest, Metric, Part, Phase
from competition.models.scores import ClassTally, Score
from competition.models.standings import Rescoring, Standing
from competition.models.submissions import (
    LOST_AFTER,
    MOST_ATTEMPTS,
    Submission,
    SubmissionQuerySet,
    SubmissionRefusedError,
    submission_path,
)
from competition.models.teams import (
    Device,
    Invitation,
    Membership,
    MergeOffer,
    Team,
    TeamQuerySet,
    TeamRefusedError,
)

__all__ = [
    "LOST_AFTER",
    "MOST_ATTEMPTS",
    "RANKING_METRICS",
    "Attempt",
    "ClassTally",
    "Contest",
    "Device",
    "Invitation",
    "Membership",
    "MergeOffer",
    "MethodCard",
    "Metric",
    "Part",
    "Phase",
    "Rescoring",
    "Score",
    "Standing",
    "Submission",
    "SubmissionQuerySet",
    "SubmissionRefusedError",
    "Team",
    "TeamQuerySet",
    "TeamRefusedError",
    "submission_path",
]
