"""Hidden tests, entries, scores. The rows are the truth: workers claim them, and the leaderboard is a query."""

from competition.models.attempts import Attempt, MethodCard
from competition.models.contests import RANKING_METRICS, Contest, Metric, Part, Phase
from competition.models.devices import Device
from competition.models.handing_in import SubmissionQuerySet
from competition.models.joining import Invitation, MergeOffer
from competition.models.limits import Places, SubmissionRefusedError
from competition.models.queue import LOST_AFTER, MOST_ATTEMPTS
from competition.models.scores import ClassTally, Score, ShownScore
from competition.models.standings import Rescoring, Standing
from competition.models.submissions import Submission, submission_path
from competition.models.teams import Membership, Team, TeamQuerySet, TeamRefusedError

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
    "Places",
    "Rescoring",
    "Score",
    "ShownScore",
    "Standing",
    "Submission",
    "SubmissionQuerySet",
    "SubmissionRefusedError",
    "Team",
    "TeamQuerySet",
    "TeamRefusedError",
    "submission_path",
]
