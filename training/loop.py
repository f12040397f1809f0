"""Training, top to bottom: seed in, history out.

What is random in a batch follows from (seed, epoch, batch) alone, so a training that was stopped after any batch
goes on from its checkpoint and ends with the same bits as one that was not: on the same kind of CPU with as many
threads, and on the same kind of GPU, where only kernels run that always add up in the same order.
"""

import copy
import hashlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from training.augmenting import Augmenter, scaled
from training.checkpointing import State, execution_of, restore, save
from training.classifier import Classifier
from training.config import Config
from training.dataset import Bytes, Picked, Split, SplitError
from training.describing import Layer, describe
from training.execution import Execution, seed
from training.feeding import Feed
from training.muon import Muon
from training.network import build
from training.schedule import learning_rate, side_px

# Pictures at a time where no gradient is kept.
EVALUATION_BATCH = 500
# So often a GPU is asked whether the loss is still a number: it has to be waited for.
LOOK_EVERY = 50


class DivergedError(ArithmeticError):
    """The loss is no number any more; says in which epoch and batch."""


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch did. Losses are in nats, errors fractions 0..1, epochs counted from 1.

    train_loss is the mean while the network learnt, dropout, mixup and softened labels included; val_loss is the
    plain cross-entropy after the epoch, so it can be the lower one. It and the errors are of one look at each
    picture, whatever views the network answers by in the end. learning_rate is the last batch's.
    """

    number: int
    train_loss: float
    val_loss: float
    val_top1_error: float
    val_top5_error: float
    learning_rate: float
    pictures_per_second: float
    seconds: float


@dataclass(frozen=True)
class Progress:
    """How far a training is: `batch` of `n_batches` are done in `epoch` (from 1), `n_shown` pictures in all."""

    epoch: int
    batch: int
    n_batches: int
    n_shown: int


class Watcher:
    """Who is told what happens in a training. Whatever a method raises ends it. This one cares for nothing."""

    def started(self, machine: dict[str, Any], layers: list[Layer]) -> None:
        """How it computes, and what the network is made of; once, before the first batch."""

    def wants_checkpoint(self, progress: Progress) -> bool:
        """Asked after each batch; where several processes share the batches, in each of them."""
        return False

    def epoch_done(self, metrics: EpochMetrics) -> None:
        """Told after each epoch, before its checkpoint is saved. After a death it may be told the same again."""

    def checkpointed(self, progress: Progress) -> None:
        """The file of the checkpoint is whole."""


def train(
    config: Config,
    train_split: Split,
    val_split: Split,
    n_classes: int,
    *,
    checkpoint: Path | None,
    watcher: Watcher,
) -> Classifier:
    """Train the network that `config` describes and return it, on the GPU if there is one.

    checkpoint: the file to save to whenever `watcher` wants it and at the end, and to go on from if it exists.
    Where torch.distributed is initialised, each of its processes calls this and takes its share of each batch; only
    the first tells its watcher more than wants_checkpoint().
    Sets torch's global random state. Raises SplitError if the splits do not fit `config` or `n_classes`,
    CheckpointError if the checkpoint is damaged or of other training, DivergedError if the loss is no number.
    """
    _check_split("train", train_split, config, n_classes)
    _check_split("val", val_split, config, n_classes)
    with torch.device("meta"):
        layers = describe(build(config, n_classes), config.size_px)
    execution = Execution.choose(config, layers)
    goes_on = checkpoint is not None and checkpoint.exists()
    if checkpoint is not None and goes_on:
        execution = execution.as_begun(execution_of(checkpoint))
    with execution.in_force():
        training = Training(config, execution, train_split, val_split, n_classes, checkpoint, watcher)
        if checkpoint is not None and goes_on:
            restore(checkpoint, training.digest, training.state)
        if is_first():
            watcher.started(execution.to_json(), layers)
        training.run()
        return training.result()


def is_first() -> bool:
    """Whether this process is the only one, or the first of those that share a training."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


class Training:
    """One training, between its beginning and its end: what stays the same, and the State that moves."""

    def __init__(
        self,
        config: Config,
        execution: Execution,
        train_split: Split,
        val_split: Split,
        n_classes: int,
        checkpoint: Path | None,
        watcher: Watcher,
    ) -> None:
        device = torch.device(execution.device)
        self.config, self.execution, self.checkpoint, self.watcher = config, execution, checkpoint, watcher
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.feed, self.val_feed = Feed(train_split, device), Feed(val_split, device)
        self.augment = Augmenter(config, train_split.pictures, n_classes, device)
        if execution.device == "cpu" and not execution.channels_last and self.augment.is_idle:
            self.feed.scale()
            self.val_feed.scale()
        self.digest = _digest(config, n_classes, train_split)
        # As many pictures for each process, so that each is worth the same in the mean of their gradients.
        self.n_each = len(train_split) // execution.n_processes
        self.batch_each = max(1, config.batch_size // execution.n_processes)
        self.n_batches = math.ceil(self.n_each / self.batch_each)
        self.state = self._fresh(n_classes, device)
        self.learning = self._learning()

    def _fresh(self, n_classes: int, device: torch.device) -> State:
        torch.manual_seed(_seeds(self.config, 0, 0, 1)[0])
        network = build(self.config, n_classes)
        self.execution.place(network)
        return State(
            network=network,
            optimizer=_optimizer(self.config, network, self.execution.precision),
            average=copy.deepcopy(network) if self.config.ema else None,
            best={} if self.config.early_stop else None,
            losses=torch.zeros(self.n_batches, device=device),
        )

    def _learning(self) -> nn.Module:
        """Return the network as it learns: compiled, and with gradients shared, where that is so."""
        learning: nn.Module = self.state.network
        if self.execution.n_processes > 1:
            learning = DistributedDataParallel(learning)
        return torch.compile(learning) if self.execution.compiled else learning  # type: ignore[return-value]

    @property
    def progress(self) -> Progress:
        state = self.state
        return Progress(state.epoch, state.batch, self.n_batches, state.n_shown)

    def run(self) -> None:
        state = self.state
        while state.epoch <= self.config.epochs and not self._is_over():
            metrics = self._epoch()
            if is_first():
                self.watcher.epoch_done(metrics)
            state.epoch, state.batch, state.seconds = state.epoch + 1, 0, 0.0
            is_last = state.epoch > self.config.epochs or self._is_over()
            # Asked in any case: it may end the training.
            if self.watcher.wants_checkpoint(self.progress) or is_last:
                self._save()

    def result(self) -> Classifier:
        """Return the network as it answers, with the weights of the best epoch where one was looked for."""
        network = self.state.answering
        if self.state.best:
            network.load_state_dict(self.state.best)
        return network.eval()

    def _is_over(self) -> bool:
        return 0 < self.config.early_stop <= self.state.n_since_least

    def _epoch(self) -> EpochMetrics:
        """Do what is left of the epoch, and measure what it has come to."""
        state, earlier = self.state, self.state.seconds
        started = time.perf_counter()
        for _ in train_epoch(self):
            state.seconds = earlier + time.perf_counter() - started
            if state.batch < self.n_batches and self.watcher.wants_checkpoint(self.progress):
                self._save()
        train_loss = self._mean_loss()
        trained_s = earlier + time.perf_counter() - started
        loss, top1_error, top5_error = evaluate(state.answering, self.val_feed, self.execution)
        if not math.isfinite(loss):
            raise _diverged(self.config, f"epoch {state.epoch}, after its last batch", loss)
        self._compare(loss)
        return EpochMetrics(
            number=state.epoch,
            train_loss=train_loss,
            val_loss=loss,
            val_top1_error=top1_error,
            val_top5_error=top5_error,
            learning_rate=state.optimizer.param_groups[0]["lr"],
            pictures_per_second=self.n_each * self.execution.n_processes / trained_s,
            seconds=earlier + time.perf_counter() - started,
        )

    def _mean_loss(self) -> float:
        """Return the mean loss of the epoch's pictures, over all processes; waits for the GPU."""
        losses = self.state.losses.double()
        if self.execution.n_processes > 1:
            distributed.all_reduce(losses)
            losses /= self.execution.n_processes
        sizes = np.full(self.n_batches, self.batch_each)
        sizes[-1] = self.n_each - self.batch_each * (self.n_batches - 1)
        return float(np.average(losses.cpu().numpy(), weights=sizes))

    def _compare(self, loss: float) -> None:
        """Keep the weights if they are the best so far, where an early stop is asked for."""
        state = self.state
        state.n_since_least = 0 if loss < state.least_loss else state.n_since_least + 1
        state.least_loss = min(loss, state.least_loss)
        if state.best is not None and state.n_since_least == 0:
            state.best = {name: tensor.clone() for name, tensor in state.answering.state_dict().items()}

    def _save(self) -> None:
        if self.checkpoint is not None and is_first():
            save(self.checkpoint, self.digest, self.execution.to_json(), self.state)
            self.watcher.checkpointed(self.progress)


def train_epoch(training: Training) -> Iterator[None]:
    """Show the network every picture of the epoch that it has not seen in it; stop after each batch."""
    config, state, execution = training.config, training.state, training.execution
    n_processes, rank = execution.n_processes, training.rank
    order = np.random.default_rng([config.seed, state.epoch]).permutation(len(training.feed))
    mine = order[rank::n_processes][state.batch * training.batch_each : training.n_each]
    seeds = _seeds(config, state.epoch, rank, training.n_batches)
    generator = torch.Generator(execution.device)
    side = side_px(config, state.epoch)
    n_steps = config.epochs * training.n_batches
    training.learning.train()
    for pictures, targets in training.feed.batches(mine, training.batch_each):
        step = (state.epoch - 1) * training.n_batches + state.batch
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(config, step, n_steps)
        seed(execution.device, seeds[state.batch])
        inputs, targets = training.augment(pictures, targets, generator.manual_seed(seeds[state.batch]))
        if side != config.size_px:
            inputs = functional.interpolate(inputs, (side, side), mode="bilinear", antialias=True)
        logits = execution.logits(training.learning, inputs)  # (batch, n_classes)
        loss = functional.cross_entropy(logits, targets, label_smoothing=config.label_smoothing)
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        if state.average is not None:
            _follow(state.average, state.network, config.ema, step)
        state.losses[state.batch] = loss.detach()
        state.batch += 1
        state.n_shown += len(pictures) * n_processes
        if execution.device == "cpu" or state.batch % LOOK_EVERY == 0 or state.batch == training.n_batches:
            _check_losses(training)
        yield


def evaluate(network: Classifier, feed: Feed, execution: Execution) -> tuple[float, float, float]:
    """Return (mean cross-entropy in nats, top-1 error, top-5 error) of `network` on what `feed` hands out.

    Processes that share a training share this too, and each gets the same answer. With fewer than five classes every
    class is a guess, so that the top-5 error is 0. Each picture is looked at once: this is asked after every epoch.
    """
    if not len(feed):
        raise SplitError("Expected at least one picture to evaluate on; found none.")
    rank = distributed.get_rank() if execution.n_processes > 1 else 0
    order = np.arange(rank, len(feed), execution.n_processes)
    sums = torch.zeros(3, dtype=torch.float64, device=execution.device)
    network.eval()
    with torch.inference_mode(), network.looking_once():
        for pictures, targets in feed.batches(order, EVALUATION_BATCH):
            labels = targets if targets.ndim == 1 else targets.argmax(dim=1)
            logits = execution.logits(network, scaled(pictures))  # (batch, n_classes)
            guesses = logits.topk(min(5, logits.shape[1])).indices  # (batch, at most 5), best first
            is_right = guesses == labels[:, None]
            sums[0] += functional.cross_entropy(logits, labels, reduction="sum")
            sums[1] += (~is_right[:, 0]).sum()
            sums[2] += (~is_right.any(dim=1)).sum()
    if execution.n_processes > 1:
        distributed.all_reduce(sums)
    loss, n_wrong_first, n_wrong_five = sums.tolist()
    return loss / len(feed), n_wrong_first / len(feed), n_wrong_five / len(feed)


def predict(
    network: nn.Module, pictures: Bytes | Picked, batch_size: int = EVALUATION_BATCH
) -> NDArray[np.float32]:
    """Return each picture's class probabilities, (n, n_classes) float32, rows summing to 1.

    pictures: (n, size_px, size_px, 3) uint8 RGB, at least one. Raises SplitError if the shape is another.
    Computes in float32 where `network` is, as programs do that read the network from its files.
    """
    split = Split(pictures, np.zeros(len(pictures), np.int64))  # the labels are not looked at
    if not len(split):
        raise SplitError("Expected at least one picture to predict; found none.")
    device = next(network.parameters()).device
    network.eval()
    answers: list[Tensor] = []
    with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
        for shown, _ in Feed(split, device).batches(np.arange(len(split)), batch_size):
            answers.append(functional.softmax(network(scaled(shown)), dim=1).cpu())
    probabilities: NDArray[np.float32] = torch.cat(answers).numpy()
    return probabilities


def _optimizer(config: Config, network: nn.Module, precision: str) -> torch.optim.Optimizer:
    if config.optimizer == "muon":
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        return Muon(network, config.learning_rate, config.momentum, config.weight_decay, dtype)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
    return torch.optim.SGD(
        network.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,  # it looks ahead along the momentum, so it needs some
        fused=True,
    )


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move `average` towards `network`; at first by more, so that fresh weights are soon forgotten.

    Source: Polyak & Juditsky (1992), doi:10.1137/0330046, with exponential weights.
    """
    decay = min(decay, (1 + step) / (10 + step))
    for ours, theirs in (
        (average.parameters(), network.parameters()),
        (average.buffers(), network.buffers()),
    ):
        pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.is_floating_point()]
        if pairs:
            torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], 1 - decay)


def _check_losses(training: Training) -> None:
    state = training.state
    is_finite = state.losses[: state.batch].isfinite()
    if not is_finite.all():
        batch = int((~is_finite).nonzero()[0])
        where = f"epoch {state.epoch}, batch {batch + 1} of {training.n_batches}"
        raise _diverged(training.config, where, float(state.losses[batch]))


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


def _seeds(config: Config, epoch: int, rank: int, n: int) -> list[int]:
    """Return the seeds of an epoch's `n` batches; epoch 0 has the one of the fresh weights. No two share one."""
    words = np.random.SeedSequence([config.seed, epoch, rank]).generate_state(n, np.uint32)
    seeds: list[int] = words.tolist()
    return seeds


def _diverged(config: Config, where: str, loss: float) -> DivergedError:
    advice = f"try a learning rate below {config.learning_rate:g}"
    return DivergedError(f"Expected a finite loss; found {loss} in {where}: {advice}.")


def _digest(config: Config, n_classes: int, split: Split) -> str:
    """Return a digest of what decides the weights; pictures are left out, being long to read."""
    said = json.dumps([config.to_json(), n_classes], sort_keys=True).encode()
    targets = b"" if split.targets is None else split.targets.tobytes()
    return hashlib.sha256(said + split.labels.tobytes() + targets).hexdigest()
