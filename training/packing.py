"""Picture files -> one packed array, decoded once for all trainings at one size.

Decoding a file costs far more than training on it, so a snapshot is decoded once, by a thread for each processor,
into an array of bytes at the training size that every later run maps into memory.
"""

import fcntl
import hashlib
import io
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np
from PIL import Image, ImageOps

from config.outages import is_full
from training.dataset import Bytes

# A writer at work touches its file far more often than this.
ABANDONED_AFTER_S = 3600
# What somebody may still go on with, who trains at that size again.
FORGOTTEN_AFTER_S = 7 * 86_400
# Who dies while packing loses less than this, and memory holds two of them.
CHUNK_BYTES, CHUNK_PICTURES = 2**24, 4096
LOOK_AGAIN_S = 0.2  # whether another process is done with the packing
N_DONE_BYTES = 8

Read = Callable[[int], bytes]
Progress = Callable[[int], None]


class PackError(ValueError):
    """A picture that cannot be packed, a disk without room, or a packed file that does not hold what it should."""


def tell_nobody(n_done: int) -> None:
    """Keep it to oneself."""


def pack(
    read: Read,
    n: int,
    size_px: int,
    path: Path,
    *,
    sha256: Sequence[str] | None = None,
    n_threads: int | None = None,
    on_progress: Progress = tell_nobody,
) -> Bytes:
    """Decode pictures 0 to n-1 into the file `path`, once; return it as a read-only map.

    read:        index -> the bytes of that picture's file; called by several threads at once, and not at all for
                 what is packed.
    sha256:      in hex, one a picture: a file that has another is refused. None: they are taken as they are.
    n_threads:   by default one for each processor that this process may use.
    on_progress: told now and then how many pictures are packed, also while another process packs them; what it
                 raises ends the packing.
    Returns      (n, size_px, size_px, 3) uint8 RGB, in memory only where it is looked at.
    Raises PackError naming the index of a picture that cannot be decoded or was changed, or saying how much room
    the disk lacks: both leave nothing behind. Also if `path` holds another shape.

    The file appears under its name when it is whole. Whoever is killed, or ended by something else, leaves what is
    whole in a file beside it, where the next one goes on. Of several who pack the same at once one works and the
    others wait. However many pictures there are, some 32 MiB of them are in memory.
    """
    if n < 1:
        raise PackError(f"Expected at least one picture to pack; found {n}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    while not path.exists():
        _forget(path.parent)
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT, 0o644), "rb+", buffering=0) as file:
            target = _Target(file, partial, n, size_px)
            target.lock(on_progress)
            if not target.has_its_name():
                continue  # while we waited it got its final name, or was removed
            if path.exists():
                partial.unlink()  # ours, and empty: another process was done just before
                continue
            try:
                _fill(target, read, sha256, n_threads or len(os.sched_getaffinity(0)), on_progress)
            except PackError:
                partial.unlink()
                raise
            partial.replace(path)
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


class _Target:
    """The file that is being packed: the header and room for all pictures, and behind them how many are there."""

    def __init__(self, file: BinaryIO, path: Path, n: int, size_px: int) -> None:
        # Not buffered: what a full disk has refused must not be written again when the file is closed.
        self.file, self.path, self.n, self.size_px = file, path, n, size_px
        header = io.BytesIO()
        shape = (n, size_px, size_px, 3)
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
        self.header = header.getvalue()
        self.picture_bytes = 3 * size_px**2
        self.end = len(self.header) + n * self.picture_bytes

    def lock(self, on_progress: Progress) -> None:
        """Wait until no other process has it. A lock goes with its process, however that ends."""
        while True:
            try:
                return fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_progress(self.n_done())
                time.sleep(LOOK_AGAIN_S)

    def has_its_name(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def n_done(self) -> int:
        """Return how many pictures are whole; 0 of what was begun with other pictures, or hardly begun."""
        fd = self.file.fileno()
        if os.pread(fd, len(self.header), 0) != self.header:
            return 0
        # Where the number is gone the pictures are all there.
        note = os.pread(fd, N_DONE_BYTES, self.end)
        return int.from_bytes(note, "little") if len(note) == N_DONE_BYTES else self.n

    def reserve(self) -> None:
        """Take all the room that is needed now, so that it does not run out halfway."""
        fd = self.file.fileno()
        os.ftruncate(fd, 0)
        os.posix_fallocate(fd, 0, self.end + N_DONE_BYTES)
        os.pwrite(fd, self.header, 0)

    def write(self, first: int, pictures: Bytes) -> None:
        """Write pictures from index `first` on; once their bytes are safe, write down that they are there."""
        fd, offset = self.file.fileno(), len(self.header) + first * self.picture_bytes
        left = pictures.reshape(-1).data
        while left:
            n_written = os.pwrite(fd, left, offset)
            left, offset = left[n_written:], offset + n_written
        os.fsync(fd)
        os.pwrite(fd, (first + len(pictures)).to_bytes(N_DONE_BYTES, "little"), self.end)

    def finish(self) -> None:
        os.ftruncate(self.file.fileno(), self.end)
        os.fsync(self.file.fileno())

    def give_back(self) -> int:
        """Give back the room that this file has taken; return how much there is."""
        os.ftruncate(self.file.fileno(), 0)
        return shutil.disk_usage(self.path.parent).free


def _fill(
    target: _Target, read: Read, sha256: Sequence[str] | None, n_threads: int, on_progress: Progress
) -> None:
    """Pack what is not there yet."""
    n_done = target.n_done()
    try:
        if not n_done:
            target.reserve()
        on_progress(n_done)
        with closing(_chunks(target, read, sha256, n_threads, n_done)) as chunks:
            for first, pictures in chunks:
                target.write(first, pictures)
                on_progress(first + len(pictures))
        target.finish()
    except OSError as error:
        if not is_full(error):
            raise
        free, folder = target.give_back(), target.path.parent
        raise PackError(
            f"Expected {target.end:,} bytes free in {folder} for the packed pictures; found {free:,}."
        ) from error


def _chunks(
    target: _Target, read: Read, sha256: Sequence[str] | None, n_threads: int, n_done: int
) -> Generator[tuple[int, Bytes], None, None]:
    """Yield (index of the first, pictures), in order; the next ones are decoded meanwhile."""
    step = max(1, min(CHUNK_PICTURES, CHUNK_BYTES // target.picture_bytes))

    def decode(pictures: Bytes, first: int, rows: range) -> None:
        for row in rows:
            data = read(first + row)
            try:
                if sha256 is not None:
                    _refuse_another(data, sha256[first + row])
                pictures[row] = square(data, target.size_px)
            except PackError as error:
                raise PackError(f"Picture {first + row} of {target.n}: {error}") from error

    def begin(first: int) -> tuple[int, Bytes, list[Future[None]]]:
        n = min(step, target.n - first)
        pictures = np.empty((n, target.size_px, target.size_px, 3), np.uint8)
        few = -(-n // (4 * n_threads))  # for each thread some turns, that all have work to the end
        jobs = [range(start, min(start + few, n)) for start in range(0, n, few)]
        return first, pictures, [threads.submit(decode, pictures, first, rows) for rows in jobs]

    threads = ThreadPoolExecutor(n_threads, thread_name_prefix="packing")
    try:
        coming = [begin(first) for first in range(n_done, min(n_done + step, target.n), step)]
        for following in range(n_done + step, target.n + step, step):
            first, pictures, jobs = coming.pop()
            if following < target.n:
                coming.append(begin(following))
            for job in jobs:
                job.result()
            yield first, pictures
    finally:
        threads.shutdown(cancel_futures=True)


def _refuse_another(data: bytes, expected: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise PackError(f"expected the file with the SHA-256 {expected}; found {found}: it was changed.")


def _forget(folder: Path) -> None:
    """Remove what killed packers left, where nobody has gone on with it for long."""
    for partial in folder.glob("*.partial"):
        # Its packer has just finished it, or is at work.
        with suppress(FileNotFoundError, BlockingIOError):
            if partial.stat().st_mtime < time.time() - FORGOTTEN_AFTER_S:
                with partial.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    partial.unlink()


def _open(path: Path, shape: tuple[int, ...]) -> Bytes:
    try:
        pictures: Bytes = np.load(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise PackError(f"{path}: expected a packed array of pictures; found {error}. Delete it.") from error
    if pictures.shape != shape or pictures.dtype != np.uint8:
        found = f"{pictures.dtype} {pictures.shape}"
        raise PackError(f"{path}: expected uint8 of shape {shape}; found {found}. Delete it to pack again.")
    return pictures
