"""A submitted file -> an array, or an error that names the line. Pure; the file is data and never code.

CSV, UTF-8, with the header `image,guess_1,...`: one to five guesses. `image` is the SHA-256 of a test picture,
guesses are wnids of the snapshot's classes, the best first; a guess may be left empty. Every test picture has
one row, in any order; those that were withdrawn need none.
"""

import csv
from collections.abc import Container, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_GUESSES = 5
NO_GUESS = -1


class PredictionsError(ValueError):
    """The file cannot be scored; the message says in which line, what was expected and what was found."""


def parse_predictions(
    lines: Iterable[str], images: Sequence[str], classes: Sequence[str], may_lack: Container[str] = ()
) -> Ints:
    """Return the guesses for each of `images`, best first, as places in `classes`.

    images:  SHA-256 of each test picture; their order is the order of the result's rows.
    classes: wnids; their order is that of class indices.
    may_lack: those of `images` that need no row.
    Returns  (n_images, 5) int64; NO_GUESS where there is none. Raises PredictionsError at the first bad line.
    """
    rows = csv.reader(lines)
    row_of = {image: row for row, image in enumerate(images)}
    label_of = {wnid: label for label, wnid in enumerate(classes)}
    guesses = np.full((len(images), MOST_GUESSES), NO_GUESS, dtype=np.int64)
    line_of = np.zeros(len(images), dtype=np.int64)  # 0: this picture has not come yet
    try:
        width = _read_header(next(rows, []))
        for cells in rows:
            row = _row(cells, rows.line_num, width, row_of, line_of)
            guesses[row, : width - 1] = [_label(cell, rows.line_num, label_of) for cell in cells[1:]]
    except (csv.Error, UnicodeDecodeError) as error:
        raise PredictionsError(f"After line {rows.line_num}: expected UTF-8 CSV; found {error}.") from error
    _refuse_missing(images, line_of, may_lack)
    return guesses


def _read_header(header: list[str]) -> int:
    """Return the number of columns."""
    expected = ["image", *(f"guess_{i + 1}" for i in range(MOST_GUESSES))]
    if len(header) < 2 or header != expected[: len(header)]:
        found = ",".join(header)[:100]
        raise PredictionsError(f"Line 1: expected the header image,guess_1 to guess_5; found {found!r}.")
    return len(header)


def _row(cells: list[str], line: int, width: int, row_of: dict[str, int], line_of: Ints) -> int:
    """Return the row of the picture that this line is about."""
    if len(cells) != width:
        raise PredictionsError(f"Line {line}: expected {width} columns as in the header; found {len(cells)}.")
    row = row_of.get(cells[0])
    if row is None:
        raise PredictionsError(
            f"Line {line}: expected the SHA-256 of a test picture of this contest; found {cells[0][:80]!r}."
        )
    if line_of[row]:
        raise PredictionsError(
            f"Line {line}: expected each picture once; {cells[0]} came in line {line_of[row]} already."
        )
    line_of[row] = line
    return row


def _label(cell: str, line: int, label_of: dict[str, int]) -> int:
    if not cell:
        return NO_GUESS
    label = label_of.get(cell)
    if label is None:
        raise PredictionsError(f"Line {line}: expected the wnid of a class; found {cell[:80]!r}.")
    return label


def _refuse_missing(images: Sequence[str], line_of: Ints, may_lack: Container[str]) -> None:
    missing = [row for row in np.flatnonzero(line_of == 0).tolist() if images[row] not in may_lack]
    if missing:
        raise PredictionsError(
            f"Expected a row for each of {len(images)} test pictures; {len(missing)} are missing, "
            f"the first is {images[missing[0]]}."
        )


def format_predictions(probabilities: Floats, images: Sequence[str], classes: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a predictions file: the five likeliest classes of each picture.

    probabilities: (n_images, n_classes).
    """
    n_guesses = min(MOST_GUESSES, len(classes))
    yield ",".join(["image", *(f"guess_{i + 1}" for i in range(n_guesses))]) + "\n"
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :n_guesses]  # (n_images, n_guesses)
    for image, labels in zip(images, best.tolist(), strict=True):
        yield ",".join([image, *(classes[label] for label in labels)]) + "\n"
