"""How often a training saves what it has learnt."""

import math

A_DAY_S = 86_400.0
LEAST_S = 5.0


def checkpoint_interval_s(cost_s: float, between_failures_s: float = A_DAY_S) -> float:
    """Return the seconds between checkpoints that lose the least time, to saving and to what is trained again.

    cost_s:             seconds that one takes.
    between_failures_s: mean seconds from one death of a training to the next.
    Never under LEAST_S, so that neither disks nor storages are kept busy.
    Source: Young (1974), eq. 1, doi:10.1145/361147.361115.
    """
    return max(LEAST_S, math.sqrt(2 * cost_s * between_failures_s))
