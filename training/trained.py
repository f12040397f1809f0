"""A finished Run -> the network that it trained."""

import tempfile
from pathlib import Path

import torch

from training.checkpointing import load_weights
from training.classifier import Classifier
from training.models import Run
from training.network import build


def trained_network(run: Run, device: str | torch.device = "cpu") -> Classifier:
    """Return the trained network of `run`, which has finished. Raises CheckpointError where its file does not fit."""
    network = build(run.options, run.snapshot.n_classes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        with run.weights.open("rb") as file:
            path.write_bytes(file.read())
        load_weights(network, path)
    return network.to(device)
