"""A synset file -> records. Pure.

The file is UTF-8 CSV with the header `wnid,lemmas,hypernyms,gloss`. `lemmas` are separated by `|`, the name that
pages show first, each with its sense number as in WordNet, where 1 is the commonest sense of that word:
`dog.1|domestic dog.1`. `hypernyms` are wnids separated by spaces.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER = ["wnid", "lemmas", "hypernyms", "gloss"]
WNID = re.compile(r"[a-z]\d{8}")
LEMMA = re.compile(r"(?P<text>.+)\.(?P<sense>[1-9]\d*)")


class SynsetFileError(ValueError):
    """A synset file that cannot be read; the message says which line, what was expected and what was found."""


@dataclass(frozen=True)
class Lemma:
    text: str
    sense: int  # its rank among the senses of the word; 1 is the commonest


@dataclass(frozen=True)
class SynsetRecord:
    wnid: str
    lemmas: tuple[Lemma, ...]  # the first is the name that pages show
    hypernyms: tuple[str, ...]  # wnids
    gloss: str


def read_synsets(path: Path) -> Iterator[SynsetRecord]:
    """Yield one record per row. Raises SynsetFileError at the first row that is not one."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from parse_synsets(file)


def parse_synsets(lines: Iterable[str]) -> Iterator[SynsetRecord]:
    """Yield one record per row of CSV text; see this module's first lines for its columns."""
    rows = csv.reader(lines)
    header = next(rows, [])
    if header != HEADER:
        raise SynsetFileError(f"Line 1: expected the header {','.join(HEADER)}; found {','.join(header)!r}.")
    for row in rows:
        yield _record(row, rows.line_num)


def _record(row: list[str], line: int) -> SynsetRecord:
    if len(row) != len(HEADER):
        raise SynsetFileError(f"Line {line}: expected {len(HEADER)} columns; found {len(row)}.")
    wnid, lemmas, hypernyms, gloss = (cell.strip() for cell in row)
    for name in [wnid, *hypernyms.split()]:
        if not WNID.fullmatch(name):
            raise SynsetFileError(f"Line {line}: expected a wnid such as n02084071; found {name!r}.")
    return SynsetRecord(
        wnid, tuple(_lemma(text, line) for text in lemmas.split("|")), tuple(hypernyms.split()), gloss
    )


def _lemma(text: str, line: int) -> Lemma:
    match = LEMMA.fullmatch(text.strip())
    if not match:
        raise SynsetFileError(f"Line {line}: expected a lemma with its sense, such as dog.1; found {text!r}.")
    return Lemma(match["text"], int(match["sense"]))
