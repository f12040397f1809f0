"""A file of 100,000 pictures, five guesses and their probabilities for each -> read, checked and measured."""

import hashlib
import io
import json
from collections.abc import Callable

import numpy as np

from benchmarks.measuring import N_CLASSES, N_IMAGES, best_of, make_answers, make_taxonomy, prepared
from benchmarks.reporting import report
from competition.answers import MOST_GUESSES, Answers
from competition.frozen import Frozen
from competition.metrics import class_counts, measure
from competition.predictions import read_predictions


def three_forms(turns: int) -> None:
    """Report the seconds for each form of file, until it is read and until all is measured."""
    rng = np.random.default_rng(2012)
    frozen = prepared(make_taxonomy(rng))
    truth = rng.integers(0, N_CLASSES, N_IMAGES)
    made = make_answers(rng, truth, len(frozen.nouns))
    said = Answers(made.guesses, made.probabilities)
    images = sorted(hashlib.sha256(f"{number}".encode()).hexdigest() for number in range(N_IMAGES))
    for name, write in FORMS.items():
        data = write(said, images, frozen)
        _answers, reading = best_of(turns, lambda data=data: read(data, images, frozen))
        _measured, seconds = best_of(turns, lambda data=data: everything(data, images, truth, frozen))
        size = len(data) / 2**20
        report("a file of guesses", form=name, mib=size, pictures=N_IMAGES, reading=reading, seconds=seconds)


def read(data: bytes, images: list[str], frozen: Frozen) -> Answers:
    return read_predictions(io.BytesIO(data), images, frozen.nouns, frozen.n_classes)


def everything(data: bytes, images: list[str], truth: np.ndarray, frozen: Frozen) -> None:
    answers = read(data, images, frozen)
    measure(answers, truth, frozen)
    class_counts(answers.guesses, truth, frozen.lch_height)


def as_csv(said: Answers, images: list[str], frozen: Frozen) -> bytes:
    header = [f"{what}_{place + 1}" for what in ("guess", "probability") for place in range(MOST_GUESSES)]
    rows = (
        ",".join([image, *guesses, *map(repr, shares)])
        for image, guesses, shares in _rows(said, images, frozen)
    )
    return "\n".join([",".join(["image", *header]), *rows]).encode()


def as_json_lines(said: Answers, images: list[str], frozen: Frozen) -> bytes:
    return "\n".join(
        json.dumps({"image": image, "guesses": guesses, "probabilities": shares})
        for image, guesses, shares in _rows(said, images, frozen)
    ).encode()


def as_npy(said: Answers, images: list[str], frozen: Frozen) -> bytes:
    fields = [("image", "S64"), ("guesses", "S9", MOST_GUESSES), ("probabilities", "f4", MOST_GUESSES)]
    array = np.zeros(len(images), fields)
    array["image"], array["guesses"] = images, np.array(frozen.nouns)[said.guesses]
    array["probabilities"] = said.probabilities
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _rows(said: Answers, images: list[str], frozen: Frozen) -> zip:
    guesses = np.array(frozen.nouns)[said.guesses].tolist()
    shares = said.probabilities if said.probabilities is not None else np.empty((len(said), 0))
    return zip(images, guesses, shares.astype(np.float64).tolist(), strict=True)


FORMS: dict[str, Callable[[Answers, list[str], Frozen], bytes]] = {
    "CSV": as_csv,
    "JSON lines": as_json_lines,
    ".npy": as_npy,
}
