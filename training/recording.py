"""What a training says while it goes on -> rows and files of its run, as seldom as they need to be written."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.files import File
from django.db import InterfaceError, OperationalError, connection

from config.storage import private_storage
from training import failures
from training.describing import Layer
from training.loop import EpochMetrics, Progress, Watcher
from training.minding import Told
from training.models import Run, RunLostError
from training.pacing import LEAST_S, checkpoint_interval_s

T = TypeVar("T")
logger = logging.getLogger(__name__)

EPOCHS_EVERY_S = 1.0
PROGRESS_EVERY_S = 2.0
# How long a database or a storage may be away until the training ends, to be tried again from its checkpoint.
PATIENCE_S = 15.0
TRY_AGAIN_S = 1.0


class Recorder(Watcher):
    """Writes down how far a run's attempt is, keeps its checkpoints, and ends it when it is asked to end.

    is_first: whether this is the first of the processes that train together; the others only listen.
    """

    def __init__(self, run: Run, checkpoint: Path, told: Told, *, is_first: bool = True) -> None:
        self._run, self._checkpoint, self._told, self._is_first = run, checkpoint, told, is_first
        self._epochs: list[dict[str, Any]] = []
        now = time.monotonic()
        self._epochs_due, self._progress_due = now + EPOCHS_EVERY_S, now + PROGRESS_EVERY_S
        # What one costs is known after the first.
        self._checkpoint_due = now + (settings.TRAINING_CHECKPOINT_EVERY_S or LEAST_S)
        self._asked_at = now

    def started(self, machine: dict[str, Any], layers: list[Layer]) -> None:
        self._tell(machine=machine, layers=[asdict(layer) for layer in layers])

    def wants_checkpoint(self, progress: Progress) -> bool:
        """Called after each batch, of which there may be thousands a second."""
        if self._told.is_alone.is_set():
            # Whoever started this process beats for it; without that heartbeat another worker takes the run.
            raise RunLostError(f"{self._run}: the worker that started this attempt is gone.")
        if not self._is_first:
            return False
        self._asked_at = now = time.monotonic()
        is_to_end = self._told.to_end.is_set()
        if is_to_end or now >= self._progress_due:
            self._tell(n_shown=progress.n_shown)
            self.flush()
            self._progress_due = time.monotonic() + PROGRESS_EVERY_S
        return is_to_end or now >= self._checkpoint_due

    def epoch_done(self, metrics: EpochMetrics) -> None:
        self._epochs.append(asdict(metrics))
        if time.monotonic() >= self._epochs_due:
            self.flush()

    def checkpointed(self, progress: Progress) -> None:
        """Keep the checkpoint. Raises RunLostError if that was the last thing to do."""
        self.flush()
        storage = private_storage()
        name = f"runs/{self._run.pk}/checkpoint-{progress.epoch}-{progress.batch}.safetensors"
        with self._checkpoint.open("rb") as file:
            name = persistently(lambda: storage.save(name, File(file)))
        replaced = persistently(lambda: self._run.keep(name, progress.epoch, progress.n_shown))
        if replaced:
            persistently(lambda: storage.delete(replaced))
        now = time.monotonic()
        every_s = settings.TRAINING_CHECKPOINT_EVERY_S or checkpoint_interval_s(now - self._asked_at)
        self._checkpoint_due = now + every_s
        if self._told.to_end.is_set():
            raise RunLostError(
                f"{self._run} was asked to stop, and is kept after {progress.n_shown} pictures."
            )

    def flush(self) -> None:
        """Write down the epochs that are done."""
        if self._epochs:
            persistently(lambda: self._run.record(self._epochs))
            self._epochs.clear()
        self._epochs_due = time.monotonic() + EPOCHS_EVERY_S

    def _tell(self, **fields: Any) -> None:
        if not persistently(lambda: self._run.tell(**fields)):
            raise RunLostError(f"{self._run} was cancelled, or another worker has it.")


def persistently(act: Callable[[], T]) -> T:
    """Do it, if need be again and again for a while: databases and storages are restarted now and then."""
    gives_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except Exception as error:
            if not failures.is_passing(error) or time.monotonic() > gives_up:
                raise
            logger.warning("Trying again in %g s: %s", TRY_AGAIN_S, error)
            if isinstance(error, OperationalError | InterfaceError) and not connection.in_atomic_block:
                connection.close()  # the next query opens another
            time.sleep(TRY_AGAIN_S)
