import numpy as np
import pytest

from competition.sandbox.answering import Collector, probabilities_of
from competition.sandbox.bounds import RefusedError


def test_logits_become_probabilities():
    # e^0 = 1 against e^ln 3 = 3.
    found = probabilities_of(np.array([[0, np.log(3)]], np.float32))

    np.testing.assert_allclose(found, [[0.25, 0.75]], rtol=1e-6)


def test_probabilities_stay_as_they_are():
    rows = np.array([[0.2, 0.8], [1, 0]], np.float32)

    np.testing.assert_array_equal(probabilities_of(rows), rows)


def test_the_order_of_classes_is_the_same_for_either():
    logits = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    shares = probabilities_of(logits)

    np.testing.assert_array_equal(logits.argsort(axis=1), shares.argsort(axis=1))
    np.testing.assert_array_equal(probabilities_of(shares), shares)


@pytest.mark.parametrize("length", [1, 3, 4, 24, 1000])
def test_answers_are_the_same_in_pieces_of_any_length(length):
    rows = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    whole, pieces = Collector(9, 6), Collector(9, 6)
    whole.take(rows.tobytes())

    for start in range(0, rows.nbytes, length):
        pieces.take(rows.tobytes()[start : start + length])

    np.testing.assert_array_equal(pieces.answers().guesses, whole.answers().guesses)
    np.testing.assert_array_equal(whole.answers().guesses[:, 0], rows.argmax(axis=1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_by_its_place(value):
    rows = np.zeros((3, 2), np.float32)
    collector = Collector(3, 2)
    collector.take(rows[:1].tobytes())
    rows[2, 1] = value

    with pytest.raises(RefusedError, match="class 2 of picture 3"):
        collector.take(rows[1:].tobytes())


def test_a_picture_without_an_answer_is_refused():
    collector = Collector(3, 2)
    collector.take(np.zeros((2, 2), np.float32).tobytes())

    with pytest.raises(RefusedError, match="answers for 3 pictures; found 2"):
        collector.answers()
