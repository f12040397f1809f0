import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competition.predictions import PredictionsError, format_predictions, parse_predictions

A, B = "a" * 64, "b" * 64
IMAGES = [A, B]
CLASSES = ["n00000001", "n00000002", "n00000003"]
CAT, DOG, EMU = CLASSES
HEADER = "image,guess_1,guess_2"


def parse(*lines, images=IMAGES):
    return parse_predictions([f"{line}\n" for line in lines], images, CLASSES).tolist()


@st.composite
def answers(draw):
    """Draw probabilities of some pictures, no two classes of one picture alike, so that their order is known."""
    n_images, n_classes = draw(st.integers(0, 5)), draw(st.integers(1, 8))
    rows = [draw(st.permutations(range(n_classes))) for _ in range(n_images)]
    return np.array(rows, dtype=float).reshape(n_images, n_classes)


def test_guesses_become_places_among_the_classes():
    assert parse(HEADER, f"{A},{DOG},{CAT}", f"{B},{EMU},{DOG}") == [[1, 0, -1, -1, -1], [2, 1, -1, -1, -1]]


def test_rows_may_come_in_any_order():
    assert parse(HEADER, f"{B},{EMU},{DOG}", f"{A},{DOG},{CAT}") == parse(
        HEADER, f"{A},{DOG},{CAT}", f"{B},{EMU},{DOG}"
    )


def test_a_guess_may_be_left_empty():
    assert parse(HEADER, f"{A},,{CAT}", f"{B},,") == [[-1, 0, -1, -1, -1], [-1] * 5]


def test_five_guesses_are_taken():
    five = "image,guess_1,guess_2,guess_3,guess_4,guess_5"

    assert parse(five, f"{A},{CAT},{DOG},{EMU},{CAT},{DOG}", images=[A]) == [[0, 1, 2, 0, 1]]


def test_a_contest_without_pictures_takes_a_header_alone():
    assert parse(HEADER, images=[]) == []


@pytest.mark.parametrize(
    "header",
    [
        "",
        "image",
        "guess_1,image",
        "image,guess_2",
        "image,guess_1,guess_3",
        "image,guess_1,label",
        "image,guess_1,guess_2,guess_3,guess_4,guess_5,guess_6",
        f"{A},{CAT}",
    ],
)
def test_another_header_is_refused(header):
    with pytest.raises(PredictionsError, match="Line 1: expected the header image,guess_1 to guess_5; found"):
        parse(header)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (f"{B},{CAT}", "expected 3 columns as in the header; found 2"),
        (f"{B},{CAT},{DOG},{EMU}", "expected 3 columns as in the header; found 4"),
        ("", "expected 3 columns as in the header; found 0"),
        (f"{'c' * 64},{CAT},{DOG}", "expected the SHA-256 of a test picture of this contest; found 'ccc"),
        (f"{A},{CAT},{DOG}", f"expected each picture once; {A} came in line 2 already"),
        (f"{B},{CAT},dog", "expected the wnid of a class; found 'dog'"),
        (f"{B},0,1", "expected the wnid of a class; found '0'"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(row, why):
    parse(HEADER, f"{A},{CAT},{DOG}", f"{B},{CAT},{DOG}")

    with pytest.raises(PredictionsError, match=f"Line 3: {why}"):
        parse(HEADER, f"{A},{CAT},{DOG}", row)


def test_a_missing_picture_is_refused_by_name():
    with pytest.raises(PredictionsError, match=f"each of 2 test pictures; 1 are missing, the first is {B}"):
        parse(HEADER, f"{A},{CAT},{DOG}")


def test_a_long_cell_is_not_told_in_full():
    with pytest.raises(PredictionsError) as refusal:
        parse(HEADER, f"{'x' * 10_000},{CAT},{DOG}")

    assert len(str(refusal.value)) < 200


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_bytes(f"{HEADER}\n{A},{CAT},{DOG}\n".encode() + b"\xff\xfe\x00")

    with (
        path.open(encoding="utf-8", newline="") as file,
        pytest.raises(PredictionsError, match="expected UTF-8 CSV; found"),
    ):
        parse_predictions(file, IMAGES, CLASSES)


def test_an_endless_cell_is_refused():
    with pytest.raises(PredictionsError, match="After line 2: expected UTF-8 CSV; found field larger"):
        parse(HEADER, "x" * 200_000)


def test_the_likeliest_classes_are_written_best_first():
    lines = list(format_predictions(np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]), IMAGES, CLASSES))

    assert lines == [
        "image,guess_1,guess_2,guess_3\n",
        f"{A},{DOG},{EMU},{CAT}\n",
        f"{B},{CAT},{EMU},{DOG}\n",
    ]


def test_of_equally_likely_classes_the_first_comes_first():
    lines = list(format_predictions(np.full((1, 7), 1 / 7), [A], list("abcdefg")))

    assert lines[1] == f"{A},a,b,c,d,e\n"


@given(answers())
def test_what_is_written_is_read_back(probabilities):
    n_images, n_classes = probabilities.shape
    images = [f"{number:064x}" for number in range(n_images)]
    classes = [f"n{number:08}" for number in range(n_classes)]

    guesses = parse_predictions(format_predictions(probabilities, images, classes), images, classes)

    n_guesses = min(5, n_classes)
    np.testing.assert_array_equal(
        guesses[:, :n_guesses], np.argsort(-probabilities, axis=1)[:, :n_guesses].reshape(n_images, n_guesses)
    )
    assert (guesses[:, n_guesses:] == -1).all()
