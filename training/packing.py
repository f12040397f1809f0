"""Picture files -> one packed array, decoded once for all trainings at one size.

Decoding a file costs far more than training on it, so a snapshot is decoded once, into an array of bytes at
the training size that every later run maps into memory.
"""

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from uuid import uuid4

import numpy as np
from PIL import Image, ImageOps

from training.dataset import Bytes

# A writer at work touches its file far more often than this.
ABANDONED_AFTER_S = 3600


class PackError(ValueError):
    """A picture that cannot be packed, or a packed file that does not hold what it should."""


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
