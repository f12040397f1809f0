"""What is kept of a training so that another process can go on with it, to the same bits. Safetensors: data alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from training.classifier import Classifier
from training.packing import whole_file

FORMAT = "2"


class CheckpointError(ValueError):
    """A checkpoint or a weights file that cannot be used here."""


@dataclass
class State:
    """A training between two batches.

    network:       what learns.
    optimizer:     with what it keeps of each parameter.
    average:       the moving average of `network`, which is what answers; None if nothing is averaged.
    best:          the weights of least validation loss so far; None where no early stop is asked for.
    epoch, batch:  the epoch at work, from 1, and how many of its batches are done.
    losses:        (n_batches,) float32 on the device: of this epoch's batches.
    n_shown:       pictures shown so far, in all epochs.
    seconds:       spent on this epoch so far, by whoever worked on it.
    least_loss, n_since_least: the least validation loss so far, and how many epochs ago it was.
    """

    network: Classifier
    optimizer: torch.optim.Optimizer
    average: Classifier | None
    best: dict[str, Tensor] | None
    losses: Tensor
    epoch: int = 1
    batch: int = 0
    n_shown: int = 0
    seconds: float = 0.0
    least_loss: float = float("inf")
    n_since_least: int = 0

    @property
    def answering(self) -> Classifier:
        """The network that is asked, and that the training ends with."""
        return self.network if self.average is None else self.average


NUMBERS = ("epoch", "batch", "n_shown", "seconds", "least_loss", "n_since_least")


def save(path: Path, training: str, execution: dict[str, Any], state: State) -> None:
    """Write `state` to `path`, whole or not at all.

    training:  a digest of what decides the weights; only the same training goes on from it.
    execution: how it computes, for whoever goes on.
    """
    tensors = {f"network.{name}": tensor for name, tensor in state.network.state_dict().items()}
    if state.average is not None:
        tensors |= {f"average.{name}": tensor for name, tensor in state.average.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in (state.best or {}).items()}
    for name, parameter in state.network.named_parameters():
        for key, value in state.optimizer.state[parameter].items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{name}.{key}"] = value
    tensors["losses"] = state.losses[: state.batch]
    metadata = {
        "format": FORMAT,
        "training": training,
        "execution": json.dumps(execution),
        "numbers": json.dumps({name: getattr(state, name) for name in NUMBERS}),
    }
    _save(path, tensors, metadata)


def execution_of(path: Path) -> dict[str, Any]:
    """Return how the training of a checkpoint computes. Raises CheckpointError if it is damaged."""
    _tensors, metadata = _load(path, names=())
    found: dict[str, Any] = json.loads(metadata.get("execution", "{}"))
    return found


def restore(path: Path, training: str, state: State) -> None:
    """Put `state` where the checkpoint left it. Raises CheckpointError if it is damaged, or of other training."""
    tensors, metadata = _load(path)
    if metadata.get("format") != FORMAT or metadata.get("training") != training:
        raise CheckpointError(
            f"{path}: expected a checkpoint of this config, classes and labels; found one of other training. "
            "Delete it to train afresh."
        )
    _fill(path, state.network, _below("network.", tensors))
    if state.average is not None:
        _fill(path, state.average, _below("average.", tensors))
    if state.best is not None:
        state.best = {name: _like(state.losses, tensor) for name, tensor in _below("best.", tensors).items()}
    for name, parameter in state.network.named_parameters():
        kept = _below(f"optimizer.{name}.", tensors)
        # Counts of steps stay on the CPU, as the optimizer makes them.
        state.optimizer.state[parameter] = {
            key: value.clone() if value.ndim == 0 else _as_laid_out(value, parameter)
            for key, value in kept.items()
        }
    for name, value in json.loads(metadata["numbers"]).items():
        setattr(state, name, value)
    state.losses[: state.batch] = tensors["losses"].to(state.losses.device)


def save_weights(network: nn.Module, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write `network`'s weights to `path` as safetensors, whole or not at all."""
    _save(path, network.state_dict(), metadata or {})


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill `network` from what save_weights() wrote. Raises CheckpointError unless every weight fits."""
    tensors, _ = _load(path)
    _fill(path, network, tensors)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _like(other: Tensor, tensor: Tensor) -> Tensor:
    return tensor.to(other.device)


def _as_laid_out(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Return `tensor` on the parameter's device, in its order in memory."""
    laid_out = torch.empty_like(parameter, dtype=tensor.dtype)
    return laid_out.copy_(tensor)


def _fill(path: Path, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    wanted = network.state_dict()
    for name in sorted(tensors.keys() | wanted.keys()):
        ours, theirs = (_shape(some.get(name)) for some in (wanted, tensors))
        if ours != theirs:
            raise CheckpointError(f"{path}, {name}: expected {ours}; found {theirs}.")
    network.load_state_dict(tensors)


def _shape(tensor: Tensor | None) -> str:
    return "nothing" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"


def _save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    with whole_file(path) as partial:
        # The format knows one order of dimensions in memory.
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, metadata)


def _load(path: Path, names: tuple[str, ...] | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            wanted = file.keys() if names is None else names
            return {name: file.get_tensor(name) for name in wanted}, file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: expected a whole safetensors file; found {error}. Delete it."
        ) from error
