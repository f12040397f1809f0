"""What a confined process answers, as it comes in pieces of any length -> Answers."""

import numpy as np
from numpy.typing import NDArray

from competition.answers import Answers
from competition.sandbox.bounds import RefusedError
from training.certainty import softmax

Floats = NDArray[np.float32]
# So near to 1 the rounding of float32 brings a sum over thousands of classes.
NEARLY = 1e-3
CLASS_BYTES = 4


def probabilities_of(answers: Floats) -> Floats:
    """Return probabilities (n, n_classes) for what a network answers, (n, n_classes) float32.

    A row that has nothing below 0 and sums to 1 is one of probabilities already; any other is one of logits.
    """
    sums = answers.sum(axis=1, dtype=np.float64, keepdims=True)
    is_done = (answers >= 0).all(axis=1, keepdims=True) & (np.abs(sums - 1) <= NEARLY)
    return np.where(is_done, np.minimum(answers, 1), softmax(answers)).astype(np.float32)


class Collector:
    """Takes bytes of float32, a row for each picture, and keeps the five likeliest classes of each."""

    def __init__(self, n_images: int, n_classes: int) -> None:
        self.n_images, self.n_classes = n_images, n_classes
        self._rest = b""
        self._found: list[Answers] = []
        self.n_done = 0

    @property
    def most_bytes(self) -> int:
        return self.n_images * self.n_classes * CLASS_BYTES

    def take(self, piece: bytes) -> None:
        """Raises RefusedError at the first answer that is no number."""
        self._rest += piece
        row_bytes = self.n_classes * CLASS_BYTES
        n = len(self._rest) // row_bytes
        if not n:
            return
        answers = np.frombuffer(self._rest[: n * row_bytes], "<f4").reshape(n, self.n_classes)
        self._rest = self._rest[n * row_bytes :]
        is_bad = ~np.isfinite(answers)
        if is_bad.any():
            row, label = np.argwhere(is_bad)[0].tolist()
            raise RefusedError(
                f"Expected numbers for each picture and class; found {answers[row, label]} for class {label + 1} of "
                f"picture {self.n_done + row + 1}."
            )
        self._found.append(Answers.of(probabilities_of(answers)))
        self.n_done += n

    def answers(self) -> Answers:
        """Return all. Raises RefusedError unless there is a row for each picture."""
        if self.n_done != self.n_images:
            raise RefusedError(f"Expected answers for {self.n_images:,} pictures; found {self.n_done:,}.")
        guesses, shares = zip(*((each.guesses, each.probabilities) for each in self._found), strict=True)
        return Answers(np.concatenate(guesses), np.concatenate(shares))
