"""Why a network answers as it does: what finding out costs, and how often each map is true."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from benchmarks.learning import N_TRAIN, SPLIT_SEED, Photographs, recipe
from benchmarks.reporting import report, timed
from training.classifier import Classifier
from training.config import NETWORKS, Config
from training.dataset import Bytes
from training.explained import Explained
from training.faithfulness import Verdict
from training.loop import Watcher, train
from training.network import build
from training.telling import explain

N_EXPLAINED = 50
SIZES = (("perceptron", 32), ("mlp", 32), ("alexnet", 32), ("resnet", 32), ("alexnet", 224))
N_CLASSES = 10


def seconds(turns: int) -> None:
    """Report what it takes to load what explains, once for a process, and then one picture for each network. Fresh
    weights cost as much as trained ones, but for the points of the way that integrated gradients need.
    """
    loading = min(timed(_load)[1] for _turn in range(turns))
    report("loading what explains", seconds=loading)
    for network, size_px in SIZES:
        torch.manual_seed(0)
        built = build(Config.default(network, size_px, N_TRAIN), N_CLASSES)
        picture = np.random.default_rng(0).integers(0, 256, (size_px, size_px, 3), np.uint8)
        found = [_explain(built, picture, 1) for _turn in range(turns)]
        report(
            f"explaining, {network} {size_px} px",
            seconds=min(each.seconds for each in found),
            n_steps=found[0].n_steps,
            file_kb=len(found[0].to_bytes()) / 1000,
        )


def faithfulness(folder: Path, only: str | None) -> None:
    """Train each network on photographs, or `only` one, and report how its maps of others stand the test."""
    known = Photographs.read(folder)
    learnt, others = known.parted(SPLIT_SEED)
    for network in [only] if only else NETWORKS:
        config = recipe(network)
        trained = train(
            config,
            known.split(learnt, "labels"),
            known.split(others, "labels"),
            known.n_classes,
            checkpoint=None,
            watcher=Watcher(),
        )
        report_faithfulness(network, trained, known.pictures[others[:N_EXPLAINED]])


def report_faithfulness(name: str, network: Classifier, pictures: Bytes) -> None:
    """Report for each way to explain the answers how often its map beats random orders, and by how much."""
    began = time.monotonic()
    found = [_explain(network, picture, None) for picture in pictures]
    took = (time.monotonic() - began) / len(found)
    worst = max(abs(each.delta) / max(1.0, abs(each.explained)) for each in found)
    report(f"explaining, {name}, trained", n=len(found), seconds_each=took, worst_delta=worst)
    for method in found[0].deletions:
        tests = [each.deletions[method] for each in found]
        verdicts = Counter(each.verdict for each in tests)
        fell = [each.times for each in tests if each.times is not None]
        report(
            f"faithful, {name}, {method}",
            better_than_the_mean=float(np.mean([each.area < each.area_at_random for each in tests])),
            median_times=float(np.median(fell)) if fell else None,
            **{verdict.value: verdicts[verdict] / len(tests) for verdict in Verdict},
        )


def _explain(network: Classifier, picture: Bytes, label: int | None) -> Explained:
    return explain(network, picture, label, lambda: None)


def _load() -> None:
    subprocess.run([sys.executable, "-c", "import training.telling"], check=True)
