"""A Run row -> packed pictures -> the loop -> Epoch, Checkpoint and predictions. Runs in a process of its own, or in
several that torchrun has started.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from django.conf import settings
from django.core.files.storage import default_storage
from torch import distributed

from config.storage import private_storage
from datasets.manifest import ManifestRow
from labeling.splits import TEST, TRAIN, VAL
from training import failures, minding
from training.checkpointing import CheckpointError
from training.config import ConfigError
from training.dataset import Bytes, Picked, Split, SplitError, Targets
from training.finishing import keep
from training.loop import DivergedError, train
from training.models import Checkpoint, Run, RunLostError
from training.packing import PackError, pack
from training.recording import PROGRESS_EVERY_S, Recorder
from training.targets import posteriors, shares

# What can be wrong with a run itself, each with a sentence for its author.
RUN_ERRORS = (ConfigError, PackError, SplitError, CheckpointError, DivergedError)
# Processes that train together may wait for each other while pictures are packed; minding ends them if one is gone.
TOGETHER_TIME = timedelta(days=1)


def execute(run: Run, told: minding.Told | None = None) -> None:
    """Train `run`, which this attempt has claimed, to its end; go on from its checkpoint if it has one.

    Safe to be killed at any moment. A mistake in the run's options or data, and whatever the machine lacks, fails it
    with one sentence; a database or storage that cannot be reached puts it back into the queue. Anything that nobody
    foresaw is raised as well. Raises RunLostError if the run is not this attempt's any more, or is to be paused.
    """
    try:
        _train(run, told or minding.Told())
    except RunLostError:
        raise  # no verdict on the run: somebody else has it, or will
    except RUN_ERRORS as error:
        run.fail(str(error))
    except Exception as error:
        if failures.is_passing(error):
            run.put_back(f"It is tried again: something could not be reached ({_first_line(error)}).")
        elif said := failures.sentence(error):
            run.fail(said)
        elif not (_are_several() and failures.is_of_another(error)):
            run.fail(f"Expected to train to the end; found {type(error).__name__}: {error}")
        raise


def _train(run: Run, told: minding.Told) -> None:
    with _together(told) as rank, tempfile.TemporaryDirectory() as folder:
        rows = list(run.snapshot.rows())
        with _first(rank):
            pictures = _packed(run, rows, told)
        chosen = _chosen(run, rows)
        splits = _splits(run, rows, pictures, chosen)
        checkpoint = _fetch_checkpoint(run, Path(folder))
        if rank == 0:
            _delete_strays(run)
        recorder = Recorder(run, checkpoint, told, is_first=rank == 0)
        network = train(
            run.options,
            splits[TRAIN],
            splits[VAL],
            run.snapshot.n_classes,
            checkpoint=checkpoint,
            watcher=recorder,
        )
        if rank == 0:
            recorder.flush()
            parts = {name: [rows[i] for i in chosen[name]] for name in chosen}
            run.finish(**keep(run, network, parts, splits))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _are_several() -> bool:
    """Say whether torchrun has started this process beside others."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def _together(told: minding.Told) -> Iterator[int]:
    """Join the processes that train this run with this one, if there are others; give the place among them."""
    if not _are_several():
        yield 0
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=TOGETHER_TIME)
    rank, first = distributed.get_rank(), [os.getpid()]
    distributed.broadcast_object_list(first)
    if rank:
        # The first one alone hears of the run. Without it the others would wait for its gradients for ever.
        minding.end_unless(lambda: minding.is_alive(first[0]), told)
    yield rank
    # Not after an error: the others may never come to this point.
    distributed.destroy_process_group()


@contextmanager
def _first(rank: int) -> Iterator[None]:
    """Let the first process do something before the others do it."""
    if rank:
        distributed.barrier()
    yield
    if not rank and distributed.is_initialized():
        distributed.barrier()


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
    said_by = {"labels": None, "posteriors": posteriors, "shares": shares}[run.options.targets]
    if said_by is None:
        return None
    snapshot = run.snapshot
    # All pictures of the training part, withdrawn ones too: what is learnt of the others follows from the snapshot.
    learnt = [i for i, row in enumerate(rows) if row.split == TRAIN]
    targets = said_by(snapshot.taxonomy, [rows[i] for i in learnt], snapshot.vote_rows())
    return targets[np.searchsorted(learnt, places)]


def _packed(run: Run, rows: list[ManifestRow], told: minding.Told) -> Bytes:
    """Return the snapshot's pictures at the run's size, (n, size, size, 3) uint8; packed once for all runs."""
    due = time.monotonic() + PROGRESS_EVERY_S

    def tell(n_packed: int) -> None:
        nonlocal due
        if told.to_end.is_set():
            raise RunLostError(f"{run} was asked to stop after {n_packed} pictures were packed; they stay.")
        if time.monotonic() >= due:
            due = time.monotonic() + PROGRESS_EVERY_S
            run.tell(machine={"packed": f"{n_packed:,} / {len(rows):,}"})

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

    return pack(read, len(rows), size_px, path, sha256=[row.sha256 for row in rows], on_progress=tell)


def _fetch_checkpoint(run: Run, folder: Path) -> Path:
    """Return where the loop keeps its checkpoint; an earlier attempt's is there already."""
    path = folder / "checkpoint.safetensors"
    kept = Checkpoint.objects.filter(run=run).first()
    if kept:
        with kept.file.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
    return path


def _delete_strays(run: Run) -> None:
    """Delete checkpoints of earlier attempts that died before they wrote them down, or before they deleted them."""
    storage = private_storage()
    kept = set(Checkpoint.objects.filter(run=run).values_list("file", flat=True))
    try:
        _folders, names = storage.listdir(f"runs/{run.pk}")
    except FileNotFoundError:
        return  # the first attempt
    for name in names:
        if name.startswith("checkpoint-") and (path := f"runs/{run.pk}/{name}") not in kept:
            storage.delete(path)
