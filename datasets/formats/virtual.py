"""Files that are laid out before anything of them is read, so that any range of them can be sent at once. Pure.

A part knows how many bytes it has and makes those that are asked for. A file is parts one after the other, some of
which are made of parts themselves; what lies before a range is neither made nor read.
"""

import io
import tempfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

CHUNK = 256 * 1024  # bytes that are sent at a time
_IN_MEMORY = 16 * 2**20
Sizes = NDArray[np.int64]


class PictureFileError(OSError):
    """A picture's file is missing, or is not what the manifest says of it."""


class Part(Protocol):
    @property
    def n_bytes(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `stop`, where 0 <= start <= stop <= n_bytes."""
        ...


class Picture(NamedTuple):
    """What an archive has to know of one picture."""

    sha256: str
    file_name: str
    n_bytes: int
    crc32: int


OpenPicture = Callable[[str, str], BinaryIO]  # sha256, file_name; raises OSError where there is none


@dataclass(frozen=True)
class Text:
    """Bytes that are there."""

    data: bytes

    @property
    def n_bytes(self) -> int:
        return len(self.data)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        yield self.data[start:stop]


@dataclass(frozen=True)
class Made:
    """Bytes that are made, always the same ones, when some of them are asked for."""

    n_bytes: int
    make: Callable[[], bytes]

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        yield self.make()[start:stop]


@dataclass(frozen=True)
class Stored:
    """The first `n_bytes` of a file that is open for reading."""

    file: BinaryIO
    n_bytes: int

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        self.file.seek(start)
        while start < stop:
            chunk = self.file.read(min(CHUNK, stop - start))
            if not chunk:
                raise OSError(f"Expected a file of {self.n_bytes} bytes; found {start}.")
            start += len(chunk)
            yield chunk


@dataclass(frozen=True)
class Written:
    """Bytes that are written, always the same ones, when some of them are asked for; many go to a temporary file."""

    write: Callable[[BinaryIO], object]
    n_bytes: int
    crc32: int

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            self.write(cast(BinaryIO, file))
            yield from Stored(cast(BinaryIO, file), self.n_bytes).read(start, stop)


def measured(write: Callable[[BinaryIO], object]) -> list[int]:
    """Return how many bytes `write` writes, and their CRC-32."""
    nowhere = _Nowhere()
    write(cast(BinaryIO, nowhere))
    return [nowhere.n_bytes, nowhere.crc32]


class _Nowhere(io.RawIOBase):
    """A file that counts what is written to it, and forgets it."""

    n_bytes = crc32 = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.crc32 = zlib.crc32(data, self.crc32)
        self.n_bytes += len(data)
        return len(data)


@dataclass(frozen=True)
class PictureData:
    """A picture's file, opened only when bytes of it are asked for. Read to its end, it is checked."""

    picture: Picture
    open: OpenPicture

    @property
    def n_bytes(self) -> int:
        return self.picture.n_bytes

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes. Raises PictureFileError before the last of them where the file is not as it should be."""
        try:
            file = self.open(self.picture.sha256, self.picture.file_name)
        except OSError as error:
            raise PictureFileError(f"{self.picture.file_name}: expected its file; found {error}.") from error
        with file:
            yield from self._checked(file, start, stop)

    def _checked(self, file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
        if start:
            file.seek(start)
        is_whole, crc32 = start == 0 and stop == self.n_bytes, 0
        while start < stop:
            chunk = file.read(min(CHUNK, stop - start))
            if not chunk:
                raise self._error(f"{self.n_bytes} bytes", f"{start}")
            start += len(chunk)
            if start == self.n_bytes and file.read(1):
                raise self._error(f"{self.n_bytes} bytes", "more")
            if is_whole:
                crc32 = zlib.crc32(chunk, crc32)
                if start == stop and crc32 != self.picture.crc32:
                    raise self._error(f"a CRC-32 of {self.picture.crc32:08x}", f"{crc32:08x}")
            yield chunk

    def _error(self, expected: str, found: str) -> PictureFileError:
        return PictureFileError(f"{self.picture.file_name}: expected {expected}; found {found}.")


@dataclass(frozen=True)
class Series:
    """Parts that are too many to keep: they are laid out again when some of them are asked for.

    lay_out() returns each member's size, (n_members,) int64, and what gives the parts of the i-th one.
    """

    n_bytes: int
    lay_out: Callable[[], tuple[Sizes, Callable[[int], Iterable[Part]]]]

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        sizes, parts_of = self.lay_out()
        ends = np.cumsum(sizes)
        first = int(np.searchsorted(ends, start, side="right"))
        at = int(ends[first - 1]) if first else 0
        for index in range(first, len(sizes)):
            if at >= stop:
                return
            for part in parts_of(index):
                yield from _overlap(part, at, start, stop)
                at += part.n_bytes


class VirtualFile:
    """Parts one after the other."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._ends = list(accumulate(part.n_bytes for part in parts))

    @property
    def n_bytes(self) -> int:
        return self._ends[-1] if self._ends else 0

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `stop`, in chunks of about CHUNK bytes.

        Raises ValueError where the file has no such range, and PictureFileError.
        """
        stop = self.n_bytes if stop is None else stop
        if not 0 <= start <= stop <= self.n_bytes:
            raise ValueError(f"Expected a range within {self.n_bytes} bytes; found {start} to {stop}.")
        return _gathered(self._pieces(start, stop))

    def _pieces(self, start: int, stop: int) -> Iterator[bytes]:
        first = bisect_right(self._ends, start)
        at = self._ends[first - 1] if first else 0
        for part in self._parts[first:]:
            if at >= stop:
                return
            yield from _overlap(part, at, start, stop)
            at += part.n_bytes


def _overlap(part: Part, at: int, start: int, stop: int) -> Iterator[bytes]:
    """Yield what of a part that begins at `at` lies between `start` and `stop`."""
    low, high = max(0, start - at), min(part.n_bytes, stop - at)
    return part.read(low, high) if low < high else iter(())


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in chunks of CHUNK bytes or a little more: each is one write to a socket."""
    waiting: list[bytes] = []
    n_bytes = 0
    for piece in pieces:
        for at in range(0, len(piece), CHUNK):  # a part that is made may be large
            waiting.append(piece[at : at + CHUNK])
            n_bytes += len(waiting[-1])
            if n_bytes >= CHUNK:
                yield b"".join(waiting)
                waiting, n_bytes = [], 0
    if waiting:
        yield b"".join(waiting)
