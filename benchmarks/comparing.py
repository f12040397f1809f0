"""How long two snapshots take to be compared, and the memory that it takes. Prints JSON lines.

    python -m benchmarks.comparing [--pictures N] [--classes N] [--folder FOLDER]

Writes two manifests of N pictures each, in FOLDER or in a folder that is thrown away: of a hundred pictures of the
first one went, one came and three have another label in the second, and every confidence moved. Each figure is from a
process of its own, so that memory is that of comparing alone.
"""

import argparse
import multiprocessing
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reporting import report, report_machine, timed
from datasets.comparing import SIDE_SCHEMA, Reasons, Side, compare, differences
from datasets.manifest import ManifestRow, read_batches, write_rows
from labeling.splits import TEST, split_of


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparing", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--pictures", type=int, default=3_200_000)
    parser.add_argument("--classes", type=int, default=5247)
    parser.add_argument("--folder", type=Path, help="where the manifests lie; made there if they do not")
    options = parser.parse_args()
    report_machine()
    with tempfile.TemporaryDirectory() as var:
        folder = options.folder or Path(var)
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{options.pictures}-{options.classes}-{n}.parquet" for n in (1, 2)]
        for path, is_newer in zip(paths, (False, True), strict=True):
            if not path.exists():
                in_own_process(write, path, options.pictures, options.classes, is_newer)
        for read in (imported, counted, listed):
            found, seconds, peak_mib = in_own_process(read, *paths, options.classes)
            report(read.__name__, pictures=options.pictures, seconds=seconds, peak_mib=peak_mib, **found)


def in_own_process(call: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    """Return what `call` returns, the seconds it took, and the most memory that its process had."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (call, arguments))


def _measured(call: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, float, float]:
    result, seconds = timed(lambda: call(*arguments))
    return result, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write(path: Path, n: int, n_classes: int, is_newer: bool) -> None:
    with path.open("wb") as file:
        write_rows(ManifestRow, made_up(n, n_classes, is_newer), file)


def made_up(n: int, n_classes: int, is_newer: bool) -> Iterator[ManifestRow]:
    """Yield rows whose hashes are spread evenly, as those of pictures are."""
    rng = np.random.default_rng(0)
    labels, chances = rng.integers(0, n_classes, n), rng.random(n)
    moved = np.random.default_rng(1 + is_newer).random(n)
    for i, (label, chance) in enumerate(zip(labels.tolist(), chances.tolist(), strict=True)):
        is_alone, is_changed = chance < 0.01, 0.01 <= chance < 0.04
        # A picture that is in one alone gets another hash in the other, so that both have as many.
        sha256 = f"{i * 2**64 // n + (is_newer and is_alone):016x}" * 4
        label = (label + (is_newer and is_changed)) % n_classes
        split, confidence = split_of(sha256), 0.95 + 0.05 * float(moved[i])
        n_votes = 3 + (i + (is_newer and is_changed)) % 3
        salt = sha256 if split == TEST else ""
        name = f"noun {label}"
        yield ManifestRow(
            sha256, f"{sha256}.jpg", f"n{label:08}", name, confidence, n_votes, split, "", "", 1, 1, salt
        )


def sides(older: Path, newer: Path, n_classes: int) -> tuple[Side, Side]:
    classes = [f"n{label:08}" for label in range(n_classes)]
    return Side(_batches(older), classes), Side(_batches(newer), classes)


def _batches(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        yield from read_batches(ManifestRow, file, SIDE_SCHEMA.names)


def imported(older: Path, newer: Path, n_classes: int) -> dict[str, int]:
    """Do nothing: what a process has that only brings in the modules."""
    return {}


def counted(older: Path, newer: Path, n_classes: int) -> dict[str, int]:
    found = compare(*sides(older, newer, n_classes), Reasons())
    return {
        "kept": found.open.n_kept,
        "changed": found.open.n_changed,
        "test_labels_changed": found.secret.n_changed,
        "pairs": found.n_pairs,
    }


def listed(older: Path, newer: Path, n_classes: int) -> dict[str, int]:
    return {
        "differences": sum(
            batch.num_rows for batch in differences(*sides(older, newer, n_classes), Reasons())
        )
    }


if __name__ == "__main__":
    main()
