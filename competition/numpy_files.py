"""A `.npy` file of predictions -> rows of a Sheet. Pure; nothing in the file is run, and its header is checked before
anything of that size is made. What may be in it is told in competition.predictions.
"""

import os
import tokenize
from collections.abc import Container, Iterator, Sequence
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from competition.answers import MOST_GUESSES, Answers
from competition.sheet import MOST_TOTAL, PredictionsError, Sheet, quoted

MOST_HEADER = 4096  # bytes
MOST_ROW = 4096  # bytes of a row of guesses
BLOCK = 4 * 2**20  # bytes at a time
READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
FIELDS = {"image": "SU", "guesses": "SUiu", "probabilities": "f"}  # in this order, and the kinds of each


def read_npy(
    file: IO[bytes], images: Sequence[str], nouns: Sequence[str], n_classes: int, may_lack: Container[str]
) -> Sheet:
    """Return what the file says. Raises PredictionsError if it is no array of a form that is taken."""
    shape, dtype = _header(file)
    _refuse_other_length(file, shape, dtype)
    if dtype.names is None and dtype.kind == "f":
        return _read_all_classes(file, shape, dtype, Sheet(images, nouns, may_lack, "Row"), n_classes)
    guesses = _guesses_of(shape, dtype)
    n_rows, names_images = shape[0], "image" in (dtype.names or ())
    if n_rows > len(images) or (n_rows < len(images) and not names_images):
        raise PredictionsError(
            f"Expected a row for each of {len(images)} test pictures; found {n_rows} rows."
        )
    sheet = Sheet(images, range(len(nouns)) if guesses.kind in "iu" else nouns, may_lack, "Row")
    for number, row in enumerate(_rows(file, shape, dtype)):
        image = row[0] if names_images else images[number]
        sheet.take(number, image, *row[names_images:])
    return sheet


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type of the array that follows."""
    try:
        read = READERS[npy.read_magic(file)]
        shape, is_fortran, dtype = read(file, max_header_size=MOST_HEADER)
    # What NumPy's reader, which takes the header for a literal of Python, raises at one that is none.
    except (
        KeyError,
        ValueError,
        TypeError,
        SyntaxError,
        tokenize.TokenError,
        RecursionError,
        MemoryError,
    ) as error:
        raise PredictionsError(
            f"Expected the header of a .npy file of version 1 or 2; found {quoted(str(error))}."
        ) from error
    if dtype.hasobject:
        raise PredictionsError(
            "Expected an array of numbers or text; found one of Python objects, which are code."
        )
    if is_fortran and len(shape) > 1:
        raise PredictionsError(
            "Expected rows one after the other; found columns (Fortran order): save numpy.ascontiguousarray of it."
        )
    return shape, dtype


def _refuse_other_length(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    start = file.tell()
    n_bytes = file.seek(0, os.SEEK_END) - start
    file.seek(start)
    expected = dtype.itemsize
    for length in shape:
        expected *= length
    if not dtype.itemsize or min(shape, default=0) < 0 or n_bytes != expected:
        raise PredictionsError(f"Expected {expected} bytes after the header, as it says; found {n_bytes}.")


def _guesses_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of one guess. Raises PredictionsError if the array has no form that is taken."""
    if len(shape) == 2 and 1 <= shape[1] <= MOST_GUESSES and dtype.kind in "iu":
        return dtype
    if len(shape) == 1 and dtype.names is not None and dtype.itemsize <= MOST_ROW and _are_fields(dtype):
        return dtype["guesses"].base
    raise PredictionsError(
        f"Expected floats (n_images, n_classes), integers (n_images, 1 to {MOST_GUESSES}), or rows with the fields "
        f"{', '.join(FIELDS)}; found shape {shape} of {str(dtype)[:200]}."
    )


def _are_fields(dtype: np.dtype[Any]) -> bool:
    """Whether a structured array has the fields that are taken, guesses and probabilities as many."""
    names = dtype.names or ()
    shapes = {dtype[name].shape for name in names if name != "image"}
    return (
        "guesses" in names
        and names == tuple(name for name in FIELDS if name in names)
        and all(dtype[name].base.kind in FIELDS[name] for name in names)
        and len(shapes) == 1
        and shapes <= {(width,) for width in range(1, MOST_GUESSES + 1)}
    )


def _blocks(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """Yield the array some rows at a time."""
    width = shape[1:]
    row_bytes = dtype.itemsize * int(np.prod(width, dtype=np.int64))
    at_once = max(1, BLOCK // max(1, row_bytes))
    for start in range(0, shape[0], at_once):
        n_rows = min(at_once, shape[0] - start)
        yield np.frombuffer(file.read(n_rows * row_bytes), dtype).reshape(n_rows, *width)


def _rows(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield each row as Python's own values: image if it is named, guesses, probabilities if there are any."""
    for block in _blocks(file, shape, dtype):
        columns = [block] if dtype.names is None else [_text(block[name]) for name in dtype.names]
        yield from zip(*(column.tolist() for column in columns), strict=True)


def _text(column: NDArray[Any]) -> NDArray[Any]:
    """Return bytes as text; each byte that is not ASCII as a character that no name has."""
    if column.dtype.kind != "S":
        return column
    return np.char.decode(column, "ascii", "replace")


def _read_all_classes(
    file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any], sheet: Sheet, n_classes: int
) -> Sheet:
    """Take the five likeliest classes of each picture."""
    expected = (len(sheet.images), n_classes)
    if shape != expected:
        raise PredictionsError(f"Expected probabilities of shape {expected}; found {shape}.")
    start = 0
    for block in _blocks(file, shape, dtype):
        with np.errstate(over="ignore", invalid="ignore"):  # what is infinite is refused here
            shares = block.astype(np.float32)
            totals = shares.sum(axis=1, dtype=np.float64)
        is_bad = ~((shares >= 0) & (shares <= 1)).all(axis=1) | (totals > MOST_TOTAL)
        for row in np.flatnonzero(is_bad).tolist():
            # Of a picture that was withdrawn nobody can say anything.
            if sheet.images[start + row] not in sheet.may_lack:
                sheet.refuse(start + row, _why_bad(shares[row]))
        shares[is_bad] = 0
        sheet.fill(start, Answers.of(shares))
        start += len(shares)
    return sheet


def _why_bad(shares: NDArray[np.float32]) -> str:
    out = shares[~((shares >= 0) & (shares <= 1))]
    if len(out):
        return f"expected probabilities from 0 to 1; found {out[0]}"
    return f"expected probabilities of 1 at most together; found {shares.sum(dtype=np.float64):.6g}"
