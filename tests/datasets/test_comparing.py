import hashlib
from collections import Counter
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import comparing
from datasets.comparing import (
    DIFFERENCES,
    LEFT_SCHEMA,
    SIDE_SCHEMA,
    Difference,
    Reasons,
    Side,
    aligned,
    compare,
    differences,
)

CLASSES = ["cat", "dog"]
A, B, C, D = (hashlib.sha256(name.encode()).hexdigest() for name in "abcd")  # in no order of their own


def row(sha256=A, wnid="cat", confidence=0.95, n_votes=3, split="train", salt=""):
    return {
        "sha256": sha256, "split": split, "wnid": wnid, "confidence": confidence, "n_votes": n_votes, "salt": salt
    }  # fmt: skip


def batches(rows, schema=SIDE_SCHEMA, size=2):
    rows = sorted(rows, key=lambda row: row["sha256"])
    return [pa.RecordBatch.from_pylist(rows[i : i + size], schema=schema) for i in range(0, len(rows), size)]


def side(rows, classes=CLASSES, left=(), size=2):
    reasons = [{"sha256": sha256, "reason": reason} for sha256, reason in left]
    return Side(batches(rows, size=size), classes, batches(reasons, LEFT_SCHEMA))


def compared(old, new, **reasons):
    return compare(side(old), side(new), Reasons(**reasons))


def listed(old, new, **reasons):
    found = differences(old, new, Reasons(**reasons))
    return [Difference(**each) for batch in found for each in batch.to_pylist()]


def test_a_snapshot_differs_in_nothing_from_itself():
    rows = [row(A), row(B, "dog"), row(C, split="test", salt="s")]

    found = compared(rows, rows)

    assert found.is_same
    assert (found.open.n_kept, found.secret.n_kept, found.drift.mean) == (2, 1, 0)
    assert listed(side(rows), side(rows)) == []


def test_a_label_that_changed_is_told_with_both_nouns():
    found = compared([row(A, "cat", 0.95, 3), row(B)], [row(A, "dog", 0.97, 5), row(B)])

    assert (found.open.n_kept, found.open.n_changed) == (1, 1)
    assert found.changed == [
        Difference(A, "train", "changed", "cat", "dog", 0.95, 0.97, 3, 5, comparing.BY_VOTES)
    ]
    assert found.pairs == [("cat", "dog", 1, {comparing.BY_VOTES: 1})]


@pytest.mark.parametrize(
    ("n_votes", "new_classes", "turned", "why"),
    [
        (3, CLASSES, [], comparing.BY_REFIT),
        (4, CLASSES, [], comparing.BY_VOTES),
        (2, CLASSES, [], comparing.BY_VOTES),
        (4, ["dog"], [], comparing.BY_CLASSES),
        (4, ["dog"], [("cat", "dog")], comparing.BY_TAXONOMY),
        (3, CLASSES, [("dog", "cat")], comparing.BY_REFIT),  # turned the other way
    ],
)
def test_the_first_cause_that_holds_is_told(n_votes, new_classes, turned, why):
    old, new = side([row(n_votes=3)]), side([row(wnid="dog", n_votes=n_votes)], new_classes)

    assert compare(old, new, Reasons(turned=turned)).causes == {why: 1}


def test_a_label_whose_noun_was_no_class_before_changed_by_the_classes():
    old, new = side([row()], ["cat"]), side([row(wnid="dog", n_votes=9)], CLASSES)

    assert compare(old, new, Reasons()).causes == {comparing.BY_CLASSES: 1}


@pytest.mark.parametrize(
    ("wnid", "left", "withdrawn", "why"),
    [
        ("cat", [], [], comparing.UNSURE),
        ("cat", [(A, "too coarse")], [], "too coarse"),
        ("cat", [(B, "too coarse")], [], comparing.UNSURE),
        ("cow", [(A, "too coarse")], [], comparing.CLASS_GONE),
        ("cow", [(A, "too coarse")], [A], comparing.WITHDRAWN),
        ("cat", [], [B], comparing.UNSURE),
    ],
)
def test_a_picture_that_went_did_so_for_the_first_reason_that_holds(wnid, left, withdrawn, why):
    old, new = side([row(A, wnid), row(C)], [*CLASSES, "cow"]), side([row(C)], left=left)

    found = compare(old, new, Reasons(withdrawn=withdrawn))

    assert (found.open.n_gone, dict(found.gone)) == (1, {why: 1})
    assert [
        (each.sha256, each.what, each.new, each.why) for each in listed(old, new, withdrawn=withdrawn)
    ] == [(A, "gone", None, why)]


@pytest.mark.parametrize(
    ("old_classes", "left", "why"),
    [
        (CLASSES, [], comparing.SETTLED),
        (CLASSES, [(A, "too coarse")], comparing.LEFT_OVER),
        (["dog"], [(A, "too coarse")], comparing.CLASS_CAME),
    ],
)
def test_a_picture_that_came_did_so_for_the_first_reason_that_holds(old_classes, left, why):
    old, new = side([row(B, "dog")], old_classes, left), side([row(A), row(B, "dog")])

    found = compare(old, new, Reasons())

    assert (found.open.n_came, dict(found.came)) == (1, {why: 1})


def test_labels_that_stayed_became_surer_and_less_sure():
    old = [row(A, confidence=0.9), row(B, confidence=0.9), row(C, confidence=0.9), row(D, confidence=0.9)]
    new = [row(A, confidence=0.98), row(B, confidence=0.88), row(C, confidence=0.9005), row(D, "dog", 0.99)]

    drift = compared(old, new).drift

    # D changed its label and is no part of it; C moved by half of what counts.
    assert (drift.n, drift.n_surer, drift.n_less_sure) == (3, 1, 1)
    assert drift.mean == pytest.approx((0.08 - 0.02 + 0.0005) / 3)


@pytest.mark.parametrize("marks", [{"split": "test", "salt": "s"}, {"split": "test"}, {"salt": "s"}])
@pytest.mark.parametrize("is_secret_in", ["both", "old", "new"])
def test_of_secret_labels_nothing_is_told_but_how_many_changed(marks, is_secret_in):
    old = row(A, "cat", 0.91, **(marks if is_secret_in != "new" else {}))
    new = row(A, "dog", 0.93, **(marks if is_secret_in != "old" else {}))

    found = compared([old, row(B)], [new, row(B)], turned=[("cat", "dog")])

    assert found.secret.n_changed == 1
    assert (found.open.n_changed, found.changed, found.pairs, dict(found.causes)) == (0, [], [], {})
    assert found.drift.n == 1
    assert listed(side([old]), side([new])) == []


def test_of_secret_pictures_that_went_and_came_no_reason_is_told():
    old, new = row(A, "cow", split="test", salt="s"), row(B, split="test", salt="s")

    found = compared([old], [new])

    assert (found.secret.n_gone, found.secret.n_came) == (1, 1)
    assert not found.is_same
    assert (dict(found.gone), dict(found.came), listed(side([old]), side([new]))) == ({}, {}, [])


def test_all_are_counted_and_some_are_kept(monkeypatch):
    monkeypatch.setattr(comparing, "MOST_SHOWN", 2)
    hashes = sorted(hashlib.sha256(bytes([i])).hexdigest() for i in range(9))
    nouns = ["ant", "bee", "bee", "cow", "cow", "cow", "doe", "doe", "ant"]
    old = [row(each, noun) for each, noun in zip(hashes, nouns, strict=True)]
    new = [row(each, "emu") for each in hashes]

    found = compared(old, new)

    assert found.open.n_changed == 9
    assert [each.sha256 for each in found.changed] == hashes[:2]
    assert (found.n_pairs, [pair[:3] for pair in found.pairs]) == (4, [("cow", "emu", 3), ("ant", "emu", 2)])


def test_every_difference_is_laid_out_alike():
    found = list(differences(side([row(A)]), side([row(B)]), Reasons()))

    assert all(batch.schema.equals(DIFFERENCES) for batch in found)


def test_nothing_at_all_is_no_difference():
    assert compare(Side([], []), Side([], []), Reasons()).is_same


HASHES = st.lists(st.sampled_from([f"{i:02x}" for i in range(40)]), unique=True).map(sorted)


@given(st.lists(st.tuples(HASHES, st.integers(1, 5)), min_size=1, max_size=3))
def test_streams_are_laid_side_by_side_whole_and_in_order(streams):
    schema = pa.schema([pa.field("sha256", pa.string())])
    given = [batches([{"sha256": each} for each in hashes], schema, size) for hashes, size in streams]

    stretches = list(aligned(given, [schema] * len(given)))

    for i, (hashes, _size) in enumerate(streams):
        assert [each for stretch in stretches for each in stretch[i]["sha256"].to_pylist()] == hashes
    ends = [{each for part in stretch for each in part["sha256"].to_pylist()} for stretch in stretches]
    assert all(max(here) < min(after) for here, after in pairwise(ends))


ROWS = st.dictionaries(
    st.sampled_from([f"{i:02x}" for i in range(12)]),
    st.tuples(st.sampled_from(CLASSES), st.integers(1, 3), st.booleans()),
)


def by_hand(old, new):
    """Count the plain way what differs: (kept, changed, gone, came) of the open and of the secret part."""
    counts = Counter()
    for sha256 in {**old, **new}:
        is_secret = any(rows[sha256][2] for rows in (old, new) if sha256 in rows)
        if sha256 in old and sha256 in new:
            what = "kept" if old[sha256][0] == new[sha256][0] else "changed"
        else:
            what = "gone" if sha256 in old else "came"
        counts[is_secret, what] += 1
    return counts


@given(ROWS, ROWS, st.integers(1, 4), st.integers(1, 4))
def test_however_rows_are_grouped_all_differences_are_found(old, new, old_size, new_size):
    sides = [
        side(
            [row(sha, noun, n_votes=n, salt="s" * secret) for sha, (noun, n, secret) in rows.items()],
            size=size,
        )
        for rows, size in ((old, old_size), (new, new_size))
    ]

    found = compare(*sides, Reasons())

    for is_secret, tally in ((False, found.open), (True, found.secret)):
        expected = [by_hand(old, new)[is_secret, what] for what in ("kept", "changed", "gone", "came")]
        assert [tally.n_kept, tally.n_changed, tally.n_gone, tally.n_came] == expected
    assert sum(pair.n for pair in found.pairs) == found.open.n_changed == found.causes.total()
    assert len(listed(*sides)) == found.open.n_changed + found.open.n_gone + found.open.n_came
