"""Training, top to bottom: seed in, history out.

What is random in epoch e follows from (seed, e) alone, so a run that was killed goes on from its last
checkpoint and ends with the same bits as one that was not, on the same kind of CPU with the same number of
threads. A GPU may add gradients of overlapping pooling in any order, so there the last bits can differ.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from training.augmenting import Augmenter, scaled
from training.classifier import Classifier
from training.config import Config
from training.dataset import Bytes, Picked, Split, SplitError
from training.feeding import Feed
from training.network import build
from training.packing import whole_file

# Pictures at a time where no gradient is kept.
EVALUATION_BATCH = 512
# The schedule climbs for this share of all steps: fresh weights meet a full learning rate badly.
WARM_UP = 0.05


class DivergedError(ArithmeticError):
    """The loss is no number any more; says in which epoch and batch."""


class CheckpointError(ValueError):
    """A checkpoint or a weights file that cannot be used here."""


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch did. Losses are in nats, errors fractions 0..1, epochs counted from 1.

    train_loss is the mean while the network learnt, dropout and smoothed labels included; val_loss is the
    plain cross-entropy after the epoch, so it can be the lower one. learning_rate is the last batch's.
    """

    number: int
    train_loss: float
    val_loss: float
    val_top1_error: float
    val_top5_error: float
    learning_rate: float
    pictures_per_second: float
    seconds: float


def train(
    config: Config,
    train_split: Split,
    val_split: Split,
    n_classes: int,
    *,
    checkpoint: Path | None,
    on_batch: Callable[[], None],
    on_epoch: Callable[[EpochMetrics], None],
) -> Classifier:
    """Train the network that `config` describes and return it, on the GPU if there is one.

    checkpoint: the file to save after each epoch, and to go on from if it exists; None saves nothing.
    on_batch:   called after each training batch; whatever it raises ends the training.
    on_epoch:   called once an epoch is safe in the checkpoint. Going on from a checkpoint calls it again with
                that checkpoint's own epoch, since the caller may have died before writing it down.
    Sets torch's global random state. Raises SplitError if the splits do not fit `config` or `n_classes`,
    CheckpointError if the checkpoint is damaged or of other training, DivergedError if the loss is no number.
    """
    _check_split("train", train_split, config, n_classes)
    _check_split("val", val_split, config, n_classes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(_seed(config, epoch=0))
    network = build(config, n_classes).to(device)
    # Nesterov looks ahead along the momentum, so it needs some.
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,
    )
    training = _describe(config, n_classes, train_split)
    feed = Feed(train_split, device)
    augment = Augmenter(config, train_split.pictures, n_classes, device)

    n_done = 0
    if checkpoint is not None and checkpoint.exists():
        metrics = _load_checkpoint(checkpoint, training, network, optimizer)
        n_done = metrics.number
        on_epoch(metrics)
    for epoch in range(n_done + 1, config.epochs + 1):
        started = time.perf_counter()
        train_loss = train_epoch(config, epoch, network, optimizer, feed, augment, on_batch)
        trained = time.perf_counter()
        val_loss, top1_error, top5_error = evaluate(network, val_split)
        if not math.isfinite(val_loss):
            raise _diverged(config, f"epoch {epoch}, after its last batch", val_loss)
        metrics = EpochMetrics(
            number=epoch,
            train_loss=train_loss,
            val_loss=val_loss,
            val_top1_error=top1_error,
            val_top5_error=top5_error,
            learning_rate=optimizer.param_groups[0]["lr"],
            pictures_per_second=len(train_split) / (trained - started),
            seconds=time.perf_counter() - started,
        )
        if checkpoint is not None:
            _save_checkpoint(checkpoint, training, network, optimizer, metrics)
        on_epoch(metrics)
    return network


def train_epoch(
    config: Config,
    epoch: int,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    feed: Feed,
    augment: Augmenter,
    on_batch: Callable[[], None],
) -> float:
    """Show `network` every picture of `feed` once, in an order of this epoch's own; return the mean loss."""
    device = _device(network)
    seed = _seed(config, epoch)
    torch.manual_seed(seed)  # dropout draws from torch's global state
    generator = torch.Generator(device).manual_seed(seed)
    order = np.random.default_rng(seed).permutation(len(feed))
    n_batches = math.ceil(len(feed) / config.batch_size)
    total = 0.0
    network.train()
    for batch, (pictures, known) in enumerate(feed.batches(order, config.batch_size)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, (epoch - 1) * n_batches + batch, config.epochs * n_batches)
        inputs, targets = augment(pictures, known, generator)
        logits = _logits(network, inputs)  # (batch, n_classes)
        loss = functional.cross_entropy(logits, targets, label_smoothing=config.label_smoothing)
        value = loss.item()
        if not math.isfinite(value):
            raise _diverged(config, f"epoch {epoch}, batch {batch + 1} of {n_batches}", value)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += value * len(targets)
        on_batch()
    return total / len(feed)


def learning_rate(config: Config, step: int, n_steps: int) -> float:
    """Return the learning rate of `step`, 0 to n_steps - 1: a straight climb, then half a cosine to 0.

    Source of the cosine: Loshchilov & Hutter (2017), eq. 5, arXiv:1608.03983.
    """
    n_climbing = math.ceil(WARM_UP * n_steps)
    if step < n_climbing:
        return config.learning_rate * (step + 1) / n_climbing
    share_done = (step - n_climbing) / (n_steps - n_climbing)
    return config.learning_rate * (1 + math.cos(math.pi * share_done)) / 2


def evaluate(
    network: nn.Module, split: Split, batch_size: int = EVALUATION_BATCH
) -> tuple[float, float, float]:
    """Return (mean cross-entropy in nats, top-1 error, top-5 error) of `network` on `split`.

    With fewer than five classes every class is a guess, so that the top-5 error is 0.
    """
    if not len(split):
        raise SplitError("Expected at least one picture to evaluate on; found none.")
    loss, n_wrong_first, n_wrong_five = 0.0, 0, 0
    for pictures, labels in Feed(split, _device(network)).batches(np.arange(len(split)), batch_size):
        logits = _answer(network, pictures)  # (batch, n_classes)
        guesses = logits.topk(min(5, logits.shape[1])).indices  # (batch, at most 5), best first
        is_right = guesses == labels[:, None]
        loss += functional.cross_entropy(logits, labels, reduction="sum").item()
        n_wrong_first += int((~is_right[:, 0]).sum())
        n_wrong_five += int((~is_right.any(dim=1)).sum())
    return loss / len(split), n_wrong_first / len(split), n_wrong_five / len(split)


def predict(
    network: nn.Module, pictures: Bytes | Picked, batch_size: int = EVALUATION_BATCH
) -> NDArray[np.float32]:
    """Return each picture's class probabilities, (n, n_classes) float32, rows summing to 1.

    pictures: (n, size_px, size_px, 3) uint8 RGB, at least one. Raises SplitError if the shape is another.
    """
    split = Split(pictures, np.zeros(len(pictures), np.int64))  # the labels are not looked at
    if not len(split):
        raise SplitError("Expected at least one picture to predict; found none.")
    rows = np.arange(len(split))
    feed = Feed(split, _device(network))
    answers = [
        functional.softmax(_answer(network, shown), dim=1).cpu()
        for shown, _ in feed.batches(rows, batch_size)
    ]
    probabilities: NDArray[np.float32] = torch.cat(answers).numpy()
    return probabilities


def save_weights(network: nn.Module, path: Path) -> None:
    """Write `network`'s weights to `path` as safetensors, whole or not at all."""
    _save(path, network.state_dict(), {})


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill `network` from what save_weights() wrote. Raises CheckpointError unless every weight fits."""
    tensors, _ = _load(path)
    _check_fit(path, tensors, network.state_dict())
    network.load_state_dict(tensors)


def _check_split(name: str, split: Split, config: Config, n_classes: int) -> None:
    if not len(split):
        raise SplitError(f"The {name} split: expected at least one picture; found none.")
    if split.pictures.shape[1] != config.size_px:
        found = split.pictures.shape[1]
        raise SplitError(f"The {name} split: expected pictures of {config.size_px} px; found {found} px.")
    is_outside = (split.labels < 0) | (split.labels >= n_classes)
    if is_outside.any():
        row = int(is_outside.argmax())
        found = f"{split.labels[row]} at row {row}"
        raise SplitError(f"The {name} split: expected labels from 0 to {n_classes - 1}; found {found}.")


def _seed(config: Config, epoch: int) -> int:
    """Return epoch `epoch`'s own seed; 0 is for the fresh weights. Neighbouring seeds share no epoch."""
    return int(np.random.SeedSequence([config.seed, epoch]).generate_state(1, np.uint32)[0])


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _logits(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return float32 logits (batch, n_classes) for pictures (batch, 3, size, size) from 0 to 1."""
    device = inputs.device
    is_gpu = device.type == "cuda"
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_gpu):
        logits: Tensor = network(inputs)
    return logits.float()


def _answer(network: nn.Module, pictures: Tensor) -> Tensor:
    """Return what `network` says of bytes (batch, size, size, 3), without dropout and gradients."""
    network.eval()
    with torch.inference_mode():
        return _logits(network, scaled(pictures))


def _diverged(config: Config, where: str, loss: float) -> DivergedError:
    advice = f"try a learning rate below {config.learning_rate:g}"
    return DivergedError(f"Expected a finite loss; found {loss} in {where}: {advice}.")


def _describe(config: Config, n_classes: int, split: Split) -> str:
    """Return a digest of what decides the weights; pictures are left out, being long to read."""
    said = json.dumps([config.to_json(), n_classes], sort_keys=True).encode()
    targets = b"" if split.targets is None else split.targets.tobytes()
    return hashlib.sha256(said + split.labels.tobytes() + targets).hexdigest()


def _save_checkpoint(
    path: Path, training: str, network: nn.Module, optimizer: torch.optim.Optimizer, metrics: EpochMetrics
) -> None:
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        momentum = optimizer.state[parameter].get("momentum_buffer")
        if momentum is not None:  # there is none where config.momentum is 0
            tensors[f"momentum.{name}"] = momentum
    _save(path, tensors, {"training": training, "metrics": json.dumps(asdict(metrics))})


def _load_checkpoint(
    path: Path, training: str, network: nn.Module, optimizer: torch.optim.Optimizer
) -> EpochMetrics:
    """Put `network` and `optimizer` where the checkpoint left them; return its last epoch's metrics."""
    tensors, metadata = _load(path)
    if metadata.get("training") != training:
        raise CheckpointError(
            f"{path}: expected a checkpoint of this config, classes and labels; found one of other training. "
            "Delete it to train afresh."
        )
    weights = {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
    _check_fit(path, weights, network.state_dict())
    network.load_state_dict(weights)
    for name, parameter in network.named_parameters():
        if (momentum := tensors.get(f"momentum.{name}")) is not None:
            optimizer.state[parameter]["momentum_buffer"] = momentum.to(parameter.device)
    return EpochMetrics(**json.loads(metadata["metrics"]))


def _check_fit(path: Path, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    for name in sorted(found.keys() | wanted.keys()):
        ours, theirs = (_shape(tensors.get(name)) for tensors in (wanted, found))
        if ours != theirs:
            raise CheckpointError(f"{path}, {name}: expected {ours}; found {theirs}.")


def _shape(tensor: Tensor | None) -> str:
    return "nothing" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"


def _save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    with whole_file(path) as partial:
        # The format knows one order of dimensions in memory.
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, metadata)


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: expected a whole safetensors file; found {error}. Delete it."
        ) from error
