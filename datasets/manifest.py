"""Rows of a snapshot <-> Parquet, and the digest over all of them. Pure.

The digest is over the rows' meaning and not over the file's bytes, so another version of Parquet keeps it.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass, fields
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_A_GROUP = 50_000

SCHEMA = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("file_name", pa.string(), nullable=False),
        pa.field("wnid", pa.string(), nullable=False),
        pa.field("synset", pa.string(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("n_votes", pa.int32(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("credit", pa.string(), nullable=False),
    ]
)


class ManifestError(ValueError):
    """The manifest is not one that Nestwork wrote, or its rows are out of order."""


@dataclass(frozen=True)
class ManifestRow:
    sha256: str
    file_name: str
    wnid: str
    synset: str
    confidence: float
    n_votes: int
    split: str
    licence: str
    credit: str


def write_manifest(rows: Iterable[ManifestRow], taxonomy: dict[str, Any], file: BinaryIO) -> str:
    """Write `rows` to `file` as Parquet and return the digest over them and `taxonomy`, 64 hex digits.

    rows come in ascending order of sha256, each once; they are streamed. `taxonomy` is what json can write.
    Raises ManifestError if the order is another.
    """
    digest = hashlib.sha256(_canonical(taxonomy))
    rows = iter(rows)
    last = ""
    with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        while group := list(islice(rows, ROWS_A_GROUP)):
            for row in group:
                if row.sha256 <= last:
                    raise ManifestError(f"Expected a SHA-256 after {last}; found {row.sha256}.")
                last = row.sha256
                digest.update(_canonical(astuple(row)))
            writer.write_table(pa.Table.from_pylist([asdict(row) for row in group], schema=SCHEMA))
    return digest.hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def read_manifest(data: bytes) -> Iterator[ManifestRow]:
    """Yield the rows of a manifest, a group at a time. Raises ManifestError."""
    try:
        table = pq.ParquetFile(io.BytesIO(data))
    except pa.ArrowInvalid as error:
        raise ManifestError(f"Expected a Parquet manifest; found {error}.") from error
    if not table.schema_arrow.equals(SCHEMA):
        raise ManifestError(
            f"Expected the columns {', '.join(SCHEMA.names)}; found {', '.join(table.schema_arrow.names)}."
        )
    names = [field.name for field in fields(ManifestRow)]
    for batch in table.iter_batches(batch_size=ROWS_A_GROUP):
        for row in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
            yield ManifestRow(*row)
