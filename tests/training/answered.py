"""Runs with answers on the validation split, as a training leaves them."""

import io
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from django.core.files.base import ContentFile

from config.storage import private_storage
from datasets.models import Snapshot
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Question
from labeling.splits import TEST, TRAIN, VAL
from tests.factories import freeze_all, make_collection, make_picture_of, make_run, make_snapshot, make_synset
from training import answers
from training.models import Run


def make_answered_run(
    snapshot: Snapshot | None = None,
    wrong: Mapping[int, float] | None = None,
    sure: float = 0.75,
    **fields: Any,
) -> Run:
    """Make a finished run whose network is right about the validation pictures, with probability `sure`, but for
    those at the places of `wrong`: there it is so sure of the next class.
    """
    snapshot = snapshot or make_snapshot()
    pictures = validation(snapshot)
    n = snapshot.n_classes
    labels = np.array([label for _sha256, label in pictures], dtype=np.int64)
    probabilities = np.empty((len(pictures), n), dtype=np.float32)
    for place, label in enumerate(labels):
        most = (wrong or {}).get(place, sure)
        probabilities[place] = (1 - most) / (n - 1)
        probabilities[place, (label + (place in (wrong or {}))) % n] = most
    return keep_answers(make_run(snapshot, status="finished", **fields), pictures, probabilities)


def validation(snapshot: Snapshot) -> list[tuple[str, int]]:
    """Return the SHA-256 and the class of each validation picture."""
    return [(row.sha256, snapshot.classes.index(row.wnid)) for row in snapshot.rows() if row.split == VAL]


def keep_answers(run: Run, pictures: Sequence[tuple[str, int]], probabilities: np.ndarray) -> Run:
    """Keep these answers on these pictures as those of `run`."""
    file = io.BytesIO()
    hashes, labels = zip(*pictures, strict=True)
    answers.save(file, np.array(hashes), np.array(labels, dtype=np.int64), probabilities)
    name = private_storage().save(f"runs/{run.pk}/answers.npz", ContentFile(file.getvalue()))
    run.refresh_from_db()
    weights = run.weights.name or f"runs/{run.pk}/weights.safetensors"
    Run.objects.filter(pk=run.pk).update(answers=name, weights=weights)
    return Run.objects.select_related("snapshot__collection").get(pk=run.pk)


def answer(run: Run, wrong: Collection[int] = ()) -> Run:
    """Have `run` be wrong about the validation pictures at these places, and right about the others."""
    pictures, n = validation(run.snapshot), run.snapshot.n_classes
    said = [(label + (place in wrong)) % n for place, (_sha256, label) in enumerate(pictures)]
    return keep_answers(run, pictures, np.eye(n, dtype=np.float32)[said])


def make_zoo_run() -> Run:
    """Make a run on 24 nouns, too many to tell apart at once: twelve kinds of dogs, eleven of cats, and saws. Its
    network takes each validation picture for the noun after its own.
    """
    collection = make_collection()
    dog, cat = (make_synset(name, collection.root) for name in ("dog", "cat"))
    dogs = [make_synset(f"dog {place}", dog) for place in range(12)]
    cats = [make_synset(f"cat {place}", cat) for place in range(11)]
    collection.set_classes([*dogs, *cats, make_synset("saw", collection.root)])
    incoming = [IncomingPicture(f"{place}.png", make_picture_of(VAL)) for place in range(26)]
    incoming += [IncomingPicture(f"{split}.png", make_picture_of(split)) for split in (TRAIN, TEST)]
    add_pictures(collection, incoming, source="a test")
    classes = collection.ordered_classes()
    for place, question in enumerate(collection.questions.order_by("pk")):
        Question.objects.filter(pk=question.pk).update(
            state="settled", label=classes[place % len(classes)], confidence=0.99, n_votes=3
        )
    snapshot = freeze_all(collection)
    return make_answered_run(snapshot, wrong=dict.fromkeys(range(26), 0.9))
