"""A Run row -> packed pictures -> the loop -> Epoch, Checkpoint and predictions. Runs in a process of its own."""

import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from config.storage import private_storage
from datasets.manifest import ManifestRow
from labeling.splits import TEST, TRAIN, VAL
from training.checkpointing import CheckpointError
from training.config import ConfigError
from training.dataset import Bytes, Picked, Split, SplitError, Targets
from training.finishing import keep
from training.loop import DivergedError, EpochMetrics, Progress, Watcher, train
from training.models import Checkpoint, Run
from training.packing import PackError, pack
from training.targets import soft_targets

# What can be wrong with a run itself, each with a sentence for its author.
RUN_ERRORS = (ConfigError, PackError, SplitError, CheckpointError, DivergedError)


class RunLostError(Exception):
    """The run was cancelled, or another worker has it: this process has nothing left to do."""


def execute(run: Run) -> None:
    """Train `run`, which this attempt has claimed, to its end; go on from its checkpoint if it has one.

    Safe to be killed at any moment. A mistake in the run's options or data fails it with one sentence; anything
    else is raised as well. Raises RunLostError if the run is not this attempt's any more.
    """
    try:
        _train(run)
    except RunLostError:
        raise  # no verdict on the run: somebody else has it, or will
    except RUN_ERRORS as error:
        run.fail(str(error))
    except Exception as error:
        run.fail(f"Expected to train to the end; found {type(error).__name__}: {error}")
        raise


def _train(run: Run) -> None:
    rows = list(run.snapshot.rows())
    pictures = _packed(run, rows)
    chosen = _chosen(run, rows)
    splits = _splits(run, rows, pictures, chosen)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = _fetch_checkpoint(run, Path(folder))
        network = train(
            run.options,
            splits[TRAIN],
            splits[VAL],
            run.snapshot.n_classes,
            checkpoint=checkpoint,
            watcher=Rows(run, checkpoint),
        )
    run.finish(**keep(run, network, {name: [rows[i] for i in chosen[name]] for name in chosen}, splits))


class Rows(Watcher):
    """Writes down what happens in a training, and ends it once nobody waits for it any more."""

    def __init__(self, run: Run, checkpoint: Path) -> None:
        self.run, self.checkpoint, self.parent = run, checkpoint, os.getppid()
        self.metrics: EpochMetrics | None = None

    def epoch_done(self, metrics: EpochMetrics) -> None:
        self.metrics = metrics

    def wants_checkpoint(self, progress: Progress) -> bool:
        # Whoever started this process beats for it; without that heartbeat another worker takes the run.
        if os.getppid() != self.parent:
            raise RunLostError(f"{self.run}: the worker that started this attempt is gone.")
        return progress.batch == 0

    def checkpointed(self, progress: Progress) -> None:
        if self.metrics is not None:
            _record(self.run, self.metrics, self.checkpoint)


def _chosen(run: Run, rows: list[ManifestRow]) -> dict[str, list[int]]:
    """Return the places of each part's rows."""
    withdrawn = run.snapshot.withdrawn()
    # Nothing is learnt from a withdrawn picture. Of the test split each is still answered for: a contest on a
    # frozen snapshot wants an answer for every row, and nobody is shown them.
    return {
        part: [
            i
            for i, row in enumerate(rows)
            if row.split == part and (part == TEST or row.sha256 not in withdrawn)
        ]
        for part in (TRAIN, VAL, TEST)
    }


def _splits(
    run: Run, rows: list[ManifestRow], pictures: Bytes, chosen: dict[str, list[int]]
) -> dict[str, Split]:
    place = {wnid: label for label, wnid in enumerate(run.snapshot.classes)}
    return {
        part: Split(
            Picked(pictures, np.array(places, dtype=np.int64)),
            np.array([place[rows[i].wnid] for i in places], dtype=np.int64),
            _targets(run, rows, places) if part == TRAIN else None,
        )
        for part, places in chosen.items()
    }


def _targets(run: Run, rows: list[ManifestRow], places: list[int]) -> Targets | None:
    """Return what is to be learnt of the pictures at `places`, where that is more than their labels."""
    if not run.options.soft_targets:
        return None
    snapshot = run.snapshot
    # All pictures of the training part, withdrawn ones too: what is learnt of the others follows from the snapshot.
    learnt = [i for i, row in enumerate(rows) if row.split == TRAIN]
    targets = soft_targets(snapshot.taxonomy, [rows[i] for i in learnt], snapshot.vote_rows())
    return targets[np.searchsorted(learnt, places)]


def _packed(run: Run, rows: list[ManifestRow]) -> Bytes:
    """Return the snapshot's pictures at the run's size, (n, size, size, 3) uint8; packed once for all runs."""
    size_px = run.options.size_px
    path = settings.VAR_DIR / "packs" / f"{run.snapshot.digest}-{size_px}.npy"

    def read(index: int) -> bytes:
        name = f"{rows[index].sha256[:2]}/{rows[index].file_name}"
        try:
            with default_storage.open(name) as file:
                data: bytes = file.read()
        except FileNotFoundError as error:
            raise PackError(
                f"Expected the picture {name} in the storage of pictures; it is not there."
            ) from error
        return data

    return pack(read, len(rows), size_px, path, sha256=[row.sha256 for row in rows])


def _fetch_checkpoint(run: Run, folder: Path) -> Path:
    """Return where the loop keeps its checkpoint; an earlier attempt's is there already."""
    path = folder / "checkpoint.safetensors"
    kept = Checkpoint.objects.filter(run=run).first()
    if kept:
        with kept.file.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
    return path


def _record(run: Run, metrics: EpochMetrics, checkpoint: Path) -> None:
    """Keep an epoch's checkpoint and figures. Raises RunLostError if the run is not this attempt's any more."""
    if not run.beat():
        raise RunLostError(f"{run} was cancelled, or another worker has it.")
    storage = private_storage()
    with checkpoint.open("rb") as file:
        name = storage.save(f"runs/{run.pk}/epoch-{metrics.number}.safetensors", File(file))
    figures = asdict(metrics)
    replaced = run.record(figures.pop("number"), name, **figures)
    if replaced:
        storage.delete(replaced)
