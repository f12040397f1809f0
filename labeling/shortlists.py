"""Which classes an item can be of, where there are too many to weigh all: those that were named, and those for which
they are named most often. Arrays in, arrays out.

Outside of its shortlist no class was named, nor is it much confused with any that was; so all of them have nearly the
same likelihood, and are weighed together: with the share of the prior that they have, the mean of what they are
confused with, and as hard as classes are on average. What an E-step does with an item is then in votes x named
classes, whichever the number of classes: that of ImageNet's five thousand as that of a hundred.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from labeling.parameters import Floats, Parameters, logit

MANY_CLASSES = 64  # of fewer all are weighed
N_NEAR = 8  # classes besides that a named one puts on the list


@dataclass(frozen=True, eq=False)
class Shortlists:
    """What stands behind each label.

    near: (n_classes, N_NEAR) int32, the likeliest truths of a vote in error for each class, lowest first.
    log_far: (n_classes,), ln of the mean P(observed | truth, an error) of the truths that are neither near nor right.
    far: (n_classes, n_classes), [observed, truth], which share of these each truth has by the prior; rows sum to 1.
    hardness: logit of the accuracy of the mean class.
    """

    near: NDArray[np.int32]
    log_far: Floats
    far: Floats
    hardness: float

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        observed = np.arange(parameters.n_classes)
        errs = (parameters.prior * (1 - parameters.accuracy))[:, np.newaxis] * parameters.confusion
        # What is above 0 in no row, the right class, is the last that would be taken.
        likeliest = np.argpartition(errs.T, -N_NEAR, axis=1)[:, -N_NEAR:]
        near = np.sort(likeliest, axis=1).astype(np.int32)
        far = np.tile(parameters.prior, (parameters.n_classes, 1))
        far[observed[:, np.newaxis], near] = 0
        far[observed, observed] = 0
        far /= far.sum(axis=1, keepdims=True)
        log_far = np.log((far * parameters.confusion.T).sum(axis=1))
        hardness = float(logit(np.array([parameters.prior @ parameters.accuracy]))[0])
        return cls(near, log_far, far, hardness)
