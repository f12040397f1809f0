"""From a perceptron to a residual network on CIFAR-10H: accuracy against seconds, on this machine's processor.

8,000 photographs are learnt and 2,000 answered for, parted by lot; both kinds have the labels of the consensus of all
votes, and accuracy by CIFAR-10's own labels stands beside. Each network is trained by its usual recipe, with mirrored
pictures, which photographs allow; the residual network learns the shares of each picture's fifty votes and answers by
ten views. Nothing was tuned on the 2,000: recipes are tried on another lot, with --lot and --with.
"""

import time
import zipfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from benchmarks import cifar10h
from benchmarks.plot import Axis, Chart, draw
from benchmarks.reporting import report
from labeling import consensus
from labeling.coarse import Tree
from training.config import NETWORKS, Config
from training.dataset import Split
from training.loop import EpochMetrics, Watcher, predict, train
from training.targets import counted

SIZE_PX, N_TRAIN, SPLIT_SEED, N_ASKED_OFTEN = 32, 8000, 2026, 500


class History(Watcher):
    """Keeps (seconds, accuracy) after each epoch."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        self.started_at = time.perf_counter()

    def epoch_done(self, metrics: EpochMetrics) -> None:
        self.points.append((time.perf_counter() - self.started_at, 1 - metrics.val_top1_error))


@dataclass(frozen=True)
class Photographs:
    """CIFAR-10H: pictures (n, 32, 32, 3) uint8; labels by the consensus of all votes, and CIFAR-10's own, (n,) both;
    and the shares of the votes, (n, n_classes) float32.
    """

    pictures: np.ndarray
    labels: np.ndarray
    truth: np.ndarray
    shares: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> Self:
        pictures, crowd = read_pictures(folder), cifar10h.read(folder)
        fit = consensus.fit(crowd.votes, len(pictures), crowd.n_classes)
        votes = counted(crowd.votes, len(pictures), crowd.n_classes, Tree.of([]))
        return cls(pictures, fit.label, crowd.truth, votes / np.float32(cifar10h.VOTES_EACH))

    @property
    def n_classes(self) -> int:
        n_classes: int = self.shares.shape[1]
        return n_classes

    def parted(self, lot: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that are learnt, and those that are asked for."""
        order = np.random.default_rng(lot).permutation(len(self.pictures))
        return order[:N_TRAIN], order[N_TRAIN:]

    def split(self, rows: np.ndarray, targets: str) -> Split:
        return Split(
            self.pictures[rows], self.labels[rows], self.shares[rows] if targets == "shares" else None
        )


def on_cifar10h(folder: Path, only: str | None, drawing: Path | None, lot: int, told: dict[str, Any]) -> None:
    """Train each network, or `only` one, and report how many of the 2,000 it gets right, and after how long.

    lot:  what parts the photographs; SPLIT_SEED is the benchmark's own.
    told: options that take the place of the usual ones.
    """
    known = Photographs.read(folder)
    learnt, asked = known.parted(lot)
    # After each epoch a quarter of them is asked, so that the seconds are those of learning.
    asked_often = known.split(asked[:N_ASKED_OFTEN], "labels")
    lines = {}
    for network in [only] if only else NETWORKS:
        history = History()
        config = Config.from_json({**recipe(network).to_json(), **told})
        trained = train(
            config,
            known.split(learnt, config.targets),
            asked_often,
            known.n_classes,
            checkpoint=None,
            watcher=history,
        )
        seconds = time.perf_counter() - history.started_at
        answers = predict(trained, known.pictures[asked]).argmax(axis=1)
        report(
            "learning",
            network=network,
            lot=lot,
            told=told,
            accuracy=float((answers == known.labels[asked]).mean()),
            by_true_labels=float((answers == known.truth[asked]).mean()),
            seconds=seconds,
            epochs=config.epochs,
            seconds_to=_seconds_to(history.points),
        )
        lines[network] = history.points
    if drawing:
        drawing.write_text(draw(CHART, lines))


CHART = Chart(
    "Accuracy on 2,000 photographs while a network learns from 8,000",
    Axis("seconds on two cores", (1, 3, 10, 30, 100, 300, 1000), logarithmic=True),
    Axis("right", (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)),
)


def recipe(network: str) -> Config:
    """Return the usual recipe for photographs."""
    config = replace(Config.default(network, SIZE_PX, N_TRAIN), flip=True)
    return replace(config, mirror=True, shifts=True, targets="shares") if network == "resnet" else config


def read_pictures(folder: Path) -> np.ndarray:
    """Return all photographs, (10000, 32, 32, 3) uint8."""
    with zipfile.ZipFile(folder / "images.zip") as archive:
        names = [f"images/{i:05d}.jpg" for i in range(10_000)]
        return np.stack([np.asarray(Image.open(BytesIO(archive.read(name)))) for name in names])


def _seconds_to(points: list[tuple[float, float]]) -> dict[str, int]:
    """Return when an accuracy was first reached, of those that were."""
    reached = {}
    for wanted in (0.4, 0.5, 0.6, 0.7, 0.8, 0.85):
        first = next((seconds for seconds, accuracy in points if accuracy >= wanted), None)
        if first is not None:
            reached[f"{wanted:.2f}"] = round(first)
    return reached
