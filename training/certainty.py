"""Logits -> probabilities that are as often right as they say. Pure.

Networks are surer than they are right. Dividing all logits by one number, the temperature, changes no answer and
mends most of that. Source: Guo, Pleiss, Sun & Weinberger (2017), arXiv:1706.04599, section 4.2.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]
LOWEST, HIGHEST = 0.05, 20.0  # temperatures that are tried
_GOLDEN = (5**0.5 - 1) / 2


def softmax(logits: Floats, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the probabilities of `logits` (..., n_classes), which sum to 1 over the last axis."""
    scaled = logits.astype(np.float64) / temperature
    grown = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = grown / grown.sum(axis=-1, keepdims=True)
    return probabilities


def loss(logits: Floats, labels: Labels, temperature: float = 1.0) -> float:
    """Return the mean cross-entropy in nats. logits: (n, n_classes); labels: (n,) class indices."""
    scaled = logits.astype(np.float64) / temperature
    highest = scaled.max(axis=1)
    log_sum = highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1))
    return float((log_sum - scaled[np.arange(len(labels)), labels]).mean())


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """Return the temperature of the least cross-entropy on pictures that the network did not learn from.

    logits: (n, n_classes); labels: (n,). 1 where there are no pictures. The loss has one valley in the inverse of the
    temperature, so a golden section search finds it, here over logarithms.
    """
    if not len(labels):
        return 1.0
    low, high = np.log(LOWEST), np.log(HIGHEST)
    while high - low > 1e-3:
        step = _GOLDEN * (high - low)
        if loss(logits, labels, float(np.exp(high - step))) < loss(logits, labels, float(np.exp(low + step))):
            high = low + step
        else:
            low = high - step
    return float(np.exp((low + high) / 2))
