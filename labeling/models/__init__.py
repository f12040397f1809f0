"""Who is asked what, what they said, and what we believe."""

from labeling.models.collections import (
    ClassesChangedError,
    Collection,
    CollectionClass,
    ConsensusFit,
    Narrowing,
    Skill,
)
from labeling.models.images import Arrival, Image
from labeling.models.leases import LEASE_TIME, MOST_LEASES, Lease, LeaseExpiredError, NotAClassError, Walk
from labeling.models.questions import Question
from labeling.models.relabels import Reclass, Relabel
from labeling.models.votes import Keys, Vote

__all__ = [
    "LEASE_TIME",
    "MOST_LEASES",
    "Arrival",
    "ClassesChangedError",
    "Collection",
    "CollectionClass",
    "ConsensusFit",
    "Image",
    "Keys",
    "Lease",
    "LeaseExpiredError",
    "Narrowing",
    "NotAClassError",
    "Question",
    "Reclass",
    "Relabel",
    "Skill",
    "Vote",
    "Walk",
]
