"""The worker's side of a training: start a process for it, beat while it lives, and answer for its death.

A process of its own, because a network that takes too much memory or crashes its driver must not take the worker
with it, and because PyTorch's memory goes back to the machine when a process ends. Imports no torch.
"""

import logging
import subprocess
import sys

from django.conf import settings

from training.models import HEARTBEAT_EVERY_S, Run

logger = logging.getLogger(__name__)


def train_queued() -> int:
    """Train queued runs, the oldest first, until there is none; return how many this worker took."""
    n_taken = 0
    while run := Run.objects.claim_next():
        supervise(run)
        n_taken += 1
    return n_taken


def supervise(run: Run) -> None:
    """Train a claimed run in a child process, and see to it that the run ends whatever becomes of the child."""
    command = [sys.executable, "manage.py", "train", str(run.pk), "--attempt", str(run.attempt)]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR)
    try:
        while not _has_ended(process):
            if not run.beat():
                logger.info("%s was cancelled, or ended by its own process.", run)
                break
    finally:
        _stop(process)
    if process.returncode and run.mine().exists():
        logger.error("%s: its process ended with status %s.", run, process.returncode)
        run.mine().requeue()


def predict(run: int) -> None:
    """Ask the network of a finished run about its collection's pictures, in a child process. Raises
    subprocess.CalledProcessError where that fails; what was said until then is kept.
    """
    subprocess.run([sys.executable, "manage.py", "predict", str(run)], cwd=settings.BASE_DIR, check=True)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(HEARTBEAT_EVERY_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for the process, which may just be finishing; then end it."""
    for ask in (process.terminate, process.kill):
        if _has_ended(process):
            return
        ask()
    process.wait()
