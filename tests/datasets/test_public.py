"""What anybody may know of a snapshot's rows, and that nothing in it moves with the labels of test pictures."""

import hashlib
import io
import zlib

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets import formats
from datasets.manifest import ManifestRow, leaf, read_rows, write_rows
from datasets.public import HeldBackRow, read_public, write_public
from tests.datasets.formats.making import CAT, DOG, NAMES, TAXONOMY, jpeg, whole

PICTURES = {hashlib.sha256(data).hexdigest(): data for data in map(jpeg, range(12))}
LABELS = st.tuples(st.sampled_from([CAT, DOG]), st.sampled_from([0.95, 0.98, 1.0]), st.integers(1, 9))


def private_row(sha256: str, split: str, wnid: str = CAT, confidence: float = 0.98, n_votes: int = 3):
    data = PICTURES[sha256]
    return ManifestRow(
        sha256,
        f"{sha256}.jpg",
        wnid,
        NAMES[wnid],
        confidence,
        n_votes,
        split,
        "CC BY 4.0",
        "somebody",
        len(data),
        zlib.crc32(data),
        salt=f"{sha256[:8]} {wnid}" if split == "test" else "",
    )


@st.composite
def relabelled(draw):
    """Two manifests of the same pictures that differ in what the test pictures are, and in nothing else."""
    splits = {sha256: draw(st.sampled_from(["train", "val", "test"])) for sha256 in sorted(PICTURES)}
    told = {sha256: draw(LABELS) for sha256 in splits}
    secret = [sha256 for sha256, split in splits.items() if split == "test"]
    exchanged = dict(zip(secret, draw(st.permutations([told[sha256] for sha256 in secret])), strict=True))
    return [
        [private_row(sha256, split, *labels[sha256]) for sha256, split in splits.items()]
        for labels in (told, told | exchanged)
    ]


def write(rows, **held_back):
    """Return the private manifest as a file, the public one as Parquet and as CSV, and what is held back."""
    private, parquet, csv = io.BytesIO(), io.BytesIO(), io.BytesIO()
    write_rows(ManifestRow, rows, private)
    left_out = write_public(private, TAXONOMY["classes"], parquet, csv, **held_back)
    return private, parquet, csv, left_out


def told_by(rows) -> dict[str, object]:
    """Return everything that can be downloaded of these rows, without leaves."""
    _private, parquet, csv, left_out = write(rows, sensitive=[DOG], withdrawn=[min(PICTURES)])
    leaves = [row.leaf for row in read_public(parquet) if row.leaf] + [row.leaf for row in left_out]
    lines = csv.getvalue().decode()
    for each in leaves:
        lines = lines.replace(each, "leaf")
    files = {
        each.name: whole(
            formats.open_virtual(each.name, parquet, TAXONOMY, lambda sha256, _: io.BytesIO(PICTURES[sha256]))
        )
        for each in formats.listing(parquet, TAXONOMY)
    }
    return {
        "manifest.parquet": pq.read_table(parquet).drop_columns("leaf"),
        "manifest.csv": lines,
        "withdrawn.csv": [(row.sha256, row.split, row.reason) for row in left_out],
        **files,
    }


@settings(deadline=None, max_examples=30)
@given(relabelled())
def test_the_labels_of_test_pictures_change_no_byte_that_can_be_downloaded_but_leaves(manifests):
    one, other = manifests

    assert told_by(one) == told_by(other)


def test_the_labels_of_other_pictures_do_change_it():
    one = [private_row(sha256, "train") for sha256 in sorted(PICTURES)]
    other = [one[0], one[1]._replace(wnid=DOG, synset=NAMES[DOG]), *one[2:]]

    assert told_by(one) != told_by(other)


def test_the_order_of_rows_is_that_of_the_pictures_hashes():
    rows = [
        private_row(sha256, "test", [CAT, DOG][place % 2]) for place, sha256 in enumerate(sorted(PICTURES))
    ]

    _private, parquet, _csv, _left_out = write(rows)

    assert [row.sha256 for row in read_public(parquet)] == sorted(PICTURES)


# --- Snapshots that were frozen before rows had salts ----------------------------------------------------------


@pytest.fixture
def unsalted() -> io.BytesIO:
    """A manifest as snapshots had it first: a training picture and one to test on."""
    train, test = sorted(PICTURES)[:2]
    file = io.BytesIO()
    write_rows(ManifestRow, [private_row(train, "train"), private_row(test, "test", DOG)], file)
    first = io.BytesIO()
    pq.write_table(pq.read_table(file).select(ManifestRow._fields[:9]), first)
    return first


def test_a_leaf_is_told_only_where_a_salt_keeps_its_label(unsalted):
    parquet = io.BytesIO()
    write_public(unsalted, TAXONOMY["classes"], parquet, io.BytesIO())
    _train, test = read_public(parquet)
    salted = private_row(test.sha256, "test", DOG)

    assert (test.label, test.wnid, test.leaf) == (None, None, "")
    _private, parquet, _csv, _left_out = write([salted])
    assert [row.leaf for row in read_public(parquet)] == [leaf(salted).hex()]


def test_nor_is_the_leaf_of_one_that_is_held_back(unsalted):
    train, test = read_rows(ManifestRow, unsalted)

    held_back = write_public(
        unsalted,
        TAXONOMY["classes"],
        io.BytesIO(),
        io.BytesIO(),
        withdrawn=[train.sha256, test.sha256],
    )

    assert held_back == [
        HeldBackRow(train.sha256, "train", "withdrawn", leaf(train).hex()),
        HeldBackRow(test.sha256, "test", "withdrawn", ""),
    ]
