"""Where and how a training computes: device, precision, threads. Chosen once a training and kept with it.

Other choices give other bits, so whoever goes on with a training computes as it began, if that is possible.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Self

import torch
import torch.utils.deterministic
from torch import Tensor, distributed, nn

from training.config import Config
from training.describing import Layer

# Below so many multiply-adds a batch, starting a second thread takes longer than it saves.
FEW_MULTIPLY_ADDS = 2 * 10**7
# The product of two matrices of this side takes a few milliseconds; of so many turns the fastest counts.
PRODUCT_SIDE, PRODUCT_TURNS = 768, 5


@dataclass(frozen=True)
class Execution:
    """How a training computes.

    device:        "cpu" or "cuda".
    device_name:   what the device is called.
    precision:     of matrix products and convolutions, "float32" or "bfloat16"; sums and weights are float32.
    channels_last: whether a pixel's channels lie side by side in memory, which convolutions like.
    compiled:      whether torch.compile fuses operations.
    n_threads:     of each process, on the CPU.
    n_processes:   that share each batch.
    torch:         PyTorch's version.
    """

    device: str
    device_name: str
    precision: str
    channels_last: bool
    compiled: bool
    n_threads: int
    n_processes: int
    torch: str

    @classmethod
    def choose(cls, config: Config, layers: list[Layer]) -> Self:
        """Choose what is fastest here, within what `config` asks for, and of threads no more than torch has now:
        OMP_NUM_THREADS says how many, or as many as there are cores.
        """
        is_gpu = torch.cuda.is_available()
        cost = config.batch_size * sum(layer.n_multiply_adds for layer in layers)
        n_processes = distributed.get_world_size() if distributed.is_initialized() else 1
        n_threads = 1 if cost < FEW_MULTIPLY_ADDS else max(1, torch.get_num_threads() // n_processes)
        precision = "bfloat16" if _is_faster_in_bfloat16(is_gpu) else "float32"
        return cls(
            device="cuda" if is_gpu else "cpu",
            device_name=torch.cuda.get_device_name() if is_gpu else _cpu_name(),
            precision=precision if config.precision == "auto" else config.precision,
            channels_last=any(layer.kind == "convolution" for layer in layers),
            compiled=config.compiled and can_compile(is_gpu),
            n_threads=n_threads,
            n_processes=n_processes,
            torch=torch.__version__,
        )

    def as_begun(self, begun: dict[str, Any]) -> Self:
        """Return this, but with the choices of a training that another process began on such a device."""
        if begun.get("device") != self.device:
            return self
        names = ("precision", "channels_last", "compiled", "n_threads")
        return replace(self, **{name: begun[name] for name in names if name in begun})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Compute so, with the same bits each time, as long as the block runs."""
        memory: Any = torch.utils.deterministic  # whose one attribute its types leave out
        n_threads = torch.get_num_threads()
        was_deterministic = torch.are_deterministic_algorithms_enabled()
        fills = memory.fill_uninitialized_memory
        torch.set_num_threads(self.n_threads)
        if self.device == "cuda":
            # Read when the first matrix product runs.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True)
            # That mode fills fresh memory as well, which costs time and changes no result here.
            memory.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)
            torch.use_deterministic_algorithms(was_deterministic)
            memory.fill_uninitialized_memory = fills

    def place(self, network: nn.Module) -> None:
        """Move `network` to the device, in the order of dimensions that it is fastest in."""
        network.to(self.device)
        if self.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def logits(self, network: nn.Module, pictures: Tensor) -> Tensor:
        """Return float32 logits (batch, n_classes) for pictures (batch, 3, size, size) from 0 to 1."""
        if not self.channels_last:
            pictures = _channels_first(pictures)
        is_short = self.precision == "bfloat16"
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=is_short):
            logits: Tensor = network(pictures)
        return logits.float()


def seed(device: str, value: int) -> None:
    """Seed what dropout draws from; torch.manual_seed() does so for all devices, and is a hundred times as slow."""
    if device == "cuda":
        torch.cuda.manual_seed(value)
    else:
        torch.default_generator.manual_seed(value)


def can_compile(is_gpu: bool) -> bool:
    """Whether torch.compile has what it needs here: Triton for a GPU, a C++ compiler for the CPU."""
    if is_gpu:
        return bool(torch.utils._triton.has_triton())
    return shutil.which("g++") is not None or shutil.which("clang++") is not None


def _is_faster_in_bfloat16(is_gpu: bool) -> bool:
    """Whether the device multiplies bfloat16 by itself, and gains by it. On the CPU that is measured, since an
    instruction for it says little: with AVX-512's alone, without AMX, one took twice as long by it as in float32.
    """
    if is_gpu:
        return torch.cuda.get_device_capability() >= (8, 0)
    has_bfloat16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    found = [bool(has_bfloat16) and _product_s(torch.bfloat16) < _product_s(torch.float32)]
    if distributed.is_initialized():
        distributed.broadcast_object_list(found)  # processes that train together have to compute alike
    return found[0]


@cache
def _product_s(dtype: torch.dtype) -> float:
    """Return the seconds of a product of two matrices on the CPU."""
    matrix = torch.full((PRODUCT_SIDE, PRODUCT_SIDE), 0.5, dtype=dtype)
    taken = []
    for _ in range(PRODUCT_TURNS):
        started = time.perf_counter()
        matrix @ matrix
        taken.append(time.perf_counter() - started)
    return min(taken)


def _channels_first(pictures: Tensor) -> Tensor:
    """Return `pictures` (batch, 3, size, size) with a channel's pixels side by side; faster than contiguous()."""
    if pictures.is_contiguous():
        return pictures
    n, n_channels, size = pictures.shape[:3]
    pixels = pictures.permute(0, 2, 3, 1).reshape(n, size * size, n_channels)
    return pixels.transpose(1, 2).contiguous().view(n, n_channels, size, size)


def _cpu_name() -> str:
    return f"CPU, {torch.backends.cpu.get_cpu_capability()}"
