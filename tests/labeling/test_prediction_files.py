"""Files of what a network says: what is read of them, and the sentence where something is wrong."""

import json

import numpy as np
import pytest

from labeling.prediction_files import PredictionFileError, read


@pytest.fixture
def said(tmp_path):
    """Write a file and read it."""

    def said(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return [(each.picture, each.probability, each.is_learnt) for each in read(tmp_path / name)]

    return said


HUSKY = ("a", {"husky": 0.9, "cat": 0.1}, False)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "picture,noun,probability\na,husky,0.9\na,cat,0.1\nb,cat,1\n"),
        ("a.csv", "picture,husky,cat\na,0.9,0.1\nb,,1\n"),
        (
            "a.jsonl",
            '{"picture": "a", "probabilities": {"husky": 0.9, "cat": 0.1}}\n\n'
            '{"picture": "b", "probabilities": {"cat": 1}}\n',
        ),
    ],
)
def test_each_way_of_writing_says_the_same(said, name, text):
    assert said(name, text) == [HUSKY, ("b", {"cat": 1}, False)]


def test_arrays_say_it_too(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"picture": np.array(["a"]), "nouns": np.array(["husky", "cat"])}
    np.savez(
        path, probabilities=np.array([[0.75, 0.25]], dtype=np.float32), learnt=np.array([True]), **arrays
    )

    [found] = read(path)

    assert (found.picture, found.probability, found.is_learnt) == ("a", {"husky": 0.75, "cat": 0.25}, True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "picture,noun,probability,learnt\na,husky,0.9,1\na,cat,0.1,1\n"),
        ("a.csv", "picture,learnt,husky\na,true,0.9\n"),
        ("a.jsonl", '{"picture": "a", "learnt": true, "probabilities": {"husky": 0.9}}'),
    ],
)
def test_a_file_may_say_what_was_learnt_by_heart(said, name, text):
    assert [is_learnt for _picture, _probability, is_learnt in said(name, text)] == [True]


def test_a_picture_is_named_by_its_sha256_or_by_its_file(tmp_path):
    sha256 = "0f" * 32
    (tmp_path / "a.csv").write_text(f"picture,cat\n{sha256}.png,1\nimages/{sha256.upper()},1\n")

    assert {each.sha256 for each in read(tmp_path / "a.csv")} == {sha256}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.txt", "", "a.txt: expected a name that ends in .csv, .jsonl, .ndjson, .npz"),
        ("a.csv", "", "a.csv line 1: expected the columns picture, noun, probability"),
        ("a.csv", "noun,probability\n", "line 1: expected the columns .* found noun,probability"),
        ("a.csv", "picture,cat\na,much\n", "a.csv line 2: expected a probability from 0 to 1; found 'much'"),
        ("a.csv", "picture,cat\na,1.5\n", "line 2: expected a probability from 0 to 1; found 1.5 of 'cat'"),
        ("a.csv", "picture,cat\na,nan\n", "line 2: expected a probability from 0 to 1; found nan of 'cat'"),
        ("a.csv", "picture,cat\na,-0.1\n", "line 2: expected a probability from 0 to 1; found -0.1"),
        ("a.csv", "picture,cat,dog\na,0.9,0.9\n", "line 2: .* 1 at most together; found 1.8 for 'a'"),
        ("a.csv", "picture,cat\na,0\n", "line 2: expected probabilities above 0"),
        ("a.csv", "picture,cat\na,1,2\n", "line 2: expected 2 cells; found 3"),
        ("a.csv", "picture,noun,probability\na,cat,1\na,cat,0\n", "line 3: .*once; found 'cat' again"),
        ("a.csv", "picture,learnt,cat\na,perhaps,1\n", "line 2: expected 0 or 1 in learnt; found 'perhaps'"),
        ("a.jsonl", "{", "a.jsonl line 1: expected an object of JSON"),
        ("a.jsonl", "[]", "line 1: expected an object like .* found \\[\\]"),
        ("a.jsonl", json.dumps({"picture": "a"}), "line 1: expected in probabilities a number for each noun"),
        (
            "a.jsonl",
            json.dumps({"picture": "a", "probabilities": {"cat": "1"}}),
            "expected in probabilities a number for each noun",
        ),
        (
            "a.jsonl",
            json.dumps({"picture": "a", "probabilities": {"cat": 1}, "learnt": 1}),
            "expected true or false in learnt; found 1",
        ),
        ("a.npz", "no arrays", "a.npz: expected arrays as numpy.savez writes them"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(said, name, text, sentence):
    with pytest.raises(PredictionFileError, match=sentence):
        said(name, text)


def test_arrays_have_to_fit_together(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, picture=np.array(["a"]), nouns=np.array(["cat"]), probabilities=np.zeros((2, 1)))

    with pytest.raises(PredictionFileError, match=r"found \(1,\), \(1,\), float64 \(2, 1\)"):
        list(read(path))


def test_arrays_without_nouns_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, sha256=np.array(["a"]), probabilities=np.zeros((1, 1)))

    with pytest.raises(
        PredictionFileError, match="expected arrays picture, nouns and probabilities; found sha256"
    ):
        list(read(path))


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(PredictionFileError, match="expected a file to read"):
        list(read(tmp_path / "a.csv"))
