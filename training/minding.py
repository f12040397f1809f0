"""A training's processes and those who started them: who is whose child, who is still there, and who asked to end.

Linux tells by /proc. Elsewhere a process sees no further than its own parent, which matters under torchrun alone.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

# The environment variable that tells a training's processes the id of the one that supervises them all.
SUPERVISOR = "TRAINING_SUPERVISOR"
GLANCE_S = 0.5
# For a process whose supervisor is gone to end in order; then it is ended.
GRACE_S = 2.0


@dataclass(frozen=True)
class Told:
    """What a training's process has been told. Set by other threads and by signals, read between batches."""

    to_end: threading.Event = field(default_factory=threading.Event)
    is_alone: threading.Event = field(default_factory=threading.Event)


def listen() -> Told:
    """Hear SIGTERM from now on, and notice when the supervisor is gone; then this process ends, whatever it does.

    To be called once, by the main thread.
    """
    told = Told()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: told.to_end.set())
    parent, supervisor = os.getppid(), int(os.environ.get(SUPERVISOR, "0"))

    def is_wanted() -> bool:
        if os.getppid() != parent:
            return False
        # torchrun stands between a training's processes and their supervisor.
        return supervisor in (0, parent) or parent_of(parent) == supervisor

    end_unless(is_wanted, told)
    return told


def end_unless(is_wanted: Callable[[], bool], told: Told) -> None:
    """Let this process end soon after `is_wanted` is no more."""

    def watch() -> None:
        while is_wanted():
            time.sleep(GLANCE_S)
        told.is_alone.set()
        time.sleep(GRACE_S)
        os._exit(1)  # the main thread may wait in a driver or a network that never answers

    threading.Thread(target=watch, name="minding", daemon=True).start()


def is_alive(pid: int) -> bool:
    """Say whether `pid` runs; one that has ended and waits to be collected does not."""
    stat = _stat(pid)
    return bool(stat) and stat[0] != "Z"


def parent_of(pid: int) -> int | None:
    """Return the parent of a process; None if it is gone."""
    stat = _stat(pid)
    return int(stat[1]) if stat else None


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children, and so on."""
    parents = {int(path.name): parent_of(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    found, level = [], [pid]
    while level:
        level = [child for child, parent in parents.items() if parent in level]
        found += level
    return found


def _stat(pid: int) -> list[str]:
    """Return what /proc says of a process after its name: state, parent, ...; nothing if it is gone."""
    try:
        # The name stands in brackets and may have any character in it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
