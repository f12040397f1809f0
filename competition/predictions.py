"""A submitted file -> Answers, or an error that names the lines. Pure; the file is data and never code.

What is in it is seen from its first bytes. In every form a picture is named by its SHA-256, guesses are wnids of the
contest's classes or of nouns above them, at most five and the best first, and each may have its probability: then
every guess of the file has one, and no noun comes twice. Every test picture has one row, but for those that were
withdrawn, which need none.

CSV, UTF-8, with the header `image,guess_1` to `guess_5`, and as many columns `probability_1` to `probability_5` after
those if there are any. Rows come in any order; a guess may be left empty.

JSON lines, UTF-8: `{"image": "...", "guesses": ["n02084071", ...], "probabilities": [0.9, ...]}`, the last if there
are any. Rows come in any order; a guess may be null.

NumPy's `.npy`, rows in C order, one of:
- floats (n_images, n_classes): the probability of each class, of which the five likeliest are taken;
- integers (n_images, 1 to 5): places in the contest's nouns, its classes first, and -1 where there is no guess;
- a structured array (n_images,) with the fields `image` (text, S64 for one), `guesses` (1 to 5, text or integers as
  above) and `probabilities` (floats, as many; not a number where there is no guess), the first and last if wanted.
Without `image` its rows are in the order of the test pictures' SHA-256, those that were withdrawn included.
"""

import csv
import json
from collections.abc import Container, Iterator, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from competition.answers import MOST_GUESSES, Answers
from competition.numpy_files import read_npy
from competition.sheet import PredictionsError, Sheet, quoted

__all__ = ["MOST_BYTES", "Answers", "PredictionsError", "format_predictions", "read_predictions"]

MOST_BYTES = 200 * 2**20  # of a file of guesses, in any contest
MOST_LINE = 1000  # bytes; five guesses with probabilities, each in seventeen digits, are under 300
SPARE_LINES = 1000
BOM = b"\xef\xbb\xbf"
NPY = b"\x93NUMPY"
REFUSED = {
    b"PK\x03\x04": "a zip archive, as .npz and .xlsx are",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "a gzip file",
    b"\xff\xfe": "UTF-16: save it as UTF-8",
    b"\xfe\xff": "UTF-16: save it as UTF-8",
    **{bytes([0x80, protocol]): "a pickle, which is code" for protocol in range(2, 6)},
}


def read_predictions(
    file: IO[bytes],
    images: Sequence[str],
    nouns: Sequence[str],
    n_classes: int,
    may_lack: Container[str] = frozenset(),
) -> Answers:
    """Return what the file says of each of `images`.

    file:     open for reading bytes, and able to seek.
    images:   SHA-256 of each test picture; their order is that of the answers.
    nouns:    wnids, the `n_classes` classes first; guesses are places in them.
    may_lack: those of `images` that need no row.
    Raises PredictionsError: it names all faults of the first twenty bad lines, and counts the others.
    """
    start = file.read(len(NPY))
    _refuse_by_first_bytes(start)
    if start == NPY:
        file.seek(0)
        return read_npy(file, images, nouns, n_classes, may_lack).answers()
    file.seek(len(BOM) if start.startswith(BOM) else 0)
    sheet = Sheet(images, nouns, may_lack)
    is_json = start.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")
    (_read_json if is_json else _read_csv)(_lines(file, sheet), sheet)
    return sheet.answers()


def _refuse_by_first_bytes(start: bytes) -> None:
    found = next((what for mark, what in REFUSED.items() if start.startswith(mark)), "")
    if b"\0" in start[:2]:
        found = "UTF-16 or no text: save it as UTF-8"
    if not start:
        found = "an empty file"
    if found:
        raise PredictionsError(f"Expected CSV, JSON lines or .npy; found {found}.")


def _lines(file: IO[bytes], sheet: Sheet) -> Iterator[str]:
    """Yield the lines as text; no more of them and no longer ones than the pictures need.

    What is no UTF-8 becomes a character that no name has, so that its line is refused like any other.
    """
    most = 2 * len(sheet.images) + SPARE_LINES
    number = 0
    while line := file.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE:
            sheet.refuse(number, f"expected {MOST_LINE} bytes at most; found more, and read no further")
            return
        if number > most:
            sheet.refuse(number, f"expected {most} lines at most; found more, and read no further")
            return
        yield line.decode("utf-8", "replace")


def _read_csv(lines: Iterator[str], sheet: Sheet) -> None:
    rows = csv.reader(lines)
    try:
        header = next(rows, [])
        width, first_share = len(header), 1 + _read_header(header, sheet)
        for cells in rows if first_share > 1 else ():
            if len(cells) == width:
                shares = _numbers(cells[first_share:])
                sheet.take(rows.line_num, cells[0], cells[1:first_share], shares)
            elif cells:
                problem = f"expected {width} columns as in the header; found {len(cells)}"
                sheet.refuse(rows.line_num, problem)
    except csv.Error as error:
        sheet.refuse(rows.line_num, f"expected CSV; found {error}, and read no further")


def _read_header(header: list[str], sheet: Sheet) -> int:
    """Return the number of guesses; 0 if it is no header."""
    for n_guesses in range(1, MOST_GUESSES + 1):
        guesses, shares = ([f"{what}_{i + 1}" for i in range(n_guesses)] for what in ("guess", "probability"))
        if header in (["image", *guesses], ["image", *guesses, *shares]):
            return n_guesses
    sheet.refuse(
        1,
        "expected the header image,guess_1 to guess_5, and as many columns probability_1 to probability_5 if any; "
        f"found {quoted(','.join(header))}",
    )
    return 0


def _numbers(cells: list[str]) -> list[Any]:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return [_number(cell) for cell in cells]


def _number(cell: str) -> float | str | None:
    """Return the number that a cell holds; what holds none is left for the sheet to refuse."""
    if not cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return cell


def _read_json(lines: Iterator[str], sheet: Sheet) -> None:
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        problem = _json_problem(row, line)
        if problem:
            sheet.refuse(number, problem)
        else:
            sheet.take(number, row["image"], row["guesses"], row.get("probabilities", ()))


def _json_problem(row: Any, line: str) -> str:
    if not isinstance(row, dict):
        return f"expected an object of JSON in each line; found {quoted(line.rstrip())}"
    if not {"image", "guesses"} <= row.keys() <= {"image", "guesses", "probabilities"}:
        return f"expected image, guesses and probabilities if any; found {quoted(', '.join(row))}"
    if not isinstance(row["guesses"], list) or not isinstance(row.get("probabilities", []), list):
        return f"expected lists of guesses and probabilities; found {quoted(line.rstrip())}"
    return ""


def format_predictions(
    probabilities: NDArray[np.floating], images: Sequence[str], classes: Sequence[str]
) -> Iterator[str]:
    """Yield the lines of a CSV file: the five likeliest classes of each picture, with their probabilities.

    probabilities: (n_images, n_classes).
    """
    answers, n = Answers.of(probabilities), min(MOST_GUESSES, len(classes))
    columns = [f"{what}_{i + 1}" for what in ("guess", "probability") for i in range(n)]
    yield ",".join(["image", *columns]) + "\n"
    shares = np.take_along_axis(probabilities, answers.guesses[:, :n], axis=1)
    for image, labels, row in zip(images, answers.guesses[:, :n].tolist(), shares.tolist(), strict=True):
        yield (
            ",".join([image, *(classes[label] for label in labels), *(f"{share:.6g}" for share in row)])
            + "\n"
        )
