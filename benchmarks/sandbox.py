"""What it costs to ask a network in a process that has its pictures and nothing else, beside asking it right here.

    python -m benchmarks.sandbox

Reports for a small and a large network the milliseconds until the process is ready, and pictures per second, confined
and not, by the median of TURNS turns.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before ONNX Runtime is imported

from benchmarks.reporting import report
from competition.sandbox import onnx_network, running
from competition.sandbox.answering import Collector
from competition.sandbox.bounds import Limits
from competition.sandbox.request import Pictures, Request
from training.config import Config
from training.exporting import to_onnx
from training.network import build

TURNS = 5
N_CLASSES = 10
CASES = (("perceptron", 32, 20_000), ("resnet", 32, 2000), ("resnet", 128, 128))


def main() -> None:
    for network, side_px, n in CASES:
        torch.manual_seed(2012)
        data = to_onnx(
            build(Config.default(network, side_px, 1000), N_CLASSES), side_px, {}
        ).SerializeToString()
        pictures = np.random.default_rng(2012).integers(0, 256, (n, side_px, side_px, 3), dtype=np.uint8)
        start_ms, confined_s = medians(partial(confined, data, pictures))
        load_ms, unconfined_s = medians(partial(unconfined, data, pictures))
        report(
            "a network in a process of its own",
            network=network,
            side_px=side_px,
            start_ms=start_ms,
            load_ms=load_ms,
            confined=n / confined_s,
            unconfined=n / unconfined_s,
        )


def medians(ask: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    before, asked = zip(*(ask() for _turn in range(TURNS)), strict=True)
    return statistics.median(before), statistics.median(asked)


def confined(data: bytes, pictures: np.ndarray) -> tuple[float, float]:
    """Return the milliseconds until it was ready, and the seconds that its answers took."""
    with tempfile.TemporaryDirectory() as folder:
        network, packed = Path(folder) / "network.onnx", Path(folder) / "pictures"
        network.write_bytes(data)
        packed.write_bytes(pictures.tobytes())
        with network.open("rb") as file, packed.open("rb") as shown:
            place = Pictures(shown.fileno(), 0, len(pictures), pictures.shape[1])
            collector = Collector(len(pictures), N_CLASSES)
            began = time.perf_counter()
            said = running.run(
                lambda words: request(file.fileno(), words, place).to_json(),
                Limits(),
                [file.fileno(), shown.fileno()],
                most_bytes=collector.most_bytes,
                take=collector.take,
            )
            whole_s = time.perf_counter() - began
    collector.answers()  # all are there
    return 1000 * (whole_s - said.seconds), said.seconds


def unconfined(data: bytes, pictures: np.ndarray) -> tuple[float, float]:
    """Return the milliseconds until it was loaded, and the seconds that its answers took."""
    began = time.perf_counter()
    network = onnx_network.Network(data, request(-1, -1, None))
    ready = time.perf_counter()
    for start in range(0, len(pictures), network.batch):
        network.answer(pictures[start : start + network.batch])
    return 1000 * (ready - began), time.perf_counter() - ready


def request(network: int, words: int, pictures: Pictures | None) -> Request:
    return Request("onnx", network, words, [f"n{label:08}" for label in range(N_CLASSES)], pictures)


if __name__ == "__main__":
    main()
