"""What it takes to find out what a network confuses: 50,000 pictures of 1,000 classes, as ImageNet has to validate.

    python -m benchmarks.mistakes

Prints seconds of one core; the page of a run's mistakes does all but the first two lines' work for each request.
"""

import io
import time
from collections.abc import Callable

import numpy as np

from training import answers
from training.answers import Answers, per_class
from training.kinds import Kinds, fewer, rolled_up, severity

N_PICTURES, N_CLASSES, BRANCHES = 50_000, 1000, 3


def make_taxonomy() -> Kinds:
    """Return a tree in which each noun has three hyponyms; its classes are its lowest nouns."""
    hypernyms: dict[str, tuple[str, ...]] = {"n0": ()}
    lowest = ["n0"]
    while len(lowest) < N_CLASSES:
        noun = lowest.pop(0)
        for _ in range(BRANCHES):
            lowest.append(f"n{len(hypernyms)}")
            hypernyms[lowest[-1]] = (noun,)
    return Kinds(tuple(lowest[:N_CLASSES]), hypernyms)


def said(what: str, do: Callable[[], object]) -> object:
    started = time.process_time()
    found = do()
    print(f"{what:<58} {time.process_time() - started:6.2f} s")
    return found


def main() -> None:
    rng = np.random.default_rng(2012)
    label = rng.integers(0, N_CLASSES, N_PICTURES)
    logits = rng.normal(0, 2, (N_PICTURES, N_CLASSES)).astype(np.float32)
    logits[np.arange(N_PICTURES), label] += 8
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    hashes = np.array([f"{place:064x}" for place in range(N_PICTURES)])
    file = io.BytesIO()
    said(
        "worked out and kept once, when a run finishes",
        lambda: answers.save(file, hashes, label, probabilities),
    )
    file.seek(0)
    kept = said("read by a process for the first time", lambda: Answers.read(file))
    assert isinstance(kept, Answers)
    kinds = make_taxonomy()
    said("the nouns, read for the first time", lambda: (kinds.below, kinds.order, kinds.heights, kinds.top))
    shown = kept.where(np.ones(N_PICTURES, dtype=np.bool_))
    confusion = shown.confusion()
    said(
        "confusion, classes and surest mistakes",
        lambda: (per_class(shown.confusion()), shown.surest_mistakes()),
    )
    said("the map, rolled up", lambda: rolled_up(confusion, fewer(kinds.groups(kinds.top), confusion)))
    said("how bad the mistakes are", lambda: severity(kinds.meetings(confusion)))
    print(f"top-1 {shown.n_right() / len(shown):.3f}, file {file.getbuffer().nbytes / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
