"""How large the pictures of a snapshot are -> the size at which networks usually see them. Pure."""

from collections.abc import Sequence
from statistics import median_low

# Up to which shorter side of the middle picture, which size is usual: each halves the side twice at most, and is one
# that a network's layers divide. Above them all 128, where alexnet and resnet are those of the papers.
USUAL = ((20, 16), (64, 32), (160, 64))
LARGEST_USUAL = 128


def usual_size_px(sides: Sequence[int]) -> int:
    """Return the side of the square pictures that networks usually see.

    sides: the shorter side of each of some pictures, in pixels; of none, the smallest size is usual.
    """
    middle = median_low(sides) if sides else 0
    return next((size for most, size in USUAL if middle <= most), LARGEST_USUAL)
