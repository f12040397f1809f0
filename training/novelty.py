"""Features and pixels -> whether a picture is unlike anything that the network was trained on. Pure.

A picture is as strange as it is far from the training pictures nearest to it. It is looked at twice: by what the
network's last layer sees, as Sun, Ming, Zhu & Li (2022), arXiv:2204.06507, do; and by what any eye sees at once, its
brightness, colours and how fine its detail is. The first knows other things where the second is blind, and the other
way round: to a small network noise may well look like a frog. benchmarks/novelty.py compares both with others.
"""

import io
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
NEIGHBOURS = 10
MOST_KEPT = 2000  # training pictures that are remembered,
MOST_BYTES = 8 * 2**20  # and what their features may take
FALSE_ALARMS = 0.01  # share of ordinary pictures that are called strange


class NoveltyError(ValueError):
    """Pictures from which nothing can be learnt, or a file that does not hold what was learnt."""


@dataclass(frozen=True)
class Novelty:
    """What is familiar to a network.

    features:  (n, n_features) float16, the directions of what it sees in some training pictures.
    looks:     (n, n_looks) float32, how those look, each column of mean `middle` 0 and spread `spread` 1.
    ordinary:  (2,) how far apart ordinary pictures are by either; distances are measured in these.
    threshold: the strangeness from which on a picture counts as unlike anything.
    """

    features: NDArray[np.float16]
    looks: NDArray[np.float32]
    middle: Floats
    spread: Floats
    ordinary: Floats
    threshold: float

    @classmethod
    def fit(
        cls, train: tuple[Floats, Bytes], val: tuple[Floats, Bytes], false_alarms: float = FALSE_ALARMS
    ) -> Self:
        """Learn from training pictures what is familiar, and from others how strange an ordinary picture may be.

        train, val: features (n, n_features) and pictures (n, size_px, size_px, 3) of each part; of the first no more
        are kept than fit. Raises NoveltyError where there is none of the one or of the other.
        """
        features, pictures = train
        if not len(features) or not len(val[0]):
            raise NoveltyError(f"Expected pictures of both parts; found {len(features)} and {len(val[0])}.")
        n = min(len(features), MOST_KEPT, max(1, MOST_BYTES // (2 * features.shape[1])))
        seen = looks(pictures[:n])
        middle, spread = seen.mean(axis=0), np.maximum(seen.std(axis=0), 1e-3)
        known = _directions(features[:n]).astype(np.float16)
        fresh = cls(known, (seen - middle) / spread, middle, spread, np.ones(2), np.inf)
        ordinary = np.quantile(fresh.apart(*val), 1 - false_alarms / 2, axis=0)
        scaled = cls(known, fresh.looks, middle, spread, np.maximum(ordinary, 1e-6), np.inf)
        return cls(
            known,
            fresh.looks,
            middle,
            spread,
            scaled.ordinary,
            float(np.quantile(scaled.strangeness(*val), 1 - false_alarms)),
        )

    def apart(self, features: Floats, pictures: Bytes) -> Floats:
        """Return how far pictures are from the NEIGHBOURS-th nearest training picture, (n, 2): by what the network
        sees, 0 where that is the same and 2 where it is the opposite; and by how they look.
        """
        by_features = _nth_distance(_directions(features), self._directions)
        return np.stack(
            [by_features, _nth_distance((looks(pictures) - self.middle) / self.spread, self.looks)], axis=1
        )

    @cached_property
    def _directions(self) -> NDArray[np.float32]:
        return self.features.astype(np.float32)

    def strangeness(self, features: Floats, pictures: Bytes) -> Floats:
        """Return how strange pictures are, (n,): about 1 where hardly any ordinary picture is stranger."""
        strangest: Floats = (self.apart(features, pictures) / self.ordinary).max(axis=1)
        return strangest

    def to_bytes(self, **more: Any) -> bytes:
        """Return it as an npz; `more` are arrays that are to lie beside it."""
        file = io.BytesIO()
        np.savez_compressed(file, **{each.name: getattr(self, each.name) for each in fields(self)}, **more)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> tuple[Self, dict[str, Any]]:
        """Return what to_bytes() wrote, and what lay beside it. Raises NoveltyError."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = dict(file)
            threshold = float(arrays.pop("threshold"))
            known = {name: arrays.pop(name) for name in ("features", "looks", "middle", "spread", "ordinary")}
            return cls(**known, threshold=threshold), arrays
        except (ValueError, KeyError, EOFError, OSError) as error:
            raise NoveltyError(f"Expected an npz of what is familiar; found {error}.") from error


def looks(pictures: Bytes) -> NDArray[np.float32]:
    """Return how pictures (n, size_px, size_px, 3) look at a glance, (n, n_looks).

    The mean and the spread of brightness and of two differences of colours; then how much detail there is of each
    size, from single pixels to half the picture, on a scale of logarithms.
    """
    rgb = pictures.astype(np.float32) / 255
    gray = rgb.mean(axis=3)
    planes = [gray, rgb[..., 0] - rgb[..., 1], rgb[..., :2].mean(axis=3) - rgb[..., 2]]
    columns = [each(plane, axis=(1, 2)) for plane in planes for each in (np.mean, np.std)]
    while min(gray.shape[1:]) >= 2:
        rows, across = (side // 2 * 2 for side in gray.shape[1:])
        blocks = gray[:, :rows, :across].reshape(len(gray), rows // 2, 2, across // 2, 2)
        coarser = blocks.mean(axis=(2, 4))
        detail = blocks - coarser[:, :, None, :, None]
        columns.append(np.log10(1e-3 + np.sqrt((detail**2).mean(axis=(1, 2, 3, 4)))))
        gray = coarser
    return np.stack(columns, axis=1).astype(np.float32)


def _directions(features: Floats) -> NDArray[np.float32]:
    rows = features.astype(np.float32)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    directions: NDArray[np.float32] = rows / np.maximum(length, 1e-12)
    return directions


def _nth_distance(rows: Floats, known: Floats) -> NDArray[np.float64]:
    squared = (rows**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * rows @ known.T  # (n, n_known)
    place = min(NEIGHBOURS, len(known)) - 1
    nth = np.partition(squared, place, axis=1)[:, place]
    distance: NDArray[np.float64] = np.sqrt(np.maximum(0, nth.astype(np.float64)))
    return distance
