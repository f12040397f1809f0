"""A finished Run -> what its network says of every picture of its collection, kept by labeling as predictions.

Labeling decides what they may be used for; here it is told from which pictures the network learnt.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from django.core.files.storage import default_storage

from labeling import foretelling
from labeling.models import Prediction
from labeling.splits import TRAIN
from taxonomy.models import Synset
from training.dataset import Bytes
from training.loop import EVALUATION_BATCH, predict
from training.models import Run
from training.packing import PackError, square
from training.trained import trained_network

MOST_BYTES = 2**26  # of pictures in memory at a time
Picture = tuple[int, str, str, str]  # a question, its picture's SHA-256, file and part


class NotFinishedError(ValueError):
    """The run has no network yet that could be asked."""


def foretell(run: Run) -> int:
    """Ask the network of `run` about every picture of its collection on which it has said nothing yet; return of how
    many it did. Safe to stop and repeat: batches are kept one by one.

    Raises NotFinishedError unless the run has finished, PackError naming a picture that cannot be read, and
    foretelling.PredictionRefusedError where the collection takes no predictions.
    """
    if run.status != Run.Status.FINISHED or not run.weights:
        raise NotFinishedError(f"Expected a finished run; {run} is {run.get_status_display()}.")
    collection = run.snapshot.collection
    heard = foretelling.hear(collection, str(run))
    keys = dict(Synset.objects.filter(wnid__in=run.snapshot.classes).values_list("wnid", "pk"))
    nouns = [keys[wnid] for wnid in run.snapshot.classes]
    # Withdrawn ones too, though it may never have seen them: to leave those out is to be too careful.
    learnt = {row.sha256 for row in run.snapshot.rows() if row.split == TRAIN}
    network, n = trained_network(run, "cuda" if torch.cuda.is_available() else "cpu"), 0
    for batch in foretelling.pictures_of(collection, heard):
        said: list[Prediction] = []
        for pictures, shown in _shown(batch, run.options.size_px):
            for (question, sha256, _file, split), row in zip(pictures, predict(network, shown), strict=True):
                is_learnt = sha256 in learnt
                said.append(Prediction.of(heard, question, split, _named(nouns, row), is_learnt=is_learnt))
        Prediction.objects.replace(said)
        n += len(said)
    foretelling.hear(collection, str(run))  # what was said last is heeded too
    return n


def _named(nouns: Sequence[int], probabilities: np.ndarray) -> Mapping[int, float]:
    return dict(zip(nouns, probabilities.tolist(), strict=True))


def _shown(batch: Sequence[Picture], size_px: int) -> Iterator[tuple[Sequence[Picture], Bytes]]:
    """Yield some pictures at a time, at the training size: (n, size_px, size_px, 3) uint8."""
    n = max(1, min(EVALUATION_BATCH, MOST_BYTES // (3 * size_px**2)))
    for start in range(0, len(batch), n):
        pictures = batch[start : start + n]
        yield pictures, np.stack([_read(file, size_px) for _question, _sha256, file, _split in pictures])


def _read(name: str, size_px: int) -> Bytes:
    try:
        with default_storage.open(name) as file:
            return square(file.read(), size_px)
    except FileNotFoundError as error:
        raise PackError(
            f"Expected the picture {name} in the storage of pictures; it is not there."
        ) from error
    except PackError as error:
        raise PackError(f"Picture {name}: {error}") from error
