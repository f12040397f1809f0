"""Trainings of networks on snapshots. The rows are the truth: workers claim them, and sweeps find what was lost."""

from training.models.explanations import Explanation, ExplanationQuerySet, TooManyWaitingError
from training.models.policies import TrainingPolicy
from training.models.runs import (
    DEFAULT_SIZE_PX,
    HEARTBEAT_EVERY_S,
    LOST_AFTER,
    MOST_LOST,
    Checkpoint,
    Epoch,
    Run,
    RunLostError,
    RunQuerySet,
    SensitiveNounsError,
    usual_recipe,
)

__all__ = [
    "DEFAULT_SIZE_PX",
    "HEARTBEAT_EVERY_S",
    "LOST_AFTER",
    "MOST_LOST",
    "Checkpoint",
    "Epoch",
    "Explanation",
    "ExplanationQuerySet",
    "Run",
    "RunLostError",
    "RunQuerySet",
    "SensitiveNounsError",
    "TooManyWaitingError",
    "TrainingPolicy",
    "usual_recipe",
]
