import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competition.answers import Answers

NAN = np.nan


def test_the_five_likeliest_classes_are_taken_best_first():
    answers = Answers.of(np.array([[0.1, 0.3, 0.05, 0.2, 0.15, 0.2]]))

    assert answers.guesses.tolist() == [[1, 3, 5, 4, 0]]
    np.testing.assert_allclose(answers.probabilities, [[0.3, 0.2, 0.2, 0.15, 0.1]])


def test_of_fewer_classes_the_rest_is_no_guess():
    answers = Answers.of(np.array([[0.2, 0.8], [0.5, 0.5]]))

    assert answers.guesses.tolist() == [[1, 0, -1, -1, -1], [0, 1, -1, -1, -1]]
    np.testing.assert_allclose(answers.probabilities[0], [0.8, 0.2, NAN, NAN, NAN])


def test_taking_the_likeliest_changes_nothing_of_what_was_given():
    probabilities = np.array([[0.2, 0.8]])

    Answers.of(probabilities)

    assert probabilities.tolist() == [[0.2, 0.8]]


@pytest.mark.parametrize("tells_shares", [True, False])
def test_answers_are_read_as_they_were_kept(tells_shares):
    made = Answers.of(np.random.default_rng(0).random((7, 6)))
    kept = made if tells_shares else Answers(made.guesses)

    read = Answers.from_bytes(kept.to_bytes())

    np.testing.assert_array_equal(read.guesses, kept.guesses)
    assert (read.probabilities is None) is not tells_shares
    assert read.guesses.dtype == np.int32
    assert not tells_shares or np.array_equal(read.probabilities, kept.probabilities, equal_nan=True)


def test_the_same_answers_are_the_same_bytes():
    first, second = (Answers.of(np.random.default_rng(0).random((7, 6))) for _ in range(2))

    assert first.to_bytes() == second.to_bytes()


def test_some_pictures_can_be_taken_alone():
    answers = Answers.of(np.array([[0.2, 0.8], [0.6, 0.4]]))

    kept = answers.where(np.array([False, True]))

    assert (len(kept), kept.guesses[0, 0]) == (1, 0)
    assert Answers(answers.guesses).where(np.array([True, False])).probabilities is None


def test_answers_have_five_places_a_picture():
    with pytest.raises(ValueError, match=r"Expected arrays of shape \(2, 5\); found \(2, 3\)"):
        Answers(np.zeros((2, 3), np.int32))
    with pytest.raises(ValueError, match=r"Expected arrays of shape \(2, 5\); found \(1, 5\)"):
        Answers(np.zeros((2, 5), np.int32), np.zeros((1, 5), np.float32))


@given(st.integers(0, 5), st.integers(1, 8), st.randoms(use_true_random=False))
def test_the_likeliest_are_those_that_sorting_finds(n_images, n_classes, random):
    probabilities = np.array([[random.random() for _ in range(n_classes)] for _ in range(n_images)])
    probabilities = probabilities.reshape(n_images, n_classes)

    answers = Answers.of(probabilities)

    n = min(5, n_classes)
    np.testing.assert_array_equal(
        answers.guesses[:, :n], np.argsort(-probabilities, axis=1, kind="stable")[:, :n]
    )
    assert (answers.guesses[:, n:] == -1).all()
