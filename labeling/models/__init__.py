"""Who is asked what, what they said, and what we believe."""

from labeling.models.answers import (
    SKIP,
    Answer,
    AnsweredOtherwiseError,
    LeaseExpiredError,
    NotAClassError,
    Outcome,
    Skip,
)
from labeling.models.choices import Choices
from labeling.models.collections import (
    VERIFIED,
    ClassesChangedError,
    ClassRefusedError,
    Collection,
    CollectionClass,
    Narrowing,
    NotReadyError,
    Reach,
    may_organise,
)
from labeling.models.comments import Comment, Flag
from labeling.models.days import Streak, VotingDay
from labeling.models.duplicates import NearDuplicate
from labeling.models.examples import Example, ExampleRefusedError
from labeling.models.figures import Figures, SiteFigures, Standing, Standings
from labeling.models.fits import ConsensusFit, Skill
from labeling.models.grids import GRID, Grid
from labeling.models.images import Arrival, Image, PictureFileError
from labeling.models.intakes import Intake, IntakeLostError, IntakeNote
from labeling.models.leases import (
    LEASE_TIME,
    MOST_LEASES,
    Lease,
    NotUndoneError,
    Walk,
)
from labeling.models.predictions import Dispute, Finding, Network, Prediction
from labeling.models.questions import DECIDED_RIGHT, Question, label_words, random_position, tell_inner
from labeling.models.quizzes import QuizPass
from labeling.models.refits import Refit, RefitLostError, Refits
from labeling.models.relabels import Reclass, Relabel
from labeling.models.reports import Report
from labeling.models.targets import Target
from labeling.models.votes import AGREES, IS_KNOWN, Counts, Keys, Retraction, Vote, is_right

__all__ = [
    "AGREES",
    "DECIDED_RIGHT",
    "GRID",
    "IS_KNOWN",
    "LEASE_TIME",
    "MOST_LEASES",
    "SKIP",
    "VERIFIED",
    "Answer",
    "AnsweredOtherwiseError",
    "Arrival",
    "Choices",
    "ClassRefusedError",
    "ClassesChangedError",
    "Collection",
    "CollectionClass",
    "Comment",
    "ConsensusFit",
    "Counts",
    "Dispute",
    "Example",
    "ExampleRefusedError",
    "Figures",
    "Finding",
    "Flag",
    "Grid",
    "Image",
    "Intake",
    "IntakeLostError",
    "IntakeNote",
    "Keys",
    "Lease",
    "LeaseExpiredError",
    "Narrowing",
    "NearDuplicate",
    "Network",
    "NotAClassError",
    "NotReadyError",
    "NotUndoneError",
    "Outcome",
    "PictureFileError",
    "Prediction",
    "Question",
    "QuizPass",
    "Reach",
    "Reclass",
    "Refit",
    "RefitLostError",
    "Refits",
    "Relabel",
    "Report",
    "Retraction",
    "SiteFigures",
    "Skill",
    "Skip",
    "Standing",
    "Standings",
    "Streak",
    "Target",
    "Vote",
    "VotingDay",
    "Walk",
    "is_right",
    "label_words",
    "may_organise",
    "random_position",
    "tell_inner",
]
