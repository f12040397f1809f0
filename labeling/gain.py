"""A posterior -> how much one more vote would tell. Arrays in, arrays out.

What a vote tells of a class is the mutual information of the two (Lindley 1956, doi:10.1214/aoms/1177728069):

    I(class; vote) = H(vote) - sum over t of P(t) * H(vote | t)

in nats, under the model of labeling.consensus for a newcomer, since nobody knows who will be asked next. It is
greatest where the votes so far leave several classes open that people tell apart, and small where one is sure, or
where what is left open is what people confuse anyway. A vote that names no class tells nothing of it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from labeling.parameters import Floats, Parameters

# Classes whose mistakes are told apart, the likeliest; what is left of them is taken to be mistaken as all are on
# average, so that the time of a vote grows with the classes and not with their square.
LIKELIEST = 64


@dataclass(frozen=True, eq=False)
class NextVote:
    """What a newcomer would say of each class, worked out once for many questions.

    right:     (n_classes,), P(right | truth), above 0 and below 1.
    confusion: (n_classes, n_classes), [truth, observed], as in Parameters.
    entropy:   (n_classes,), H(vote | truth) in nats.
    mistakes:  (n_classes,), what is said where somebody errs, whatever the truth, summing to 1.
    """

    right: Floats
    confusion: Floats
    entropy: Floats
    mistakes: Floats

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        right = parameters.accuracy_of(np.array([parameters.newcomer_skill]))[0]
        wrong = 1 - right
        # First whether it is right, then, where it is not, which mistake it is.
        entropy = _terms(right) + _terms(wrong) + wrong * _terms(parameters.confusion).sum(axis=1)
        erring = parameters.prior * wrong
        return cls(right, parameters.confusion, entropy, erring @ parameters.confusion / erring.sum())

    def gain(self, posterior: Floats, n_named: int = 0, n_votes: int = 0) -> float:
        """Return how much the next vote on a question is expected to tell of its class, in nats, 0 or more.

        posterior: (n_classes,), summing to 1. n_named, n_votes: votes on it that name something, and all. The next
        one does with the share of those, a vote that does added to both (rule of succession).
        Raises ValueError if the classes differ in number, or more votes name something than there are.
        """
        if posterior.shape != self.right.shape:
            raise ValueError(f"posterior: expected shape {self.right.shape}; found {posterior.shape}.")
        if not 0 <= n_named <= n_votes:
            raise ValueError(
                f"n_named, n_votes: expected 0 <= n_named <= n_votes; found {n_named} and {n_votes}."
            )
        said = posterior * self.right + self._mistaken(posterior * (1 - self.right))  # (n_classes,)
        told = float(_terms(said).sum() - posterior @ self.entropy)
        return max(told, 0.0) * (n_named + 1) / (n_votes + 1)  # rounding may carry 0 below it

    def _mistaken(self, wrong: Floats) -> Floats:
        """Return P(vote, it is a mistake), (n_classes,); wrong: (n_classes,), P(truth, the vote is a mistake)."""
        said: Floats
        if len(wrong) <= LIKELIEST:
            said = wrong @ self.confusion
            return said
        few = np.argpartition(wrong, -LIKELIEST)[-LIKELIEST:]
        said = wrong[few] @ self.confusion[few]
        said += max(wrong.sum() - wrong[few].sum(), 0.0) * self.mistakes
        return said


def _terms(probability: Floats) -> Floats:
    """Return -p ln p of each, 0 of 0."""
    found: Floats = -probability * np.log(np.where(probability > 0, probability, 1.0))
    return found
