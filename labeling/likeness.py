"""How alike two pictures look -> a distance between two whole numbers. Pure: NumPy and Pillow.

The perceptual hash of a picture survives scaling, compression and small changes of colour. Two hashes are as far
apart as the number of their bits that differ. Source: Zauner, Implementation and benchmarking of perceptual image
hash functions (2010), section 3.2.1; here with every one of the 63 lowest frequencies but the mean.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Hashes = NDArray[np.int64]

NEAR = 4  # bits; copies that were scaled or compressed anew differ by no more, strangers by about 31
# (shift, width) of each part of a hash. Hashes that differ in at most 4 bits agree wholly in one of 5 parts,
BANDS = ((0, 13), (13, 13), (26, 13), (39, 12), (51, 12))
# and all but for one bit in one of 3. To look up 22 values of 21 bits finds a fraction of what one of 13 bits does.
THIRDS = ((0, 21), (21, 21), (42, 21))
N_PARTS = 3  # train, val and test

_SIDE, _N_WAVES = 32, 8
_ONE = 4096  # cosines are whole numbers of this part, so that every machine finds the same hash
# (8, 32): the lowest waves of the discrete cosine transform (DCT-II).
_WAVES = np.rint(_ONE * np.cos(np.pi / _SIDE * np.outer(np.arange(_N_WAVES), np.arange(_SIDE) + 0.5))).astype(
    np.int64
)
# A wave along one side that moves the grey by 2 of 255 levels. What has none as strong is plain.
_PLAIN = 2 * (_SIDE // 2) * _SIDE * _ONE**2


def perceptual_hash(image: Image.Image) -> int | None:
    """Return 63 bits that say what `image` looks like: 0 to 2**63 - 1.

    None where it is too plain to tell from other plain pictures, as a sheet of one colour is. A bit is set where the
    strength of its wave is above the median of all 63.
    """
    # The gap lets Pillow average whole blocks of pixels first, as long as twice the size is left.
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    waves = (_WAVES @ np.asarray(grey, dtype=np.int64) @ _WAVES.T).ravel()[1:]  # (63,)
    if np.abs(waves).max() < _PLAIN:
        return None
    is_above = waves > np.sort(waves)[len(waves) // 2]
    return int.from_bytes(np.packbits(np.append(False, is_above)).tobytes(), "big")


def thirds_near(hashes: Hashes) -> list[NDArray[np.int64]]:
    """Return, for each of THIRDS, what that of a hash may be that looks like one of `hashes`, (n,): 22 n values at
    most. One that looks like it has one of these in one third at least.
    """
    return [
        np.unique((hashes[:, None] >> shift & (1 << width) - 1) ^ np.append(0, 1 << np.arange(width)))
        for shift, width in THIRDS
    ]


def distances(left: Hashes, right: Hashes) -> NDArray[np.uint8]:
    """Return the number of bits in which each pair differs, (n,) or as the two broadcast."""
    differing: NDArray[np.uint8] = np.bitwise_count(left ^ right)
    return differing


def near_pairs(hashes: Hashes) -> Iterator[tuple[int, int]]:
    """Yield (i, j) of every two of `hashes`, (n,), that differ in at most NEAR bits, each pair once.

    It takes as long as there are pairs that agree in one of BANDS: about n²/8,000 of strangers.
    """
    parts = np.array([[(hashes >> shift) & ((1 << width) - 1)] for shift, width in BANDS]).reshape(
        len(BANDS), -1
    )
    for band, part in enumerate(parts):
        order = np.argsort(part, kind="stable")
        in_order = part[order]
        for step in range(1, len(hashes)):
            [places] = np.nonzero(in_order[step:] == in_order[:-step])
            if not len(places):
                break
            left, right = order[places], order[places + step]
            # A pair that agrees in an earlier band was yielded there.
            is_new = ~(parts[:band, left] == parts[:band, right]).any(axis=0)
            is_near = distances(hashes[left], hashes[right]) <= NEAR
            for pair in zip(left[is_new & is_near], right[is_new & is_near], strict=True):
                yield min(int(pair[0]), int(pair[1])), max(int(pair[0]), int(pair[1]))


def straddling(hashes: Hashes, parts: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Say of each picture whether it looks like one of a later part, (n,): leave it out, and no two that look alike
    are left in two parts.

    hashes: (n,). parts: (n,), each from 0 to 2 in the order of splits.SPLITS.
    Raises ValueError if there are not as many of one as of the other, or if there is another part.

    Exact, of pairs that differ in at most NEAR bits. Takes about n²/5,000 comparisons of strangers and 30 bytes a
    picture beside what it is given.
    """
    from labeling.straddling import mark_earlier  # loads Numba

    if hashes.shape != parts.shape:
        raise ValueError(f"Expected a part for each hash; found {parts.shape} for {hashes.shape}.")
    if parts.size and not 0 <= parts.min() <= parts.max() < N_PARTS:
        raise ValueError(f"Expected parts from 0 to {N_PARTS - 1}; found {parts.min()} to {parts.max()}.")
    found = np.zeros(len(hashes), dtype=np.bool_)
    for shift, width in BANDS:
        values = (hashes >> shift) & ((1 << width) - 1)
        place = (values * N_PARTS + parts).astype(np.uint16)  # NumPy sorts numbers of 16 bits by their digits
        order = np.argsort(place, kind="stable")
        start = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=N_PARTS << width))])
        mark_earlier(start, N_PARTS, hashes[order], order, NEAR, found)
    return found


def nearest_earlier(pairs: Iterable[tuple[int, int, int]], most: int) -> list[tuple[int, int, int]]:
    """Of (one, other, distance) return the `most` nearest smaller ones of each number.

    Returns (larger, smaller, distance). A pair may come twice, either way round, and is returned once.
    """
    earlier = defaultdict[int, set[tuple[int, int]]](set)
    for one, other, distance in pairs:
        earlier[max(one, other)].add((distance, min(one, other)))
    return [
        (number, other, distance)
        for number in sorted(earlier)
        for distance, other in sorted(earlier[number])[:most]
    ]
