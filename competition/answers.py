"""What an entry says of each test picture, kept in one form whatever it was handed in as. Pure."""

import io
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int32]
Shares = NDArray[np.float32]
Bools = NDArray[np.bool_]

MOST_GUESSES = 5
NO_GUESS = -1


@dataclass(frozen=True, eq=False)
class Answers:
    """Up to five nouns for each picture, the best first.

    guesses: (n_images, 5) int32, places in the contest's nouns (its classes come first in them, so that a class's
    place is its label); NO_GUESS where there is none.
    probabilities: (n_images, 5) float32, 0..1, of the guesses, and not a number where there is none; rows sum to 1 at
    most, but for rounding. None where the entry tells none at all.
    Raises ValueError if the shapes differ.
    """

    guesses: Places
    probabilities: Shares | None = None

    def __post_init__(self) -> None:
        expected = (len(self.guesses), MOST_GUESSES)
        for array in (self.guesses, self.probabilities):
            if array is not None and array.shape != expected:
                raise ValueError(f"Expected arrays of shape {expected}; found {array.shape}.")

    def __len__(self) -> int:
        return len(self.guesses)

    @classmethod
    def of(cls, probabilities: NDArray[np.floating]) -> Self:
        """Take the five likeliest classes of each picture, of equally likely ones the first.

        probabilities: (n_images, n_classes), numbers from 0 to 1; columns are labels.
        """
        n_images, n_classes = probabilities.shape
        guesses = np.full((n_images, MOST_GUESSES), NO_GUESS, dtype=np.int32)
        shares = np.full((n_images, MOST_GUESSES), np.nan, dtype=np.float32)
        left, rows = probabilities.copy(), np.arange(n_images)
        for place in range(min(MOST_GUESSES, n_classes)):  # many times faster than to sort them all
            best = left.argmax(axis=1)
            guesses[:, place], shares[:, place] = best, left[rows, best]
            left[rows, best] = -1
        return cls(guesses, shares)

    def where(self, is_kept: Bools) -> Self:
        """Return those of the pictures for which `is_kept`, (n_images,), is true."""
        shares = None if self.probabilities is None else self.probabilities[is_kept]
        return type(self)(self.guesses[is_kept], shares)

    def to_bytes(self) -> bytes:
        """Return them as from_bytes() reads them; the same answers give the same bytes."""
        file = io.BytesIO()
        arrays = {"guesses": self.guesses.astype("<i4")}
        if self.probabilities is not None:
            arrays["probabilities"] = self.probabilities.astype("<f4")
        np.savez(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what to_bytes() wrote."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return cls(arrays["guesses"], arrays.get("probabilities"))
