import io
import itertools
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets import formats
from datasets.formats.rows import Rows, SizesMissingError
from datasets.manifest import ManifestError, ManifestRow, write_rows
from datasets.public import PUBLIC_SCHEMA
from datasets.public import write_public as write_public_from
from tests.datasets.formats.making import (
    CAT,
    DOG,
    NAMES,
    TAXONOMY,
    Snapshot,
    jpeg,
    public_row,
    some_pictures,
    whole,
    write_public,
)

EMPTY = pa.RecordBatch.from_pylist([], schema=PUBLIC_SCHEMA)


def open_(snapshot, name):
    return formats.open_virtual(name, snapshot.manifest, TAXONOMY, snapshot.open_picture)


def test_each_listed_file_opens_with_the_size_that_the_list_says(snapshot):
    listed = formats.listing(snapshot.manifest, TAXONOMY)

    assert [(each.name, each.n_pictures) for each in listed] == [
        ("folders.zip", 12),
        ("imagefolder/train.zip", 7),
        ("imagefolder/validation.zip", 2),
        ("imagefolder/test.zip", 3),
        ("webdataset/train-000000.tar", 7),
        ("webdataset/val-000000.tar", 2),
        ("webdataset/test-000000.tar", 3),
    ]
    for each in listed:
        assert len(whole(open_(snapshot, each.name))) == each.n_bytes


def test_listing_opens_no_picture(snapshot):
    formats.listing(snapshot.manifest, TAXONOMY)

    assert snapshot.opened == []


def test_a_manifest_is_read_from_a_path_too(snapshot, tmp_path):
    path = tmp_path / "manifest.parquet"
    path.write_bytes(snapshot.manifest.getvalue())

    assert formats.listing(path, TAXONOMY) == formats.listing(snapshot.manifest, TAXONOMY)


def test_a_split_without_pictures_has_no_files():
    snapshot = Snapshot([(jpeg(1), "train", CAT)])

    names = [each.name for each in formats.listing(snapshot.manifest, TAXONOMY)]

    assert names == ["folders.zip", "imagefolder/train.zip", "webdataset/train-000000.tar"]
    for name in ("imagefolder/test.zip", "webdataset/test-000000.tar"):
        with pytest.raises(formats.UnknownFileError):
            open_(snapshot, name)


@pytest.mark.parametrize(
    "name",
    ["", "folders.tar", "imagefolder/val.zip", "webdataset/train-000001.tar", "webdataset/train-0.tar"],
)
def test_an_unknown_name_is_refused(snapshot, name):
    with pytest.raises(formats.UnknownFileError, match=f"found '{name}'"):
        open_(snapshot, name)


def test_a_manifest_without_sizes_is_refused():
    rows = [public_row(jpeg(1)), public_row(jpeg(2), n_bytes=0, crc32=0)]
    manifest = write_public(rows)

    with pytest.raises(
        SizesMissingError, match=f"none for {rows[1].file_name}: the snapshot was frozen before"
    ):
        formats.listing(manifest, TAXONOMY)


@pytest.mark.parametrize("content", [b"", b"no Parquet at all"])
def test_what_is_no_manifest_is_refused(content):
    with pytest.raises(ManifestError, match="Expected a public manifest"):
        formats.listing(io.BytesIO(content), TAXONOMY)


def test_a_manifest_of_other_columns_is_refused():
    file = io.BytesIO()
    pq.write_table(pa.table({"sha256": ["ab"]}), file)

    with pytest.raises(ManifestError, match="found sha256"):
        formats.listing(file, TAXONOMY)


def test_a_missing_picture_stops_the_transfer_and_is_named(snapshot):
    gone = snapshot.of("val")[1]
    del snapshot.data[gone.sha256]

    for name in ("folders.zip", "imagefolder/validation.zip", "webdataset/val-000000.tar"):
        with pytest.raises(OSError, match=gone.file_name):
            whole(open_(snapshot, name))
    assert whole(open_(snapshot, "imagefolder/train.zip"))


def frozen(pictures):
    """Return the public manifest of a snapshot with these (picture, split, wnid), by way of its private one."""
    rows = sorted(
        ManifestRow(
            *(row.sha256, row.file_name, wnid, NAMES[wnid], 0.9, 3, split, row.licence, row.credit),
            *(row.n_bytes, row.crc32, "salt" if split == "test" else ""),
        )
        for data, split, wnid in pictures
        for row in [public_row(data)]
    )
    private, public = io.BytesIO(), io.BytesIO()
    write_rows(ManifestRow, rows, private)
    write_public_from(private, TAXONOMY["classes"], public, io.BytesIO())
    return public


def all_files(pictures):
    snapshot, manifest = Snapshot(pictures), frozen(pictures)
    return {
        each.name: whole(formats.open_virtual(each.name, manifest, TAXONOMY, snapshot.open_picture))
        for each in formats.listing(manifest, TAXONOMY)
    }


def exchanged(pictures, of):
    other = {CAT: DOG, DOG: CAT}
    return [(data, split, other[wnid] if split == of else wnid) for data, split, wnid in pictures]


def test_no_file_tells_a_test_label():
    pictures = some_pictures(n_test=8)

    assert all_files(exchanged(pictures, "test")) == all_files(pictures)


def test_files_tell_the_labels_of_other_parts():
    pictures = some_pictures()

    files, others = all_files(pictures), all_files(exchanged(pictures, "val"))

    assert {name for name in files if files[name] != others[name]} == {
        "folders.zip",
        "imagefolder/validation.zip",
        "webdataset/val-000000.tar",
    }


def test_a_group_without_rows_adds_nothing(snapshot):
    table = pq.read_table(snapshot.manifest)
    file = io.BytesIO()
    with pq.ParquetWriter(file, PUBLIC_SCHEMA) as writer:
        for part in (table.slice(0, 0), table.slice(0, 5), table.slice(0, 0), table.slice(5)):
            writer.write_batch(part.combine_chunks().to_batches()[0] if part.num_rows else EMPTY)

    listed = {each.name for each in formats.listing(file, TAXONOMY)}
    assert listed == {each.name for each in formats.listing(snapshot.manifest, TAXONOMY)}
    for name in listed:
        found = whole(formats.open_virtual(name, file, TAXONOMY, snapshot.open_picture))
        # The groups of the manifest are those of the metadata of imagefolder; all else knows nothing of them.
        assert name.startswith("imagefolder") or found == whole(open_(snapshot, name))


def test_a_manifest_without_rows_has_empty_folders_alone():
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([], schema=PUBLIC_SCHEMA), file)

    listed = formats.listing(file, TAXONOMY)

    assert [(each.name, each.n_pictures) for each in listed] == [("folders.zip", 0)]


def test_ten_thousand_pictures_are_listed_from_their_manifest():
    rows = sorted(
        public_row(str(number).encode(), split, wnid)
        for number, (split, wnid) in zip(
            range(10_000),
            itertools.cycle([("train", CAT), ("val", DOG), ("train", DOG), ("test", CAT)]),
            strict=False,
        )
    )

    listed = formats.listing(write_public(rows, rows_a_group=1000), TAXONOMY)

    assert sum(each.n_pictures for each in listed if each.media_type == formats.TAR) == 10_000


def test_what_is_remembered_is_not_worked_out_again(snapshot):
    memo = {}
    listed = formats.listing(snapshot.manifest, TAXONOMY, "about", memo)
    kept = json.loads(json.dumps(memo))

    assert formats.listing(snapshot.manifest, TAXONOMY, "about", kept) == listed
    assert kept == json.loads(json.dumps(memo))
    for each in listed:
        fresh, again = (
            formats.open_virtual(
                each.name, snapshot.manifest, TAXONOMY, snapshot.open_picture, "about", known
            )
            for known in (None, kept)
        )
        assert again.n_bytes == each.n_bytes
        assert whole(again) == whole(fresh)


def test_a_range_reads_the_rows_of_its_group_alone_where_sizes_are_remembered(snapshot, monkeypatch):
    memo = {}
    size = formats.listing(snapshot.manifest, TAXONOMY, "", memo)[0].n_bytes
    read = []
    group = Rows.group
    monkeypatch.setattr(Rows, "group", lambda self, *args: (read.append(args[0]), group(self, *args))[1])

    file = formats.open_virtual("folders.zip", snapshot.manifest, TAXONOMY, snapshot.open_picture, "", memo)
    assert read == []
    list(file.read(size // 4, size // 4 + 10))

    assert len(read) == 1
