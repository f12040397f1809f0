"""Milliseconds an answer takes: ONNX Runtime, as the web process asks networks, beside eager PyTorch.

Both have the same threads. The two take turns, and the best of several rounds counts, so that what else the machine
does weighs on neither.
"""

import time
from collections.abc import Callable

import numpy as np
import onnxruntime
import torch

from benchmarks.reporting import report
from training.config import Config
from training.exporting import to_onnx
from training.network import build
from training.sessions import N_THREADS, session_of

N_CLASSES, ROUNDS, LEAST_S = 10, 7, 0.2
BATCHES = (1, 64)
NETWORKS = {
    "perceptron, 16 px": Config.default("perceptron", 16, 10_000),
    "mlp, 16 px": Config.default("mlp", 16, 10_000),
    "small AlexNet, 32 px": Config.default("alexnet", 32, 10_000),
    "ResNet-9, 32 px": Config.default("resnet", 32, 10_000),
    "ResNet-18, 128 px": Config.default("resnet", 128, 10_000),
    "AlexNet of 2012, 224 px": Config.default("alexnet", 224, 10_000),
}


def answers() -> None:
    """Print for each network and batch what an answer takes, and how long it takes to write its file."""
    torch.set_num_threads(N_THREADS)
    report("versions", torch=torch.__version__, onnxruntime=onnxruntime.__version__, threads=N_THREADS)
    for name, config in NETWORKS.items():
        network = build(config, N_CLASSES).eval()
        start = time.perf_counter()
        model = to_onnx(network, config.size_px, {}).SerializeToString()
        exported_s = time.perf_counter() - start
        session = session_of(model)
        report(name, exported_s=exported_s, mib=len(model) / 2**20)
        for batch in BATCHES:
            pictures = np.random.default_rng(0).random((batch, 3, config.size_px, config.size_px), np.float32)
            tensor = torch.from_numpy(pictures)

            def eager(network: torch.nn.Module = network, tensor: torch.Tensor = tensor) -> None:
                with torch.inference_mode():
                    network(tensor)

            def runtime(
                session: onnxruntime.InferenceSession = session, pictures: np.ndarray = pictures
            ) -> None:
                session.run(None, {"pictures": pictures})

            eager_ms, runtime_ms = _best_ms(eager, runtime)
            report(
                name,
                batch=batch,
                eager_ms=eager_ms,
                runtime_ms=runtime_ms,
                times_faster=eager_ms / runtime_ms,
            )


def _best_ms(*calls: Callable[[], None]) -> list[float]:
    best = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for place, call in enumerate(calls):
            best[place] = min(best[place], _ms(call))
    return best


def _ms(call: Callable[[], None]) -> float:
    call()
    n, start = 0, time.perf_counter()
    while time.perf_counter() < start + LEAST_S / ROUNDS or not n:
        call()
        n += 1
    return (time.perf_counter() - start) / n * 1000
