"""folders.zip: a folder for each part and class, which people open and any library reads. Pure."""

import csv
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from datasets.formats.rows import SIZED, Class, Rows
from datasets.formats.virtual import Made, OpenPicture, Part, Text, VirtualFile
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
    archive = ZipLayout()
    archive.add_text("README.txt", README.format(about=f"{about}\n\n" if about else ""))
    archive.add_text("classes.csv", classes_csv(classes))
    for group in range(rows.n_groups):
        archive.add_pictures(partial(_named_pictures, rows, classes, group), open_picture)
    _add_manifest(archive, rows, classes)
    archive.add_text("licences.csv", _licences_csv(rows))
    return archive.close()


def path_names(batch: pa.RecordBatch, classes: Sequence[Class]) -> pa.StringArray:
    """Return where each picture lies in the archive, from its split, label and file_name."""
    folders = pa.array([f"{each.folder}/" for each in classes], pa.string())
    of_class = folders.take(batch["label"]).fill_null("")
    return pc.binary_join_element_wise(batch["split"], "/", of_class, batch["file_name"], "")


def _named_pictures(
    rows: Rows, classes: Sequence[Class], group: int
) -> tuple[pa.StringArray, pa.RecordBatch]:
    batch = rows.group(group, SIZED)
    return path_names(batch, classes), batch


def _add_manifest(archive: ZipLayout, rows: Rows, classes: Sequence[Class]) -> None:
    """Add manifest.csv, whose text is made for its size and its CRC-32 and made again when it is sent."""
    header = _csv([("path", *_LISTED)]).encode()
    parts: list[Part] = [Text(header)]
    crc32 = zlib.crc32(header)
    for group in range(rows.n_groups):
        make = partial(_manifest_lines, rows, classes, group)
        lines = make()
        crc32 = zlib.crc32(lines, crc32)
        parts.append(Made(len(lines), make))
    archive.add("manifest.csv", parts, crc32)


def _manifest_lines(rows: Rows, classes: Sequence[Class], group: int) -> bytes:
    batch = rows.group(group, [*_LISTED, "file_name"])
    columns = [path_names(batch, classes), *(batch[name] for name in _LISTED)]
    lines = io.BytesIO()
    pyarrow.csv.write_csv(
        pa.RecordBatch.from_arrays(columns, names=["path", *_LISTED]), lines, _WITHOUT_HEADER
    )
    return lines.getvalue()


def classes_csv(classes: Sequence[Class]) -> str:
    lines = ((label, each.wnid, each.name, each.gloss) for label, each in enumerate(classes))
    return _csv([("label", "wnid", "name", "gloss"), *lines])


def _licences_csv(rows: Rows) -> str:
    counts: Counter[str] = Counter()
    for batch in rows.groups(["licence"]):
        for each in pc.value_counts(batch["licence"]).to_pylist():
            counts[each["values"]] += each["counts"]
    return _csv([("licence", "n_pictures"), *sorted(counts.items())])


def _csv(lines: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()
