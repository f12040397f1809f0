import hashlib
import io
import json
from dataclasses import astuple, fields, replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import manifest
from datasets.manifest import ManifestError, ManifestRow, read_manifest, write_manifest

TAXONOMY = {"classes": ["n02121808"], "nouns": {"n02121808": {"name": "cat", "hypernyms": []}}}
CAT = ManifestRow("ab" * 32, "abab.png", "n02121808", "cat", 0.98, 3, "train", "CC BY 4.0", "somebody")
DOG = replace(CAT, sha256="cd" * 32, file_name="cdcd.jpg", wnid="n02084071", synset="dog", split="test")
ROWS = st.lists(
    st.builds(
        ManifestRow,
        st.binary(min_size=32, max_size=32).map(bytes.hex),
        st.text(),
        st.text(),
        st.text(),
        st.floats(0, 1),
        st.integers(0, 2**31 - 1),
        st.sampled_from(["train", "val", "test"]),
        st.text(),
        st.text(),
    ),
    max_size=6,
    unique_by=lambda row: row.sha256,
).map(lambda rows: sorted(rows, key=lambda row: row.sha256))


def write(rows, taxonomy=TAXONOMY):
    """Return the file's bytes and the digest."""
    file = io.BytesIO()
    digest = write_manifest(rows, taxonomy, file)
    return file.getvalue(), digest


def test_the_digest_is_over_the_taxonomy_and_then_each_row():
    lines = [TAXONOMY, astuple(CAT), astuple(DOG)]
    text = "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)

    assert write([CAT, DOG])[1] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("field", [field.name for field in fields(ManifestRow)])
def test_another_value_anywhere_gives_another_digest(field):
    other = {"sha256": "ac" * 32, "confidence": 0.97, "n_votes": 4}.get(field, "something else")

    assert write([replace(CAT, **{field: other})])[1] != write([CAT])[1]


def test_another_taxonomy_gives_another_digest():
    assert write([CAT], {**TAXONOMY, "classes": []})[1] != write([CAT])[1]
    assert write([CAT], dict(reversed(TAXONOMY.items())))[1] == write([CAT])[1]


def test_no_rows_make_an_empty_manifest():
    data, _digest = write([])

    assert list(read_manifest(data)) == []


@pytest.mark.parametrize("second", [CAT, replace(DOG, sha256="aa" * 32)])
def test_rows_out_of_order_are_refused(second):
    write([CAT, DOG])

    with pytest.raises(ManifestError, match=f"Expected a SHA-256 after {CAT.sha256}; found {second.sha256}"):
        write([CAT, second])


def test_a_file_that_is_no_parquet_is_refused():
    with pytest.raises(ManifestError, match="Expected a Parquet manifest"):
        list(read_manifest(b"sha256,wnid\n"))


def test_a_file_with_other_columns_is_refused():
    file = io.BytesIO()
    pq.write_table(pa.table({"sha256": ["ab"], "label": ["cat"]}), file)

    with pytest.raises(ManifestError, match=r"Expected the columns sha256, .*; found sha256, label\."):
        list(read_manifest(file.getvalue()))


def test_rows_are_taken_one_group_at_a_time(monkeypatch):
    monkeypatch.setattr(manifest, "ROWS_A_GROUP", 1)

    data, _digest = write([CAT, DOG])

    assert pq.ParquetFile(io.BytesIO(data)).num_row_groups == 2


@given(ROWS)
def test_what_is_written_is_read_back(rows):
    data, _digest = write(rows)

    assert list(read_manifest(data)) == rows


@given(ROWS, st.integers(1, 4))
def test_the_digest_does_not_depend_on_how_rows_are_grouped(rows, group):
    data, digest = write(rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "ROWS_A_GROUP", group)
        grouped, digest_of_groups = write(rows)
        read_in_groups = list(read_manifest(data))

    assert digest_of_groups == digest
    assert list(read_manifest(grouped)) == read_in_groups == rows
