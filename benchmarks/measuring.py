"""All metrics of one entry on 100,000 pictures of 1,000 classes, five guesses and their probabilities for each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import report, timed
from competition.frozen import Frozen
from competition.metrics import class_counts, measure

N_IMAGES, N_CLASSES, N_GUESSES = 100_000, 1_000, 5


@dataclass(frozen=True, eq=False)
class Made:
    """Answers that were made up; see competition.answers.Answers."""

    guesses: NDArray[np.int32]
    probabilities: NDArray[np.float32]


def one_entry(turns: int) -> None:
    """Report the seconds until everything is measured, with classes alone and with inner nouns among the guesses."""
    rng = np.random.default_rng(2012)
    taxonomy = make_taxonomy(rng)
    frozen, seconds = best_of(turns, lambda: prepared(taxonomy))
    report("frozen taxonomy", classes=N_CLASSES, nouns=len(frozen.nouns), seconds=seconds)
    truth = rng.integers(0, N_CLASSES, N_IMAGES)
    for name, n_nouns in (("classes alone", N_CLASSES), ("inner nouns among them", len(frozen.nouns))):
        answers = make_answers(rng, truth, n_nouns)
        measured, seconds = best_of(turns, lambda answers=answers: measure(answers, truth, frozen))
        report(
            "metrics",
            guesses=name,
            pictures=N_IMAGES,
            seconds=seconds,
            **{metric: each.value for metric, each in measured.items()},
        )
    _counts, seconds = best_of(turns, lambda: class_counts(answers.guesses, truth, frozen.lch_height))
    report("counts of classes", pictures=N_IMAGES, seconds=seconds)


def best_of(turns: int, call: Any) -> tuple[Any, float]:
    """Return what `call` returns and the seconds of its fastest turn."""
    results = [timed(call) for _ in range(turns)]
    return results[0][0], min(seconds for _result, seconds in results)


def prepared(taxonomy: dict[str, Any]) -> Frozen:
    """Make a Frozen and all that it finds only when asked."""
    frozen = Frozen.of(taxonomy)
    assert frozen.lch_height.shape == frozen.below.shape
    return frozen


def make_taxonomy(rng: np.random.Generator) -> dict[str, Any]:
    """Make N_CLASSES classes and what is above them; of ten nouns one has two hypernyms."""
    n_inner = 800
    nouns: dict[str, dict[str, Any]] = {"n00000000": {"hypernyms": []}}
    for place in range(1, n_inner + N_CLASSES):
        n_tops = 2 if rng.random() < 0.1 else 1
        tops = rng.choice(min(place, n_inner), size=min(n_tops, min(place, n_inner)), replace=False)
        nouns[f"n{place:08}"] = {"hypernyms": [f"n{top:08}" for top in sorted(tops.tolist())]}
    classes = list(nouns)[n_inner:]
    above = set(classes)
    for wnid in reversed(nouns):  # hypernyms were made before what is below them
        above |= set(nouns[wnid]["hypernyms"]) if wnid in above else set()
    return {"classes": classes, "nouns": {wnid: nouns[wnid] for wnid in sorted(above)}}


def make_answers(rng: np.random.Generator, truth: NDArray[np.int64], n_nouns: int) -> Made:
    """Make five different nouns a picture, the first right in seven of ten, with falling probabilities."""
    # Five different places: one at random, and others at different distances from it, round the end.
    first = np.where(rng.random(len(truth)) < 0.7, truth, rng.integers(0, n_nouns, len(truth)))
    distances = np.cumsum(rng.integers(1, n_nouns // N_GUESSES, (len(truth), N_GUESSES - 1)), axis=1)
    guesses = np.column_stack([first, (first[:, None] + distances) % n_nouns])
    probabilities = -np.sort(-rng.dirichlet(np.full(N_GUESSES + 1, 0.3), len(truth))[:, :N_GUESSES], axis=1)
    return Made(guesses.astype(np.int32), probabilities.astype(np.float32))
