"""Pictures to batches: packed once and gathered, or decoded anew by a DataLoader; and what augmenting them costs."""

import resource
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.reporting import report, timed
from training.augmenting import Augmenter, gathered, moved
from training.config import Config
from training.dataset import Bytes, Split
from training.feeding import Feed
from training.packing import pack, square

BATCH = 128
N_WORKERS = 2
N_PHOTOGRAPHS, PHOTOGRAPH_PX = 512, (500, 375)
CPU = torch.device("cpu")
AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "crop, flip": {"crop": True, "flip": True},
    "jitter": {"colour": "jitter"},
    "pca": {"colour": "pca"},
    "erase": {"erase": 0.25},
    "mixup": {"mixup": 0.2},
}


def beside_a_data_loader(folder: Path, turns: int) -> None:
    report("versions", torch=torch.__version__, pillow=PIL.__version__, threads=torch.get_num_threads())
    with tempfile.TemporaryDirectory() as place:
        small, large = Path(place) / "small", Path(place) / "large"
        _unpack(folder / "images.zip", small)
        _make_photographs(large)
        for name, files, size_px in (
            ("CIFAR-10H, 32 px", small, 32),
            ("500 x 375 px to 224 px", large, 224),
        ):
            _measure(name, sorted(files.iterdir()), size_px, Path(place), turns)


def _measure(name: str, files: list[Path], size_px: int, place: Path, turns: int) -> None:
    packed = _packing(name, files, size_px, place, turns)
    order = np.random.default_rng(0).permutation(len(files))
    split = Split(packed, np.zeros(len(files), np.int64))
    # A pass takes some milliseconds: of many, some find the processors free.
    ours = _rate(lambda: _count(Feed(split, CPU).batches(order, BATCH)), 50 * turns)
    copied = _rate(lambda: _copy(packed, lambda start: packed[start : start + BATCH]), 50 * turns)
    again = _rate(lambda: _copy(packed, lambda start: packed[:BATCH]), 50 * turns)
    theirs, by_cpu = _loader(files[: len(files) // 4], size_px, turns)
    report(
        f"batches of {BATCH}, {name}",
        packed_per_s=int(ours),
        loader_per_s=int(theirs),
        times_the_loader=int(ours / theirs),
        loader_per_s_by_its_cpu=int(by_cpu),
        times_the_loader_by_its_cpu=int(ours / by_cpu),
        gb_per_s=ours * packed[0].nbytes / 1e9,
        of_a_copy=ours / copied,
        of_a_copy_of_one_batch_again_and_again=ours / again,
    )
    _augmenting(name, packed, turns)


def _loader(files: list[Path], size_px: int, turns: int) -> tuple[float, float]:
    """Return the pictures a second of a DataLoader: by the clock, and as its workers' processor time would have it,
    were every worker always at work on a processor of its own.
    """
    loader = DataLoader(
        Files(files, size_px),
        BATCH,
        sampler=np.random.default_rng(0).permutation(len(files)).tolist(),
        num_workers=N_WORKERS,
        persistent_workers=True,  # started before the clock is
    )
    by_clock = _rate(partial(_count, loader), turns)
    before = _cpu_of_children()
    del loader  # and waits for its workers, whose time counts from then on
    seconds = _cpu_of_children() - before
    return by_clock, N_WORKERS * len(files) * (turns + 1) / seconds


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _packing(name: str, files: list[Path], size_px: int, place: Path, turns: int) -> Bytes:
    """Report how fast the files are packed by one thread and by two; return the packed array."""
    path = place / f"{size_px}.npy"
    figures: dict[str, float] = {}
    for n_threads in (1, 2):

        def call(n_threads: int = n_threads) -> Bytes:
            path.unlink(missing_ok=True)
            return pack(lambda i: files[i].read_bytes(), len(files), size_px, path, n_threads=n_threads)

        best = cpu = float("inf")
        for _turn in range(turns):
            before = time.process_time()
            best = min(best, timed(call)[1])
            cpu = min(cpu, time.process_time() - before)
        figures |= {
            f"per_s_{n_threads}": int(len(files) / best),
            f"cpu_ms_each_{n_threads}": 1000 * cpu / len(files),
        }
    report(f"packing, {name}", **figures)
    return call()


def _augmenting(name: str, packed: Bytes, turns: int) -> None:
    """Report how many pictures a second one thread augments, in batches that are in memory."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    size_px = packed.shape[1]
    pictures, targets = torch.from_numpy(packed[:BATCH].copy()), torch.zeros(BATCH, dtype=torch.int64)
    generator = torch.Generator().manual_seed(0)
    moves = torch.zeros((2, BATCH), dtype=torch.int64)
    is_mirrored = torch.arange(BATCH) % 2 == 0

    def best(call: Callable[[], Any]) -> int:
        call()
        return int(max(BATCH / timed(call)[1] for _ in range(20 * turns)))

    figures = {
        label: best(_augment(Config("resnet", size_px, 1, BATCH, 0.1, **asked), packed, pictures, targets))
        for label, asked in AUGMENTATIONS.items()
    }
    alone = best(lambda: moved(pictures, crop=True, flip=True, generator=generator))
    gather = best(lambda: gathered(pictures, moves, is_mirrored))
    report(f"augmented a second, {name}", **figures, moved_alone=alone, moved_by_gather=gather)
    torch.set_num_threads(n_threads)


def _augment(config: Config, packed: Bytes, pictures: Tensor, targets: Tensor) -> Callable[[], Any]:
    augment, generator = Augmenter(config, packed, 10, CPU), torch.Generator().manual_seed(0)
    return lambda: augment(pictures, targets, generator)


class Files(Dataset[tuple[Tensor, int]]):
    """What a DataLoader is usually given: picture files, decoded whenever they are wanted."""

    def __init__(self, files: list[Path], size_px: int) -> None:
        self.files, self.size_px = files, size_px

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if self.size_px == 32:  # as they are in the file
            with Image.open(self.files[index]) as picture:
                return torch.from_numpy(np.array(picture.convert("RGB"))), 0
        return torch.from_numpy(square(self.files[index].read_bytes(), self.size_px).copy()), 0


def _count(found: Any) -> int:
    return sum(len(pictures) for pictures, _targets in found)


def _copy(packed: Bytes, batch: Callable[[int], Bytes]) -> int:
    target = np.empty((BATCH, *packed.shape[1:]), np.uint8)
    starts = range(0, len(packed) - BATCH + 1, BATCH)
    for start in starts:
        np.copyto(target, batch(start))
    return len(starts) * BATCH


def _rate(call: Callable[[], int], turns: int) -> float:
    """Return the pictures a second of the best turn, after one that does not count."""
    call()
    best = 0.0
    for _turn in range(turns):
        n, seconds = timed(call)
        best = max(best, n / seconds)
    return best


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(archive) as pictures:
        for name in pictures.namelist():
            (folder / Path(name).name).write_bytes(pictures.read(name))


def _make_photographs(folder: Path) -> None:
    """Write JPEGs of some 70 KiB: smooth colours with fine noise over them."""
    folder.mkdir()
    for number, pixels in enumerate(_photographs(64)):
        Image.fromarray(pixels).save(folder / f"{number:04}.jpg", quality=88)
    made = sorted(folder.iterdir())
    for number in range(len(made), N_PHOTOGRAPHS):
        (folder / f"{number:04}.jpg").hardlink_to(made[number % len(made)])


def _photographs(n: int) -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    width, height = PHOTOGRAPH_PX
    for _number in range(n):
        colours = Image.fromarray(rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8))
        smooth = np.asarray(colours.resize(PHOTOGRAPH_PX, Image.Resampling.BICUBIC), dtype=np.int64)
        noise = rng.integers(-12, 13, smooth.shape)
        yield (smooth + noise).clip(0, 255).astype(np.uint8)
