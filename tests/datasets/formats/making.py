"""Small snapshots for tests of the formats, and other people's libraries to load them."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from datasets.public import PUBLIC_SCHEMA, PublicRow

CAT, DOG = "n02121808", "n02084071"
TAXONOMY = {
    "classes": [CAT, DOG],
    "nouns": {
        CAT: {"name": "domestic cat", "gloss": "any domesticated member of the genus Felis", "hypernyms": []},
        DOG: {"name": "dog", "gloss": 'a member of the genus Canis, "man\'s best friend"', "hypernyms": []},
    },
}
NAMES = {CAT: "domestic cat", DOG: "dog"}


def jpeg(seed):
    """Return a picture's bytes, another one for each seed."""
    file = io.BytesIO()
    Image.new("RGB", (8 + seed % 5, 8), (seed % 256, 99, 255 - seed % 256)).save(
        file, "JPEG", comment=str(seed)
    )
    return file.getvalue()


def public_row(data, split="train", wnid=CAT, **changes):
    """Return what the public manifest says of a picture; of a test picture no label."""
    sha256 = hashlib.sha256(data).hexdigest()
    told = (TAXONOMY["classes"].index(wnid), wnid, NAMES[wnid], 0.98, 3)
    row = PublicRow(
        sha256,
        f"{sha256}.jpg",
        split,
        *(told if split != "test" else (None,) * 5),
        "CC BY 4.0",
        "somebody",
        len(data),
        zlib.crc32(data),
        "ab" * 32 if split == "test" else None,
    )
    return row._replace(**changes)


def write_public(rows, rows_a_group=3):
    """Return a public manifest as an open file; a few rows a group, so that archives are made of several."""
    table = pa.Table.from_pylist([row._asdict() for row in rows], schema=PUBLIC_SCHEMA)
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=rows_a_group)
    return file


class Snapshot:
    """Pictures that lie in memory, and their manifest."""

    def __init__(self, pictures, rows_a_group=3):
        self.rows = sorted(public_row(data, split, wnid) for data, split, wnid in pictures)
        self.data = {hashlib.sha256(data).hexdigest(): data for data, _split, _wnid in pictures}
        self.manifest = write_public(self.rows, rows_a_group)
        self.opened = []

    def open_picture(self, sha256, file_name):
        self.opened.append(file_name)
        if sha256 not in self.data:
            raise FileNotFoundError(f"no file {file_name}")
        return io.BytesIO(self.data[sha256])

    def of(self, split):
        return [row for row in self.rows if row.split == split]


def some_pictures(n_train=7, n_val=2, n_test=3):
    splits = ["train"] * n_train + ["val"] * n_val + ["test"] * n_test
    return [(jpeg(seed), split, [CAT, DOG][seed % 2]) for seed, split in enumerate(splits)]


def whole(file):
    return b"".join(file.read())


def run_apart(script: str, *arguments: object, folder: Path):
    """Run a script that sees installed packages alone, and return the JSON that it prints last.

    Our app `datasets` has the name of Hugging Face's library, so what imports that cannot run in this process.
    """
    away = {"HOME": folder, "HF_HOME": folder / "hf", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **{name: str(value) for name, value in away.items()}},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr
