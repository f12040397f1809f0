"""What a network is trained and measured on: pictures of one size, and what each of them shows.

packing.py makes the pictures, feeding.py hands them to a network in batches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]
Targets = NDArray[np.float32]


class SplitError(ValueError):
    """Pictures and labels that do not fit together."""


@dataclass(frozen=True, eq=False)
class Picked:
    """Some pictures of a packed array, in an order of their own, of which no copy is made before they are looked at.

    packed: (n_packed, size_px, size_px, 3) uint8 RGB.
    places: (n,) int64, where in `packed` each picture is.
    """

    packed: Bytes
    places: NDArray[np.int64]

    def __post_init__(self) -> None:
        outside = (self.places < 0) | (self.places >= len(self.packed))
        if outside.any():
            row = int(outside.argmax())
            raise SplitError(
                f"places: expected 0 to {len(self.packed) - 1}; found {self.places[row]} at row {row}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.places), *self.packed.shape[1:])

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        return self.packed.dtype

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: NDArray[np.int64] | slice | int) -> Bytes:
        """Return a copy of these pictures: of one for a number, else of as many as there are rows."""
        # take() is faster than an index, and a map that is read only makes no tensor.
        pictures: Bytes = np.asarray(self.packed).take(self.places[rows], axis=0)
        return pictures

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)


@dataclass(frozen=True, eq=False)
class Split:
    """Pictures with what is known of each.

    pictures: (n, size_px, size_px, 3) uint8 RGB: an array, a read-only map of a packed file, or Picked from one.
    labels:   (n,) int64 class indices.
    targets:  (n, n_classes) float32, the probability of each class, rows summing to 1: what is to be learnt, where
              that is more than the labels. None: the labels are.
    Raises SplitError if a shape or dtype is another, or a row is no distribution.
    """

    pictures: Bytes | Picked
    labels: Labels
    targets: Targets | None = None

    def __post_init__(self) -> None:
        shape, dtype = self.pictures.shape, self.pictures.dtype
        if dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
            raise SplitError(f"pictures: expected uint8 of shape (n, size, size, 3); found {dtype} {shape}.")
        if self.labels.dtype != np.int64 or self.labels.shape != shape[:1]:
            found = f"{self.labels.dtype} {self.labels.shape}"
            raise SplitError(f"labels: expected int64 of shape {shape[:1]}, one a picture; found {found}.")
        if self.targets is not None:
            _check_targets(self.targets, shape[0])

    def __len__(self) -> int:
        return len(self.labels)


def _check_targets(targets: Targets, n: int) -> None:
    if targets.dtype != np.float32 or targets.ndim != 2 or len(targets) != n:
        found = f"{targets.dtype} {targets.shape}"
        raise SplitError(
            f"targets: expected float32 of shape ({n}, n_classes), a row a picture; found {found}."
        )
    is_wrong = ~(np.abs(targets.sum(axis=1) - 1) < 1e-3) | (targets < 0).any(axis=1)  # NaN is wrong too
    if is_wrong.any():
        row = int(is_wrong.argmax())
        found = f"{targets[row].min():g} and up, summing to {targets[row].sum():g}"
        raise SplitError(f"targets: expected rows of 0 and up, summing to 1; found {found} at row {row}.")
