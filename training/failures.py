"""What ended a training -> one sentence for whoever started it, and whether trying again may help.

The supervisor reads this too, so it must not import torch; what torch and others raise is known by its name.
"""

import os
import re

from config.outages import is_full, is_passing, names

__all__ = ["is_of_another", "is_passing", "killed_sentence", "sentence"]

ADVICE = "Try a smaller batch size, or smaller pictures."
NO_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|Cannot allocate memory|std::bad_alloc|Unable to allocate"
)
GPU_GONE = re.compile(r"CUDA error|CUDA driver|cuDNN error|CUDNN_STATUS|CUBLAS_STATUS|NVML|No CUDA GPUs")
# One of several processes that train together says so when another has ended; it is that one's word that counts.
OTHERS = re.compile(r"gloo|NCCL|[Cc]onnection closed by peer|Connection reset by peer")


def sentence(error: BaseException) -> str | None:
    """Say what has run out or broken on the machine; None if `error` is nothing of that kind."""
    text, kinds = str(error), names(error)
    if "OutOfMemoryError" in kinds or "CUDA out of memory" in text:
        capacity = _capacity(text)
        if capacity:
            return f"The GPU's memory was too small: it has {capacity}. {ADVICE}"
        return f"The GPU's memory was too small. {ADVICE}"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and NO_MEMORY.search(text)):
        return f"The machine's memory was too small: it has {_memory()}. {ADVICE}"
    if is_full(error):
        return "The disk is full where trainings keep their files. Make room there, and start it again."
    if "AcceleratorError" in kinds or (isinstance(error, RuntimeError) and GPU_GONE.search(text)):
        line = text.strip().splitlines()[0] if text.strip() else type(error).__name__
        return f"The GPU stopped answering ({line}). Look after it, then start the training again."
    return None


def killed_sentence(n: int) -> str:
    """Say why a run is given up whose process was killed `n` times without a word."""
    killed = f"Its process was killed {n} times, as happens where memory runs out"
    return f"{killed}; the machine has {_memory()}. {ADVICE}"


def is_of_another(error: BaseException) -> bool:
    """Say whether `error` only tells that another of the processes that train together has ended."""
    return bool({"DistBackendError", "DistNetworkError"} & names(error)) or (
        isinstance(error, RuntimeError) and bool(OTHERS.search(str(error)))
    )


def _capacity(text: str) -> str:
    """Find in torch's own words how much memory the GPU has."""
    found = re.search(r"total capacity of ([\d.]+ [KMGT]iB)", text)
    return found[1] if found else ""


def _memory() -> str:
    """Return how much memory this machine has, or this container may use."""
    n_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        with open("/sys/fs/cgroup/memory.max") as file:
            limit = file.read().strip()
    except FileNotFoundError:
        limit = "max"
    least = min(n_bytes, int(limit)) if limit.isdecimal() else n_bytes
    return f"{least / 2**30:.1f} GiB"
