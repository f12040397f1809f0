"""What a network says of pictures, as a file -> one Saying for each picture. Pure; CSV and JSON lines stream.

CSV, one row for each noun of a picture, its rows together: `picture,noun,probability`; or one row for each picture,
with a column for each noun: `picture,n02110185,n02123045`. JSON lines: `{"picture": "...", "probabilities": {"husky":
0.9}}`. NumPy's `.npz`: arrays `picture` (or `sha256`), (n,) text; `nouns`, (k,) text; `probabilities`, (n, k). A
picture is named by its SHA-256 or by its file's name in a snapshot, which begins with it. Probabilities are 0 to 1
and 1 at most together; what is left belongs to the nouns that are not named. Where the network has learnt from a
picture's label, `learnt` says so: a column of 0 and 1, true or false in JSON, an array of bool.
"""

import csv
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from math import fsum
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

ROUNDING = 0.01  # by which probabilities that were rounded may exceed 1 together
LONG = ("picture", "noun", "probability")
FLAGS = {"1": True, "true": True, "0": False, "false": False, "": False}


class PredictionFileError(ValueError):
    """The file cannot be read; the message names the line, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What a network says of one picture. Raises ValueError if that is no distribution.

    where: the file and line, for messages. probability: of nouns, by their wnid or name.
    """

    where: str
    picture: str
    probability: dict[str, float] = field(default_factory=dict)
    is_learnt: bool = False

    def __post_init__(self) -> None:
        for noun, share in self.probability.items():
            if not 0 <= share <= 1:  # as it is not if it is no number
                raise PredictionFileError(
                    f"{self.where}: expected a probability from 0 to 1; found {share} of {noun!r}."
                )
        total = fsum(self.probability.values())
        if not 0 < total <= 1 + ROUNDING:
            raise PredictionFileError(
                f"{self.where}: expected probabilities above 0 and 1 at most together; found {total:.6g} for "
                f"{self.picture!r}."
            )

    @property
    def sha256(self) -> str:
        """The SHA-256 that names its picture, if it is one."""
        return PurePosixPath(self.picture).name.partition(".")[0].lower()


def read(path: Path) -> Iterator[Saying]:
    """Yield what is said of each picture of a file. Raises PredictionFileError."""
    readers: dict[str, Callable[[Path], Iterator[Saying]]] = {
        ".csv": _read_csv, ".jsonl": _read_lines, ".ndjson": _read_lines, ".npz": _read_arrays,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise PredictionFileError(f"{path.name}: expected a name that ends in {', '.join(readers)}.")
    try:
        yield from reader(path)
    except OSError as error:
        raise PredictionFileError(f"{path.name}: expected a file to read; found {error}.") from error
    except UnicodeDecodeError as error:
        raise PredictionFileError(f"{path.name}: expected UTF-8 to the end; found {error}.") from error


def of_document(where: str, document: Any) -> Saying:
    """Return what one object of JSON says, `{"picture": ..., "probabilities": {...}, "learnt": false}`. Raises
    PredictionFileError.
    """
    wanted = '{"picture": "...", "probabilities": {"noun": 0.9}}'
    if not isinstance(document, dict) or not isinstance(document.get("picture"), str):
        raise PredictionFileError(f"{where}: expected an object like {wanted}; found {_short(document)}.")
    probabilities, learnt = document.get("probabilities"), document.get("learnt", False)
    if not isinstance(probabilities, dict) or not all(
        isinstance(share, int | float) and not isinstance(share, bool) for share in probabilities.values()
    ):
        raise PredictionFileError(
            f"{where}: expected in probabilities a number for each noun; found {_short(probabilities)}."
        )
    if not isinstance(learnt, bool):
        raise PredictionFileError(f"{where}: expected true or false in learnt; found {_short(learnt)}.")
    return Saying(where, document["picture"], probabilities, learnt)


def _read_lines(path: Path) -> Iterator[Saying]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, start=1):
            where = f"{path.name} line {line}"
            if not text.strip():
                continue
            try:
                document = json.loads(text)
            except json.JSONDecodeError as error:
                raise PredictionFileError(f"{where}: expected an object of JSON; found {error}.") from error
            yield of_document(where, document)


def _read_csv(path: Path) -> Iterator[Saying]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(rows, [])]
            if "picture" not in header or len(header) != len(set(header)) or len(header) < 2:
                raise PredictionFileError(
                    f"{path.name} line 1: expected the columns {', '.join(LONG)}, or picture and one for each noun, "
                    f"each once; found {','.join(header) or 'nothing'}."
                )
            cells = _cells(path, rows, header)
            yield from _long(cells) if {*LONG} <= {*header} else _wide(cells)
        except csv.Error as error:
            raise PredictionFileError(
                f"{path.name} line {rows.line_num}: expected CSV; found {error}."
            ) from error


def _cells(path: Path, rows: Any, header: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each row with where it stands."""
    for cells in rows:
        where = f"{path.name} line {rows.line_num}"
        if cells and len(cells) != len(header):
            raise PredictionFileError(f"{where}: expected {len(header)} cells; found {len(cells)}.")
        if cells:
            yield where, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _long(rows: Iterable[tuple[str, dict[str, str]]]) -> Iterator[Saying]:
    for picture, group in groupby(rows, key=lambda row: row[1]["picture"]):
        found: dict[str, float] = {}
        where, learnt = "", False
        for where, row in group:
            if row["noun"] in found:
                raise PredictionFileError(
                    f"{where}: expected each noun of a picture once; found {row['noun']!r} again."
                )
            found[row["noun"]] = _number(where, row["probability"])
            learnt |= _flag(where, row.get("learnt", ""))
        yield Saying(where, picture, found, learnt)


def _wide(rows: Iterable[tuple[str, dict[str, str]]]) -> Iterator[Saying]:
    for where, row in rows:
        nouns = [name for name in row if name not in ("picture", "learnt")]
        found = {noun: _number(where, row[noun]) for noun in nouns if row[noun]}
        yield Saying(where, row["picture"], found, _flag(where, row.get("learnt", "")))


def _number(where: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise PredictionFileError(f"{where}: expected a probability from 0 to 1; found {text!r}.") from error


def _flag(where: str, text: str) -> bool:
    if text.lower() not in FLAGS:
        raise PredictionFileError(f"{where}: expected 0 or 1 in learnt; found {text!r}.")
    return FLAGS[text.lower()]


def _read_arrays(path: Path) -> Iterator[Saying]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise PredictionFileError(
            f"{path.name}: expected arrays as numpy.savez writes them; found {error}."
        ) from error
    picture = arrays.get("picture", arrays.get("sha256"))
    nouns, shares = arrays.get("nouns"), arrays.get("probabilities")
    if picture is None or nouns is None or shares is None:
        raise PredictionFileError(
            f"{path.name}: expected arrays picture, nouns and probabilities; found {', '.join(arrays) or 'none'}."
        )
    learnt = arrays.get("learnt", np.zeros(len(picture), dtype=np.bool_))
    shapes = (picture.shape, shares.shape, learnt.shape)
    if shapes != ((len(picture),), (len(picture), len(nouns)), (len(picture),)) or shares.dtype.kind != "f":
        raise PredictionFileError(
            f"{path.name}: expected picture (n,), nouns (k,), probabilities (n, k) of floats and learnt (n,); found "
            f"{picture.shape}, {nouns.shape}, {shares.dtype} {shares.shape} and {learnt.shape}."
        )
    names = [str(noun) for noun in nouns.tolist()]
    for row, name in enumerate(picture.tolist()):
        found = dict(zip(names, shares[row].tolist(), strict=True))
        yield Saying(f"{path.name} row {row}", str(name), found, bool(learnt[row]))


def _short(value: Any) -> str:
    """What was found, cut where it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
