"""Pictures taken in each second, beside a bare loop of Pillow's, and the memory that it takes. Prints JSON lines.

    python -m benchmarks.ingest [--pictures N] [--width PIXELS] [--processes N] [--turns N] [--folder FOLDER]

Makes N JPEG photographs of noise over smooth colours, 500 x 375 pixels as ImageNet's average or of another width, in
FOLDER or in a folder that is thrown away. The bare loop opens, decodes and shrinks each file to 320 pixels, as
everybody writes it with `Image.thumbnail`, over as many processes, forked and so ready at once; it neither checks,
hashes, encodes nor records anything. A second loop also encodes the small picture and writes it to a file. The
database is SQLite in a folder of its own unless DATABASE_URL says otherwise. Loops and ingest take turns, and the
best of each counts.
"""

import argparse
import io
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import django
import numpy as np
import PIL
from PIL import Image

from benchmarks.processes import family, process_cpu_s
from benchmarks.reporting import report

WIDTH = 500  # pixels; a height is three quarters of it
PER_FOLDER = 1000
SMALL = (320, 320)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--width", type=int, default=WIDTH, help="pixels; the height is three quarters of it")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the photographs lie; made there if they do not")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as var:
        os.environ |= {"VAR_DIR": var, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING"}
        django.setup()
        folder = (options.folder or Path(var) / "photographs") / f"{options.pictures}-{options.width}"
        _make(folder, options.pictures, options.width, options.processes)
        _measure(folder, options.processes, options.turns, Path(var))


def _measure(folder: Path, n_processes: int, turns: int, var: Path) -> None:
    files = sorted(folder.rglob("*.jpg"))
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
    loops: dict[str, Callable[[Path], None] | None] = {
        "bare loop": _shrink,
        "bare loop that writes files": partial(_shrink_to, small),
    }
    loops["ingest"] = None
    _prepare()
    spent: dict[str, list[_Spent]] = {name: [] for name in loops}
    for _turn in range(turns):
        for name, loop in loops.items():
            if loop:
                spent[name].append(_time_loop(loop, files, n_processes))
        _forget()
        spent["ingest"].append(_Spent.by(partial(_ingest, folder, n_processes)))
    wall_s = {name: min(each.wall_s for each in several) for name, several in spent.items()}
    cpu_s = {name: min(each.cpu_s for each in several) for name, several in spent.items()}
    for name in loops:
        report(
            name,
            pictures_a_second=len(files) / wall_s[name],
            cpu_ms=1000 * cpu_s[name] / len(files),
            ingest_reaches=wall_s[name] / wall_s["ingest"],
            ingest_reaches_by_cpu=cpu_s[name] / cpu_s["ingest"],
        )
    _forget()
    with _peak_memory() as peak:  # by itself, as watching takes time too
        _ingest(folder, n_processes)
    report("memory of all processes", peak_mib=peak[0], peak_in_the_first_fifth_mib=peak[1])
    again = _Spent.by(partial(_ingest, folder, n_processes))
    report("the same again", pictures_a_second=len(files) / again.wall_s)
    _time_near()


@dataclass(frozen=True)
class _Spent:
    """How long something took, and how much of the processors' time, here and in processes started from here."""

    wall_s: float
    cpu_s: float

    @classmethod
    def by(cls, call: Callable[[], None]) -> "_Spent":
        cpu_s, start = _cpu_s(), time.perf_counter()
        call()
        return cls(time.perf_counter() - start, _cpu_s() - cpu_s)


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ours = sum(each.ru_utime + each.ru_stime for each in used)
    return ours + sum(process_cpu_s(process) for process in family(os.getpid()) if process != os.getpid())


def _ingest(folder: Path, n_processes: int) -> None:
    from django.core.management import call_command

    call_command("ingest", folder, collection="all", processes=n_processes, stdout=io.StringIO())


def _forget() -> None:
    from labeling.models import Image

    Image.objects.all().delete()


def _prepare() -> None:
    from django.core.management import call_command

    from labeling.models import Collection
    from taxonomy.importing import import_synsets
    from taxonomy.models import Synset
    from taxonomy.records import Lemma, SynsetRecord

    call_command("migrate", verbosity=0)
    import_synsets([SynsetRecord("b00000001", (Lemma("thing", 1),), (), "anything")], reason="a benchmark")
    Collection.objects.create(slug="all", name="All", root=Synset.objects.get())


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


def _time_loop(loop: Callable[[Path], None], files: list[Path], n_processes: int) -> _Spent:
    """Time it as the ingest is timed: the start and the end of its processes included."""

    def run() -> None:
        with ProcessPoolExecutor(n_processes, multiprocessing.get_context("fork")) as pool:
            for _done in pool.map(loop, files, chunksize=50):
                pass

    return _Spent.by(run)


# --- Photographs -----------------------------------------------------------------------------------------------


def _make(folder: Path, n_pictures: int, width: int, n_processes: int) -> None:
    with ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(partial(_make_one, folder, width), range(n_pictures), chunksize=100))


def _make_one(folder: Path, width: int, seed: int) -> None:
    path = folder / f"{seed // PER_FOLDER:04}" / f"{seed:07}.jpg"
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    height = width * 3 // 4
    rng = np.random.default_rng(seed)
    colours = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    pixels = np.asarray(colours.resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = pixels + rng.integers(-14, 15, (height, width, 1), dtype=np.int16)
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
            seen.append(sum(_pss_mib(process) for process in family(os.getpid())))

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


def _pss_mib(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


if __name__ == "__main__":
    main()
