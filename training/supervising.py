"""The worker's side of a training: start a process for it, beat while it lives, and answer for its death.

A process of its own, because a network that takes too much memory or crashes its driver must not take the worker
with it, and because PyTorch's memory goes back to the machine when a process ends. Imports no torch.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from training import devices, failures, minding
from training.models import HEARTBEAT_EVERY_S, LOST_AFTER, MOST_LOST, Run

logger = logging.getLogger(__name__)

# How long a process has to end by itself, once it is asked to.
CANCELLED_S = 2.0
PAUSED_S = 60.0  # to finish its batch and keep a checkpoint
STOPPED_S = 8.0  # so too, but whoever stops this worker may not wait any longer: config.serve and Celery
ENDED_S = 10.0  # it has said its last word


def train_queued() -> int:
    """Train queued runs, the oldest first, until there is none or no GPU is free for it; return how many this worker
    took.
    """
    n_taken = 0
    while Run.objects.queued().exists():
        with _lend() as lent:
            if lent is None:
                break  # who has the GPUs takes what is queued when it is done
            run = Run.objects.claim_next()
            if run is None:
                break
            n_taken += 1
            supervise(run, lent)
        if run.has_been_put_back():
            break  # something cannot be reached: a sweep wakes a worker again in a while
    return n_taken


def supervise(run: Run, lent: devices.Lent) -> None:
    """Train a claimed run in child processes on what they are lent, and see to it that the run ends whatever becomes
    of them.
    """
    process = subprocess.Popen(
        _command(run, lent),
        cwd=settings.BASE_DIR,
        env={**os.environ, **_environment(lent)},
        pass_fds=lent.locks,
        start_new_session=True,  # what it starts is ended with it, and no Ctrl-C reaches it but through here
    )
    try:
        _beat_while_it_lives(run, process)
    except BaseException:  # this worker is stopped: SystemExit, KeyboardInterrupt
        end(process, STOPPED_S)
        run.put_back()
        raise
    end(process, *_time_to_end(run))
    if process.returncode and run.mine().exists():
        logger.error("%s: its process ended with status %s.", run, process.returncode)
        was_killed = process.returncode == -signal.SIGKILL
        run.mine().requeue(failures.killed_sentence(MOST_LOST) if was_killed else "")


def predict(run: int) -> None:
    """Ask the network of a finished run about its collection's pictures, in a child process. Raises
    subprocess.CalledProcessError where that fails; what was said until then is kept.
    """
    with _lend(1) as lent:
        lent = lent or devices.Lent()  # the CPU will do where trainings have all GPUs
        subprocess.run(
            [sys.executable, "manage.py", "predict", str(run)],
            cwd=settings.BASE_DIR,
            env={**os.environ, **lent.environment},
            pass_fds=lent.locks,
            check=True,
        )


def end(process: subprocess.Popen[bytes], patience_s: float, before_s: float = 0) -> None:
    """Ask a process to end, after a while in which it may do so by itself; after another while end it and all that it
    has started.
    """
    for ask, wait_s in ((lambda: None, before_s), (process.terminate, patience_s)):
        if process.poll() is None:
            ask()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(wait_s)
    # torchrun gives each of its processes a session of its own.
    started = minding.descendants(process.pid) if process.poll() is None else []
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _lend(n: int | None = None) -> "contextlib.AbstractContextManager[devices.Lent | None]":
    return devices.lend(
        Path(settings.VAR_DIR) / "gpus",
        devices.gpus(settings.TRAINING_GPUS),
        n or max(1, settings.TRAINING_GPUS_PER_RUN),
    )


def _command(run: Run, lent: devices.Lent) -> list[str]:
    train = ["manage.py", "train", str(run.pk), "--attempt", str(run.attempt)]
    n = _n_processes(lent)
    if n == 1:
        return [sys.executable, *train]
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}", *train]


def _environment(lent: devices.Lent) -> dict[str, str]:
    """Return what a training's processes are told besides."""
    told = {**lent.environment, minding.SUPERVISOR: str(os.getpid())}
    if (n := _n_processes(lent)) > 1:
        # torchrun would let each have one.
        told["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // n)))
    return told


def _n_processes(lent: devices.Lent) -> int:
    return len(lent.gpus) or max(1, settings.TRAINING_PROCESSES)


def _beat_while_it_lives(run: Run, process: subprocess.Popen[bytes]) -> None:
    """Return when the process has ended, or the run is not this attempt's any more."""
    last = time.monotonic()
    while not _has_ended(process):
        try:
            if not run.beat():
                return
            last = time.monotonic()
        except (OperationalError, InterfaceError) as error:
            # A database that is restarted is back in a moment; until then nobody else can take the run either.
            if time.monotonic() - last > LOST_AFTER.total_seconds():
                raise
            logger.warning("%s: the database cannot be reached: %s", run, error)
            if not connection.in_atomic_block:
                connection.close()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(HEARTBEAT_EVERY_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _time_to_end(run: Run) -> tuple[float, float]:
    """Return how long the process of a run that does not go on may take once it is asked to end, and before that."""
    run.refresh_from_db(fields=["status"])
    logger.info("%s is %s.", run, run.get_status_display())
    if run.status in (Run.Status.PAUSED, Run.Status.QUEUED):
        return PAUSED_S, 0
    if run.status in (Run.Status.FINISHED, Run.Status.FAILED):
        return CANCELLED_S, ENDED_S
    return CANCELLED_S, 0  # cancelled, or with another worker
