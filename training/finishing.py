"""A trained network -> the files that are kept of it, by the names of the Run's fields."""

import io
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.core.files import File
from django.core.files.base import ContentFile

from config.storage import private_storage
from datasets.manifest import ManifestRow
from labeling.splits import TEST, TRAIN, VAL
from training import answers
from training.augmenting import scaled
from training.certainty import fit_temperature
from training.checkpointing import save_weights
from training.classifier import Classifier
from training.dataset import Picked, Split
from training.exporting import to_onnx
from training.loop import EVALUATION_BATCH, predict
from training.models import Run
from training.network import n_parameters
from training.novelty import MOST_KEPT, Novelty


def keep(
    run: Run, network: Classifier, rows: Mapping[str, list[ManifestRow]], splits: Mapping[str, Split]
) -> dict[str, Any]:
    """Store what is kept of a trained `network`; return the fields of `run` that say where.

    rows, splits: by the names of the parts (labeling.splits), each row beside its picture and label.
    """
    return {
        "weights": _weights(run, network),
        "onnx": _onnx(run, network),
        "novelty": _novelty(run, network, splits),
        "predictions": _predictions(run, rows[TEST], predict(network, splits[TEST].pictures)),
        "answers": _answers(run, rows[VAL], splits[VAL], predict(network, splits[VAL].pictures)),
        "n_parameters": n_parameters(network),
    }


def _weights(run: Run, network: Classifier) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        # One entry, since the format keeps several in any order: equal weights are equal files. So no run is named.
        save_weights(network, path, {"nestwork": json.dumps(_about(run), sort_keys=True)})
        with path.open("rb") as file:
            return _store(run, "weights.safetensors", File(file))


def _onnx(run: Run, network: Classifier) -> str:
    model = to_onnx(network, run.options.size_px, {"run": str(run.pk), **_about(run)})
    return _store(run, "network.onnx", ContentFile(model.SerializeToString()))


def _about(run: Run) -> dict[str, Any]:
    """Return what is told in the files of a network about it."""
    return {
        "network": run.network,
        "config": run.options.to_json(),
        "classes": run.snapshot.classes,
        "snapshot": run.snapshot.digest,
    }


def _novelty(run: Run, network: Classifier, splits: Mapping[str, Split]) -> str:
    """Keep what is familiar to the network, and the temperature that mends how sure it is."""
    train, val = splits[TRAIN], splits[VAL]
    chosen = np.random.default_rng(run.seed).permutation(len(train))[:MOST_KEPT]
    shown = np.array(train.pictures[np.sort(chosen)])
    known, _logits = _seen(network, shown)
    features, logits = _seen(network, val.pictures)
    temperature = np.float64(fit_temperature(logits, val.labels))
    data = Novelty.fit((known, shown), (features, np.asarray(val.pictures))).to_bytes(temperature=temperature)
    return _store(run, "novelty.npz", ContentFile(data))


def _seen(network: Classifier, pictures: np.ndarray | Picked) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, n_features) and logits (n, n_classes) of uint8 pictures (n, size, size, 3)."""
    device = next(network.parameters()).device
    network.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), EVALUATION_BATCH):
            batch = torch.from_numpy(np.array(pictures[start : start + EVALUATION_BATCH])).to(device)
            seen = network.features_of(scaled(batch))
            found.append((seen.cpu().numpy(), network.last(seen).cpu().numpy()))
    features, logits = (np.concatenate(each) for each in zip(*found, strict=True))
    return features, logits


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
