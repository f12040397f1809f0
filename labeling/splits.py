"""Picture hashes -> train, val, test. Pure.

The split follows from the picture alone, so a picture never moves from test to train between snapshots, and what
it shows can be kept secret from its first vote on.
"""

import hashlib

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
