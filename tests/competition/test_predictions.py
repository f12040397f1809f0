import io
import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competition.predictions import PredictionsError, format_predictions, read_predictions

A, B = "a" * 64, "b" * 64
IMAGES = [A, B]
NOUNS = ["n00000001", "n00000002", "n00000003", "n00000009"]  # the last is above the others
CAT, DOG, EMU, ANIMAL = NOUNS
N_CLASSES = 3
HEADER = "image,guess_1,guess_2"
SHARES = "image,guess_1,guess_2,probability_1,probability_2"
NONE = [-1] * 5
NAN = np.nan


def read(data, images=IMAGES, may_lack=()):
    return read_predictions(io.BytesIO(data), images, NOUNS, N_CLASSES, may_lack)


def guesses(*lines, images=IMAGES, may_lack=()):
    return read("".join(f"{line}\n" for line in lines).encode(), images, may_lack).guesses.tolist()


def refusal(*lines, images=IMAGES):
    with pytest.raises(PredictionsError) as error:
        guesses(*lines, images=images)
    return str(error.value)


def json_line(image, guesses, **more):
    return json.dumps({"image": image, "guesses": guesses, **more})


# --- CSV ------------------------------------------------------------------------------------------------------


def test_guesses_become_places_among_the_nouns():
    assert guesses(HEADER, f"{A},{DOG},{CAT}", f"{B},{EMU},{DOG}") == [[1, 0, -1, -1, -1], [2, 1, -1, -1, -1]]


def test_a_noun_above_the_classes_may_be_guessed():
    assert guesses("image,guess_1", f"{A},{ANIMAL}", images=[A]) == [[3, -1, -1, -1, -1]]


def test_rows_may_come_in_any_order():
    assert guesses(HEADER, f"{B},{EMU},{DOG}", f"{A},{DOG},{CAT}") == guesses(
        HEADER, f"{A},{DOG},{CAT}", f"{B},{EMU},{DOG}"
    )


def test_a_guess_may_be_left_empty():
    assert guesses(HEADER, f"{A},,{CAT}", f"{B},,") == [[-1, 0, -1, -1, -1], NONE]


def test_five_guesses_are_taken_and_may_repeat_where_no_probabilities_are_told():
    five = "image,guess_1,guess_2,guess_3,guess_4,guess_5"

    assert guesses(five, f"{A},{CAT},{DOG},{EMU},{CAT},{DOG}", images=[A]) == [[0, 1, 2, 0, 1]]


def test_without_probabilities_there_are_none():
    assert read(f"image,guess_1\n{A},{CAT}\n{B},{CAT}\n".encode()).probabilities is None


def test_probabilities_stand_beside_their_guesses():
    answers = read(f"{SHARES}\n{A},{CAT},{DOG},0.7,0.2\n{B},,{DOG},,1\n".encode())

    np.testing.assert_allclose(answers.probabilities, [[0.7, 0.2, NAN, NAN, NAN], [NAN, 1, NAN, NAN, NAN]])
    assert answers.probabilities.dtype == np.float32


def test_a_contest_without_pictures_takes_a_header_alone():
    assert guesses(HEADER, images=[]) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", ""])
def test_lines_may_end_in_any_usual_way(end):
    data = f"{HEADER}{end or chr(10)}{A},{CAT},{DOG}{end}".encode()

    assert read(data, [A]).guesses.tolist() == [[0, 1, -1, -1, -1]]


def test_a_byte_order_mark_is_no_part_of_the_header():
    assert read(b"\xef\xbb\xbf" + f"{HEADER}\n{A},{CAT},{DOG}\n".encode(), [A]).guesses[0, 0] == 0


def test_cells_may_stand_in_quotes():
    assert guesses('"image","guess_1"', f'"{A}","{DOG}"', images=[A])[0][0] == 1


@pytest.mark.parametrize(
    "header",
    [
        "image",
        "guess_1,image",
        "image,guess_2",
        "image,guess_1,guess_3",
        "image,guess_1,label",
        "image,guess_1,guess_2,guess_3,guess_4,guess_5,guess_6",
        "image,guess_1,guess_2,probability_1",
        "image,probability_1",
        f"{A},{CAT}",
    ],
)
def test_another_header_is_refused(header):
    assert refusal(header).startswith("Line 1: expected the header image,guess_1 to guess_5")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (f"{B},{CAT}", "expected 3 columns as in the header; found 2"),
        (f"{B},{CAT},{DOG},{EMU}", "expected 3 columns as in the header; found 4"),
        (f"{'c' * 64},{CAT},{DOG}", "expected the SHA-256 of a test picture of this contest; found 'ccc"),
        (f"{A},{CAT},{DOG}", f"expected each picture once; {A} came in line 2 already"),
        (f"{B},{CAT},dog", "expected the wnid of a class or of a noun above it; found 'dog'"),
        (f"{B},0,1", "expected the wnid of a class or of a noun above it; found '0'"),
        (
            f"{B},=HYPERLINK(1),@a",
            "found '=HYPERLINK(1)'; expected the wnid of a class or of a noun above it; f",
        ),
    ],
)
def test_a_bad_row_is_refused_with_its_line(row, why):
    guesses(HEADER, f"{A},{CAT},{DOG}", f"{B},{CAT},{DOG}")

    message = refusal(HEADER, f"{A},{CAT},{DOG}", row)

    assert message.startswith("Line 3: ")
    assert why in message


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (f"{CAT},{DOG},nan,0.1", "expected a probability from 0 to 1; found nan"),
        (f"{CAT},{DOG},inf,0.1", "expected a probability from 0 to 1; found inf"),
        (f"{CAT},{DOG},-0.1,0.1", "expected a probability from 0 to 1; found -0.1"),
        (f"{CAT},{DOG},1.1,0.1", "expected a probability from 0 to 1; found 1.1"),
        (f"{CAT},{DOG},high,0.1", "expected a probability from 0 to 1; found 'high'"),
        (f"{CAT},{DOG},0.5,", "expected a probability from 0 to 1; found nothing"),
        (f"{CAT},{DOG},0.6,0.5", "expected probabilities of 1 at most together; found 1.1"),
        (f"{CAT},,0.6,0.3", "expected no probability where there is no guess; found 0.3"),
        (
            f"{CAT},{CAT},0.6,0.3",
            f"expected each noun once, since it has one probability; found '{CAT}' again",
        ),
    ],
)
def test_a_bad_probability_is_refused_with_its_line(cells, why):
    guesses(SHARES, f"{A},{CAT},{DOG},0.6,0.4", images=[A])

    assert refusal(SHARES, f"{A},{cells}", images=[A]) == f"Line 2: {why}."


def test_probabilities_may_exceed_one_by_what_rounding_adds():
    guesses(SHARES, f"{A},{CAT},{DOG},0.5005,0.5", images=[A])

    assert "found 1.002" in refusal(SHARES, f"{A},{CAT},{DOG},0.502,0.5", images=[A])


def test_every_fault_of_a_line_is_named():
    message = refusal(SHARES, f"{A},x,{DOG},2,-1", f"{B},{CAT},{DOG},0.5,0.5")

    assert message == (
        "Line 2: expected the wnid of a class or of a noun above it; found 'x'; expected a probability from 0 to 1; "
        "found 2.0; expected a probability from 0 to 1; found -1.0."
    )


def test_twenty_bad_lines_are_told_and_the_others_counted():
    message = refusal("image,guess_1", *(f"{A},bad" for _ in range(23)))

    assert message.count("expected the wnid") == 20
    assert message.splitlines()[0].startswith("Line 2: ")
    assert message.splitlines()[-1] == "And 3 more like these."


def test_one_line_more_is_told_as_one():
    assert refusal("image,guess_1", *["x,y"] * 21).endswith("\nAnd 1 more like these.")


def test_a_missing_picture_is_refused_by_name():
    assert refusal(HEADER, f"{A},{CAT},{DOG}") == (
        f"Expected a row for each of 2 test pictures; 1 are missing, the first is {B}."
    )


def test_a_picture_that_was_withdrawn_needs_no_row():
    assert guesses(HEADER, f"{A},{CAT},{DOG}", may_lack={B}) == [[0, 1, -1, -1, -1], NONE]


def test_a_long_cell_is_not_told_in_full():
    assert len(refusal(HEADER, f"{'x' * 900},{CAT},{DOG}")) < 200


def test_what_does_not_print_is_told_as_its_code():
    message = refusal(HEADER, f"{A},\x1b[31m\u202e,{DOG}", images=[A])

    assert message.isprintable()


def test_a_line_is_only_so_long():
    assert refusal(HEADER, f"{A},{CAT},{DOG}", "x" * 1001, f"{B},{CAT},bad") == (
        "Line 3: expected 1000 bytes at most; found more, and read no further."
    )


def test_there_are_only_so_many_lines():
    assert "Line 1005: expected 1004 lines at most" in refusal(HEADER, *[""] * 5000)


def test_a_quote_that_is_never_closed_is_refused():
    lines = [f'{A},"{CAT},{DOG}', *["x" * 999] * 200]

    assert "expected CSV; found field larger than field limit" in refusal(HEADER, *lines)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b"PK\x03\x04abc", "a zip archive, as .npz and .xlsx are"),
        (b"\x80\x04\x95abc", "a pickle, which is code"),
        (b"\x1f\x8babc", "a gzip file"),
        (f"{HEADER}\n".encode("utf-16"), "UTF-16: save it as UTF-8"),
        (f"{HEADER}\n".encode("utf-16-be"), "UTF-16 or no text: save it as UTF-8"),
        (f"{HEADER}\n".encode("utf-16-le"), "UTF-16 or no text: save it as UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused_by_its_first_bytes(data, what):
    with pytest.raises(PredictionsError) as error:
        read(data)

    assert str(error.value) == f"Expected CSV, JSON lines or .npy; found {what}."


def test_bytes_that_are_no_text_are_refused_with_their_line():
    data = f"{HEADER}\n{A},{CAT},{DOG}\n".encode() + b"\xff\xfe\x00,a,b\n"

    with pytest.raises(PredictionsError, match=r"^Line 3: expected the SHA-256"):
        read(data)


# --- JSON lines -----------------------------------------------------------------------------------------------


def test_json_lines_are_read():
    answers = read(f"{json_line(B, [EMU, None, DOG])}\n\n{json_line(A, [])}\r\n".encode())

    assert answers.guesses.tolist() == [NONE, [2, -1, 1, -1, -1]]
    assert answers.probabilities is None


def test_json_lines_may_tell_probabilities():
    shares = json_line(A, [DOG, ANIMAL], probabilities=[0.5, 0.25])

    answers = read(f"{shares}\n{json_line(B, [])}\n".encode())

    np.testing.assert_allclose(answers.probabilities, [[0.5, 0.25, NAN, NAN, NAN], [NAN] * 5])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "expected an object of JSON in each line; found '{'"),
        ("[1]", "expected an object of JSON in each line; found '[1]'"),
        ("[" * 990, "expected an object of JSON in each line; found '["),
        (json.dumps({"image": B}), "expected image, guesses and probabilities if any; found 'image'"),
        (json_line(B, [CAT], label=1), "found 'image, guesses, label'"),
        (json_line(B, CAT), "expected lists of guesses and probabilities; found '{"),
        (json_line(B, [CAT], probabilities=1), "expected lists of guesses and probabilities; found '{"),
        (json_line(B, [CAT, DOG, EMU, CAT, DOG, EMU]), "expected 5 guesses at most; found 6"),
        (json_line(B, [0]), "expected the wnid of a class or of a noun above it; found 0"),
        (json_line(B, [[CAT]]), "expected the wnid of a class or of a noun above it; found ['n"),
        (json_line([B], [CAT]), "expected the SHA-256 of a test picture of this contest; found ['b"),
        (json_line(None, [CAT]), "expected the SHA-256 of a test picture of this contest; found nothing"),
        (json_line(B, [CAT], probabilities=[0.5]), "expected probabilities in every line or in none"),
    ],
)
def test_a_bad_json_line_is_refused_with_its_line(line, why):
    assert guesses(json_line(A, [CAT]), json_line(B, [CAT])) == [[0, -1, -1, -1, -1]] * 2

    message = refusal(json_line(A, [CAT]), line)

    assert message.startswith("Line 2: ")
    assert why in message


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ("[0.5]", "expected as many probabilities as guesses; found 1 and 2"),
        ("[0.5, NaN]", "expected a probability from 0 to 1; found nan"),
        ("[Infinity, 0]", "expected a probability from 0 to 1; found inf"),
        ('[0.5, "0.5"]', "expected a probability from 0 to 1; found '0.5'"),
        (f"[0.5, 1{'0' * 800}]", "expected a probability from 0 to 1; found 1000"),
    ],
)
def test_a_bad_probability_in_json_is_refused(shares, why):
    line = f'{{"image": "{A}", "guesses": ["{CAT}", "{DOG}"], "probabilities": '
    assert guesses(f"{line}[0.5, 0.5]}}", images=[A])

    assert f"Line 1: {why}" in refusal(f"{line}{shares}}}", images=[A])


# --- What is written ------------------------------------------------------------------------------------------


def test_the_likeliest_classes_are_written_best_first():
    lines = list(format_predictions(np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]), IMAGES, NOUNS[:3]))

    assert lines == [
        "image,guess_1,guess_2,guess_3,probability_1,probability_2,probability_3\n",
        f"{A},{DOG},{EMU},{CAT},0.6,0.3,0.1\n",
        f"{B},{CAT},{EMU},{DOG},0.5,0.3,0.2\n",
    ]


def test_of_equally_likely_classes_the_first_comes_first():
    lines = list(format_predictions(np.full((1, 7), 1 / 7), [A], list("abcdefg")))

    assert lines[1].startswith(f"{A},a,b,c,d,e,0.142857,")


@st.composite
def distributions(draw):
    """Draw probabilities of some pictures, no two classes of one picture alike, so that their order is known."""
    n_images, n_classes = draw(st.integers(0, 5)), draw(st.integers(1, 8))
    rows = [draw(st.permutations(range(n_classes))) for _ in range(n_images)]
    counts = np.array(rows, dtype=float).reshape(n_images, n_classes) + 1
    return counts / counts.sum(axis=1, keepdims=True)


@given(distributions())
def test_what_is_written_is_read_back(probabilities):
    n_images, n_classes = probabilities.shape
    images = [f"{number:064x}" for number in range(n_images)]
    classes = [f"n{number:08}" for number in range(n_classes)]
    file = io.BytesIO("".join(format_predictions(probabilities, images, classes)).encode())

    answers = read_predictions(file, images, classes, n_classes)

    n = min(5, n_classes)
    order = np.argsort(-probabilities, axis=1)[:, :n]
    np.testing.assert_array_equal(answers.guesses[:, :n], order)
    assert (answers.guesses[:, n:] == -1).all()
    if n_images:
        likeliest = np.take_along_axis(probabilities, order, axis=1)
        np.testing.assert_allclose(answers.probabilities[:, :n], likeliest, atol=1e-5)


@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_answers_or_a_sentence(data):
    with suppress(PredictionsError):
        assert len(read(data)) == len(IMAGES)
