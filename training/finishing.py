"""A trained network -> the files that are kept of it, by the names of the Run's fields."""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from django.core.files import File
from django.core.files.base import ContentFile

from config.storage import private_storage
from datasets.manifest import ManifestRow
from training import answers
from training.checkpointing import save_weights
from training.classifier import Classifier
from training.dataset import Split
from training.loop import predict
from training.models import Run
from training.network import n_parameters


def keep(
    run: Run, network: Classifier, rows: Mapping[str, list[ManifestRow]], splits: Mapping[str, Split]
) -> dict[str, Any]:
    """Store what is kept of a trained `network`; return the fields of `run` that say where.

    rows, splits: by the names of the parts (labeling.splits), each row beside its picture and label.
    """
    return {
        "weights": _weights(run, network),
        "predictions": _predictions(run, rows["test"], predict(network, splits["test"].pictures)),
        "answers": _answers(run, rows["val"], splits["val"], predict(network, splits["val"].pictures)),
        "n_parameters": n_parameters(network),
    }


def _weights(run: Run, network: Classifier) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_weights(network, path)
        with path.open("rb") as file:
            return _store(run, "weights.safetensors", File(file))


def _predictions(run: Run, rows: list[ManifestRow], probabilities: np.ndarray) -> str:
    """Keep the answers on the test split, by picture."""
    file = io.BytesIO()
    hashes = np.array([row.sha256 for row in rows])
    np.savez_compressed(file, sha256=hashes, probabilities=probabilities.astype(np.float32))
    return _store(run, "predictions.npz", ContentFile(file.getvalue()))


def _answers(run: Run, rows: list[ManifestRow], split: Split, probabilities: np.ndarray) -> str:
    """Keep the answers on the validation split beside its labels, to show what the network gets wrong."""
    file = io.BytesIO()
    answers.save(file, np.array([row.sha256 for row in rows]), split.labels, probabilities)
    return _store(run, "answers.npz", ContentFile(file.getvalue()))


def _store(run: Run, name: str, file: File) -> str:
    """Keep a file of `run` out of everybody's reach; return the name that it got."""
    return private_storage().save(f"runs/{run.pk}/{name}", file)
