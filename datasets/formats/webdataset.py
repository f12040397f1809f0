"""webdataset/train-000000.tar and others: shards that the library `webdataset` streams. Pure.

Of each picture a shard has the file itself, what is known of it as JSON, and its label as .cls where that may be
known, all named by its SHA-256. Where shards end follows from the manifest alone.
"""

import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats.rows import SIZED, Rows, integers, lengths, picture_data
from datasets.formats.virtual import OpenPicture, Part, Series, Sizes, Text, VirtualFile

MOST_PICTURES = 10_000
MOST_BYTES = 2**30  # of a shard, unless a single picture has more
_TOLD = ("split", "label", "wnid", "synset", "confidence", "n_votes", "licence", "credit")
_COLUMNS = list(dict.fromkeys([*SIZED, *_TOLD]))
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)

_FIXED = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
_OWNER, _TIME, _REST = _FIXED[100:124], _FIXED[136:148], _FIXED[156:]  # around size and checksum
_FIXED_SUM = sum(_OWNER + _TIME + _REST) + 8 * ord(" ")  # the checksum counts itself as spaces


class Shard(NamedTuple):
    """Pictures that follow each other in a split: from `first` up to `stop`."""

    first: int
    stop: int
    n_bytes: int


class Split:
    """The shards of one split. Raises ManifestError."""

    def __init__(
        self, rows: Rows, *, most_pictures: int = MOST_PICTURES, most_bytes: int = MOST_BYTES
    ) -> None:
        self._rows = rows
        self._most = most_pictures, most_bytes
        ends, shards = rows.remembered(f"shards of {most_pictures} {most_bytes}", self._work_out)
        self._ends: list[int] = ends  # of each group: its rows and those of all before it
        self.shards = [Shard(*each) for each in shards]

    def _work_out(self) -> tuple[list[int], list[list[int]]]:
        of_groups = [member_sizes(batch) for batch in self._rows.groups(_COLUMNS)]
        ends = np.concatenate([np.zeros(1, np.int64), *of_groups]).cumsum()
        return list(accumulate(map(len, of_groups))), [list(each) for each in _shards(ends, *self._most)]

    def tar(self, number: int, open_picture: OpenPicture) -> VirtualFile:
        """Return the shard with this number, from 0."""
        first, stop, _n_bytes = self.shards[number]
        parts: list[Part] = []
        for group, (begin, end) in enumerate(pairwise([0, *self._ends])):
            low, high = max(first, begin), min(stop, end)
            if low < high:
                lay_out = partial(_lay_out, self._rows, group, low - begin, high - low, open_picture)
                parts.append(Series(int(lay_out()[0].sum()), lay_out))
        return VirtualFile([*parts, Text(_END)])


def _shards(ends: Sizes, most_pictures: int, most_bytes: int) -> Iterator[Shard]:
    """Yield shards that are as large as they may be. ends: (n_rows + 1,) int64, from 0."""
    first, n = 0, len(ends) - 1
    while first < n:
        fits = int(np.searchsorted(ends, ends[first] + most_bytes - len(_END), side="right")) - 1
        stop = max(first + 1, min(fits, first + most_pictures, n))
        yield Shard(first, stop, int(ends[stop] - ends[first]) + len(_END))
        first = stop


def member_sizes(batch: pa.RecordBatch) -> Sizes:
    """Return the bytes of each picture's files in a shard with their headers, (n_rows,) int64."""
    has_label = pc.is_valid(batch["label"]).to_numpy(zero_copy_only=False)
    texts = lengths(json_texts(batch))
    return _member(integers(batch["n_bytes"])) + _member(texts) + np.where(has_label, 2 * _BLOCK, 0)


def _member(sizes: Sizes) -> Sizes:
    return _BLOCK + -(-sizes // _BLOCK) * _BLOCK


def json_texts(batch: pa.RecordBatch) -> pa.StringArray:
    """Return what is known of each picture as JSON; what must not be known is left out."""
    keys = pc.binary_join_element_wise(
        '"sha256":"', batch["sha256"], '"', ""
    )  # all differ, and need no escapes
    fields = [
        pc.binary_join_element_wise(f'"{name}":', _json(batch[name]), "")  # null where the value is
        for name in _TOLD
    ]
    inner = pc.binary_join_element_wise(keys, *fields, ",", null_handling="skip")
    return pc.binary_join_element_wise("{", inner, "}", "")


def _json(column: pa.Array) -> pa.StringArray:
    """Return each value as JSON writes it. Texts are written once each, however often they come."""
    if column.type != pa.string():
        return column.cast(pa.string())
    unique = column.dictionary_encode()
    written = [json.dumps(text) for text in unique.dictionary.to_pylist()]
    return pa.array(written, pa.string()).take(unique.indices)


def _lay_out(
    rows: Rows, group: int, first: int, n: int, open_picture: OpenPicture
) -> tuple[Sizes, Callable[[int], Iterable[Part]]]:
    batch = rows.group(group, _COLUMNS).slice(first, n)
    texts = json_texts(batch)

    def parts_of(index: int) -> Iterator[Part]:
        data = picture_data(batch, index, open_picture)
        key, ending = data.picture.sha256, data.picture.file_name.rpartition(".")[2]
        yield Text(header(f"{key}.{ending}", data.n_bytes))
        yield data
        yield Text(_padding(data.n_bytes) + _file(f"{key}.json", texts[index].as_py()))
        if (label := batch["label"][index].as_py()) is not None:
            yield Text(_file(f"{key}.cls", str(label)))

    return member_sizes(batch), parts_of


def _file(name: str, text: str) -> bytes:
    data = text.encode()
    return header(name, len(data)) + data + _padding(len(data))


def header(name: str, n_bytes: int) -> bytes:
    """Return what stands before a file in a tar archive, as tarfile writes it in several times as long.

    Raises ValueError where a name or a size is too long for one block.
    """
    named, size = name.encode(), b"%011o\0" % n_bytes
    if len(named) > 100 or len(size) > 12:
        raise ValueError(
            f"Expected a name of 100 bytes and a file of 8 GiB at most; found {name}, {n_bytes} bytes."
        )
    checksum = b"%06o\0 " % (_FIXED_SUM + sum(named) + sum(size))
    return named.ljust(100, b"\0") + _OWNER + size + _TIME + checksum + _REST


def _padding(n_bytes: int) -> bytes:
    return bytes(-n_bytes % _BLOCK)
