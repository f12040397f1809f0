"""What Linux tells of processes: which others they started, and how much of the processor they used."""

import os
from collections.abc import Iterator
from pathlib import Path


def family(process: int) -> Iterator[int]:
    """Yield a process and all that live and come from it."""
    yield process
    for thread in Path(f"/proc/{process}/task").glob("*"):
        try:
            children = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def process_cpu_s(process: int) -> float:
    """Return what a process and its ended children used, in seconds: the one that forks the others goes on living."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def family_cpu_s(process: int) -> float:
    """Return what a process and all that came from it used, in seconds."""
    return sum(map(process_cpu_s, family(process)))
