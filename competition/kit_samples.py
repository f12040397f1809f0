"""A sample submission in every format, for starter kits. Pure."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from competition.answers import MOST_GUESSES
from competition.frozen import Frozen


def usual_guesses(counts: Mapping[str, int]) -> list[tuple[str, float]]:
    """Return the most frequent labels, five at most, with their shares; of equally frequent ones the first by name.

    counts: how often each label comes, above 0; one at least.
    """
    n = sum(counts.values())
    usual = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:MOST_GUESSES]
    return [(label, count / n) for label, count in usual]


def as_csv(images: Sequence[str], guesses: Sequence[tuple[str, float]]) -> bytes:
    """Return these guesses for each of `images`, as a line for each."""
    columns = [f"{what}_{i + 1}" for what in ("guess", "probability") for i in range(len(guesses))]
    same = ",".join([*(noun for noun, _share in guesses), *(f"{share:.6g}" for _noun, share in guesses)])
    return "".join(
        [f"{','.join(['image', *columns])}\n", *(f"{image},{same}\n" for image in images)]
    ).encode()


def as_json_lines(images: Sequence[str], guesses: Sequence[tuple[str, float]]) -> bytes:
    """Return the same as an object of JSON for each."""
    nouns, shares = [noun for noun, _share in guesses], [float(f"{share:.6g}") for _noun, share in guesses]
    rows = ({"image": image, "guesses": nouns, "probabilities": shares} for image in images)
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def as_npy(images: Sequence[str], guesses: Sequence[tuple[str, float]], taxonomy: Mapping[str, Any]) -> bytes:
    """Return the same as a structured array (n_images,) with the fields image, guesses and probabilities."""
    place = Frozen.of(taxonomy).place
    kind = [("image", "S64"), ("guesses", "<i4", (len(guesses),)), ("probabilities", "<f4", (len(guesses),))]
    rows = np.zeros(len(images), dtype=kind)
    rows["image"] = list(images)
    rows["guesses"] = [place[noun] for noun, _share in guesses]
    rows["probabilities"] = [share for _noun, share in guesses]
    file = io.BytesIO()
    np.save(file, rows, allow_pickle=False)
    return file.getvalue()


def samples(
    images: Sequence[str], guesses: Sequence[tuple[str, float]], taxonomy: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return each file by its name: the same guesses, best first, for each of `images`, by their SHA-256.

    taxonomy: as Frozen.of reads it; it has the guesses' nouns.
    """
    return {
        "sample.csv": as_csv(images, guesses),
        "sample.jsonl": as_json_lines(images, guesses),
        "sample.npy": as_npy(images, guesses, taxonomy),
    }
