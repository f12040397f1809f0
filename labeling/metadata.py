"""What is known of pictures beforehand: a CSV file -> one row for each. Pure.

Columns, in any order: `file`, the path within the folder or archive; and any of `source`, `licence`, `credit` and
`label`, the wnid or sense name of the noun that the picture shows; in collections that verify also `about`, the nouns
that it is asked about, several apart by semicolons. An empty cell says nothing.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

# The columns beside `file`, and how many characters each may have.
MOST_LETTERS = {"source": 300, "licence": 100, "credit": 200, "label": 300, "about": 3000}


class MetadataError(ValueError):
    """The file cannot be read; the message names the line, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Known:
    line: int
    source: str = ""
    licence: str = ""
    credit: str = ""
    label: str = ""
    about: str = ""


def read_metadata(path: Path) -> dict[str, Known]:
    """Return what is known of each file, by its path. Raises MetadataError."""
    known: dict[str, Known] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = _checked_header(path, next(rows, []))
            for cells in rows:
                if not cells:
                    continue
                name, row = _row(path, rows.line_num, header, cells)
                if name in known:
                    first = known[name].line
                    raise _error(path, row.line, "one row for each file", f"{name} again, as in line {first}")
                known[name] = row
    except (csv.Error, UnicodeDecodeError) as error:
        raise MetadataError(f"{path.name}: expected UTF-8 CSV to the end; found {error}.") from error
    except OSError as error:
        raise MetadataError(f"{path.name}: expected a CSV file; found {error.strerror}.") from error
    return known


def _checked_header(path: Path, header: list[str]) -> list[str]:
    header = [name.strip() for name in header]
    for name in header:
        if name != "file" and name not in MOST_LETTERS:
            raise _error(path, 1, f"the columns file, {', '.join(MOST_LETTERS)}", repr(name))
        if header.count(name) > 1:
            raise _error(path, 1, "each column once", f"{name} twice")
    if "file" not in header:
        raise _error(path, 1, "a column file", ",".join(header) or "nothing")
    return header


def _row(path: Path, line: int, header: list[str], cells: list[str]) -> tuple[str, Known]:
    if len(cells) != len(header):
        raise _error(path, line, f"{len(header)} columns", str(len(cells)))
    row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    name = row.pop("file").removeprefix("./")
    if not name:
        raise _error(path, line, "the path of a file", "an empty cell")
    for column, text in row.items():
        if len(text) > MOST_LETTERS[column]:
            raise _error(
                path, line, f"a {column} of at most {MOST_LETTERS[column]} characters", str(len(text))
            )
        if "\0" in text:
            raise _error(path, line, f"a {column} in words", "a NUL character")
    return name, Known(line, **row)


def _error(path: Path, line: int, expected: str, found: str) -> MetadataError:
    return MetadataError(f"{path.name} line {line}: expected {expected}; found {found}.")
