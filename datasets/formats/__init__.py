"""A snapshot's public manifest -> archives that people load. Pure.

Nothing is copied before it is sent: where each byte of an archive lies follows from the manifest, and a picture's
file is opened when its bytes are due. What is made here knows the public manifest alone, so it can tell of no test
label. The order of a manifest's rows is the order of pictures in each archive.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from datasets.formats import webdataset
from datasets.formats.folders import folders_zip
from datasets.formats.imagefolder import NAMES, imagefolder_zip
from datasets.formats.rows import Memo, Rows, classes_of
from datasets.formats.virtual import OpenPicture, VirtualFile
from labeling.splits import SPLITS

# Names the bytes that a manifest gives: another number where this package lays out an archive otherwise, and
# Arrow's version, which writes the metadata of imagefolder. It belongs into an ETag.
LAYOUT = f"1-{pa.__version__}"

FOLDERS = "folders.zip"
ZIP, TAR = "application/zip", "application/x-tar"
_SHARD = re.compile(r"webdataset/(train|val|test)-(\d{6})\.tar")


class UnknownFileError(LookupError):
    """A snapshot has no archive of this name."""


class FileInfo(NamedTuple):
    """A file that can be downloaded."""

    name: str
    n_bytes: int
    media_type: str
    n_pictures: int
    purpose: str


def listing(
    manifest: BinaryIO | Path, taxonomy: dict[str, Any], about: str = "", memo: Memo | None = None
) -> list[FileInfo]:
    """Return the archives that can be made from a public manifest, with their sizes. Raises ManifestError.

    about: what README.txt of folders.zip begins with.
    memo: where archives' sizes are written down, so that with it nothing passes over the rows again: JSON can keep
    it, for this manifest and taxonomy and as long as LAYOUT is the same.
    """
    return list(_listing(Rows.of(manifest, memo), taxonomy, about))


def _listing(rows: Rows, taxonomy: dict[str, Any], about: str) -> Iterator[FileInfo]:
    classes, counts = classes_of(taxonomy), rows.counts()
    n_bytes = folders_zip(rows, classes, _closed, about).n_bytes
    yield FileInfo(FOLDERS, n_bytes, ZIP, counts.total(), "A folder for each part and class.")
    for split in filter(counts.get, SPLITS):
        name, of_split = _imagefolder(split), rows.within(split)
        n_bytes = imagefolder_zip(of_split, classes, _closed).n_bytes
        yield FileInfo(name, n_bytes, ZIP, counts[split], 'For load_dataset("imagefolder") of Hugging Face.')
    for split in filter(counts.get, SPLITS):
        for number, shard in enumerate(webdataset.Split(rows.within(split)).shards):
            name = f"webdataset/{split}-{number:06}.tar"
            yield FileInfo(name, shard.n_bytes, TAR, shard.stop - shard.first, "A shard for WebDataset.")


def open_virtual(
    name: str,
    manifest: BinaryIO | Path,
    taxonomy: dict[str, Any],
    open_picture: OpenPicture,
    about: str = "",
    memo: Memo | None = None,
) -> VirtualFile:
    """Return the archive that `listing` names; the manifest stays open until it has been read.

    open_picture(sha256, file_name) opens a picture's file; about and memo: as in `listing`.
    Raises UnknownFileError and ManifestError.
    """
    rows = Rows.of(manifest, memo)
    if name == FOLDERS:
        return folders_zip(rows, classes_of(taxonomy), open_picture, about)
    for split in SPLITS:
        if name == _imagefolder(split) and rows.counts()[split]:
            return imagefolder_zip(rows.within(split), classes_of(taxonomy), open_picture)
    if match := _SHARD.fullmatch(name):
        shards, number = webdataset.Split(rows.within(match[1])), int(match[2])
        if number < len(shards.shards):
            return shards.tar(number, open_picture)
    raise UnknownFileError(f"Expected {FOLDERS} or another file of the snapshot's list; found {name!r}.")


def _imagefolder(split: str) -> str:
    return f"imagefolder/{NAMES[split]}.zip"


def _closed(_sha256: str, file_name: str) -> BinaryIO:
    raise OSError(f"{file_name} is not read to list it")
