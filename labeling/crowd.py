"""The three files of a published crowd dataset -> labels, votes and pictures. Pure; everything streams.

Labels, CSV: which class each picture truly shows. Columns `image` and `label`; a column `code` may give the number
by which the votes file calls that class.
Votes, CSV: `annotator`, `image` and `label`, a class by its name or its code.
Pictures: a zip archive; `image` is a member's path, its file name, that without its ending, or its number (24 for
`images/00024.jpg`).
The names that CIFAR-10H gives these columns are understood too. A CSV may be compressed: `.csv.gz`.
"""

import csv
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

# Our name of a column -> what other datasets call it.
ALIASES = {
    "image": ("image", "image_index"),
    "label": ("label", "chosen_label", "true_name"),
    "code": ("code", "true_label"),
    "annotator": ("annotator", "annotator_id"),
}


class CrowdFileError(ValueError):
    """A file of the dataset cannot be read; the message names the file and line, and what was expected."""


@dataclass(frozen=True)
class TrueLabel:
    line: int
    image: str
    label: str
    code: str  # "" where the file has no such column


@dataclass(frozen=True)
class CrowdVote:
    line: int
    annotator: str
    image: str
    label: str  # a class' name or code


def read_labels(path: Path) -> Iterator[TrueLabel]:
    """Yield each row of the labels file. Raises CrowdFileError."""
    for line, row in _rows(path, wanted=("image", "label"), optional=("code",)):
        yield TrueLabel(line, *row)


def read_votes(path: Path) -> Iterator[CrowdVote]:
    """Yield each row of the votes file, in its order. Raises CrowdFileError."""
    for line, row in _rows(path, wanted=("annotator", "image", "label")):
        yield CrowdVote(line, *row)


def _rows(
    path: Path, wanted: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells of the wanted columns, then of the optional ones or "")."""
    with _open_text(path) as file:
        rows = csv.reader(file)
        try:
            header = next(rows, [])
            places: list[int | None] = [_place(path, header, name) for name in wanted]
            places += [_find(header, name) for name in optional]
            for row in rows:
                if len(row) != len(header):
                    raise CrowdFileError(
                        f"{path.name} line {rows.line_num}: expected {len(header)} columns; found {len(row)}."
                    )
                yield rows.line_num, ["" if p is None else row[p].strip() for p in places]
        except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise CrowdFileError(
                f"{path.name} after line {rows.line_num}: expected UTF-8 CSV to the end; found {error}."
            ) from error


def _open_text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _find(header: list[str], name: str) -> int | None:
    return next((header.index(alias) for alias in ALIASES[name] if alias in header), None)


def _place(path: Path, header: list[str], name: str) -> int:
    place = _find(header, name)
    if place is None:
        expected = " or ".join(ALIASES[name])
        raise CrowdFileError(
            f"{path.name} line 1: expected a column {expected}; found {','.join(header) or 'nothing'}."
        )
    return place


class PictureArchive:
    """The pictures of a zip archive, found by any of the names that a dataset may give them."""

    def __init__(self, path: Path) -> None:
        """Open `path`. Raises CrowdFileError if it is no whole zip archive."""
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise CrowdFileError(f"{path.name}: expected a whole zip archive; found {error}.") from error
        self._path = path
        self._members: dict[str, str] = {}
        for info in self._zip.infolist():
            if not info.is_dir():
                for name in _names(info.filename):
                    self._members.setdefault(name, info.filename)

    def read(self, image: str) -> bytes:
        """Return the bytes of the picture called `image`. Raises KeyError if there is none, CrowdFileError
        if the archive is broken there.
        """
        member = self._members[image]
        try:
            return self._zip.read(member)
        # RuntimeError: encrypted; NotImplementedError: packed in a way that Python does not know.
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
        ) as error:
            raise CrowdFileError(
                f"{self._path.name}, {member}: expected a whole file; found {error}."
            ) from error


def _names(member: str) -> Iterator[str]:
    path = PurePosixPath(member)
    yield from (member, path.name, path.stem)
    if path.stem.isdecimal():
        yield str(int(path.stem))
