"""Who is asked what, what they said, and what we believe."""

from labeling.models.choices import Choices
from labeling.models.collections import (
    ClassesChangedError,
    ClassRefusedError,
    Collection,
    CollectionClass,
    ConsensusFit,
    Narrowing,
    NotReadyError,
    Reach,
    Skill,
    may_organise,
)
from labeling.models.examples import Example, ExampleRefusedError
from labeling.models.images import Image
from labeling.models.leases import (
    LEASE_TIME,
    MOST_LEASES,
    Answer,
    AnsweredOtherwiseError,
    Lease,
    LeaseExpiredError,
    NotAClassError,
    Outcome,
    Walk,
)
from labeling.models.questions import Question
from labeling.models.relabels import Reclass, Relabel
from labeling.models.votes import Keys, Vote

__all__ = [
    "LEASE_TIME",
    "MOST_LEASES",
    "Answer",
    "AnsweredOtherwiseError",
    "Choices",
    "ClassRefusedError",
    "ClassesChangedError",
    "Collection",
    "CollectionClass",
    "ConsensusFit",
    "Example",
    "ExampleRefusedError",
    "Image",
    "Keys",
    "Lease",
    "LeaseExpiredError",
    "Narrowing",
    "NotAClassError",
    "NotReadyError",
    "Outcome",
    "Question",
    "Reach",
    "Reclass",
    "Relabel",
    "Skill",
    "Vote",
    "Walk",
    "may_organise",
]
