"""What may be told of hidden labels besides a told value itself. Pure.

A bootstrap interval follows the exact mean, and a count of pictures by noun follows the labels; so while either is
secret, intervals are made from the told value, and counts are told by their order alone.
"""

from labeling.calibration import wilson

LEAST_PICTURES = 50  # of which an error is told by noun: of fewer, an entrant could work out single labels


def told_interval(value: float, n: int, most: float = 1.0) -> tuple[float, float]:
    """Return the 95 % interval around the told mean `value` of `n` pictures, each of them from 0 to `most`.

    Wilson's, with the value as a share of `most`: of all that lies within 0 and `most`, what is all or nothing varies
    the most, so that for other measures the interval is too wide and never too narrow.
    Raises ValueError unless n and most are above 0 and 0 <= value <= most.
    Source: Wilson (1927), doi:10.1080/01621459.1927.10502953.
    """
    if not (n > 0 and most > 0 and 0 <= value <= most):
        raise ValueError(f"Expected a value from 0 to {most} of at least one picture; found {value} of {n}.")
    low, high = wilson(round(value / most * n), n)
    return min(low * most, value), max(high * most, value)


def order_of(n: int) -> int:
    """Return the largest of 1, 2, 5, 10, 20, 50 ... that is at most `n`: it says how many, and not which number.

    Raises ValueError below 1.
    """
    if n < 1:
        raise ValueError(f"Expected at least 1; found {n}.")
    ten: int = 10 ** (len(str(n)) - 1)
    return ten * max(first for first in (1, 2, 5) if first * ten <= n)
