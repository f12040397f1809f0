"""Records <-> files that people exchange, by the ending of a file's name. Pure.

CSV and JSON are Nestwork's own; SKOS is what other vocabularies come in. What is written is read back exactly,
every field of every record. `.gz` after any ending compresses the file.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from taxonomy.formats import csv_file, json_file, skos
from taxonomy.formats.checks import UnexpectedError, check
from taxonomy.records import SynsetFileError, SynsetRecord

MOST_BYTES = 2**29  # ten times all of WordNet's nouns; a small file can unpack to more than any memory holds


@dataclass(frozen=True)
class Format:
    read: Callable[[bytes], Iterator[SynsetRecord]]
    write: Callable[[Iterable[SynsetRecord]], Iterator[str]]
    media_type: str


FORMATS = {
    "csv": Format(csv_file.read, csv_file.write, "text/csv"),
    "json": Format(json_file.read, json_file.write, "application/json"),
    "ttl": Format(skos.read_turtle, skos.write_turtle, "text/turtle"),
    "rdf": Format(skos.read_xml, skos.write_xml, "application/rdf+xml"),
}


def format_of(path: Path) -> str:
    """Return the format that a file's name says, such as csv or csv.gz. Raises SynsetFileError."""
    name = path.name.lower()
    for known in FORMATS:
        for ending in (known, f"{known}.gz"):
            if name.endswith(f".{ending}"):
                return ending
    raise _unknown(path.name)


def read_records(path: Path) -> list[SynsetRecord]:
    """Return the nouns of a file. Raises SynsetFileError, which says where the file is not as it should be."""
    format_name = format_of(path)
    if not path.is_file():
        raise SynsetFileError(f"{path}: expected a file; found none.")
    return parse_records(path.read_bytes(), format_name)


def parse_records(data: bytes, format_name: str) -> list[SynsetRecord]:
    """Return the nouns of a file's bytes, such as an upload's. Raises SynsetFileError."""
    format_ = _format(format_name)
    if format_name.endswith(".gz"):
        data = _decompress(data)
    records: dict[str, SynsetRecord] = {}
    for record in format_.read(data):
        if record.wnid in records:
            raise SynsetFileError(f"Expected each noun once; found {record.wnid} ({record.name}) again.")
        records[record.wnid] = record
    return list(records.values())


def write_records(records: Iterable[SynsetRecord], file: BinaryIO | Path, format_name: str) -> None:
    """Write `records` to `file`, one after the other, so that they need not be in memory together.

    Raises SynsetFileError at a record that the file could not give back.
    """
    if isinstance(file, Path):
        with file.open("wb") as opened:
            write_records(records, opened, format_name)
    elif format_name.endswith(".gz"):
        # Without a time or a name in it, the same nouns are the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            _write(records, packed, format_name)
    else:
        _write(records, file, format_name)


def _write(records: Iterable[SynsetRecord], file: BinaryIO | gzip.GzipFile, format_name: str) -> None:
    for text in _format(format_name).write(_checked(records)):
        file.write(text.encode())


def _checked(records: Iterable[SynsetRecord]) -> Iterator[SynsetRecord]:
    seen: set[str] = set()
    for record in records:
        try:
            check(record)
        except UnexpectedError as error:
            raise SynsetFileError(f"{record.wnid}: {error}.") from error
        if record.wnid in seen:
            raise SynsetFileError(f"Expected each noun once; found {record.wnid} ({record.name}) again.")
        seen.add(record.wnid)
        yield record


def _decompress(data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            unpacked = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SynsetFileError(f"Expected a file that gzip can unpack; found that {error}.") from error
    if len(unpacked) > MOST_BYTES:
        raise SynsetFileError(f"Expected at most {MOST_BYTES:,} bytes once unpacked; found more.")
    return unpacked


def _format(name: str) -> Format:
    if name.removesuffix(".gz") not in FORMATS:
        raise _unknown(name)
    return FORMATS[name.removesuffix(".gz")]


def _unknown(name: str) -> SynsetFileError:
    endings = ", ".join(f".{known}" for known in FORMATS)
    return SynsetFileError(
        f"Expected a file that ends in {endings}, or in one of these and .gz; found {name!r}."
    )
