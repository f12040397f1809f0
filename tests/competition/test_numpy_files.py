"""Predictions as NumPy's own files."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competition.predictions import PredictionsError, read_predictions

A, B = "a" * 64, "b" * 64
IMAGES = [A, B]
NOUNS = ["n00000001", "n00000002", "n00000003", "n00000009"]
CAT, DOG, EMU, ANIMAL = NOUNS
NAN = np.nan
FULL = [("image", "S64"), ("guesses", "S9", 2), ("probabilities", "f4", 2)]


def npy(array, **kwargs):
    file = io.BytesIO()
    np.save(file, array, **kwargs)
    return file.getvalue()


def read(data, images=IMAGES, may_lack=()):
    data = data if isinstance(data, bytes) else npy(data)
    return read_predictions(io.BytesIO(data), images, NOUNS, 3, may_lack)


def refusal(data):
    with pytest.raises(PredictionsError) as error:
        read(data)
    return str(error.value)


def test_of_all_probabilities_the_likeliest_are_taken():
    answers = read(np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]))

    assert answers.guesses.tolist() == [[1, 2, 0, -1, -1], [0, 2, 1, -1, -1]]
    np.testing.assert_allclose(answers.probabilities[0], [0.6, 0.3, 0.1, NAN, NAN])


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_floats_of_any_size_are_taken(dtype):
    shares = np.array([[0.25, 0.5, 0.25], [1, 0, 0]], dtype)

    assert read(shares).guesses[:, 0].tolist() == [1, 0]


def test_integers_are_places_among_the_nouns():
    answers = read(np.array([[1, -1], [3, 0]]))

    assert answers.guesses.tolist() == [[1, -1, -1, -1, -1], [3, 0, -1, -1, -1]]
    assert answers.probabilities is None


def test_rows_may_name_their_picture():
    rows = np.array([(B, [EMU, ""], [0.5, NAN]), (A, [ANIMAL, CAT], [0.5, 0.25])], FULL)

    answers = read(rows)

    assert answers.guesses.tolist() == [[3, 0, -1, -1, -1], [2, -1, -1, -1, -1]]
    np.testing.assert_allclose(answers.probabilities, [[0.5, 0.25, NAN, NAN, NAN], [0.5, NAN, NAN, NAN, NAN]])


@pytest.mark.parametrize(
    "fields",
    [
        [("guesses", "U9", 1)],
        [("image", "U64"), ("guesses", "U9", 1)],
        [("guesses", "S20", 1), ("probabilities", "f8", 1)],
        [("guesses", "i2", 1)],
        [("guesses", "u8", 5)],
    ],
)
def test_fields_may_be_left_out_and_be_of_other_types(fields):
    rows = np.zeros(1, fields)
    rows["guesses"] = DOG if rows["guesses"].dtype.kind in "SU" else 1
    if "image" in rows.dtype.names:
        rows["image"] = A

    assert read(rows, images=[A]).guesses[0, 0] == 1


def test_a_picture_that_was_withdrawn_may_be_left_out_where_pictures_are_named():
    rows = np.array([(A, [CAT, DOG], [0.5, 0.25])], FULL)

    assert read(rows, may_lack={B}).guesses[1].tolist() == [-1] * 5
    assert "1 are missing" in refusal(rows)


def test_nothing_is_asked_of_the_row_of_a_picture_that_was_withdrawn():
    shares = np.array([[0.5, 0.5, 0], [NAN, NAN, NAN]])

    assert len(read(shares, may_lack={B})) == 2
    assert refusal(shares) == "Row 1: expected probabilities from 0 to 1; found nan."


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ([NAN, 0, 0], "expected probabilities from 0 to 1; found nan"),
        ([np.inf, 0, -np.inf], "expected probabilities from 0 to 1; found inf"),
        ([1e300, 0, 0], "expected probabilities from 0 to 1; found inf"),
        ([-0.5, 0.5, 1], "expected probabilities from 0 to 1; found -0.5"),
        ([0.5, 0.25, 0.5], "expected probabilities of 1 at most together; found 1.25"),
    ],
)
def test_bad_probabilities_are_refused_with_their_row(bad, why):
    assert refusal(np.array([[0.5, 0.25, 0.25], bad])) == f"Row 1: {why}."


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (np.array([[1, 4], [0, 1]]), "Row 0: expected a place among the nouns, from 0 to 3, or -1; found 4."),
        (
            np.array([[1, 2], [0, -2]]),
            "Row 1: expected a place among the nouns, from 0 to 3, or -1; found -2.",
        ),
        (np.array([[1, 2]]), "Expected a row for each of 2 test pictures; found 1 rows."),
        (np.zeros((3, 2), int), "Expected a row for each of 2 test pictures; found 3 rows."),
        (np.zeros((2, 4)), "Expected probabilities of shape (2, 3); found (2, 4)."),
        (
            np.array([(A, [CAT, "dog"], [0.5, 0.5])], FULL),
            "Row 0: expected the wnid of a class or of a noun above it; found 'dog'.",
        ),
        (
            np.array([(A, [CAT, b"\xff"], [0.5, NAN])], FULL),
            "Row 0: expected the wnid of a class or of a noun above it; found '\ufffd'; expected a "
            "probability from 0 to 1; found nan.",
        ),
        (
            np.array([(A, [CAT, ""], [0.5, NAN])] * 2, FULL),
            f"Row 1: expected each picture once; {A} came in row 0",
        ),
    ],
)
def test_bad_rows_are_refused(rows, why):
    assert why in refusal(rows)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(2),
        np.zeros((2, 6), int),
        np.zeros((2, 2), "S9"),
        np.zeros((2, 2), bool),
        np.zeros((2, 3), complex),
        np.zeros(2, [("guesses", "S9", 6)]),
        np.zeros(2, [("guesses", "S9", 2), ("probabilities", "f4", 3)]),
        np.zeros(2, [("probabilities", "f4", 2), ("guesses", "S9", 2)]),
        np.zeros(2, [("image", "S64"), ("probabilities", "f4", 2)]),
        np.zeros(2, [("guesses", "S9", 2), ("label", "i4")]),
        np.zeros(2, [("guesses", "S9", (2, 2))]),
        np.zeros(2, [("guesses", "S2000", 5)]),
        np.array(3),
    ],
)
def test_an_array_of_another_form_is_refused(array):
    assert refusal(array).startswith("Expected ")


def test_objects_are_refused_unread():
    assert refusal(npy(np.array([[{}]], object), allow_pickle=True)) == (
        "Expected an array of numbers or text; found one of Python objects, which are code."
    )


def test_columns_one_after_the_other_are_refused():
    assert "found columns (Fortran order)" in refusal(np.asfortranarray(np.zeros((2, 3))))


@pytest.mark.parametrize("shape", ["(2, 3)", "(2000000000000, 3)", "(-2, -3)", "(2, 3, 1)"])
def test_a_header_that_promises_another_size_is_refused_before_anything_is_made(shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + b"\0" * 40

    assert "bytes after the header, as it says; found 40." in refusal(data)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "(" * 5000,
        "{}",
        "import os",
        "{'descr': 'V9999999999999', 'fortran_order': False, 'shape': (2,)}",
        "'''",
    ],
)
def test_a_header_that_cannot_be_read_is_refused(header):
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()

    assert refusal(data).startswith("Expected ")


def test_a_file_that_breaks_off_is_refused():
    whole = npy(np.zeros((2, 3)))
    assert read(whole)

    for n in (6, 8, 20, len(whole) - 1):
        assert refusal(whole[:n]).startswith("Expected ")


@given(st.binary(max_size=200))
def test_no_bytes_after_the_mark_end_in_anything_but_a_sentence(data):
    with pytest.raises(PredictionsError, match=r"^Expected .*\.$"):
        read(b"\x93NUMPY\x01\x00" + data)
