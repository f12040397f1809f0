"""What consensus is computed from, and with: votes as arrays, and what is believed of a crowd as a whole."""

import math
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labeling.network import Reliability

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Before any vote: right 85 times in 100, held as firmly as four votes would hold it.
START_SKILL = (3.4, 0.6)
# Before any vote: pseudo-votes that skill and crowd lend to each row of an own confusion.
ROW_WEIGHT = 20.0
START_GUESSING = 0.5
SMALLEST = 1e-12  # a probability that is to be above 0


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes as three columns: annotator `annotator[v]` said that item `item[v]` is of class `label[v]`; or that it is
    one of the classes below an inner noun, where that is n_classes or more.

    Each column is (n_votes,), whole numbers of any type counted from 0, kept as int64; none of them is modified.
    Raises ValueError if a column is of another type or length, or holds a negative number.
    """

    item: Ints
    annotator: Ints
    label: Ints

    def __post_init__(self) -> None:
        for column in fields(self):
            values = getattr(self, column.name)
            if values.ndim != 1 or values.dtype.kind not in "iu":
                found = f"{values.dtype} of shape {values.shape}"
                raise ValueError(
                    f"Votes.{column.name}: expected whole numbers of shape (n_votes,); found {found}."
                )
            object.__setattr__(self, column.name, values.astype(np.int64, copy=False))
            if len(values) != len(self.item):
                raise ValueError(
                    f"Votes.{column.name}: expected {len(self.item)}, as in item; found {len(values)}."
                )
            check_range(f"Votes.{column.name}", values)

    def __len__(self) -> int:
        return len(self.item)

    def where(self, kept: NDArray[np.bool_] | Ints) -> "Votes":
        """Return some of the votes: those that are `kept`, (n_votes,); or those at these places, in their order."""
        return Votes(self.item[kept], self.annotator[kept], self.label[kept])


@dataclass(frozen=True, eq=False)
class Parameters:
    """What a posterior needs besides the votes and what is known of their annotators.

    prior:       (n_classes,), above 0, summing to 1: how common each class is.
    confusion:   (n_classes, n_classes); [truth, observed] = P(observed | truth, the annotator errs). The
                 diagonal is 0, all else above 0, rows sum to 1; with one class nobody can err: [[0]].
    skill_prior: (a, b), both above 0: the Beta distribution of an annotator's P(right) before their votes.
    accuracy:    (n_classes,), above 0 and below 1: P(right | truth) of the crowd as a whole, so that nobody is blamed
                 for what is hard for all; by default the mean of the skill prior for every class.
    network:     how what a trained network says of an item is to be read.
    guessing:    on an item of which a share x of those asked cannot tell, a vote is a guess with P = guessing * x,
                 and names a class as often as all votes do; above 0 and below 1.
    row_weight:  as how many votes skill and crowd count in each row of an annotator's own confusion; above 0.
    Raises ValueError if any of this does not hold. A 0 would let one vote veto a class for good.
    """

    prior: Floats
    confusion: Floats
    skill_prior: tuple[float, float]
    accuracy: Floats = field(default_factory=lambda: np.zeros(0))
    network: Reliability = field(default_factory=Reliability)
    guessing: float = START_GUESSING
    row_weight: float = ROW_WEIGHT

    def __post_init__(self) -> None:
        n_classes = self.prior.size
        if self.prior.shape != (n_classes,) or n_classes == 0:
            raise ValueError(f"prior: expected shape (n_classes,), one at least; found {self.prior.shape}.")
        if self.confusion.shape != (n_classes, n_classes):
            raise ValueError(
                f"confusion: expected shape {(n_classes, n_classes)}; found {self.confusion.shape}."
            )
        if not (self.prior > 0).all() or abs(self.prior.sum() - 1) > 1e-6:
            raise ValueError(
                f"prior: expected all above 0 and a sum of 1; found minimum {self.prior.min()} "
                f"and sum {self.prior.sum()}."
            )
        if self.confusion.diagonal().any():
            row = int(self.confusion.diagonal().nonzero()[0][0])
            raise ValueError(
                f"confusion: expected 0 on the diagonal; found {self.confusion[row, row]} in row {row}."
            )
        wrong_rows = abs(self.confusion.sum(axis=1) - 1) > 1e-6
        wrong_rows |= ~((self.confusion > 0) | np.eye(n_classes, dtype=np.bool_)).all(axis=1)
        if n_classes > 1 and wrong_rows.any():
            row = int(wrong_rows.nonzero()[0][0])
            raise ValueError(
                "confusion: expected rows above 0 off the diagonal that sum to 1; "
                f"found sum {self.confusion[row].sum()} and {(self.confusion[row] <= 0).sum() - 1} "
                f"entries not above 0 in row {row}."
            )
        if len(self.skill_prior) != 2 or not all(0 < count < np.inf for count in self.skill_prior):
            raise ValueError(f"skill_prior: expected two finite numbers above 0; found {self.skill_prior!r}.")
        if not self.accuracy.size:
            object.__setattr__(self, "accuracy", np.full(n_classes, self.newcomer_skill))
        if self.accuracy.shape != (n_classes,) or not ((self.accuracy > 0) & (self.accuracy < 1)).all():
            raise ValueError(
                f"accuracy: expected {n_classes} numbers above 0 and below 1; found {self.accuracy.tolist()}."
            )

    @classmethod
    def start(cls, n_classes: int) -> Self:
        """What is believed before any vote: every class and every mistake alike, annotators mostly right."""
        if n_classes < 1:
            raise ValueError(f"n_classes: expected 1 or more; found {n_classes}.")
        return cls(
            prior=np.full(n_classes, 1 / n_classes),
            confusion=(1 - np.eye(n_classes)) / max(n_classes - 1, 1),
            skill_prior=START_SKILL,
        )

    @property
    def n_classes(self) -> int:
        return len(self.prior)

    @property
    def newcomer_skill(self) -> float:
        """P(right) of an annotator without votes: the mean of the skill prior."""
        a, b = self.skill_prior
        return a / (a + b)

    def blur(self, n_unsure: int, n_named: int) -> float:
        """Return P(a vote is a guess) where `n_unsure` people could not tell, and `n_named` named something."""
        return self.guessing * n_unsure / (n_unsure + n_named) if n_unsure else 0.0

    @cached_property
    def popularity(self) -> Floats:
        """How often the crowd says each class, (n_classes,), summing to 1."""
        errs: Floats = self.prior * (1 - self.accuracy)
        return self.prior * self.accuracy + errs @ self.confusion

    def accuracy_of(self, skills: Floats) -> Floats:
        """Return P(right | truth) of annotators with these skills, (n,), above 0 and below 1 -> (n, n_classes).

        The odds of being right are those of the crowd on that class, times how the odds of the skill compare with a
        newcomer's: the Rasch model, doi:10.1007/978-1-4612-4230-7 - skill against difficulty, on one scale.
        """
        found: Floats = 1 / (1 + np.exp(-(self.above(skills)[:, np.newaxis] + logit(self.accuracy))))
        return np.clip(found, SMALLEST, 1 - SMALLEST)

    def above(self, skills: Floats) -> Floats:
        """Return by how much these skills, (n,), exceed a newcomer's, on the scale of log odds, (n,)."""
        found: Floats = logit(skills) - logit(np.array([self.newcomer_skill]))
        return found

    def likelihoods(self, skills: Floats) -> Floats:
        """Return P(observed | truth) of annotators with these skills, (n,) -> (n, n_classes, n_classes), [annotator,
        truth, observed], all above 0 with two classes or more.
        """
        right = self.accuracy_of(skills)
        found: Floats = (1 - right)[:, :, np.newaxis] * self.confusion
        found[:, range(self.n_classes), range(self.n_classes)] = right
        return found

    def reordered(self, order: Sequence[int]) -> Self:
        """Return the same of classes in another order, each of whose places was `order[place]` before."""
        places = np.array(order, dtype=np.int64)
        return type(self)(
            self.prior[places],
            self.confusion[np.ix_(places, places)],
            self.skill_prior,
            self.accuracy[places],
            self.network,
            self.guessing,
            self.row_weight,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the same numbers for a JSON field, as `from_json` reads them back: exactly, but for the confusion,
        which is rounded to float32 and packed. As a list that of five thousand classes would be more than PostgreSQL
        takes; packed, it takes one of 7,000.
        """
        return {
            "prior": self.prior.tolist(),
            "confusion": b64encode(pack(self.confusion)).decode(),
            "skill_prior": list(self.skill_prior),
            "accuracy": self.accuracy.tolist(),
            "network": list(self.network),
            "guessing": self.guessing,
            "row_weight": self.row_weight,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Raises ValueError if numbers are out of range, KeyError if a name is missing."""
        confusion = document["confusion"]
        return cls(
            prior=np.array(document["prior"], dtype=np.float64),
            # Fits of old have lists.
            confusion=unpack(b64decode(confusion))
            if isinstance(confusion, str)
            else np.array(confusion, dtype=np.float64),
            skill_prior=tuple(document["skill_prior"]),
            accuracy=np.array(document.get("accuracy", ()), dtype=np.float64),  # fits of old have none
            network=Reliability(*document.get("network", ())),
            guessing=document.get("guessing", START_GUESSING),
            row_weight=document.get("row_weight", ROW_WEIGHT),
        )


def pack(confusion: Floats) -> bytes:
    """Return a confusion, (n_classes, n_classes), row by row as little-endian float32."""
    return confusion.astype("<f4").tobytes()


def unpack(cells: bytes) -> Floats:
    """Return what `pack` was given, to float32's seven digits."""
    found: Floats = np.frombuffer(cells, dtype="<f4").astype(np.float64)
    return found.reshape(math.isqrt(len(found)), -1)


@dataclass(frozen=True, eq=False)
class Start:
    """What a fit goes on from: what an earlier one has learnt.

    skill: (n, 2), Beta pseudo-counts right and wrong of the first n annotators; the others are newcomers.
    own: by annotator, a confusion of their own, (n_classes, n_classes), [truth, observed], above 0, rows sum to 1.
    Raises ValueError if a skill is not above 0 or a confusion is of another shape.
    """

    parameters: Parameters
    skill: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    own: Mapping[int, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.skill.ndim != 2 or self.skill.shape[1] != 2 or not (self.skill > 0).all():
            raise ValueError(
                f"Start.skill: expected (n, 2) numbers above 0; found shape {self.skill.shape} and a minimum of "
                f"{self.skill.min(initial=np.inf)}."
            )
        wanted = self.parameters.confusion.shape
        for annotator, confusion in self.own.items():
            if confusion.shape != wanted:
                raise ValueError(
                    f"Start.own: expected shape {wanted}; found {confusion.shape} of annotator {annotator}."
                )


def check_range(name: str, values: Ints, below: int | None = None) -> None:
    """Refuse a number outside 0..below-1; the message names its place."""
    outside = values < 0 if below is None else (values < 0) | (values >= below)
    if outside.any():
        place = int(outside.argmax())
        wanted = "0 or more" if below is None else f"0 to {below - 1}"
        raise ValueError(f"{name}: expected {wanted}; found {values[place]} at index {place}.")


def logit(probability: Floats) -> Floats:
    """Return ln(p / (1 - p)) of probabilities above 0 and below 1."""
    found: Floats = np.log(probability) - np.log1p(-probability)
    return found
