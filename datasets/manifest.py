"""Rows of a snapshot <-> Parquet, and the digest over all of it. Pure.

The digest is over what the rows mean and not over a file's bytes, so another version of Parquet keeps it. It is made
in three steps, so that whoever was not given every row can still prove those that they were given:

- a row's leaf is the SHA-256 of its values as JSON; of a row that is kept secret, of a salt and its values, so that
  nobody finds the values by trying all of them;
- the seal names the SHA-256 over all leaves, in the order of the rows, and over each other part of the snapshot;
- the digest is the SHA-256 of the seal.

A row that is left out of a download is stood for by its leaf. Source: Merkle, A digital signature based on a
conventional encryption function (1987), with one level, doi:10.1007/3-540-48184-2_32.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labeling.splits import TEST

ROWS_A_GROUP = 50_000


class ManifestError(ValueError):
    """The file is not one that Nestwork wrote, or its rows are out of order."""


class ManifestRow(NamedTuple):
    """A picture and its label."""

    sha256: str
    file_name: str
    wnid: str
    synset: str
    confidence: float
    n_votes: int
    split: str
    licence: str
    credit: str
    n_bytes: int = 0  # of its file; 0 in snapshots that were frozen before sizes were kept
    crc32: int = 0
    salt: str = ""  # set where the label is kept secret

    @property
    def is_secret(self) -> bool:
        return bool(self.salt)


class RemainderRow(NamedTuple):
    """A settled picture that is in no class of the snapshot, and why."""

    sha256: str
    wnid: str
    synset: str
    confidence: float
    n_votes: int
    split: str
    reason: str
    salt: str = ""


class VoteRow(NamedTuple):
    """One answer to a picture of the training or validation part."""

    sha256: str
    annotator: int  # a pseudonym of this snapshot alone, from 1
    wnid: str  # empty where the answer names no noun
    answer: str
    seconds: float | None


_TYPES = {
    "confidence": pa.float64(),
    "n_votes": pa.int32(),
    "n_bytes": pa.int64(),
    "crc32": pa.int64(),
    "annotator": pa.int32(),
    "seconds": pa.float64(),
}
_MAY_BE_EMPTY = {"seconds"}
# What snapshots had that were frozen first: no sizes, and a digest that needed every row.
_FIRST_COLUMNS = ManifestRow._fields[:9]
UNSALTED = "none"  # stands for the salt of their test rows, which have none: their leaves could be tried

Row = TypeVar("Row", bound=ManifestRow | RemainderRow | VoteRow)


def schema_of(kind: type[Row]) -> pa.Schema:
    """Return the columns of the Parquet file that keeps rows of this kind."""
    return pa.schema(
        [
            pa.field(name, _TYPES.get(name, pa.string()), nullable=name in _MAY_BE_EMPTY)
            for name in kind._fields
        ]
    )


def write_rows(kind: type[Row], rows: Iterable[Row], file: BinaryIO) -> int:
    """Write `rows` to `file` as Parquet, some at a time; return how many those are.

    They come in ascending order of sha256; pictures come once, and their votes together. Raises ManifestError.
    """
    schema, n, last = schema_of(kind), 0, ""
    rows = iter(rows)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(rows, ROWS_A_GROUP)):
            last = _refuse_disorder(kind, group, last)
            columns = [
                pa.array(values, field.type)
                for values, field in zip(zip(*group, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            n += len(group)
    return n


def _refuse_disorder(kind: type[Row], group: Sequence[Row], last: str) -> str:
    may_repeat = kind is VoteRow
    for row in group:
        if row.sha256 < last or (row.sha256 == last and not may_repeat):
            raise ManifestError(f"Expected a SHA-256 after {last}; found {row.sha256}.")
        last = row.sha256
    return last


def read_rows(kind: type[Row], file: BinaryIO) -> Iterator[Row]:
    """Yield the rows that `write_rows` wrote, reading some at a time. Raises ManifestError."""
    for batch in read_batches(kind, file):
        yield from map(
            kind._make, zip(*(batch.column(name).to_pylist() for name in batch.schema.names), strict=True)
        )


def read_batches(
    kind: type[Row], file: BinaryIO, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the same as Arrow's batches, with all columns or at least those that are named."""
    try:
        table = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise ManifestError(f"Expected a Parquet file of Nestwork; found {error}.") from error
    names, expected = table.schema_arrow.names, schema_of(kind)
    is_first = kind is ManifestRow and tuple(names) == _FIRST_COLUMNS
    if not is_first and not table.schema_arrow.equals(expected):
        raise ManifestError(f"Expected the columns {', '.join(expected.names)}; found {', '.join(names)}.")
    try:
        for batch in table.iter_batches(ROWS_A_GROUP, columns=None if is_first else columns):
            yield _completed(batch, expected) if is_first else batch
    except (pa.ArrowInvalid, OSError) as error:
        raise ManifestError(f"Expected whole rows; found {error}.") from error


def _completed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Fill in the columns that the first snapshots lacked. See UNSALTED."""
    n = batch.num_rows
    salts = pc.if_else(pc.equal(batch["split"], TEST), UNSALTED, "")
    more = [pa.repeat(pa.scalar(0, pa.int64()), n), pa.repeat(pa.scalar(0, pa.int64()), n), salts]
    return pa.RecordBatch.from_arrays([*batch.columns, *more], schema=schema)


def leaf(row: ManifestRow | RemainderRow | VoteRow) -> bytes:
    """Return the 32 bytes that stand for `row` in the seal."""
    if isinstance(row, VoteRow):
        return hashlib.sha256(_json(row)).digest()
    return hashlib.sha256(row.salt.encode() + _json(row[:-1])).digest()


def seal_of(leaves: Iterable[bytes]) -> str:
    """Return what the seal says of rows with these leaves: 64 hex digits."""
    whole = hashlib.sha256()
    for each in leaves:
        whole.update(each)
    return whole.hexdigest()


def json_seal(value: Any) -> str:
    """Return what the seal says of what JSON can write: 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def digest_of(seal: dict[str, str]) -> str:
    """Return the digest over a whole snapshot, 64 hex digits: that of its seal."""
    return json_seal(seal)


def canonical(value: Any) -> bytes:
    """Return the one way to write `value` as JSON: keys in order, no spaces, ASCII alone."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _json(values: Sequence[Any]) -> bytes:
    return _encode(list(values)).encode()
