"""Archives as they are made while they are sent, beside a bare loop over the same files. Prints JSON lines.

    python -m benchmarks.downloads [--pictures N] [--kib N] [--turns N] [--rows N] [--folder FOLDER]

Writes N files of random bytes to FOLDER or to a folder that is thrown away, and a public manifest that tells of them;
then makes each archive and throws its bytes away. The bare loop opens each file and reads it in chunks of the same
size; a second one also works out their CRC-32, as archives do to send no wrong picture. They take turns, and the
best of each counts, in seconds of the processors: files are in the system's cache from the first turn on.

Then the same with a manifest of as many rows as --rows says and no files but the last picture's: how long until the
first byte of a range comes that lies within that picture, with sizes worked out anew and with those that were kept,
and how much memory that takes. Each measurement has a process of its own.
"""

import argparse
import hashlib
import io
import json
import multiprocessing
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.reporting import report, report_machine, timed
from datasets import formats
from datasets.formats.rows import Rows
from datasets.formats.virtual import CHUNK, VirtualFile
from datasets.formats.webdataset import Split
from datasets.manifest import ROWS_A_GROUP
from datasets.public import PUBLIC_SCHEMA
from labeling.splits import TEST, TRAIN, VAL

N_CLASSES = 1000
ARCHIVES = ["folders.zip", "imagefolder/train.zip", "webdataset/train-000000.tar"]
PER_FOLDER = 1000
LARGE_N_CLASSES = 5247  # ImageNet's, when it was published


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.downloads", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--kib", type=int, default=100, help="of each picture's file")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--rows", type=int, default=3_200_000, help="of the large manifest; 0 leaves it out")
    parser.add_argument("--folder", type=Path, help="where the files are written; they stay there")
    options = parser.parse_args()
    report_machine()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        _throughput(
            folder / f"{options.pictures}-{options.kib}", options.pictures, options.kib, options.turns
        )
        if options.rows:
            _far_range(folder, options.rows)


# --- Throughput ------------------------------------------------------------------------------------------------


def _throughput(folder: Path, n_pictures: int, kib: int, turns: int) -> None:
    manifest = folder / "manifest.parquet"
    _write_files(folder, n_pictures, kib)
    taxonomy = _taxonomy(N_CLASSES)
    rows = pq.read_table(manifest).to_pylist()
    listed = {each.name: each for each in formats.listing(manifest, taxonomy)}
    report("pictures", pictures=n_pictures, kib=kib, archives=len(listed))
    report("listing", s=timed(partial(formats.listing, manifest, taxonomy))[1])
    for name in ARCHIVES:
        names = [row["file_name"] for row in rows if "train" not in name or row["split"] == TRAIN]
        calls = {
            "archive": partial(_make, folder, name, taxonomy),
            "bare_loop": partial(_read_all, folder, names),
            "bare_loop_with_crc32": partial(_read_all, folder, names, zlib.crc32),
        }
        spent = {each: float("inf") for each in calls}
        for _turn in range(turns):
            for each, call in calls.items():
                spent[each] = min(spent[each], _cpu_s(call))
        mb = len(names) * kib * 1024 / 1e6
        pace = {f"pace_of_{each}": spent[each] / spent["archive"] for each in calls if each != "archive"}
        report(name, mb=mb, **{f"{each}_mb_a_second": mb / s for each, s in spent.items()}, **pace)


def _cpu_s(call: Callable[[], None]) -> float:
    """Return the seconds of the processors, which other work on the machine does not lengthen much."""
    start = time.process_time()
    call()
    return time.process_time() - start


def _make(folder: Path, name: str, taxonomy: dict[str, Any]) -> None:
    file = formats.open_virtual(name, folder / "manifest.parquet", taxonomy, partial(_open, folder))
    if sum(map(len, file.read())) != file.n_bytes:
        raise AssertionError(f"{name} is not as long as it said.")


def _read_all(folder: Path, names: list[str], look: Callable[[bytes], object] = len) -> None:
    for name in names:
        with _path(folder, name).open("rb") as file:
            while chunk := file.read(CHUNK):
                look(chunk)


def _open(folder: Path, _sha256: str, file_name: str) -> BinaryIO:
    return _path(folder, file_name).open("rb")


def _path(folder: Path, file_name: str) -> Path:
    return folder / file_name[:2] / file_name


def _write_files(folder: Path, n_pictures: int, kib: int) -> None:
    if (folder / "manifest.parquet").exists():
        return
    rng = np.random.default_rng(1)
    found = {}
    for _index in range(n_pictures):
        data = rng.bytes(kib * 1024)
        sha256 = hashlib.sha256(data).hexdigest()
        path = _path(folder, f"{sha256}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        found[sha256] = zlib.crc32(data)
    hashes = sorted(found)
    sizes = np.full(n_pictures, kib * 1024)
    crc32s = np.array([found[sha256] for sha256 in hashes])
    _write_manifest(folder / "manifest.parquet", hashes, sizes, crc32s, N_CLASSES)


# --- A range near the end --------------------------------------------------------------------------------------


def _far_range(folder: Path, n_rows: int) -> None:
    manifest, taxonomy = folder / "large.parquet", _taxonomy(LARGE_N_CLASSES)
    data = np.random.default_rng(2).bytes(150_000)
    _write_large(manifest, n_rows, data)
    report("large manifest", rows=n_rows, mb=manifest.stat().st_size / 1e6)
    last_shard = f"webdataset/train-{len(Split(Rows.of(manifest).within(TRAIN)).shards) - 1:06}.tar"
    for name in ("folders.zip", "imagefolder/train.zip", last_shard):
        report(f"{name}, a range near its end", **_apart(_first_byte, manifest, taxonomy, name, data))
    report("listing of them", **_apart(_list, manifest, taxonomy))


def _apart(call: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_memory, call, arguments).result()


def _with_memory(call: Callable[..., dict[str, float]], arguments: tuple[Any, ...]) -> dict[str, float]:
    before = _peak_mib()
    figures = call(*arguments)
    return figures | {"memory_mib": _peak_mib() - before}


def _peak_mib() -> float:
    """Return the most memory that this process has held. Elsewhere than on Linux nothing is known of it.

    That of `resource` begins with what the process held that started this one.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _first_byte(manifest: Path, taxonomy: dict[str, Any], name: str, data: bytes) -> dict[str, float]:
    opened: list[str] = []

    def open_last(_sha256: str, file_name: str) -> BinaryIO:
        opened.append(file_name)
        return io.BytesIO(data)

    memo: dict[str, Any] = {}
    opening = partial(formats.open_virtual, name, manifest, taxonomy, open_last, memo=memo)
    cpu_s = time.process_time()
    _first, laid_out_s = timed(opening)
    cpu_s = time.process_time() - cpu_s
    file, remembered_s = timed(opening)
    start, stop = _within_last(file, name)
    opened.clear()
    begun = time.perf_counter()
    first = next(file.read(start, stop))
    first_byte_s = time.perf_counter() - begun
    if first[:100] != data[1000:1100] or len(opened) != 1:
        raise AssertionError(f"Expected the last picture alone; found {len(opened)} that were opened.")
    tail_s = timed(lambda: sum(map(len, file.read(file.n_bytes - 65_536, file.n_bytes))))[1]
    return {
        "gb": file.n_bytes / 1e9,
        "laid_out_s": laid_out_s,
        "laid_out_cpu_s": cpu_s,
        "remembered_s": remembered_s,
        "memo_kb": len(json.dumps(memo)) / 1000,
        "first_byte_s": first_byte_s,
        "last_64_kib_s": tail_s,
    }


def _within_last(file: VirtualFile, name: str) -> tuple[int, int]:
    """Return a range that begins 1,000 bytes into the last picture's file, as zipfile and tarfile find it."""
    start = _place_in_tar(file) if name.endswith(".tar") else _place_in_zip(file)
    return start + 1000, start + 101_000


def _place_in_zip(file: VirtualFile) -> int:
    tail = b"".join(file.read(file.n_bytes - 3_000_000, file.n_bytes))
    at = tail.rfind(b".jpg", 0, tail.rfind(b"manifest.csv"))
    header = tail.rfind(b"PK\1\2", 0, at)
    name_length = int.from_bytes(tail[header + 28 : header + 30], "little")
    extra = tail[header + 46 + name_length :][:12]
    offset = int.from_bytes(extra[4:12], "little")  # beyond 4 GiB, so ZIP64 says it
    return offset + 30 + name_length


def _place_in_tar(file: VirtualFile) -> int:
    return file.n_bytes - 2 * 512 - 2 * 512 - 2 * 512 - -(-150_000 // 512) * 512


def _list(manifest: Path, taxonomy: dict[str, Any]) -> dict[str, float]:
    listed, seconds = timed(lambda: formats.listing(manifest, taxonomy))
    return {"files": len(listed), "s": seconds}


def _write_large(path: Path, n_rows: int, last: bytes) -> None:
    """Write a manifest whose last picture of each split is `last`."""
    rng = np.random.default_rng(3)
    hashes = sorted(rng.bytes(32).hex() for _row in range(n_rows))
    sizes = rng.integers(20_000, 280_000, n_rows)
    crc32s = rng.integers(0, 2**32, n_rows)
    sizes[-10:], crc32s[-10:] = len(last), zlib.crc32(last)
    _write_manifest(path, hashes, sizes, crc32s, LARGE_N_CLASSES)


# --- Both ------------------------------------------------------------------------------------------------------


def _taxonomy(n_classes: int) -> dict[str, Any]:
    wnids = [f"n{number:08}" for number in range(n_classes)]
    return {
        "classes": wnids,
        "nouns": {wnid: {"name": f"noun of number {wnid}", "gloss": "", "hypernyms": []} for wnid in wnids},
    }


def _write_manifest(path: Path, hashes: list[str], sizes: Any, crc32s: Any, n_classes: int) -> None:
    labels = np.random.default_rng(4).integers(0, n_classes, len(hashes))
    with pq.ParquetWriter(path, PUBLIC_SCHEMA, compression="zstd") as writer:
        for start in range(0, len(hashes), ROWS_A_GROUP):
            part = slice(start, start + ROWS_A_GROUP)
            rows = zip(
                hashes[part], labels[part].tolist(), sizes[part].tolist(), crc32s[part].tolist(), strict=True
            )
            table = pa.Table.from_pylist(list(_rows(rows, start)), schema=PUBLIC_SCHEMA)
            writer.write_table(table)


def _rows(rows: Any, first: int) -> Iterator[dict[str, Any]]:
    for number, (sha256, label, n_bytes, crc32) in enumerate(rows, first):
        split = VAL if number % 10 == 0 else TEST if number % 5 == 1 else TRAIN
        told = split != TEST
        yield {
            "sha256": sha256,
            "file_name": f"{sha256}.jpg",
            "split": split,
            "label": label if told else None,
            "wnid": f"n{label:08}" if told else None,
            "synset": f"noun of number n{label:08}" if told else None,
            "confidence": 0.95 + (number % 500) / 10_000 if told else None,
            "n_votes": 2 + number % 9 if told else None,
            "licence": "CC BY 4.0",
            "credit": f"photographer {number % 997}",
            "n_bytes": n_bytes,
            "crc32": crc32,
            "leaf": None if told else "ab" * 32,
        }


if __name__ == "__main__":
    main()
