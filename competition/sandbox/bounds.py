"""What a network that is handed in may be and may use, and how its author is told that it is more."""

from dataclasses import dataclass

MOST_NETWORK_BYTES = 2**30
LEAST_SIDE_PX, MOST_SIDE_PX = 8, 512
# Networks of today have some thousand nodes at most; each costs the optimiser of graphs time.
MOST_NODES, MOST_TENSORS, MOST_MESSAGES = 20_000, 20_000, 1_000_000
MOST_WEIGHTS = 500_000_000
# Of one value between two nodes, for one picture: 1 GiB of float32.
MOST_ELEMENTS = 2**28
MOST_PACK_BYTES = 20 * 2**30  # of test pictures at one size on the disk
# What a process may say besides its answers: its own words, and what its libraries write to stderr.
MOST_WORDS_BYTES, MOST_LOG_BYTES = 2**18, 2**16
MOST_SENTENCE = 400
MOST_THREADS, MOST_FILES = 64, 32


class RefusedError(ValueError):
    """A network that is not asked; the message is the one sentence that its author needs."""


@dataclass(frozen=True)
class Limits:
    """What one process may use.

    memory_mib: of address space beside what Python and the libraries have taken.
    seconds:    by the clock on the wall.
    n_threads:  that compute; its processor time is bounded by that many times `seconds`.
    """

    memory_mib: int = 4096
    seconds: float = 900
    n_threads: int = 2


def one_line(text: str, most: int = MOST_SENTENCE) -> str:
    """Return what a stranger's program says as one printable line of at most `most` characters."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text[: 4 * most]).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
