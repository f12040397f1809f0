import hashlib
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import manifest
from datasets.manifest import (
    ManifestError,
    ManifestRow,
    RemainderRow,
    VoteRow,
    digest_of,
    json_seal,
    leaf,
    read_rows,
    seal_of,
    write_rows,
)

CAT = ManifestRow("ab" * 32, "abab.png", "n02121808", "cat", 0.98, 3, "train", "CC BY 4.0", "somebody", 70, 5)
DOG = CAT._replace(sha256="cd" * 32, file_name="cdcd.jpg", wnid="n02084071", split="test", salt="5a1t")
VOTE = VoteRow("ab" * 32, 1, "n02121808", "present", None)
LEFT = RemainderRow("ab" * 32, "n02121808", "cat", 0.98, 3, "train", "too coarse")
TEXT = st.text(st.characters(codec="utf-8"))
ROWS = st.lists(
    st.builds(
        ManifestRow,
        st.binary(min_size=32, max_size=32).map(bytes.hex),
        TEXT,
        TEXT,
        TEXT,
        st.floats(0, 1),
        st.integers(0, 2**31 - 1),
        st.sampled_from(["train", "val", "test"]),
        TEXT,
        TEXT,
        st.integers(0, 2**40),
        st.integers(0, 2**32 - 1),
        TEXT,
    ),
    max_size=6,
    unique_by=lambda row: row.sha256,
).map(sorted)


def write(kind, rows):
    file = io.BytesIO()
    write_rows(kind, rows, file)
    return file.getvalue()


def read(kind, data):
    return list(read_rows(kind, io.BytesIO(data)))


def test_a_leaf_is_over_the_salt_and_every_value_but_that():
    values = json.dumps(list(DOG[:-1]), separators=(",", ":"))

    assert leaf(DOG) == hashlib.sha256(f"5a1t{values}".encode()).digest()


@pytest.mark.parametrize("row", [CAT, LEFT, VOTE])
def test_another_value_anywhere_gives_another_leaf(row):
    for field, value in row._asdict().items():
        other = "something else" if isinstance(value, str) else 7

        assert leaf(row._replace(**{field: other})) != leaf(row)


def test_the_digest_of_a_seal_can_be_worked_out_by_hand():
    rows = seal_of([leaf(CAT), leaf(DOG)])
    seal = {"taxonomy": json_seal({"classes": ["n1"]}), "rows": rows}

    assert rows == hashlib.sha256(leaf(CAT) + leaf(DOG)).hexdigest()
    assert seal["taxonomy"] == hashlib.sha256(b'{"classes":["n1"]}').hexdigest()
    assert digest_of(seal) == digest_of(dict(reversed(seal.items())))
    text = json.dumps(seal, sort_keys=True, separators=(",", ":"))
    assert digest_of(seal) == hashlib.sha256(text.encode()).hexdigest()


def test_the_order_of_rows_is_in_the_seal():
    assert seal_of([leaf(CAT), leaf(DOG)]) != seal_of([leaf(DOG), leaf(CAT)])


def test_no_rows_make_an_empty_manifest():
    assert read(ManifestRow, write(ManifestRow, [])) == []


@pytest.mark.parametrize("second", [CAT, DOG._replace(sha256="aa" * 32)])
def test_rows_out_of_order_are_refused(second):
    write(ManifestRow, [CAT, DOG])

    with pytest.raises(ManifestError, match=f"Expected a SHA-256 after {CAT.sha256}; found {second.sha256}"):
        write(ManifestRow, [CAT, second])


def test_a_picture_has_several_votes_that_stay_together():
    votes = [VOTE, VOTE._replace(annotator=2, seconds=1.5), VOTE._replace(sha256="cd" * 32, wnid="")]

    assert read(VoteRow, write(VoteRow, votes)) == votes
    with pytest.raises(ManifestError):
        write(VoteRow, reversed(votes))


def test_a_file_that_is_no_parquet_is_refused():
    with pytest.raises(ManifestError, match="Expected a Parquet file"):
        read(ManifestRow, b"sha256,wnid\n")


@pytest.mark.parametrize("kind", [ManifestRow, RemainderRow, VoteRow])
def test_a_file_with_other_columns_is_refused(kind):
    file = io.BytesIO()
    pq.write_table(pa.table({"sha256": ["ab"], "label": ["cat"]}), file)

    with pytest.raises(ManifestError, match=r"Expected the columns sha256, .*; found sha256, label\."):
        read(kind, file.getvalue())


def test_a_file_that_was_cut_is_refused():
    data = write(ManifestRow, [CAT, DOG])

    assert read(ManifestRow, data) == [CAT, DOG]
    with pytest.raises(ManifestError):
        read(ManifestRow, data[:-20])


def test_a_manifest_from_before_sizes_were_kept_can_be_read():
    table = pa.Table.from_pylist(
        [row._asdict() for row in (CAT, DOG)], schema=manifest.schema_of(ManifestRow)
    )
    file = io.BytesIO()
    pq.write_table(table.select(table.column_names[:9]), file)

    cat, dog = read(ManifestRow, file.getvalue())

    assert cat == CAT._replace(n_bytes=0, crc32=0)
    assert (dog[:9], dog.is_secret, cat.is_secret) == (DOG[:9], True, False)


def test_rows_are_taken_one_group_at_a_time(monkeypatch):
    monkeypatch.setattr(manifest, "ROWS_A_GROUP", 1)

    data = write(ManifestRow, [CAT, DOG])

    assert pq.ParquetFile(io.BytesIO(data)).num_row_groups == 2


@given(ROWS, st.integers(1, 4))
def test_what_is_written_is_read_back_however_it_is_grouped(rows, group):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "ROWS_A_GROUP", group)
        data = write(ManifestRow, rows)
        in_groups = read(ManifestRow, data)

    assert in_groups == rows == read(ManifestRow, data)
