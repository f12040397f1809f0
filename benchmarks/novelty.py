"""How well a network can say that a picture is unlike anything it was trained on.

A ResNet-9 learns eight of the ten classes of CIFAR-10H. Validation pictures of these are ordinary; strange are
pictures of the two others, digits, noise, textures and plain areas. Printed of each way of telling them apart: the
area under its ROC curve (1 is perfect, 0.5 is chance), and the share of strange pictures that it catches when it
calls one in 100 ordinary pictures strange.
"""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.reporting import report
from training.certainty import softmax
from training.config import Config
from training.dataset import Split
from training.loop import EpochMetrics, Watcher, train
from training.novelty import FALSE_ALARMS, Novelty

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
HELD_OUT = (1, 6)  # automobiles, frogs
N_TRAIN, N_VAL, SIZE_PX, EPOCHS = 6000, 1000, 32, 20


def on_cifar10h(folder: Path) -> None:
    """Print how well each way does against each kind of strange pictures."""
    pictures, labels = _cifar10h(folder)
    is_known = ~np.isin(labels, HELD_OUT)
    known, names = pictures[is_known], np.unique(labels[is_known], return_inverse=True)[1].astype(np.int64)
    network = _trained(known, names)
    # Half of what was kept apart says what is ordinary; the other half is what is told from strange pictures.
    apart = known[N_TRAIN : N_TRAIN + 2 * N_VAL]
    val, val_pictures = apart[::2], apart[1::2]
    rng = np.random.default_rng(0)
    strange = {
        "classes held out": pictures[~is_known][:N_VAL],
        "digits": _digits(),
        "noise": rng.integers(0, 256, (N_VAL, SIZE_PX, SIZE_PX, 3), dtype=np.uint8),
        "stripes and checks": _textures(rng),
        "plain areas": np.broadcast_to(rng.integers(0, 256, (N_VAL, 1, 1, 3)), val_pictures.shape).astype(np.uint8),
    }  # fmt: skip
    for name, score in _ways(network, known[:N_TRAIN], names[:N_TRAIN], val).items():
        ordinary = score(val_pictures)
        threshold = np.quantile(ordinary, 1 - FALSE_ALARMS)
        found = {kind: score(each) for kind, each in strange.items()}
        report(
            name,
            auroc={kind: round(_auroc(ordinary, each), 3) for kind, each in found.items()},
            caught={kind: round(float((each > threshold).mean()), 3) for kind, each in found.items()},
        )


def _ways(
    network: Any, shown: Bytes, labels: NDArray[np.int64], val: Bytes
) -> dict[str, Callable[[Bytes], Floats]]:
    features, _logits = _seen(network, shown)
    by_class = _mahalanobis(features, labels)
    by_all = _mahalanobis(features, np.zeros_like(labels))
    ours = Novelty.fit((features, shown), (_seen(network, val)[0], val))

    def seen(pictures: Bytes) -> Floats:
        return _seen(network, pictures)[0]

    return {
        "largest probability": lambda each: 1 - softmax(_seen(network, each)[1]).max(axis=1),
        "energy": lambda each: -np.log(np.exp(_seen(network, each)[1].astype(float)).sum(axis=1)),
        "Mahalanobis": lambda each: by_class(seen(each)),
        "relative Mahalanobis": lambda each: by_class(seen(each)) - by_all(seen(each)),
        "neighbours by features": lambda each: ours.apart(seen(each), each)[:, 0],
        "neighbours by looks": lambda each: ours.apart(seen(each), each)[:, 1],
        "ours: both": lambda each: ours.strangeness(seen(each), each),
    }


def _mahalanobis(features: Floats, labels: NDArray[np.int64]) -> Callable[[Floats], Floats]:
    """Source: Lee, Lee, Lee & Shin (2018), arXiv:1807.03888, eq. 2; with one class, Ren et al. (2021), eq. 3."""
    means = np.stack([features[labels == label].mean(axis=0) for label in np.unique(labels)])
    centred = features - means[np.unique(labels, return_inverse=True)[1]]
    precision = np.linalg.pinv(centred.T @ centred / len(features) + 1e-6 * np.eye(features.shape[1]))

    def distance(seen: Floats) -> Floats:
        apart = seen[:, None] - means[None]  # (n, n_classes, n_features)
        squared = np.einsum("ncf,fg,ncg->nc", apart, precision, apart)
        nearest: Floats = squared.min(axis=1)
        return nearest

    return distance


def _auroc(ordinary: Floats, strange: Floats) -> float:
    """Return how often a strange picture scores higher than an ordinary one; ties count half."""
    below = np.searchsorted(np.sort(ordinary), strange, side="left")
    below_or_equal = np.searchsorted(np.sort(ordinary), strange, side="right")
    return float((below + below_or_equal).mean() / (2 * len(ordinary)))


def _trained(pictures: Bytes, labels: NDArray[np.int64]) -> Any:
    usual = Config.default("resnet", SIZE_PX, N_TRAIN)
    train_split = Split(pictures[:N_TRAIN], labels[:N_TRAIN])
    val_split = Split(pictures[N_TRAIN : N_TRAIN + N_VAL], labels[N_TRAIN : N_TRAIN + N_VAL])
    recipe = replace(usual, epochs=EPOCHS, flip=True)
    return train(recipe, train_split, val_split, 8, checkpoint=None, watcher=_Printing())


class _Printing(Watcher):
    def epoch_done(self, metrics: EpochMetrics) -> None:
        report("epoch", number=metrics.number, val_top1_error=metrics.val_top1_error)


def _seen(network: Any, pictures: Bytes) -> tuple[Floats, Floats]:
    network.eval()
    with torch.inference_mode():
        inputs = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 255
        features = network.penultimate(inputs)
        return features.numpy(), network.last(features).numpy()


def _cifar10h(folder: Path) -> tuple[Bytes, NDArray[np.int64]]:
    with gzip.open(folder / "labels.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    with zipfile.ZipFile(folder / "images.zip") as archive:
        files = [archive.read(f"images/{int(row['image_index']):05}.jpg") for row in rows]
    pictures = np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
    return pictures, np.array([int(row["true_label"]) for row in rows])


def _digits() -> Bytes:
    gray = (load_digits().images / 16 * 255).astype(np.uint8)
    large = [
        Image.fromarray(each).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC) for each in gray[:N_VAL]
    ]
    return np.stack([np.asarray(each.convert("RGB")) for each in large])


def _textures(rng: np.random.Generator) -> Bytes:
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX]
    found = []
    for _ in range(N_VAL):
        angle, period = rng.uniform(0, np.pi), rng.uniform(2, 12)
        wave = np.sin(2 * np.pi * (rows * np.sin(angle) + columns * np.cos(angle)) / period)
        if rng.random() < 0.5:
            wave = wave * np.sin(2 * np.pi * (rows * np.cos(angle) - columns * np.sin(angle)) / period)
        one, other = rng.integers(0, 256, (2, 3))
        share = (wave[..., None] + 1) / 2
        found.append((share * one + (1 - share) * other).astype(np.uint8))
    return np.stack(found)
