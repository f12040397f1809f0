"""The rows of a public manifest, a group at a time, and what archives call pictures and classes. Pure.

A manifest may have millions of rows: only sizes are held for all of them, as arrays, and never a Python object each.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datasets.formats.virtual import OpenPicture, Picture, PictureData, Sizes
from datasets.manifest import ManifestError
from datasets.public import open_public

SIZED = (
    "sha256",
    "file_name",
    "split",
    "label",
    "n_bytes",
    "crc32",
)  # what a picture's place in an archive needs
_LONGEST_SLUG = 40
Memo = dict[str, Any]  # what JSON can write


class SizesMissingError(ManifestError):
    """The manifest is of a snapshot that was frozen before sizes were kept, so nothing can be laid out from it."""


@dataclass(frozen=True)
class Class:
    """A class of the snapshot; its label is its place among them."""

    wnid: str
    name: str
    gloss: str

    @property
    def folder(self) -> str:
        """Its wnid and its name, such as n02121808-domestic-cat: letters that any file system takes."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_SLUG].strip("-")
        return f"{self.wnid}-{slug}" if slug else self.wnid


def classes_of(taxonomy: dict[str, Any]) -> list[Class]:
    """Return the classes of a snapshot's taxonomy, in the order of their labels."""
    nouns = taxonomy["nouns"]
    return [
        Class(wnid, nouns[wnid].get("name", ""), nouns[wnid].get("gloss", "")) for wnid in taxonomy["classes"]
    ]


@dataclass(frozen=True)
class Rows:
    """The pictures of a public manifest, or those of one split."""

    table: pq.ParquetFile
    split: str | None = None
    memo: Memo = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: BinaryIO | Path, memo: Memo | None = None) -> Self:
        """Return all of them; the file stays open as long as they are read. Raises ManifestError."""
        return cls(open_public(manifest), memo={} if memo is None else memo)

    def within(self, split: str) -> Self:
        return replace(self, split=split)

    def remembered(self, name: str, work_out: Callable[[], Any]) -> Any:
        """Return what takes a pass over the rows to work out and is small: from the memo, or for it."""
        key = f"{self.split or 'all'} {name}"
        if key not in self.memo:
            self.memo[key] = work_out()
        return self.memo[key]

    @property
    def n_groups(self) -> int:
        return int(self.table.num_row_groups)

    def group(self, index: int, columns: Sequence[str]) -> pa.RecordBatch:
        """Return the rows of one group, at most some ten thousand, with these columns. Raises SizesMissingError."""
        wanted = list(dict.fromkeys([*columns, *(["split"] if self.split else [])]))
        table = self.table.read_row_group(index, columns=wanted, use_threads=False)
        batch = table.combine_chunks().to_batches()[0] if table.num_rows else _empty(table.schema)
        if self.split:
            batch = batch.filter(pc.equal(batch["split"], self.split))
        if "n_bytes" in columns:
            _refuse_missing_sizes(batch)
        return batch.select(list(columns))

    def groups(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return (self.group(index, columns) for index in range(self.n_groups))

    def counts(self) -> Counter[str]:
        """Return how many pictures each split has."""
        return self.counted("split")

    def counted(self, column: str) -> Counter[str]:
        """Return how many pictures there are with each text of a column."""

        def work_out() -> Counter[str]:
            counts: Counter[str] = Counter()
            for batch in self.groups([column]):
                for each in pc.value_counts(batch[column]).to_pylist():
                    counts[each["values"]] += each["counts"]
            return counts

        return Counter(self.remembered(f"counts of {column}", work_out))


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)


def _refuse_missing_sizes(batch: pa.RecordBatch) -> None:
    if batch.num_rows and pc.min(batch["n_bytes"]).as_py() < 1:
        first = batch["file_name"][pc.index(pc.less(batch["n_bytes"], 1), True).as_py()]
        raise SizesMissingError(
            f"Expected the size of each picture's file; found none for {first}: "
            "the snapshot was frozen before sizes were kept."
        )


def lengths(texts: pa.StringArray) -> Sizes:
    """Return how many bytes each text has as UTF-8, (n_rows,) int64."""
    return integers(pc.binary_length(texts))


def integers(column: pa.Array) -> Sizes:
    """Return a column without nulls as (n_rows,) int64."""
    return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)


def picture_data(batch: pa.RecordBatch, index: int, open_picture: OpenPicture) -> PictureData:
    """Return the file of the picture in row `index`; `batch` has the columns SIZED."""
    sha256, file_name, n_bytes, crc32 = (
        batch[name][index].as_py() for name in ("sha256", "file_name", "n_bytes", "crc32")
    )
    return PictureData(Picture(sha256, file_name, n_bytes, crc32), open_picture)
