import io
import struct
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats.virtual import Made, Text
from datasets.formats.zips import (
    LIMIT,
    ZipLayout,
    central_header,
    central_sizes,
    end_records,
    local_header,
    local_sizes,
)
from tests.datasets.formats.making import whole

EDGES = st.sampled_from([0, 1, 1000, LIMIT - 1, LIMIT, LIMIT + 1, 2**40])
NAMES = st.text(st.characters(exclude_characters="\0/\\", exclude_categories=["Cs"]), min_size=1, max_size=9)


@given(NAMES, EDGES, st.integers(0, 2**32 - 1), EDGES)
def test_headers_are_as_long_as_the_layout_foretells(name, n_bytes, crc32, offset):
    lengths, sizes, offsets = (np.array([each]) for each in (len(name.encode()), n_bytes, offset))

    assert len(local_header(name, n_bytes, crc32)) + n_bytes == local_sizes(lengths, sizes)[0]
    assert len(central_header(name, n_bytes, crc32, offset)) == central_sizes(lengths, sizes, offsets)[0]


@given(st.lists(st.tuples(NAMES, st.binary(max_size=20)), max_size=5, unique_by=lambda entry: entry[0]))
def test_pythons_zipfile_reads_what_was_added(entries):
    archive = ZipLayout()
    for name, data in entries:
        archive.add(name, [Text(data[:3]), Made(len(data[3:]), lambda data=data: data[3:])], zlib.crc32(data))

    with zipfile.ZipFile(io.BytesIO(whole(archive.close()))) as read:
        assert read.testzip() is None
        assert [(info.filename, read.read(info)) for info in read.infolist()] == entries


def test_more_entries_than_16_bits_can_count_are_counted_by_zip64():
    n = 65_536
    names = pa.array([f"{index:05}.jpg" for index in range(n)])
    rows = pa.RecordBatch.from_pydict(
        {
            "sha256": names,
            "file_name": names,
            "n_bytes": pa.array([1] * n, pa.int64()),
            "crc32": pa.array([zlib.crc32(b"x")] * n, pa.int64()),
        }
    )
    archive = ZipLayout()
    archive.add_pictures(
        lambda: (names, rows), lambda _sha256, _name: io.BytesIO(b"x"), lambda _key, work_out: work_out()
    )

    with zipfile.ZipFile(io.BytesIO(whole(archive.close()))) as read:
        assert len(read.infolist()) == n
        assert read.read("65535.jpg") == b"x"


class Sparse(io.RawIOBase):
    """A file of many zero bytes, some of which are others: (place, bytes)."""

    def __init__(self, n_bytes, written):
        self.n_bytes, self.written, self.at = n_bytes, written, 0

    def seekable(self):
        return True

    def readable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        self.at = [0, self.at, self.n_bytes][whence] + offset
        return self.at

    def tell(self):
        return self.at

    def read(self, size=-1):
        stop = self.n_bytes if size < 0 else min(self.n_bytes, self.at + size)
        out = bytearray(stop - self.at)
        for place, data in self.written:
            low, high = max(place, self.at), min(place + len(data), stop)
            if low < high:
                out[low - self.at : high - self.at] = data[low - place : high - place]
        self.at = stop
        return bytes(out)


def test_zipfile_finds_an_entry_that_lies_beyond_32_bits():
    class Hole:
        n_bytes = LIMIT + 10

        def read(self, start, stop):
            raise AssertionError("only its length matters here")

    archive = ZipLayout()
    archive.add("large", [Hole()], 0)
    archive.add_text("beyond", "found")
    file = archive.close()
    start = local_sizes(np.array([5]), np.array([Hole.n_bytes]))[0]
    head = b"".join(file.read(0, start - Hole.n_bytes))
    tail = b"".join(file.read(start, file.n_bytes))

    with zipfile.ZipFile(Sparse(file.n_bytes, [(0, head), (int(start), tail)])) as read:
        large, beyond = read.infolist()
        assert large.file_size == Hole.n_bytes
        assert beyond.header_offset > LIMIT
        assert read.read("beyond") == b"found"


@pytest.mark.parametrize(
    ("n_entries", "n_bytes", "offset", "is_wide"),
    [
        (65_534, LIMIT - 1, LIMIT - 1, False),
        (65_535, 1, 1, True),
        (1, LIMIT, 1, True),
        (1, 1, LIMIT, True),
    ],
)
def test_the_end_is_zip64_only_where_it_has_to_be(n_entries, n_bytes, offset, is_wide):
    end = end_records(n_entries, n_bytes, offset)

    assert len(end) == (98 if is_wide else 22)
    assert (b"PK\6\6" in end) == is_wide
    if is_wide:
        assert struct.unpack("<QQQ", end[32:56]) == (n_entries, n_bytes, offset)


def test_an_archive_without_entries_is_one():
    with zipfile.ZipFile(io.BytesIO(whole(ZipLayout().close()))) as read:
        assert read.namelist() == []
