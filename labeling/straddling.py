"""The inner loop of likeness.straddling, compiled by Numba; see labeling.kernels for what that costs and keeps."""

from typing import Any

from labeling.kernels import compiled


@compiled
def looks_like_any(value: int, others: Any, near: int) -> bool:
    """Say whether `value` differs from one of `others` in at most `near` bits."""
    for other in others:
        n = value ^ other
        # Bits are added up in pairs, fours and eights, and the eights by a multiplication; the compiler knows this
        # way of counting and has one instruction of the processor do it.
        n -= (n >> 1) & 0x5555555555555555
        n = (n & 0x3333333333333333) + ((n >> 2) & 0x3333333333333333)
        n = (n + (n >> 4)) & 0x0F0F0F0F0F0F0F0F
        if (n * 0x0101010101010101) >> 56 <= near:
            return True
    return False


@compiled
def mark_earlier(start: Any, n_parts: int, hashes: Any, order: Any, near: int, found: Any) -> None:
    """Mark in `found` what looks like another one of the same band and of a later part.

    start: where in `hashes` each part of each value of a band begins, (n_values * n_parts + 1,).
    order: the place in `found` of each of `hashes`.
    """
    for first in range(0, len(start) - 1, n_parts):
        end = start[first + n_parts]
        for later in range(first + 1, first + n_parts):
            others = hashes[start[later] : end]
            for i in range(start[later - 1], start[later]):
                if not found[order[i]] and looks_like_any(hashes[i], others, near):
                    found[order[i]] = True
