"""Which GPUs this machine has, and which of them a training may use. Imports neither torch nor Django.

A GPU is lent by a lock on a file, which the kernel gives back when the last process that holds it has ended, however
that came about: the supervisor of a training, and the child that it started.
"""

import fcntl
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

NONE = "none"  # what a setting says where no GPU is to be used
ASK_S = 30


@dataclass(frozen=True)
class Lent:
    """What a training may use.

    gpus:  ids as CUDA_VISIBLE_DEVICES takes them; without one it is the CPU.
    locks: open files that a child has to inherit, so that it keeps its GPUs while it lives.
    """

    gpus: tuple[str, ...] = ()
    locks: tuple[int, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Return what makes a process see these GPUs and no other."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)}


def gpus(named: Sequence[str] = ()) -> list[str]:
    """Return the ids of this machine's GPUs: those that are named, else those that the driver finds."""
    if named:
        return [] if list(named) == [NONE] else list(named)
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=ASK_S, check=True
        ).stdout
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        logger.warning("Trainings use the CPU: nvidia-smi finds no GPU (%s).", error)
        return []
    return listed_ids(listed)


def listed_ids(listed: str) -> list[str]:
    """Read the ids from what `nvidia-smi -L` prints; of a GPU that is parted (MIG), those of its parts."""
    whole, parts = (re.findall(rf"\(UUID: ({kind}-[^)]+)\)", listed) for kind in ("GPU", "MIG"))
    return parts or whole


@contextmanager
def lend(folder: Path, ids: Sequence[str], n: int = 1) -> Iterator[Lent | None]:
    """Lend `n` of the GPUs `ids`, or all if there are fewer; the CPU where there is none. None if too few are free.

    folder: where this machine's locks lie.
    """
    if not ids:
        yield Lent()
        return
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        yield _take(folder, ids, min(n, len(ids)), held)


def _take(folder: Path, ids: Sequence[str], n: int, held: ExitStack) -> Lent | None:
    taken: dict[str, int] = {}
    # One looks at a time: of two that each hold half of what they need, neither would get on.
    with (folder / "choosing.lock").open("w") as choosing:
        fcntl.flock(choosing, fcntl.LOCK_EX)
        for gpu in ids:
            if (
                len(taken) < n
                and (lock := _lock(folder / f"{re.sub('[^A-Za-z0-9-]', '_', gpu)}.lock")) is not None
            ):
                held.callback(os.close, lock)
                taken[gpu] = lock
        if len(taken) < n:
            held.close()
            return None
    return Lent(tuple(taken), tuple(taken.values()))


def _lock(path: Path) -> int | None:
    """Hold the lock `path` by an open file; None if another process holds it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
