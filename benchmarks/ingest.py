"""Pictures taken in each second, beside a bare loop of Pillow's, and the memory that it takes. Prints JSON lines.

    python -m benchmarks.ingest [--pictures N] [--processes N] [--folder FOLDER]

Makes N JPEG photographs of noise over smooth colours, 500 x 375 pixels as ImageNet's average, in FOLDER or in a
folder that is thrown away. The bare loop opens, decodes and shrinks each file to 320 pixels, as everybody writes it
with `Image.thumbnail`, over as many processes; it neither checks, hashes, encodes, stores nor records anything.
A second one also encodes the small picture and writes it to a file. The database is SQLite in a folder of its own
unless DATABASE_URL says otherwise. Bare loops are timed before and after, the faster time counts.
"""

import argparse
import io
import multiprocessing
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import django
import numpy as np
import PIL
from PIL import Image

from benchmarks.consensus import report

SIZE = (500, 375)
PER_FOLDER = 1000
SMALL = (320, 320)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="where the photographs lie; made there if they do not")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as var:
        os.environ |= {"VAR_DIR": var, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING"}
        django.setup()
        folder = options.folder or Path(var) / "photographs"
        _make(folder, options.pictures, options.processes)
        _measure(folder, options.pictures, options.processes, Path(var))


def _measure(folder: Path, n_pictures: int, n_processes: int, var: Path) -> None:
    files = sorted(folder.rglob("*.jpg"))[:n_pictures]
    report(
        "machine",
        cpu=platform.processor() or platform.machine(),
        cores=os.cpu_count(),
        processes=n_processes,
        python=platform.python_version(),
        pillow=PIL.__version__,
        pictures=len(files),
        mean_kib=sum(path.stat().st_size for path in files) / len(files) / 1024,
    )
    small = var / "small"
    small.mkdir()
    loops: dict[str, Callable[[Path], None]] = {"bare": _shrink, "with_files": partial(_shrink_to, small)}
    before = {name: _rate(loop, files, n_processes) for name, loop in loops.items()}
    with _peak_memory() as peak:
        seconds = _ingest(folder, n_processes)
    after = {name: _rate(loop, files, n_processes) for name, loop in loops.items()}
    bare, with_files = (max(before[name], after[name]) for name in loops)
    rate = len(files) / seconds
    report(
        "pictures a second",
        decode_and_shrink=bare,
        with_encoding_and_a_file=with_files,
        ingest=rate,
        share=rate / bare,
        share_with_files=rate / with_files,
        peak_mib=peak[0],
        peak_of_the_first_fifth_mib=peak[1],
    )
    report("the same again", pictures_a_second=len(files) / _ingest(folder, n_processes))
    _time_near()


def _ingest(folder: Path, n_processes: int) -> float:
    from django.core.management import call_command

    from labeling.models import Collection, Image
    from taxonomy.importing import import_synsets
    from taxonomy.models import Synset
    from taxonomy.records import Lemma, SynsetRecord

    call_command("migrate", verbosity=0)
    if not Synset.objects.exists():
        import_synsets(
            [SynsetRecord("b00000001", (Lemma("thing", 1),), (), "anything")], reason="a benchmark"
        )
        Collection.objects.create(slug="all", name="All", root=Synset.objects.get())
    start = time.perf_counter()
    call_command("ingest", folder, collection="all", processes=n_processes, stdout=io.StringIO())
    seconds = time.perf_counter() - start
    report("rows", pictures=Image.objects.count())
    return seconds


def _time_near() -> None:
    from labeling.models import Image

    images = list(Image.objects.order_by("sha256")[:200])
    start = time.perf_counter()
    n_found = sum(len(Image.objects.near(image)) for image in images)
    one_ms = 1000 * (time.perf_counter() - start) / len(images)
    start = time.perf_counter()
    n_pairs = sum(1 for _pair in Image.objects.near_pairs())
    report(
        "near duplicates",
        one_ms=one_ms,
        found=n_found,
        pairs=n_pairs,
        all_pairs_s=time.perf_counter() - start,
    )


# --- The bare loops --------------------------------------------------------------------------------------------


def _shrink(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        image.thumbnail(SMALL)


def _shrink_to(folder: Path, path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        image.thumbnail(SMALL)
        image.save(folder / path.name, quality=85)


def _rate(loop: Callable[[Path], None], files: list[Path], n_processes: int) -> float:
    with ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(abs, range(100)))  # every process has started
        start = time.perf_counter()
        for _done in pool.map(loop, files, chunksize=50):
            pass
        return len(files) / (time.perf_counter() - start)


# --- Photographs -----------------------------------------------------------------------------------------------


def _make(folder: Path, n_pictures: int, n_processes: int) -> None:
    with ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_make_one, [folder] * n_pictures, range(n_pictures), chunksize=100))


def _make_one(folder: Path, seed: int) -> None:
    path = folder / f"{seed // PER_FOLDER:04}" / f"{seed:07}.jpg"
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    colours = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    pixels = np.asarray(colours.resize(SIZE, Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = pixels + rng.integers(-14, 15, (SIZE[1], SIZE[0], 1), dtype=np.int16)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=92)


# --- Memory ----------------------------------------------------------------------------------------------------


@contextmanager
def _peak_memory() -> Iterator[list[float]]:
    """Watch what this process and all that it started hold: [at most, at most in the first fifth of the time], MiB.

    Shared pages are divided among those that share them (Pss of Linux); elsewhere both stay 0.
    """
    peaks, seen, stop = [0.0, 0.0], list[float](), threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            seen.append(sum(_pss_mib(process) for process in _family(os.getpid())))

    thread = threading.Thread(target=watch)
    if sys.platform == "linux":
        thread.start()
    try:
        yield peaks
    finally:
        stop.set()
        if thread.ident:
            thread.join()
        if seen:
            peaks[:] = max(seen), max(seen[: max(1, len(seen) // 5)])


def _family(process: int) -> Iterator[int]:
    yield process
    for thread in Path(f"/proc/{process}/task").glob("*"):
        try:
            children = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))


def _pss_mib(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


if __name__ == "__main__":
    main()
