"""The loop on a GPU: pictures a second beside the floor and beside a bare loop, the same bits after interruptions.

The floor is the larger of two times: operations over the rate of a large matrix product, and the fewest bytes that
must move over the rate of a large copy, both measured in the same process. The bare loop is as fast as PyTorch's own
parts make it: any kernel, no checks, no history, pictures on the GPU as bytes, cropped by one gather.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.loops import Best
from benchmarks.reporting import report
from training import feeding
from training.classifier import Classifier
from training.config import Config
from training.dataset import Split
from training.describing import Layer, describe
from training.feeding import Feed
from training.loop import Progress, Watcher, train
from training.network import build, n_parameters

# Of multiply-adds: once forwards and twice backwards, two operations each.
OPERATIONS = 6
# Of each number that a layer gives: written and read forwards, read backwards, its gradient written and read; bf16.
BYTES_EACH_OUTPUT = 5 * 2
# Of each weight and batch: weight, gradient and momentum read and written, float32.
BYTES_EACH_WEIGHT = 6 * 4
NETWORKS = {
    "alexnet, 224 px": (Config("alexnet", 224, 3, 512, 0.01, crop=True, flip=True), 1000, 4096),
    "resnet of 9 layers and 64 channels, 32 px": (
        Config("resnet", 32, 3, 512, 0.1, width=64, crop=True, flip=True), 10, 40_960,
    ),
}  # fmt: skip


def on_a_gpu() -> None:
    """Report the floor and what the loop reaches, with and without torch.compile. RuntimeError without one."""
    if not torch.cuda.is_available():
        raise RuntimeError("Expected a GPU that PyTorch can use; found none.")
    operations, bytes_moved = _most_operations(), _most_bytes()
    report("gpu", card=torch.cuda.get_device_name(), torch=torch.__version__, tflops=operations / 1e12,
           terabytes_per_s=bytes_moved / 1e12)  # fmt: skip
    for name, (config, n_classes, n_pictures) in NETWORKS.items():
        with torch.device("meta"):
            network = build(config, n_classes)
        layers = describe(network, config.size_px)
        floor_s = max(_least(config, layers, n_parameters(network), operations, bytes_moved))
        rates = {}
        for compiled in (False, True):
            rates[compiled] = _rate(replace(config, compiled=compiled), n_classes, n_pictures)
        report(
            "gpu loop",
            network=name,
            batch=config.batch_size,
            floor=round(1 / floor_s),
            ours=round(rates[False]),
            compiled=round(rates[True]),
            share_of_floor=max(rates.values()) * floor_s,
        )


def from_memory() -> None:
    """Report what is fed a second from the GPU's memory and from pinned memory, and what the loop makes of it."""
    for name, (config, n_classes, n_pictures) in NETWORKS.items():
        split = _noise(config, n_classes, n_pictures)
        resident, streamed = (Feed(split, torch.device("cuda"), most_bytes) for most_bytes in (None, 0))
        order = np.random.default_rng(2).permutation(n_pictures)
        pairs = zip(
            resident.batches(order, config.batch_size),
            streamed.batches(order, config.batch_size),
            strict=True,
        )
        report(
            "gpu feed",
            network=name,
            equal=all(bool((ours[0] == theirs[0]).all()) for ours, theirs in pairs),
            resident=round(_fed(resident, order, config.batch_size)),
            streamed=round(_fed(streamed, order, config.batch_size)),
            loop_resident=round(_rate(config, n_classes, n_pictures)),
            loop_streamed=round(_rate(config, n_classes, n_pictures, share_of_memory=0.0)),
        )


def beside_a_bare_loop() -> None:
    """Train each network by both and report the pictures a second, and the ratio."""
    for name, (config, n_classes, n_pictures) in NETWORKS.items():
        split = _noise(config, n_classes, n_pictures)
        bare, ours = _bare(config, n_classes, split), _rate(config, n_classes, n_pictures)
        report("gpu bare loop", network=name, bare=round(bare), ours=round(ours), ratio=ours / bare)


def same_bits() -> None:
    """Interrupt a training of each network again and again, and report whether it ends with the same bits."""
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (2000, 32, 32, 3), dtype=np.uint8)
    split = Split(pictures, rng.integers(0, 10, 2000))
    for network in ("perceptron", "mlp", "alexnet", "resnet"):
        config = replace(Config.default(network, 32, 8000), epochs=3, flip=True)
        whole = train(config, split, split, 10, checkpoint=None, watcher=Watcher())
        with tempfile.TemporaryDirectory() as folder:
            n_interruptions = 0
            while True:
                watcher = Interrupting(7)
                try:
                    pieces = train(config, split, split, 10, checkpoint=Path(folder) / "run", watcher=watcher)
                except InterruptedError:
                    n_interruptions += 1
                else:
                    break
        report(
            "gpu bits", network=network, interruptions=n_interruptions, equal=_bits(whole) == _bits(pieces)
        )


class Interrupting(Watcher):
    """Wants a checkpoint after the n-th batch, and interrupts the training once it has it."""

    def __init__(self, n: int) -> None:
        self.n = n

    def wants_checkpoint(self, progress: Progress) -> bool:
        self.n -= 1
        return self.n == 0

    def checkpointed(self, progress: Progress) -> None:
        if self.n == 0:
            raise InterruptedError


def _bits(network: Classifier) -> str:
    tensors = network.state_dict().values()
    return hashlib.sha256(b"".join(tensor.cpu().numpy().tobytes() for tensor in tensors)).hexdigest()


def _noise(config: Config, n_classes: int, n_pictures: int) -> Split:
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (n_pictures, config.size_px, config.size_px, 3), dtype=np.uint8)
    return Split(pictures, rng.integers(0, n_classes, n_pictures))


def _rate(
    config: Config, n_classes: int, n_pictures: int, share_of_memory: float = feeding.SHARE_OF_MEMORY
) -> float:
    """Return the loop's pictures a second; `share_of_memory` of 0 has each batch come by way of pinned memory."""
    split, watcher = _noise(config, n_classes, n_pictures), Best()
    few = Split(split.pictures[:64], split.labels[:64])
    with patch.object(feeding, "SHARE_OF_MEMORY", share_of_memory):
        train(config, split, few, n_classes, checkpoint=None, watcher=watcher)
    return watcher.pictures_per_second


def _fed(feed: Feed, order: np.ndarray, batch_size: int) -> float:
    def drain() -> None:
        for _ in feed.batches(order, batch_size):
            pass

    return len(order) / _seconds(drain, 3)


def _bare(config: Config, n_classes: int, split: Split) -> float:
    """Return the pictures a second of three epochs, after three others."""
    network = build(config, n_classes).train().cuda().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        network.parameters(), lr=config.learning_rate, momentum=config.momentum, nesterov=True, fused=True
    )
    shown, labels = torch.from_numpy(np.asarray(split.pictures)).cuda(), torch.from_numpy(split.labels).cuda()
    return len(shown) / _seconds(lambda: _bare_epoch(network, optimizer, shown, labels, config), 3)


def _bare_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, shown: Tensor, labels: Tensor, config: Config
) -> None:
    size, furthest = config.size_px, config.size_px // 8
    along = torch.arange(size, device="cuda")
    for rows in torch.randperm(len(shown), device="cuda").split(config.batch_size):
        moves = torch.randint(-furthest, furthest + 1, (2, len(rows), 1), device="cuda")
        y, x = (along + moves).clamp(0, size - 1)  # (batch, size) each
        x = torch.where(torch.rand(len(rows), 1, device="cuda") < 0.5, x, x.flip(1))
        batch = shown[rows[:, None, None], y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2)
        with torch.autocast("cuda", dtype=torch.bfloat16):
            logits = network(batch.float().div_(255))
        loss = functional.cross_entropy(logits.float(), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _least(
    config: Config, layers: list[Layer], n_weights: int, operations: float, bytes_moved: float
) -> tuple[float, float]:
    """Return the seconds that a picture costs at least, for arithmetic and for memory."""
    n_outputs = sum(int(np.prod(layer.shape)) for layer in layers)
    moved = n_outputs * BYTES_EACH_OUTPUT + n_weights * BYTES_EACH_WEIGHT / config.batch_size
    return OPERATIONS * sum(layer.n_multiply_adds for layer in layers) / operations, moved / bytes_moved


def _most_operations(side: int = 8192) -> float:
    a, b = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / _seconds(lambda: a @ b)


def _most_bytes(n: int = 2**32) -> float:
    source = torch.ones(n, device="cuda", dtype=torch.uint8)
    target = torch.empty_like(source)
    return 2 * n / _seconds(lambda: target.copy_(source))


def _seconds(call: Callable[[], object], n: int = 10) -> float:
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(n):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / n
