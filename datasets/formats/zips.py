"""ZIP archives that are laid out before they are written: their pictures stored, their sizes known. Pure.

Nothing in one depends on when it is made, so the same pictures are the same bytes each time. Where an archive, a
file in it or their number outgrows 32 or 16 bits, ZIP64 says so. Source: PKWARE, APPNOTE.TXT 6.3.10.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.formats.rows import integers, lengths, picture_data
from datasets.formats.virtual import Made, OpenPicture, Part, Series, Sizes, Text, VirtualFile

LIMIT = 2**32 - 1  # what 32 bits cannot say: the value itself means "see ZIP64"
MOST_ENTRIES = 2**16 - 1
_PLAIN, _ZIP64 = 20, 45  # the version that is needed to read an entry
_MADE_ON_UNIX = 3 << 8
_MODE = 0o100644 << 16  # a plain file that everybody may read
_TIME, _DATE = 0, (1 << 5) | 1  # midnight of 1 January 1980, where the format's time begins
_UTF8 = 1 << 11

_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END64 = struct.Struct("<4sQHHLLQQQQ")
_LOCATOR64 = struct.Struct("<4sLQL")
_END = struct.Struct("<4sHHHHLLH")

# names (n_rows,) and rows with the columns SIZED, which are read again whenever bytes of them are asked for
Load = Callable[[], tuple[pa.StringArray, pa.RecordBatch]]
Remembered = Callable[[str, Callable[[], Any]], Any]


@dataclass(frozen=True)
class _Entries:
    """Entries that follow each other in the archive, and lie at `offset`."""

    load: Callable[[], tuple[Sequence[str], Sizes, Sizes]]  # names, sizes, CRC-32s
    offset: int
    n_bytes_listed: int  # of what the central directory says of them


class ZipLayout:
    """An archive as it grows: entries are added in their order, and `close` returns the file."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._entries: list[_Entries] = []
        self._offset = self._n_entries = 0

    def add(self, name: str, parts: Sequence[Part], crc32: int) -> None:
        """Add a file that consists of `parts`, which have this CRC-32 together."""
        sizes = np.array([sum(part.n_bytes for part in parts)], np.int64)
        crc32s = np.array([crc32], np.int64)
        self._parts += [Text(local_header(name, int(sizes[0]), crc32)), *parts]
        measured = _measured(self._offset, np.array([len(name.encode())]), sizes)
        self._list(lambda: ([name], sizes, crc32s), *measured)

    def add_text(self, name: str, text: str) -> None:
        data = text.encode()
        self.add(name, [Text(data)], zlib.crc32(data))

    def add_pictures(self, load: Load, open_picture: OpenPicture, remembered: Remembered) -> None:
        """Add those that `load` returns the names and the rows of.

        remembered: Rows.remembered, so that sizes that were worked out before are not worked out again.
        """

        def measure() -> list[int]:
            names, rows = load()
            return _measured(self._offset, lengths(names), integers(rows["n_bytes"]))

        # Its place says which these are, and its offset how much is listed of them.
        measured = remembered(f"zip entries {len(self._entries)} at {self._offset}", measure)
        self._parts.append(Series(measured[1], partial(_lay_out, load, open_picture)))
        self._list(partial(_entries_of, load), *measured)

    def _list(
        self,
        load: Callable[[], tuple[Sequence[str], Sizes, Sizes]],
        n: int,
        n_bytes: int,
        n_bytes_listed: int,
    ) -> None:
        self._entries.append(_Entries(load, self._offset, n_bytes_listed))
        self._n_entries += n
        self._offset += n_bytes

    def close(self) -> VirtualFile:
        directory = [Made(each.n_bytes_listed, partial(_directory, each)) for each in self._entries]
        n_bytes = sum(part.n_bytes for part in directory)
        end = Text(end_records(self._n_entries, n_bytes, self._offset))
        return VirtualFile([*self._parts, *directory, end])


def _measured(offset: int, names: Sizes, sizes: Sizes) -> list[int]:
    """Return how many entries these are, their bytes, and the bytes that the central directory has for them."""
    listed = central_sizes(names, sizes, _offsets(offset, names, sizes))
    return [len(sizes), int(local_sizes(names, sizes).sum()), int(listed.sum())]


def _lay_out(load: Load, open_picture: OpenPicture) -> tuple[Sizes, Callable[[int], Iterable[Part]]]:
    names, rows = load()

    def parts_of(index: int) -> Iterable[Part]:
        data = picture_data(rows, index, open_picture)
        return Text(local_header(names[index].as_py(), data.n_bytes, data.picture.crc32)), data

    return local_sizes(lengths(names), integers(rows["n_bytes"])), parts_of


def _entries_of(load: Load) -> tuple[Sequence[str], Sizes, Sizes]:
    names, rows = load()
    return names.to_pylist(), integers(rows["n_bytes"]), integers(rows["crc32"])


def _directory(entries: _Entries) -> bytes:
    names, sizes, crc32s = entries.load()
    offsets = _offsets(entries.offset, np.array([len(name.encode()) for name in names]), sizes)
    columns = (sizes.tolist(), crc32s.tolist(), offsets.tolist())
    return b"".join(map(central_header, names, *columns))


def _offsets(first: int, names: Sizes, sizes: Sizes) -> Sizes:
    """Return where each entry begins, (n_entries,) int64."""
    ends = np.cumsum(local_sizes(names, sizes))
    return first + np.concatenate([[0], ends[:-1]]).astype(np.int64)


def local_sizes(names: Sizes, sizes: Sizes) -> Sizes:
    """Return the bytes of each entry with its header, (n_entries,) int64.

    names: bytes of its name; sizes: bytes of its file; each (n_entries,) int64.
    """
    return _LOCAL.size + names + np.where(sizes >= LIMIT, 20, 0) + sizes


def central_sizes(names: Sizes, sizes: Sizes, offsets: Sizes) -> Sizes:
    """Return the bytes that the central directory has for each entry, (n_entries,) int64."""
    n_wide = 2 * (sizes >= LIMIT) + (offsets >= LIMIT)
    return _CENTRAL.size + names + np.where(n_wide > 0, 4 + 8 * n_wide, 0)


def local_header(name: str, n_bytes: int, crc32: int) -> bytes:
    """Return what stands before an entry's file."""
    extra = _extra([n_bytes, n_bytes] if n_bytes >= LIMIT else [])
    said = min(n_bytes, LIMIT)
    encoded = name.encode()
    fixed = (b"PK\3\4", _version(extra), _flags(name), 0, _TIME, _DATE, crc32, said, said)
    return _LOCAL.pack(*fixed, len(encoded), len(extra)) + encoded + extra


def central_header(name: str, n_bytes: int, crc32: int, offset: int) -> bytes:
    """Return what the central directory says of an entry that begins at `offset`."""
    extra = _extra(
        [*([n_bytes, n_bytes] if n_bytes >= LIMIT else []), *([offset] if offset >= LIMIT else [])]
    )
    said, version = min(n_bytes, LIMIT), _version(extra)
    encoded = name.encode()
    fixed = (b"PK\1\2", _MADE_ON_UNIX | version, version, _flags(name), 0, _TIME, _DATE, crc32, said, said)
    rest = (len(encoded), len(extra), 0, 0, 0, _MODE, min(offset, LIMIT))
    return _CENTRAL.pack(*fixed, *rest) + encoded + extra


def end_records(n_entries: int, n_bytes: int, offset: int) -> bytes:
    """Return what ends an archive whose central directory has `n_bytes` and begins at `offset`."""
    end = _END.pack(
        b"PK\5\6",
        0,
        0,
        min(n_entries, MOST_ENTRIES),
        min(n_entries, MOST_ENTRIES),
        min(n_bytes, LIMIT),
        min(offset, LIMIT),
        0,
    )
    if n_entries < MOST_ENTRIES and n_bytes < LIMIT and offset < LIMIT:
        return end
    made_on = _MADE_ON_UNIX | _ZIP64
    wide = _END64.pack(
        b"PK\6\6", _END64.size - 12, made_on, _ZIP64, 0, 0, n_entries, n_entries, n_bytes, offset
    )
    return wide + _LOCATOR64.pack(b"PK\6\7", 0, offset + n_bytes, 1) + end


def _extra(wide: Sequence[int]) -> bytes:
    return struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""


def _version(extra: bytes) -> int:
    return _ZIP64 if extra else _PLAIN


def _flags(name: str) -> int:
    return 0 if name.isascii() else _UTF8
