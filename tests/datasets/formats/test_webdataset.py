import hashlib
import io
import json
import tarfile

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats import open_virtual
from datasets.formats.rows import Rows
from datasets.formats.webdataset import Split, header, json_texts
from datasets.public import PUBLIC_SCHEMA
from tests.datasets.formats.making import (
    CAT,
    TAXONOMY,
    Snapshot,
    jpeg,
    public_row,
    run_apart,
    whole,
    write_public,
)

LOAD = """
import json, sys, hashlib, warnings
warnings.simplefilter("error")
import webdataset
loaded = webdataset.WebDataset(sys.argv[1:], shardshuffle=False, empty_check=False).decode()
print(json.dumps([
    {"key": each["__key__"], "json": each["json"], "cls": each.get("cls"),
     "sha256": hashlib.sha256(each["jpg"]).hexdigest() if isinstance(each["jpg"], bytes) else ""}
    for each in loaded
]))
"""


def opened(file):
    return tarfile.TarFile(fileobj=io.BytesIO(whole(file)))


def shard(snapshot, name):
    return open_virtual(f"webdataset/{name}.tar", snapshot.manifest, TAXONOMY, snapshot.open_picture)


SNAPSHOT = Snapshot([(jpeg(seed), "train", CAT) for seed in range(3)], rows_a_group=2)
FILE = shard(SNAPSHOT, "train-000000")
WHOLE = whole(FILE)


def test_webdataset_loads_the_shards(snapshot, tmp_path):
    splits = ("train", "val", "test")
    for split in splits:
        (tmp_path / f"{split}.tar").write_bytes(whole(shard(snapshot, f"{split}-000000")))

    loaded, _errors = run_apart(LOAD, *(f"{split}.tar" for split in splits), folder=tmp_path)

    rows = [row for split in splits for row in snapshot.of(split)]
    assert [each["key"] for each in loaded] == [row.sha256 for row in rows]
    assert [each["sha256"] for each in loaded] == [row.sha256 for row in rows]
    assert [each["cls"] for each in loaded] == [row.label for row in rows]
    told = ("label", "wnid", "synset", "confidence", "n_votes")
    assert [[each["json"].get(name) for name in told] for each in loaded] == [
        [getattr(row, name) for name in told] for row in rows
    ]


def test_of_a_test_picture_nothing_is_told_of_its_label(snapshot):
    read = opened(shard(snapshot, "test-000000"))

    names = read.getnames()
    told = [json.load(read.extractfile(name)) for name in names if name.endswith(".json")]

    assert {name.partition(".")[2] for name in names} == {"jpg", "json"}
    assert {frozenset(each) for each in told} == {frozenset({"sha256", "split", "licence", "credit"})}


def test_shards_have_the_pictures_in_order_each_once(snapshot):
    split = Split(Rows.of(snapshot.manifest).within("train"), most_pictures=3)

    names = [
        member.name
        for number in range(len(split.shards))
        for member in opened(split.tar(number, snapshot.open_picture))
        if member.name.endswith(".jpg")
    ]

    assert [shard.stop - shard.first for shard in split.shards] == [3, 3, 1]
    assert names == [row.file_name for row in snapshot.of("train")]


def test_a_shard_has_as_many_bytes_as_the_list_says(snapshot):
    split = Split(Rows.of(snapshot.manifest).within("train"), most_pictures=3)

    for number, listed in enumerate(split.shards):
        file = split.tar(number, snapshot.open_picture)
        assert listed.n_bytes == file.n_bytes == len(whole(file))


def test_a_shard_ends_before_it_grows_too_large(snapshot):
    one = Split(Rows.of(snapshot.manifest).within("train"), most_pictures=1).shards[0].n_bytes - 1024

    exact = Split(Rows.of(snapshot.manifest).within("train"), most_bytes=2 * one + 1024)
    less = Split(Rows.of(snapshot.manifest).within("train"), most_bytes=2 * one + 1023)
    tiny = Split(Rows.of(snapshot.manifest).within("train"), most_bytes=1)

    assert [each.stop - each.first for each in exact.shards] == [2, 2, 2, 1]
    assert [each.stop - each.first for each in less.shards] == [1] * 7
    assert [each.stop - each.first for each in tiny.shards] == [1] * 7


@given(st.integers(0, 12_000), st.integers(0, 12_000))
def test_a_range_is_that_slice_of_the_shard(start, length):
    first = min(start, len(WHOLE))
    stop = min(len(WHOLE), first + length)

    assert b"".join(FILE.read(first, stop)) == WHOLE[first:stop]


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), min_size=1, max_size=3))
def test_any_text_is_told_as_json(texts):
    rows = [public_row(jpeg(1), licence=licence, credit=credit) for licence, credit in texts]
    batch = pa.RecordBatch.from_pylist([row._asdict() for row in rows], schema=PUBLIC_SCHEMA)

    told = [json.loads(text) for text in json_texts(batch).to_pylist()]

    assert [(each["licence"], each["credit"]) for each in told] == texts


@given(st.floats(0, 1))
def test_a_confidence_is_told_to_the_last_digit(confidence):
    batch = pa.RecordBatch.from_pylist(
        [public_row(jpeg(1), confidence=confidence)._asdict()], schema=PUBLIC_SCHEMA
    )

    assert json.loads(json_texts(batch)[0].as_py())["confidence"] == confidence


def test_long_texts_take_more_blocks_and_stay_in_their_place():
    data = jpeg(1)
    snapshot = Snapshot([(data, "train", CAT)])
    rows = [public_row(data, credit="é" * 3000)]
    file = open_virtual("webdataset/train-000000.tar", write_public(rows), TAXONOMY, snapshot.open_picture)
    read = opened(file)

    key = hashlib.sha256(data).hexdigest()
    assert json.load(read.extractfile(f"{key}.json"))["credit"] == "é" * 3000
    assert read.extractfile(f"{key}.cls").read() == b"0"
    assert read.getnames() == [f"{key}.jpg", f"{key}.json", f"{key}.cls"]


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=25),
    st.integers(0, 8**11 - 1),
)
def test_a_header_is_the_one_that_tarfile_writes(name, n_bytes):
    member = tarfile.TarInfo(name)
    member.size = n_bytes

    assert header(name, n_bytes) == member.tobuf(tarfile.USTAR_FORMAT, "utf-8")


@pytest.mark.parametrize(("name", "n_bytes"), [("a" * 101, 1), ("a", 8**11)])
def test_what_no_header_can_say_is_refused(name, n_bytes):
    with pytest.raises(ValueError, match="100 bytes and a file of 8 GiB at most"):
        header(name, n_bytes)
