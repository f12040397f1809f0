"""imagefolder/train.zip and others: what `datasets.load_dataset("imagefolder", ...)` of Hugging Face reads. Pure.

What is known of each picture is in metadata.parquet beside the pictures. As CSV or JSON the library would guess types
anew in each file, and refuse the labels of the test part, which are all null, as another type than those of the
others; Parquet says the types, and the names of the classes too.
"""

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.formats.rows import SIZED, Class, Rows
from datasets.formats.virtual import OpenPicture, VirtualFile, Written, measured
from datasets.formats.zips import ZipLayout
from labeling.splits import TEST, TRAIN, VAL

NAMES = {TRAIN: "train", VAL: "validation", TEST: "test"}  # what the library calls the splits
METADATA = pa.schema(
    [
        ("file_name", pa.string()),  # becomes the column `image`
        ("sha256", pa.string()),
        ("label", pa.int64()),
        ("wnid", pa.string()),
        ("synset", pa.string()),
        ("confidence", pa.float64()),
        ("n_votes", pa.int32()),
        ("licence", pa.string()),
        ("credit", pa.string()),
    ]
)


def imagefolder_zip(rows: Rows, classes: Sequence[Class], open_picture: OpenPicture) -> VirtualFile:
    """Return the archive of the pictures of one split. Raises ManifestError."""
    archive = ZipLayout()
    write = partial(_write_metadata, rows, classes)
    metadata = Written(write, *rows.remembered("metadata", partial(measured, write)))
    archive.add("metadata.parquet", [metadata], metadata.crc32)
    for group in range(rows.n_groups):
        archive.add_pictures(partial(_named_pictures, rows, group), open_picture, rows.remembered)
    return archive.close()


def _named_pictures(rows: Rows, group: int) -> tuple[pa.StringArray, pa.RecordBatch]:
    batch = rows.group(group, SIZED)
    return batch["file_name"], batch


def _write_metadata(rows: Rows, classes: Sequence[Class], file: BinaryIO) -> None:
    schema = METADATA.with_metadata({"huggingface": json.dumps({"info": {"features": _features(classes)}})})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in rows.groups(METADATA.names):
            if batch.num_rows:  # the library takes the types from the first group of rows
                writer.write_batch(batch.cast(schema))


def _features(classes: Sequence[Class]) -> dict[str, dict[str, object]]:
    features: dict[str, dict[str, object]] = {
        field.name: {"dtype": "float64" if field.type == pa.float64() else str(field.type), "_type": "Value"}
        for field in METADATA
    }
    features["label"] = {"names": class_names(classes), "_type": "ClassLabel"}
    return features


def class_names(classes: Sequence[Class]) -> list[str]:
    """Return a name for each class: the noun's, with its wnid where another class has the same."""
    counts = Counter(each.name for each in classes)
    return [
        each.name if each.name and counts[each.name] == 1 else f"{each.name} ({each.wnid})".strip()
        for each in classes
    ]
