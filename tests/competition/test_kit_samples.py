import io

import numpy as np
import pytest

from competition.frozen import Frozen
from competition.kit_samples import as_csv, as_json_lines, samples, usual_guesses
from competition.predictions import read_predictions

IMAGES = ["a" * 64, "b" * 64]
TAXONOMY = {
    "classes": ["n2", "n1"],
    "nouns": {"n0": {"hypernyms": []}, "n1": {"hypernyms": ["n0"]}, "n2": {"hypernyms": ["n0"]}},
}
GUESSES = [("n1", 0.75), ("n2", 0.25)]


def test_the_most_frequent_labels_come_first_with_their_shares():
    assert usual_guesses({"n2": 1, "n1": 3}) == GUESSES


def test_of_equally_frequent_labels_the_first_by_name_comes_first():
    assert usual_guesses({"n2": 2, "n1": 2}) == [("n1", 0.5), ("n2", 0.5)]


def test_five_are_guessed_at_most():
    assert len(usual_guesses(dict.fromkeys("abcdef", 1))) == 5


def test_csv_has_a_line_for_each_picture():
    assert as_csv(IMAGES[:1], GUESSES).decode().splitlines() == [
        "image,guess_1,guess_2,probability_1,probability_2",
        f"{IMAGES[0]},n1,n2,0.75,0.25",
    ]


def test_json_has_an_object_for_each_picture():
    assert as_json_lines(IMAGES[:1], GUESSES).decode() == (
        f'{{"image": "{IMAGES[0]}", "guesses": ["n1", "n2"], "probabilities": [0.75, 0.25]}}\n'
    )


@pytest.mark.parametrize("name", ["sample.csv", "sample.jsonl", "sample.npy"])
def test_each_is_read_as_the_same_answers(name):
    frozen = Frozen.of(TAXONOMY)
    data = samples(IMAGES, GUESSES, TAXONOMY)[name]

    answers = read_predictions(io.BytesIO(data), IMAGES, frozen.nouns, frozen.n_classes)

    assert answers.guesses[:, :2].tolist() == [[1, 0], [1, 0]]
    np.testing.assert_allclose(answers.probabilities[:, :2], [[0.75, 0.25]] * 2)
