"""Weights of one of this site's networks that were handed in, looked at and asked. In the confined process alone."""

import io
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor
from torch.nn import functional

from competition.sandbox import graphs, weights
from competition.sandbox.bounds import LEAST_SIDE_PX, MOST_SIDE_PX, RefusedError
from competition.sandbox.request import Bytes, Request
from training.classifier import Classifier
from training.config import Config, ConfigError
from training.describing import describe
from training.network import build, n_parameters

KINDS = {torch.float32: "F32", torch.int64: "I64"}
# What PyTorch raises where it cannot go on.
FAILURES = (RuntimeError, ValueError, SafetensorError)
BATCH_BYTES, MOST_IN_BATCH = 2**23, 64


def warm_up() -> None:
    """Have PyTorch read what it reads about the processor when it computes for the first time."""
    torch.set_num_threads(1)  # more would be threads, and confined is one
    with torch.device("meta"):
        describe(build(Config.default("resnet", 8, 1), 2), 8)
    functional.conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(4, 3, 3, 3))


def look(data: bytes, request: Request) -> dict[str, Any]:
    """Return how large its pictures are and what it costs. Raises RefusedError if it is not to be asked."""
    config, network = _plan(data, request)
    return {
        "side_px": config.size_px,
        "n_parameters": n_parameters(network),
        "n_multiply_adds": sum(layer.n_multiply_adds for layer in describe(network, config.size_px)),
    }


def _plan(data: bytes, request: Request) -> tuple[Config, Classifier]:
    """Return the network that the weights are said to be of, without weights. Raises RefusedError unless they fit."""
    try:
        config = Config.from_json(request.config)
    except ConfigError as error:
        raise RefusedError(str(error)) from error
    if not LEAST_SIDE_PX <= config.size_px <= MOST_SIDE_PX:
        wanted = f"{LEAST_SIDE_PX} to {MOST_SIDE_PX}"
        raise RefusedError(f"Config, size_px: expected {wanted}; found {config.size_px}.")
    with torch.device("meta"):
        network = build(config, len(request.classes)).eval()
    header = weights.read_header(io.BytesIO(data), len(data))
    weights.refuse_others(header.tensors, _tensors(network.state_dict()))
    return config, network


def _tensors(state: dict[str, Tensor]) -> weights.Tensors:
    return {name: (KINDS[tensor.dtype], tuple(tensor.shape)) for name, tensor in state.items()}


class Network:
    """A network that is asked."""

    def __init__(self, data: bytes, request: Request) -> None:
        config, self._network = _plan(data, request)
        self._network.load_state_dict(load(data), assign=True)
        self._columns = graphs.columns(request.said, request.classes)
        torch.set_num_threads(request.limits.n_threads)
        self.batch = max(1, min(MOST_IN_BATCH, BATCH_BYTES // (3 * config.size_px**2)))

    def answer(self, pictures: Bytes) -> NDArray[np.float32]:
        """Return what it says of `pictures` (n, side_px, side_px, 3): (n, n_classes)."""
        with torch.inference_mode():
            shown = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).float() / 255
            answers = self._network(shown).numpy()
        return np.ascontiguousarray(answers[:, self._columns])
