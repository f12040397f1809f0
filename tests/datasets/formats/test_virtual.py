import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats.virtual import (
    CHUNK,
    Made,
    Picture,
    PictureData,
    PictureFileError,
    Series,
    Stored,
    Text,
    VirtualFile,
    Written,
    measured,
)

CAT = b"a cat's picture"


def picture(data=CAT, stored=CAT):
    """Return a part for a picture that the manifest takes for `data` and whose file has `stored`."""
    return PictureData(
        Picture("ab" * 32, "ab.jpg", len(data), zlib.crc32(data)), lambda _sha256, _name: io.BytesIO(stored)
    )


def written(write):
    return Written(write, *measured(write))


def series(members):
    sizes = np.array([sum(map(len, member)) for member in members], np.int64)
    return Series(int(sizes.sum()), lambda: (sizes, lambda index: [Text(data) for data in members[index]]))


BYTES = st.binary(max_size=5)
PARTS = st.one_of(
    BYTES.map(Text),
    BYTES.map(lambda data: Made(len(data), lambda: data)),
    BYTES.map(lambda data: Stored(io.BytesIO(data + b"more"), len(data))),
    BYTES.map(lambda data: written(lambda file: file.write(data))),
    st.binary(min_size=1, max_size=5).map(lambda data: picture(data, data)),
    st.lists(st.lists(BYTES, max_size=3), max_size=3).map(series),
)


@given(st.lists(PARTS, max_size=5), st.data())
def test_a_range_is_that_slice_of_the_whole(parts, data):
    file = VirtualFile(parts)
    start = data.draw(st.integers(0, file.n_bytes))
    stop = data.draw(st.integers(start, file.n_bytes))

    whole = b"".join(b"".join(part.read(0, part.n_bytes)) for part in parts)

    assert len(whole) == file.n_bytes
    assert b"".join(file.read(start, stop)) == whole[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 1), (0, 4)])
def test_a_range_outside_the_file_is_refused(start, stop):
    with pytest.raises(ValueError, match="within 3 bytes"):
        VirtualFile([Text(b"abc")]).read(start, stop)


def test_what_lies_beside_a_range_is_neither_made_nor_opened():
    def never(*_arguments):
        raise AssertionError("made what nobody asked for")

    file = VirtualFile([Made(3, never), Text(b"abc"), PictureData(Picture("", "", 3, 0), never)])

    assert b"".join(file.read(3, 6)) == b"abc"


def test_small_pieces_are_sent_together_and_large_ones_apart():
    small = VirtualFile([Text(b"ab")] * 10)
    large = VirtualFile([Text(bytes(3 * CHUNK + 1))])

    assert [len(chunk) for chunk in small.read()] == [20]
    assert [len(chunk) for chunk in large.read()] == [CHUNK, CHUNK, CHUNK, 1]


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (CAT[:-1], "ab.jpg: expected 15 bytes; found 14"),
        (CAT + b"!", "ab.jpg: expected 15 bytes; found more"),
        (CAT[::-1], "ab.jpg: expected a CRC-32 of"),
    ],
)
def test_a_picture_that_is_not_what_the_manifest_says_stops_the_transfer(stored, found):
    with pytest.raises(PictureFileError, match=found):
        list(VirtualFile([picture(stored=stored)]).read())


def test_a_picture_that_is_longer_stops_a_transfer_that_began_within_it():
    with pytest.raises(PictureFileError, match="found more"):
        list(VirtualFile([picture(stored=CAT + b"!")]).read(3))


def test_a_missing_picture_stops_the_transfer():
    def missing(_sha256, file_name):
        raise FileNotFoundError(f"no {file_name}")

    part = PictureData(Picture("ab" * 32, "ab.jpg", 15, 0), missing)

    with pytest.raises(PictureFileError, match=r"ab.jpg: expected its file; found no ab.jpg"):
        list(VirtualFile([part]).read())


def test_a_picture_is_read_in_chunks_and_its_file_is_closed():
    data = bytes(range(256)) * 4096
    file = io.BytesIO(data)
    part = PictureData(Picture("", "", len(data), zlib.crc32(data)), lambda _sha256, _name: file)

    chunks = list(part.read(0, len(data)))

    assert b"".join(chunks) == data
    assert max(map(len, chunks)) == CHUNK
    assert file.closed


def test_a_stored_file_that_is_shorter_than_it_was_is_an_error():
    with pytest.raises(OSError, match="Expected a file of 5 bytes; found 3"):
        list(Stored(io.BytesIO(b"abc"), 5).read(0, 5))


def test_what_is_written_when_asked_for_is_measured_beforehand():
    part = written(lambda file: [file.write(b"abc"), file.write(b"de")])

    assert (part.n_bytes, part.crc32) == (5, zlib.crc32(b"abcde"))
    assert b"".join(part.read(1, 4)) == b"bcd"
