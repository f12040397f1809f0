"""What a trained network says of pictures, as one more annotator whose reliability is learnt. Arrays in, arrays out.

A network's probabilities q are seldom what they say: most are surer than they are right, and some pictures it cannot
read at all. So they count as

    P(t) = (1 - e) * q[t]^c / sum of q^c + e * prior[t]

with the sharpness c (temperature scaling, Guo et al. 2017, arXiv:1706.04599) and the share e of pictures about which
it knows nothing, both as make what people say of the same pictures most probable. A network that knows nothing comes
to e = 1, and its word to nothing.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SMALLEST = 1e-7  # what a probability of nothing is taken for; networks that were stored with few digits say 0
MOST_ROWS = 2_000  # pictures from which its reliability is learnt
# Before any vote: as sharp as it says within a factor of e^(1/2), and lost on a tenth of the pictures, as nineteen
# pictures with and one without would say.
LOG_SHARPNESS_SPREAD = 0.5
KNOWS, KNOWS_NOT = 18.0, 2.0


@dataclass(frozen=True, eq=False)
class Probabilities:
    """What a network says of some items: item `item[i]` is of class t with `probability[i, t]`.

    item: (n,) int64, each once; probability: (n, n_classes), 0 or more, rows summing to 1 within 0.01.
    helps: (n,) bool, of which items it helps to tell the class; by default of all. Where it does not of some, those
    alone tell how reliable it is: people's word stands by itself there, so what it says is never measured by labels
    that it helped to make.
    Raises ValueError if shapes do not fit, an item comes twice, or a row is no distribution.
    """

    item: Ints
    probability: Floats
    helps: Bools | None = None

    def __post_init__(self) -> None:
        if self.helps is not None and self.helps.shape != self.item.shape:
            raise ValueError(
                f"Probabilities.helps: expected {self.item.shape}, as in item; found {self.helps.shape}."
            )
        if self.probability.ndim != 2 or self.item.shape != self.probability.shape[:1]:
            raise ValueError(
                "Probabilities: expected (n,) items and (n, n_classes) probabilities; found "
                f"{self.item.shape} and {self.probability.shape}."
            )
        if len(np.unique(self.item)) < len(self.item):
            raise ValueError("Probabilities.item: expected each item once; found one twice.")
        total = self.probability.sum(axis=1)
        wrong = ~((self.probability >= 0).all(axis=1) & (np.abs(total - 1) < 0.01))
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"Probabilities.probability: expected 0 or more and a sum of 1; found a sum of {total[row]} and a "
                f"minimum of {self.probability[row].min()} in row {row}."
            )

    def of_items(self, items: Ints) -> tuple[Ints, Floats]:
        """Return of which of `items`, (m,) in their order, it speaks, as places, and ln q of each of those."""
        known = np.isin(self.item, items)
        place = np.searchsorted(items, self.item[known])
        q = np.maximum(self.probability[known].astype(np.float64), SMALLEST)
        order = np.argsort(place)
        return place[order], np.log(q / q.sum(axis=1, keepdims=True))[order]

    def helping(self) -> "Probabilities":
        """Return what it says of the items whose class it helps to tell."""
        if self.helps is None:
            return self
        return Probabilities(self.item[self.helps], self.probability[self.helps])


class Reliability(NamedTuple):
    """How what a network says is to be read: with which sharpness, above 0, and how often as nothing, 0 to 1."""

    sharpness: float = 1.0
    ignorance: float = KNOWS_NOT / (KNOWS + KNOWS_NOT)

    def read(self, log_q: Floats, prior: Floats) -> Floats:
        """Return P(class), (n, n_classes), of ln q, where nothing but `prior` is known besides."""
        q = np.exp(self.sharpness * (log_q - log_q.max(axis=1, keepdims=True)))
        q /= q.sum(axis=1, keepdims=True)
        found: Floats = (1 - self.ignorance) * q + self.ignorance * prior
        return found

    def learn(self, log_q: Floats, belief: Floats, prior: Floats) -> Self:
        """Return the reliability that makes `belief`, (n, n_classes), what votes and network together say, most
        probable: an M-step, as for any annotator.
        """
        from scipy.optimize import minimize  # takes a while to load, and web workers do without it

        few = slice(None, None, max(1, len(log_q) // MOST_ROWS))
        log_q, belief = log_q[few], belief[few]

        def loss(at: Floats) -> tuple[float, Floats]:
            """Minus the log probability, and its slope."""
            sharpness, e = float(np.exp(at[0])), float(1 / (1 + np.exp(-at[1])))
            q = Reliability(sharpness, 0.0).read(log_q, prior)
            read = np.maximum((1 - e) * q + e * prior, 1e-300)
            by_sharpness = q * (log_q - (q * log_q).sum(axis=1, keepdims=True)) * (1 - e) * sharpness
            by_share = (prior - q) * e * (1 - e)
            weight = belief / read
            slope = [
                (weight * by_sharpness).sum() - at[0] / LOG_SHARPNESS_SPREAD**2,
                (weight * by_share).sum() + KNOWS_NOT * (1 - e) - KNOWS * e,
            ]
            held = KNOWS * np.log1p(-e) + KNOWS_NOT * np.log(e) - (at[0] / LOG_SHARPNESS_SPREAD) ** 2 / 2
            return -float((belief * np.log(read)).sum() + held), -np.array(slope)

        start = np.array([np.log(self.sharpness), np.log(self.ignorance / (1 - self.ignorance))])
        at = minimize(loss, start, jac=True, method="TNC", bounds=[(-3, 3), (-12, 12)]).x
        return type(self)(float(np.exp(at[0])), float(1 / (1 + np.exp(-at[1]))))
