"""What a network says of labelled pictures -> how good that is, where it errs, how far it can be believed. Pure."""

from dataclasses import dataclass, fields
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Strings = NDArray[np.str_]

N_GUESSES = 5  # that are kept of each picture
SMALLEST = 1e-12  # what a probability of nothing is taken for, where its logarithm is
MOST_FITTED = 5_000  # pictures by which the temperature is found; more move it by less than a hundredth
STEPS = 50  # of Newton's method, which needs about six


@dataclass(frozen=True, eq=False)
class Answers:
    """A network's guesses on pictures whose class is known, the likeliest first.

    sha256: (n,), the pictures; label: (n,) int64, 0..n_classes-1.
    guess: (n, k) int64, classes; probability: (n, k), of them, falling along each row; k is N_GUESSES, or n_classes
    where those are fewer. of_label: (n,), the probability of the label.
    tempered: (n,), the probability of the first guess once the network is as sure as it should be: see temperature().
    """

    n_classes: int
    sha256: Strings
    label: Ints
    guess: Ints
    probability: Floats
    of_label: Floats
    tempered: Floats
    temperature: float

    @classmethod
    def of(cls, sha256: Strings, label: Ints, probabilities: NDArray[np.floating]) -> Self:
        """Make them of all `probabilities`, (n, n_classes), rows summing to 1. Of equal ones the lower class comes
        first.

        Raises ValueError if the lengths differ or a label is no class.
        """
        n, n_classes = probabilities.shape
        if not len(sha256) == len(label) == n:
            raise ValueError(
                f"Expected as many pictures as labels and answers; found {len(sha256)}, {len(label)}, {n}."
            )
        if n and not 0 <= label.min() <= label.max() < n_classes:
            raise ValueError(
                f"Expected labels from 0 to {n_classes - 1}; found {label.min()} to {label.max()}."
            )
        guess = _likeliest(probabilities, min(N_GUESSES, n_classes))
        heat = temperature(probabilities, label)
        return cls(
            n_classes,
            np.asarray(sha256),
            label.astype(np.int64),
            guess,
            np.take_along_axis(probabilities, guess, axis=1).astype(np.float64),
            probabilities[np.arange(n), label].astype(np.float64),
            _tempered(probabilities, heat),
            heat,
        )

    @classmethod
    def read(cls, file: BinaryIO) -> Self:
        """Read what save() wrote, but for all probabilities: a hundred times as much where classes are a thousand."""
        with np.load(file, allow_pickle=False) as arrays:
            kept = {each.name: arrays[each.name] for each in fields(cls)}
        return cls(**{**kept, "n_classes": int(kept["n_classes"]), "temperature": float(kept["temperature"])})

    def __len__(self) -> int:
        return len(self.label)

    def where(self, is_kept: Bools) -> Self:
        """Return those of the pictures for which `is_kept`, (n,), is true."""
        return type(self)(
            self.n_classes,
            self.sha256[is_kept],
            self.label[is_kept],
            self.guess[is_kept],
            self.probability[is_kept],
            self.of_label[is_kept],
            self.tempered[is_kept],
            self.temperature,
        )

    @property
    def answer(self) -> Ints:
        """The first guess, (n,)."""
        return self.guess[:, 0]

    @property
    def confidence(self) -> Floats:
        """How sure the network is of its first guess, (n,)."""
        return self.probability[:, 0]

    @property
    def is_right(self) -> Bools:
        is_right: Bools = self.answer == self.label
        return is_right

    def n_right(self, k: int = 1) -> int:
        """Return of how many pictures the label is among the first `k` guesses."""
        return int((self.guess[:, :k] == self.label[:, None]).any(axis=1).sum())

    def surest_mistakes(self) -> Ints:
        """Return the places of the pictures whose first guess is not the label, the surest first; of equally sure
        ones those first whose label the network holds for less likely.
        """
        wrong = np.flatnonzero(~self.is_right)
        return wrong[np.lexsort((wrong, self.of_label[wrong], -self.confidence[wrong]))]

    def confusion(self) -> Ints:
        """Return how often each class was answered for each, (n_classes, n_classes): [label, answer]."""
        cells = np.bincount(self.label * self.n_classes + self.answer, minlength=self.n_classes**2)
        return cells.reshape(self.n_classes, self.n_classes)


def save(file: BinaryIO, sha256: Strings, label: Ints, probabilities: NDArray[np.floating]) -> None:
    """Write answers as an npz: sha256 (n,), label (n,) int64, probabilities (n, n_classes) float32, and beside them
    what Answers.of() makes of these. Raises ValueError as that does.
    """
    made = Answers.of(sha256, label, probabilities)
    kept = {each.name: np.asarray(getattr(made, each.name)) for each in fields(made)}
    # Not compressed: digits of probabilities are noise, and to find that out takes a minute for a thousand classes.
    np.savez(file, probabilities=probabilities.astype(np.float32), **kept)  # type: ignore[arg-type]


def _likeliest(probabilities: NDArray[np.floating], k: int) -> Ints:
    """Return the `k` likeliest classes of each row, the likeliest first and of equal ones the lower; (n, k)."""
    left, rows = probabilities.copy(), np.arange(len(probabilities))
    guess = np.empty((len(left), k), dtype=np.int64)
    for place in range(k):  # five times over all of them is many times faster than to sort or part them
        guess[:, place] = left.argmax(axis=1)
        left[rows, guess[:, place]] = -1
    return guess


@dataclass(frozen=True, eq=False)
class PerClass:
    """How each class fared; each (n_classes,). A share of nothing is not a number."""

    n: Ints  # pictures of it
    n_answered: Ints  # for which it was the answer
    n_right: Ints
    taken_for: Ints  # the class that it was most often taken for; itself where it never was for another
    n_taken_for: Ints

    @property
    def recall(self) -> Floats:
        """Of its pictures, the share that it was answered for."""
        return _share(self.n_right, self.n)

    @property
    def precision(self) -> Floats:
        """Of the pictures for which it was answered, the share that it was right for."""
        return _share(self.n_right, self.n_answered)

    @property
    def f1(self) -> Floats:
        """The harmonic mean of both, 2 * n_right / (n + n_answered)."""
        return _share(2 * self.n_right, self.n + self.n_answered)


def per_class(confusion: Ints) -> PerClass:
    """Return how each class fared by a confusion, (n_classes, n_classes), [label, answer]. Of classes that it was
    taken for equally often the first is named.
    """
    n_right = confusion.diagonal()
    mistakes = confusion - np.diag(n_right)
    n_taken = mistakes.max(axis=1, initial=0)
    own = np.arange(len(confusion))
    taken = np.where(n_taken > 0, mistakes.argmax(axis=1), own) if len(confusion) else own
    return PerClass(confusion.sum(axis=1), confusion.sum(axis=0), n_right.copy(), taken, n_taken)


def _share(n: Ints, of: Ints) -> Floats:
    shares: Floats = np.divide(n, of, out=np.full(len(of), np.nan), where=of > 0)
    return shares


def temperature(probabilities: NDArray[np.floating], label: Ints) -> float:
    """Return the T by which the logits have to be divided for the network to be as sure as it is right: above 1 it is
    too sure of itself, below 1 not sure enough; 1 without pictures.

    It is the one under which the labels are likeliest, by Newton's method in 1/T, in which that is a convex problem;
    of many pictures MOST_FITTED are taken, evenly. Bounded to 0.05..20: a network that is always right, or tells
    nothing, would have it run away. probabilities: (n, n_classes), of which the logarithms are logits.
    Source: Guo, Pleiss, Sun & Weinberger (2017), section 4.2, arXiv:1706.04599.
    """
    if not len(label):
        return 1.0
    chosen = np.linspace(0, len(label) - 1, min(len(label), MOST_FITTED)).astype(np.int64)
    logits = _logits(probabilities[chosen])
    rows, wanted = np.arange(len(chosen)), label[chosen]
    inverse = 1.0
    for _ in range(STEPS):
        p = _softmax(logits * inverse)
        mean = (p * logits).sum(axis=1)
        slope = float((mean - logits[rows, wanted]).mean())
        curve = float(((p * logits**2).sum(axis=1) - mean**2).mean())
        # A step may at most halve or double it, so that the flat ends of the curve throw it nowhere.
        step = inverse - slope / curve if curve > 0 else inverse * (0.5 if slope > 0 else 2)
        following = float(np.clip(np.clip(step, inverse / 2, inverse * 2), 0.05, 20))
        if abs(following - inverse) < 1e-6:
            break
        inverse = following
    return 1 / inverse


def _tempered(probabilities: NDArray[np.floating], heat: float) -> Floats:
    """Return the probability of each row's first guess at this temperature, (n,)."""
    ratio = probabilities / probabilities.max(axis=1, keepdims=True)
    found: Floats = 1 / np.power(ratio, 1 / heat, out=ratio).sum(axis=1, dtype=np.float64)
    return found


def _logits(probabilities: NDArray[np.floating]) -> Floats:
    return np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
