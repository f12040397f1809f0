"""Which settled labels a trained network disputes, and how surely they are wrong. Arrays in, arrays out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SURE = 0.9  # from this probability on a network is sure of its class
HARDLY = 0.05  # up to this one it holds a label for hardly possible
SMALLEST = 1e-12


class Suspicion(NamedTuple):
    """What a network holds against labels.

    claim: (n,) int64, the class that it takes an item for; probability: (n,), how likely it makes that.
    is_disputed: (n,) bool; doubt: (n,), ln of the odds that the claim is right and not the label, by the network and
    the votes together; -inf where nothing is disputed.
    """

    claim: Ints
    probability: Floats
    is_disputed: NDArray[np.bool_]
    doubt: Floats


def suspect(
    read: Floats, label: NDArray[np.bool_], confidence: Floats, prior: Floats, helped: NDArray[np.bool_]
) -> Suspicion:
    """Return which labels a network disputes: those that are settled as one thing while it is sure of another.

    read: (n, n_classes), P(class | network alone), as `Reliability.read` gives it: so it is sure of nothing beyond
    what it has proved reliable for. label: (n, n_classes), the classes that a label stands for: one; of an inner noun
    those below it. confidence: (n,), of the labels, 0 to 1. prior: (n_classes,), above 0. helped: (n,), where
    the confidence has the network's word in it already; elsewhere it is the votes' alone.

    Of what votes make of the claim only its share is known: what they leave the label not, spread by the prior.
    """
    rows = np.arange(len(read))
    claim = read.argmax(axis=1)
    probability, of_label = read[rows, claim], (read * label).sum(axis=1)
    is_disputed = (probability >= SURE) & (of_label <= HARDLY) & ~label[rows, claim]
    prior_of_label = (label * prior).sum(axis=1)
    left = np.maximum(1 - confidence, SMALLEST)
    held = np.log(left) - np.log(np.maximum(confidence, SMALLEST))
    said = np.log(probability / np.maximum(1 - prior_of_label, SMALLEST)) - np.log(
        np.maximum(of_label, SMALLEST) / np.maximum(prior_of_label, SMALLEST)
    )
    doubt = np.where(is_disputed, held + np.where(helped, 0.0, said), -np.inf)
    return Suspicion(claim, probability, is_disputed, doubt)
