"""folders.zip: a folder for each part and class, which people open and any library reads. Pure."""

import csv
import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from datasets.formats.rows import SIZED, Class, Rows
from datasets.formats.virtual import Made, OpenPicture, Text, VirtualFile
from datasets.formats.zips import ZipLayout

_LISTED = ("sha256", "split", "label", "wnid", "synset", "confidence", "n_votes", "licence", "credit")
_WITHOUT_HEADER = pyarrow.csv.WriteOptions(include_header=False)
README = """\
{about}What is in this archive
=======================

train/<wnid>-<name>/   pictures to learn from, a folder for each class
val/<wnid>-<name>/     pictures to choose by among what was learnt
test/                  pictures to be judged by: nobody is told their labels
classes.csv            the classes in the order of their labels: label, wnid, name, gloss
manifest.csv           a line for each picture: its path in here, SHA-256, part, label, how sure the label is, how
                       many people voted for one, licence and whom to credit
licences.csv           how many pictures there are under each licence

A picture's file is named by its SHA-256. Columns that would tell of a test picture's label are empty.
"""


def folders_zip(
    rows: Rows, classes: Sequence[Class], open_picture: OpenPicture, about: str = ""
) -> VirtualFile:
    """Return the archive of all pictures. Raises ManifestError."""
    archive, folders = ZipLayout(), pa.array([f"{each.folder}/" for each in classes], pa.string())
    archive.add_text("README.txt", README.format(about=f"{about}\n\n" if about else ""))
    archive.add_text("classes.csv", classes_csv(classes))
    for group in range(rows.n_groups):
        load = partial(_named_pictures, rows, folders, group)
        archive.add_pictures(load, open_picture, rows.remembered)
    _add_manifest(archive, rows, folders)
    archive.add_text(
        "licences.csv", _csv([("licence", "n_pictures"), *sorted(rows.counted("licence").items())])
    )
    return archive.close()


def _path_names(batch: pa.RecordBatch, folders: pa.StringArray) -> pa.StringArray:
    """Return where each picture lies in the archive. folders: of each class, with a slash at the end."""
    of_class = folders.take(batch["label"]).fill_null("")
    return pc.binary_join_element_wise(batch["split"], "/", of_class, batch["file_name"], "")


def _named_pictures(rows: Rows, folders: pa.StringArray, group: int) -> tuple[pa.StringArray, pa.RecordBatch]:
    batch = rows.group(group, SIZED)
    return _path_names(batch, folders), batch


def _add_manifest(archive: ZipLayout, rows: Rows, folders: pa.StringArray) -> None:
    """Add manifest.csv, whose text is made for its size and its CRC-32 and made again when it is sent."""
    header = _csv([("path", *_LISTED)]).encode()
    makes = [partial(_manifest_lines, rows, folders, group) for group in range(rows.n_groups)]
    sizes, crc32 = rows.remembered("manifest.csv", lambda: _measured(header, makes))
    parts = [Made(n_bytes, make) for n_bytes, make in zip(sizes, makes, strict=True)]
    archive.add("manifest.csv", [Text(header), *parts], crc32)


def _measured(header: bytes, makes: Sequence[Callable[[], bytes]]) -> tuple[list[int], int]:
    """Return how many bytes each call makes, and the CRC-32 of all and of what comes before."""
    sizes, crc32 = [], zlib.crc32(header)
    for make in makes:
        lines = make()
        sizes.append(len(lines))
        crc32 = zlib.crc32(lines, crc32)
    return sizes, crc32


def _manifest_lines(rows: Rows, folders: pa.StringArray, group: int) -> bytes:
    batch = rows.group(group, [*_LISTED, "file_name"])
    columns = [_path_names(batch, folders), *(batch[name] for name in _LISTED)]
    lines = io.BytesIO()
    pyarrow.csv.write_csv(
        pa.RecordBatch.from_arrays(columns, names=["path", *_LISTED]), lines, _WITHOUT_HEADER
    )
    return lines.getvalue()


def classes_csv(classes: Sequence[Class]) -> str:
    lines = ((label, each.wnid, each.name, each.gloss) for label, each in enumerate(classes))
    return _csv([("label", "wnid", "name", "gloss"), *lines])


def _csv(lines: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()
