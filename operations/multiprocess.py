"""Counts of many processes in one folder: each has files of its own there, and whoever is asked adds them up.

The folder may be shared by containers, whose processes have the same numbers; so a file's name has its machine's too.
Imports no Django.
"""

import os
import re
import socket
import time
from pathlib import Path

OLD_AFTER_S = 7 * 24 * 3600


def machine() -> str:
    return re.sub("[^A-Za-z0-9.]", ".", socket.gethostname())


def identity() -> str:
    """Return what this process is called in the names of its files."""
    return f"{machine()}-{os.getpid()}"


def forget_old(folder: Path) -> int:
    """Delete the files of this machine's processes that have ended, and those that nobody has changed for a week;
    return how many those were. Counts begin anew then, which whoever reads them takes as such.
    """
    old = [path for path in folder.glob("*.db") if _is_old(path)]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _is_old(path: Path) -> bool:
    host, _dash, pid = path.stem.rpartition("_")[2].rpartition("-")
    if host == machine() and pid.isdecimal():
        return not Path(f"/proc/{pid}").exists()
    return path.exists() and path.stat().st_mtime < time.time() - OLD_AFTER_S
