"""A snapshot's rows -> what anybody may download of them. Pure.

The labels of test pictures are left out here, and whatever else is downloaded is made from what is left: no page,
archive or file has to remember to leave them out.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from datasets.manifest import UNSALTED, ManifestError, ManifestRow, RemainderRow, leaf, read_batches

PUBLIC_SCHEMA = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("file_name", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("label", pa.int32()),
        pa.field("wnid", pa.string()),
        pa.field("synset", pa.string()),
        pa.field("confidence", pa.float64()),
        pa.field("n_votes", pa.int32()),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("credit", pa.string(), nullable=False),
        pa.field("n_bytes", pa.int64(), nullable=False),
        pa.field("crc32", pa.int64(), nullable=False),
        pa.field("leaf", pa.string()),
    ]
)


class PublicRow(NamedTuple):
    """A picture as anybody may know it. Of a test picture `leaf` stands for what is kept secret; it is empty in the
    first snapshots, whose digest does not need it.
    """

    sha256: str
    file_name: str
    split: str
    label: int | None
    wnid: str | None
    synset: str | None
    confidence: float | None
    n_votes: int | None
    licence: str
    credit: str
    n_bytes: int
    crc32: int
    leaf: str | None


class HeldBackRow(NamedTuple):
    """A row that is left out of later downloads; its leaf still proves that it was frozen, if there is one."""

    sha256: str
    split: str
    reason: str
    leaf: str


WITHDRAWN, SENSITIVE = "withdrawn", "its noun is sensitive"
_SECRET = ("label", "wnid", "synset", "confidence", "n_votes")  # columns that tell of a label


def write_public(
    private: BinaryIO,
    classes: Sequence[str],
    parquet: BinaryIO,
    csv: BinaryIO,
    *,
    withdrawn: Collection[str] = (),
    sensitive: Collection[str] = (),
    tick: Callable[[], None] = lambda: None,
) -> list[HeldBackRow]:
    """Write what may be known of the manifest `private` as Parquet and as CSV; return the rows that are held back.

    classes: wnids in the order of their labels; withdrawn: SHA-256 of pictures that are held back; sensitive: wnids
    of classes whose pictures are. A test picture of those stays: were it missing, that would tell its label.
    tick: called for each batch of rows.
    Raises ManifestError.
    """
    held_back: list[HeldBackRow] = []
    with (
        pq.ParquetWriter(parquet, PUBLIC_SCHEMA, compression="zstd") as table,
        pyarrow.csv.CSVWriter(csv, PUBLIC_SCHEMA) as lines,
    ):
        for batch in read_batches(ManifestRow, private):
            tick()
            is_held = _is_held(batch, withdrawn, sensitive)
            held_back += _held_back(batch.filter(is_held), withdrawn)
            shown = _public(batch.filter(pc.invert(is_held)), classes)
            table.write_batch(shown)
            lines.write_batch(shown)
    return held_back


def _is_held(
    batch: pa.RecordBatch, withdrawn: Collection[str], sensitive: Collection[str]
) -> pa.BooleanArray:
    is_withdrawn = pc.is_in(batch["sha256"], pa.array(list(withdrawn), pa.string()))
    is_sensitive = pc.is_in(batch["wnid"], pa.array(list(sensitive), pa.string()))
    return pc.or_(is_withdrawn, pc.and_not(is_sensitive, _is_secret(batch)))


def _is_secret(batch: pa.RecordBatch) -> pa.BooleanArray:
    return pc.not_equal(batch["salt"], "")


def _rows(batch: pa.RecordBatch) -> Iterator[ManifestRow]:
    return map(ManifestRow._make, zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _held_back(batch: pa.RecordBatch, withdrawn: Collection[str]) -> list[HeldBackRow]:
    return [
        HeldBackRow(
            row.sha256, row.split, WITHDRAWN if row.sha256 in withdrawn else SENSITIVE, _told_leaf(row)
        )
        for row in _rows(batch)
    ]


def _told_leaf(row: ManifestRow) -> str:
    """Return a row's leaf as 64 hex digits; "" where its label could be found by trying all against it."""
    return "" if row.salt == UNSALTED else leaf(row).hex()


def _public(batch: pa.RecordBatch, classes: Sequence[str]) -> pa.RecordBatch:
    is_secret = _is_secret(batch)
    label = pc.index_in(batch["wnid"], pa.array(classes, pa.string()))  # int32
    leaves = pa.array([_told_leaf(row) for row in _rows(batch.filter(is_secret))], pa.string())
    stood_for = pc.replace_with_mask(pa.nulls(batch.num_rows, pa.string()), is_secret, leaves)
    columns = {**dict(zip(batch.schema.names, batch.columns, strict=True)), "label": label, "leaf": stood_for}
    for name in _SECRET:
        columns[name] = pc.if_else(is_secret, pa.scalar(None, columns[name].type), columns[name])
    return pa.RecordBatch.from_arrays([columns[name] for name in PUBLIC_SCHEMA.names], schema=PUBLIC_SCHEMA)


def public_remainder(rows: Iterable[RemainderRow]) -> Iterator[tuple[Any, ...]]:
    """Yield what may be known of each row: sha256, split, reason, wnid, synset, confidence, n_votes, leaf."""
    for row in rows:
        if row.salt:
            yield row.sha256, row.split, "", "", "", "", "", leaf(row).hex()
        else:
            yield row.sha256, row.split, row.reason, row.wnid, row.synset, row.confidence, row.n_votes, ""


def read_public(file: BinaryIO) -> Iterator[PublicRow]:
    """Yield the rows of a public manifest, reading some at a time. Raises ManifestError."""
    for batch in read_public_batches(file):
        yield from map(PublicRow._make, zip(*(column.to_pylist() for column in batch.columns), strict=True))


def read_public_batches(file: BinaryIO, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the same as Arrow's batches, with all columns or those that are named."""
    yield from open_public(file).iter_batches(columns=columns)


def open_public(file: BinaryIO | Path) -> pq.ParquetFile:
    """Return a public manifest whose groups of rows can be read by themselves. Raises ManifestError."""
    try:
        table = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise ManifestError(f"Expected a public manifest as Parquet; found {error}.") from error
    if not table.schema_arrow.equals(PUBLIC_SCHEMA):
        raise ManifestError(
            f"Expected the columns {', '.join(PUBLIC_SCHEMA.names)}; found {', '.join(table.schema_arrow.names)}."
        )
    return table


def public_leaf(row: PublicRow) -> bytes:
    """Return the 32 bytes that stand for `row` in the seal; anybody can work them out. See manifest.leaf."""
    if row.leaf:
        return bytes.fromhex(row.leaf)
    return leaf(
        ManifestRow(
            row.sha256,
            row.file_name,
            row.wnid or "",
            row.synset or "",
            row.confidence or 0.0,
            row.n_votes or 0,
            row.split,
            row.licence,
            row.credit,
            row.n_bytes,
            row.crc32,
        )
    )
