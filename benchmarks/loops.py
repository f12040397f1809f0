"""The loop beside the best that can be written by hand for one network: pictures in memory, no checks, no history.

What ours adds to it: seeds for each batch, schedules, losses that are kept and looked at, and room for whatever a
recipe may ask. By hand there are four variants, of precision and order in memory; the fastest is the rival.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.reporting import report
from training.config import Config
from training.dataset import Split
from training.loop import EpochMetrics, Watcher, train
from training.network import build

SIZE_PX, N_CLASSES, N_VALIDATION = 32, 10, 64
NETWORKS: dict[str, Config] = {
    "mlp": replace(Config.default("mlp", SIZE_PX, 8000), batch_size=128),
    "alexnet": replace(Config.default("alexnet", SIZE_PX, 8000), batch_size=128, crop=True, flip=True),
    "resnet": Config("resnet", SIZE_PX, 2, 128, 0.1, weight_decay=5e-4, crop=True, flip=True, width=16),
}


class Best(Watcher):
    """Keeps the most pictures a second of any epoch."""

    def __init__(self) -> None:
        self.pictures_per_second = 0.0

    def epoch_done(self, metrics: EpochMetrics) -> None:
        self.pictures_per_second = max(self.pictures_per_second, metrics.pictures_per_second)


def beside_a_bare_loop(turns: int, n_pictures: int = 4096) -> None:
    """Train each network by both, in turns, and report the best of each and the ratio."""
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (n_pictures, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    labels = rng.integers(0, N_CLASSES, n_pictures)
    for name, config in NETWORKS.items():
        variants = _variants(config)
        rates = {said: _bare(config, pictures, labels, *how) for said, how in variants.items()}
        variant = max(rates, key=lambda said: rates[said])
        bare, ours = [], []
        # What takes little time is measured more often: other work on a machine comes and goes.
        for _ in range(turns * (10 if name == "mlp" else 1)):
            bare.append(_bare(config, pictures, labels, *variants[variant]))
            ours.append(_ours(config, pictures, labels))
        report(
            "loop",
            network=name,
            bare=round(max(bare)),
            ours=round(max(ours)),
            ratio=max(ours) / max(bare),
            ratio_of_medians=median(ours) / median(bare),
            best_bare=variant,
            others={said: round(rate) for said, rate in rates.items()},
            threads=torch.get_num_threads(),
        )


def _variants(config: Config) -> dict[str, tuple[bool, bool]]:
    return {
        f"{'bfloat16' if short else 'float32'}, {'channels last' if last else 'channels first'}": (
            short,
            last,
        )
        for short in (False, True)
        for last in ((False, True) if config.network != "mlp" else (False,))
    }


def _ours(config: Config, pictures: np.ndarray, labels: np.ndarray) -> float:
    watcher = Best()
    val = Split(pictures[:N_VALIDATION], labels[:N_VALIDATION])
    train(
        replace(config, epochs=2), Split(pictures, labels), val, N_CLASSES, checkpoint=None, watcher=watcher
    )
    return watcher.pictures_per_second


def _bare(config: Config, pictures: np.ndarray, labels: np.ndarray, short: bool, last: bool) -> float:
    """Return the pictures a second of the better of two epochs."""
    network = build(config, N_CLASSES).train()
    layout = torch.channels_last if last else torch.contiguous_format
    network = network.to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=0.01,
        momentum=0.9,
        weight_decay=config.weight_decay,
        nesterov=True,
        fused=True,
    )
    shown = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255).contiguous(memory_format=layout)
    augment = _crop_and_flip(config) if config.crop else _as_they_are
    return max(
        _bare_epoch(network, optimizer, shown, torch.from_numpy(labels), config.batch_size, augment, short)
        for _ in range(2)
    )


def _bare_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    shown: Tensor,
    labels: Tensor,
    batch_size: int,
    augment: Callable[[Tensor], Tensor],
    short: bool,
) -> float:
    started = time.perf_counter()
    for rows in torch.randperm(len(shown)).split(batch_size):
        inputs = augment(shown[rows])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=short):
            logits = network(inputs)
        loss = functional.cross_entropy(logits.float(), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return len(shown) / (time.perf_counter() - started)


def _as_they_are(batch: Tensor) -> Tensor:
    return batch


def _crop_and_flip(config: Config) -> Callable[[Tensor], Tensor]:
    """Return the usual way: one shift of the padded batch for each picture, and a mirrored copy for half of them."""
    furthest = config.size_px // 8

    def augment(batch: Tensor) -> Tensor:
        padded = functional.pad(batch, (furthest,) * 4, "reflect")
        moved = torch.empty_like(batch)
        moves = torch.randint(0, 2 * furthest + 1, (len(batch), 2)).tolist()
        for i, (row, column) in enumerate(moves):
            moved[i] = padded[i, :, row : row + config.size_px, column : column + config.size_px]
        is_mirrored = torch.rand(len(batch), 1, 1, 1) < 0.5
        return torch.where(is_mirrored, moved.flip(3), moved)

    return augment
