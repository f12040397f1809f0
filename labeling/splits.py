"""Picture hashes, and which pictures look alike -> train, val, test. Pure.

A picture gets its split when it comes in and keeps it for ever: it never moves from test to train between snapshots,
and what it shows can be kept secret from its first vote on. It follows from the picture alone, unless one that looks
alike is there already: what was learnt from the one would be known of the other, so both are in one part.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
TRAIN_SHARE, VAL_SHARE = 0.7, 0.1  # the rest is the test split


def uniform(key: str, purpose: str) -> float:
    """Return a number from 0 up to 1 that looks random, differs by `purpose`, and is the same each time."""
    digest = hashlib.sha256(f"nestwork {purpose} {key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_of(sha256: str) -> str:
    """Return "train", "val" or "test" for the picture with this SHA-256."""
    place = uniform(sha256, "split")
    if place < TRAIN_SHARE:
        return TRAIN
    return VAL if place < TRAIN_SHARE + VAL_SHARE else TEST


def assign_splits(
    hashes: Sequence[str], pairs: Iterable[tuple[int, int]], there: Mapping[int, Iterable[str]]
) -> list[str]:
    """Return the split of each of some new pictures: those that look alike, be it through others of them, have one.

    hashes: (n,) their SHA-256. pairs: (i, j) of every two of them that look alike, each from 0 to n - 1.
    there:  i -> the splits of the pictures, come before, that look like the i-th.

    A group goes where those are: into the last of their parts, as train, val and test follow each other. Where none
    are, its smallest SHA-256 decides. So the order of `hashes` decides nothing.
    """
    groups = defaultdict[int, list[int]](list)
    for i, first in enumerate(_firsts(len(hashes), pairs)):
        groups[first].append(i)
    found = [""] * len(hashes)
    for group in groups.values():
        known = {split for i in group for split in there.get(i, ())}
        split = max(known, key=SPLITS.index) if known else split_of(min(hashes[i] for i in group))
        for i in group:
            found[i] = split
    return found


def _firsts(n: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return, for each of `n` things, the first one that `pairs` join it to, directly or through others."""
    above = list(range(n))  # each leads, over smaller and smaller ones, to the first of its group

    def first(i: int) -> int:
        while above[i] != i:
            above[i] = above[above[i]]
            i = above[i]
        return i

    for i, j in pairs:
        low, high = sorted((first(i), first(j)))
        above[high] = low
    return [first(i) for i in range(n)]
