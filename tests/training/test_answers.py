import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.answers import Answers, per_class, save, temperature

A, B, C = 0, 1, 2


def answers(*rows, n_classes=3):
    """Answers of (label, probabilities) each."""
    labels, probabilities = zip(*rows, strict=True) if rows else ((), np.zeros((0, n_classes)))
    names = np.array([f"{place:064x}" for place in range(len(labels))])
    return Answers.of(names, np.array(labels, dtype=np.int64), np.array(probabilities, dtype=np.float32))


FOUR = [(A, (0.7, 0.2, 0.1)), (A, (0.1, 0.8, 0.1)), (B, (0.2, 0.5, 0.3)), (C, (0.5, 0.45, 0.05))]


def test_the_likeliest_come_first_and_of_equal_ones_the_lower_class():
    found = answers((A, (0.3, 0.4, 0.3)), (C, (0.2, 0.2, 0.6)))

    assert found.guess.tolist() == [[B, A, C], [C, A, B]]
    np.testing.assert_allclose(found.probability, [[0.4, 0.3, 0.3], [0.6, 0.2, 0.2]], rtol=1e-6)
    np.testing.assert_allclose(found.of_label, [0.3, 0.6], rtol=1e-6)


def test_five_guesses_are_kept_of_many_classes():
    probabilities = np.random.default_rng(1).dirichlet(np.ones(40), size=100)

    found = Answers.of(np.arange(100).astype(str), np.zeros(100, np.int64), probabilities)

    np.testing.assert_array_equal(found.guess, np.argsort(-probabilities, axis=1)[:, :5])


def test_right_within_the_first_guesses():
    found = answers(*FOUR)

    # Two are right at once, one at the second guess (the second picture), and all at the third.
    assert [found.n_right(k) for k in (1, 2, 3)] == [2, 3, 4]


def test_the_surest_mistakes_come_first_and_those_with_the_unlikelier_label_before_others():
    found = answers(*FOUR, (B, (0.9, 0.1, 0.0)), (C, (0.9, 0.05, 0.05)))

    assert found.surest_mistakes().tolist() == [5, 4, 1, 3]


def test_the_confusion_counts_labels_in_rows_and_answers_in_columns():
    assert answers(*FOUR).confusion().tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_each_class_by_hand():
    found = per_class(answers(*FOUR).confusion())

    assert found.n.tolist() == [2, 1, 1]
    assert found.recall.tolist() == [0.5, 1, 0]
    assert found.precision.tolist()[:2] == [0.5, 0.5]
    assert np.isnan(found.precision[C])  # never answered
    np.testing.assert_allclose(found.f1, [0.5, 2 / 3, 0])
    assert (found.taken_for.tolist(), found.n_taken_for.tolist()) == ([B, B, A], [1, 0, 1])


def test_a_class_without_pictures_has_no_shares():
    found = per_class(np.array([[3, 0], [0, 0]]))

    assert np.isnan([found.recall[1], found.precision[1], found.f1[1]]).all()


def test_without_pictures_nothing_is_found_and_nothing_fails():
    found = answers()

    assert (len(found), found.n_right(), found.temperature) == (0, 0, 1.0)
    assert found.confusion().tolist() == [[0] * 3] * 3
    assert found.surest_mistakes().tolist() == []


def test_some_are_kept():
    found = answers(*FOUR).where(np.array([False, True, True, False]))

    assert (len(found), found.label.tolist(), found.sha256.tolist()) == (
        2,
        [A, B],
        [f"{i:064x}" for i in (1, 2)],
    )
    assert found.n_right() == 1


def test_what_is_kept_is_read_back():
    made, file = answers(*FOUR), io.BytesIO()
    probabilities = np.array([row for _label, row in FOUR], dtype=np.float32)

    save(file, made.sha256, made.label, probabilities)

    file.seek(0)
    found = Answers.read(file)
    assert (found.n_classes, found.temperature) == (3, made.temperature)
    for name in ("sha256", "label", "guess", "probability", "of_label", "tempered"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
    file.seek(0)
    with np.load(file) as arrays:
        np.testing.assert_array_equal(arrays["probabilities"], probabilities)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [([0, 1], "as many pictures as labels"), ([3], "labels from 0 to 2; found 3 to 3")],
)
def test_what_does_not_fit_is_refused(labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        Answers.of(np.array(["a"]), np.array(labels), np.full((1, 3), 1 / 3))


# The temperature


def drawn(n, sharpness, seed=0):
    """Labels drawn from the network's own probabilities, which it then tells `sharpness` times too sharply."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(5), size=n)
    labels = (honest.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    told = honest**sharpness
    return told / told.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_is_by_how_much_a_network_is_too_sure(sharpness):
    probabilities, labels = drawn(20_000, sharpness)

    assert temperature(probabilities, labels) == pytest.approx(sharpness, rel=0.06)


def test_at_its_temperature_a_network_is_as_sure_as_it_is_right():
    probabilities, labels = drawn(20_000, 3.0)

    found = Answers.of(np.arange(20_000).astype(str), labels, probabilities)

    right = found.is_right.mean()
    assert found.confidence.mean() - right > 0.15
    assert found.tempered.mean() == pytest.approx(right, abs=0.02)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], None),  # as sure as it can be: any will do
        ([[0.6, 0.4], [0.4, 0.6]], 0.05),  # always right: no sureness is too much
        ([[0.0, 1.0], [1.0, 0.0]], 20.0),  # always wrong
        ([[0.5, 0.5], [0.5, 0.5]], None),  # tells nothing: any will do
    ],
)
def test_the_temperature_runs_away_nowhere(probabilities, expected):
    found = temperature(np.array(probabilities, dtype=np.float32), np.array([0, 1]))

    assert 0.05 <= found <= 20
    assert expected is None or found == pytest.approx(expected, rel=1e-3)


def test_the_temperature_does_not_depend_on_the_order_of_the_pictures():
    probabilities, labels = drawn(500, 2.0)

    assert temperature(probabilities[::-1], labels[::-1]) == pytest.approx(temperature(probabilities, labels))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 8))
def test_laws(seed, n, n_classes):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(n_classes, 0.3), size=n).astype(np.float32)
    labels = rng.integers(0, n_classes, n)

    found = Answers.of(np.arange(n).astype(str), labels, probabilities)

    confusion = found.confusion()
    by_class = per_class(confusion)
    assert confusion.sum() == n
    assert confusion.trace() == found.n_right() == by_class.n_right.sum()
    assert len(found.surest_mistakes()) == n - found.n_right()
    assert found.n_right(5) >= found.n_right()
    assert (np.diff(found.probability, axis=1) <= 0).all()
    assert (np.diff(found.confidence[found.surest_mistakes()]) <= 0).all()
    assert 0.05 <= found.temperature <= 20
    with np.errstate(invalid="ignore"):
        harmonic = 2 * by_class.recall * by_class.precision / (by_class.recall + by_class.precision)
    both = by_class.n_right > 0
    np.testing.assert_allclose(by_class.f1[both], harmonic[both])
