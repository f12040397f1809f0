"""Picture files -> one packed array -> batches.

Decoding a file costs far more than training on it, so a snapshot is decoded once, into an array of bytes at
the training size that every later run maps into memory. Scaling and augmenting happen on the device.
"""

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]

# A writer at work touches its file far more often than this.
ABANDONED_AFTER_S = 3600


class PackError(ValueError):
    """A picture that cannot be packed, or a packed file that does not hold what it should."""


class SplitError(ValueError):
    """Pictures and labels that do not fit together."""


@dataclass(frozen=True)
class Split:
    """Pictures with their labels.

    pictures: (n, size_px, size_px, 3) uint8 RGB, an array or a read-only map of a packed file.
    labels:   (n,) int64 class indices.
    Raises SplitError if a shape or dtype is another.
    """

    pictures: Bytes
    labels: Labels

    def __post_init__(self) -> None:
        shape, dtype = self.pictures.shape, self.pictures.dtype
        if dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
            raise SplitError(f"pictures: expected uint8 of shape (n, size, size, 3); found {dtype} {shape}.")
        if self.labels.dtype != np.int64 or self.labels.shape != shape[:1]:
            found = f"{self.labels.dtype} {self.labels.shape}"
            raise SplitError(f"labels: expected int64 of shape {shape[:1]}, one a picture; found {found}.")

    def __len__(self) -> int:
        return len(self.labels)


def pack(read: Callable[[int], bytes], n: int, size_px: int, path: Path) -> Bytes:
    """Decode pictures 0 to n-1 into the file `path`, once; return it as a read-only map.

    read:    index -> the bytes of that picture's file; called in order, and not at all where `path` exists.
    Returns  (n, size_px, size_px, 3) uint8 RGB, in memory only where it is looked at.
    Raises PackError naming the index of a picture that cannot be decoded, or if `path` holds another shape.

    The file appears under its name when it is whole, so who dies while packing leaves nothing half-done. Two
    who pack at once do the work twice, and either result stands.
    """
    if n < 1:
        raise PackError(f"Expected at least one picture to pack; found {n}.")
    if not path.exists():
        _write(read, n, size_px, path)
    return _open(path, (n, size_px, size_px, 3))


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Lend a name beside `path` to write to; the file moves to `path` when the block ends well.

    So `path` is always a whole file, or absent. Also clears away what killed writers left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for other in path.parent.glob(f"{escape(path.name)}.*.partial"):
        with suppress(FileNotFoundError):  # its writer has just finished
            if other.stat().st_mtime < time.time() - ABANDONED_AFTER_S:
                other.unlink()
    partial = path.with_name(f"{path.name}.{uuid4().hex}.partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())  # else a power cut can keep the new name and lose what it names
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def square(data: bytes, size_px: int) -> Bytes:
    """Return a picture file's centre square as (size_px, size_px, 3) uint8 RGB.

    The shorter side becomes `size_px`, smaller or larger, by bicubic interpolation, which Pillow widens when
    it shrinks so that fine detail does not alias. Raises PackError if Pillow cannot decode `data`.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            # A JPEG decodes at a half, a quarter or an eighth for less work; twice the size is still plenty.
            picture.draft("RGB", (2 * size_px, 2 * size_px))
            fitted = ImageOps.fit(picture.convert("RGB"), (size_px, size_px), Image.Resampling.BICUBIC)
    # What Pillow raises for bytes that are no picture, a broken or cut one, and one too large to be honest.
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise PackError(
            f"expected a picture that Pillow can decode; found {len(data)} bytes: {error}."
        ) from error
    return np.asarray(fitted)


def batches(split: Split, batch_size: int, order: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield `split`'s rows in `order` as (pictures (batch, size, size, 3) uint8, labels (batch,) int64)."""
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        # Picking rows copies them, so torch never sees the read-only map.
        yield torch.from_numpy(np.asarray(split.pictures[rows])), torch.from_numpy(split.labels[rows])


def scaled(pictures: Tensor) -> Tensor:
    """Turn bytes (batch, size, size, 3) into float32 (batch, 3, size, size) from 0 (black) to 1 (white).

    The same for every data set, so that weights mean something without a file of means beside them.
    """
    return pictures.permute(0, 3, 1, 2).contiguous().float() / 255


def augmented(pictures: Tensor, *, shift: bool, flip: bool, generator: torch.Generator) -> Tensor:
    """Shift each picture by up to an eighth of its side and mirror half of them, as asked.

    pictures:  (batch, size, size, 3) uint8 on the generator's device; not modified.
    The pixels at the edge are repeated where a shift uncovers what was never there.
    """
    n, size = pictures.shape[:2]
    device = pictures.device
    rows = torch.arange(size, device=device).expand(n, size)  # (batch, size): where each row comes from
    columns = rows
    if shift:
        furthest = size // 8
        moves = torch.randint(-furthest, furthest + 1, (2, n, 1), generator=generator, device=device)
        rows = (rows + moves[0]).clamp(0, size - 1)
        columns = (columns + moves[1]).clamp(0, size - 1)
    if flip:
        is_mirrored = torch.rand((n, 1), generator=generator, device=device) < 0.5
        columns = torch.where(is_mirrored, columns.flip(1), columns)
    picture = torch.arange(n, device=device)[:, None, None]
    return pictures[picture, rows[:, :, None], columns[:, None, :]]  # (batch, size, size, 3)


def _write(read: Callable[[int], bytes], n: int, size_px: int, path: Path) -> None:
    # Written front to back, not through a map: a full disk is then an OSError and not the end of the process.
    with whole_file(path) as partial, partial.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (n, size_px, size_px, 3)}
        np.lib.format.write_array_header_1_0(file, header)
        for index in range(n):
            data = read(index)
            try:
                file.write(square(data, size_px).tobytes())
            except PackError as error:
                raise PackError(f"Picture {index} of {n}: {error}") from error


def _open(path: Path, shape: tuple[int, ...]) -> Bytes:
    try:
        pictures: Bytes = np.load(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise PackError(f"{path}: expected a packed array of pictures; found {error}. Delete it.") from error
    if pictures.shape != shape or pictures.dtype != np.uint8:
        found = f"{pictures.dtype} {pictures.shape}"
        raise PackError(f"{path}: expected uint8 of shape {shape}; found {found}. Delete it to pack again.")
    return pictures
