import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.likeness import NEAR, distances, near_pairs, straddling
from labeling.splits import SPLITS, TEST, TRAIN, VAL, assign_splits, split_of, uniform

HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
# Alone, "0" * 64 goes to train, "2" * 64 to test and "b" * 64 to val.
ALONE_TRAIN, ALONE_TEST, ALONE_VAL = (digit * 64 for digit in "02b")


def some_hashes(n):
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(n)]


def test_a_pictures_split_is_the_same_for_ever():
    # SHA-256 of "nestwork split 000..." begins with 6e7b0f72, which is 0.4316 of the way up: below 0.7.
    # "222..." gives d946eed7 or 0.8487, from 0.8 on, and "bbb..." c99bd94f or 0.7875, between the two.
    assert [split_of(digit * 64) for digit in "02b"] == ["train", "test", "val"]


def test_seven_pictures_in_ten_train_and_one_validates():
    counts = Counter(split_of(sha256) for sha256 in some_hashes(10_000))

    # Four standard deviations of a binomial are 183, 120 and 160.
    assert abs(counts["train"] - 7000) < 183
    assert abs(counts["val"] - 1000) < 120
    assert abs(counts["test"] - 2000) < 160


def test_another_purpose_draws_other_numbers():
    hashes = some_hashes(1000)

    agree = sum(
        (uniform(sha256, "contest a") < 0.5) == (uniform(sha256, "contest b") < 0.5) for sha256 in hashes
    )

    assert abs(agree - 500) < 64  # four standard deviations


@given(HASHES)
def test_a_number_is_from_zero_up_to_one_and_comes_again(sha256):
    assert 0 <= uniform(sha256, "a test") < 1
    assert uniform(sha256, "a test") == uniform(sha256, "a test")


@given(HASHES)
def test_every_picture_has_a_split(sha256):
    assert split_of(sha256) in SPLITS


# --- Those that look alike --------------------------------------------------------------------------------


def test_pictures_that_look_like_no_other_go_where_their_hashes_say():
    assert assign_splits([ALONE_TRAIN, ALONE_TEST, ALONE_VAL], [], {}) == [TRAIN, TEST, VAL]


def test_no_pictures_have_no_split():
    assert assign_splits([], [], {}) == []


@pytest.mark.parametrize("there", SPLITS)
def test_a_picture_goes_where_the_one_is_that_it_looks_like(there):
    assert assign_splits([ALONE_TEST, ALONE_VAL], [], {0: [there]}) == [there, VAL]


@pytest.mark.parametrize(
    ("there", "split"), [([TRAIN, VAL], VAL), ([TEST, TRAIN, VAL], TEST), ([VAL, VAL], VAL)]
)
def test_of_several_parts_it_goes_into_the_last(there, split):
    assert assign_splits([ALONE_TRAIN], [], {0: there}) == [split]


def test_those_that_come_together_go_where_the_smallest_hash_says():
    assert assign_splits([ALONE_VAL, ALONE_TEST], [(0, 1)], {}) == [TEST, TEST]
    assert assign_splits([ALONE_VAL, ALONE_TEST, ALONE_TRAIN], [(0, 1), (1, 2)], {}) == [TRAIN] * 3


def test_what_came_before_draws_a_whole_group_to_it():
    chain = [(0, 1), (1, 2)]

    assert assign_splits([ALONE_TRAIN, ALONE_VAL, ALONE_TEST], chain, {2: [VAL]}) == [VAL] * 3
    assert assign_splits([ALONE_TRAIN, ALONE_VAL, ALONE_TEST], [(1, 2)], {2: [VAL]}) == [TRAIN, VAL, VAL]


def test_a_thousand_frames_of_one_film_are_one_group():
    hashes = sorted(some_hashes(1000))
    backwards = [(i, i - 1) for i in range(999, 0, -1)]

    assert set(assign_splits(hashes, backwards, {})) == {split_of(hashes[0])}


# --- The laws of batch after batch ------------------------------------------------------------------------

# What pictures look like: few enough bits that many look alike, and many of those through others only.
LOOKS = st.integers(0, 2**14 - 1)
BATCHES = st.lists(st.lists(LOOKS, min_size=1, max_size=8), max_size=6)


@dataclass
class Site:
    """Pictures that came in, told apart by their place."""

    looks: list[int] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)

    def alike(self, one: int, other: int) -> bool:
        return (self.looks[one] ^ self.looks[other]).bit_count() <= NEAR

    def take_in(self, looks: list[int]) -> list[int]:
        """Take in a batch as intake does; return the places of its pictures."""
        there = {
            i: [split for split, near in zip(self.splits, is_near, strict=True) if near]
            for i, look in enumerate(looks)
            if (is_near := distances(np.array(self.looks, dtype=np.int64), np.int64(look)) <= NEAR).any()
        }
        hashes = [sha256_of(len(self.looks) + i) for i in range(len(looks))]
        splits = assign_splits(hashes, near_pairs(np.array(looks, dtype=np.int64)), there)
        self.looks += looks
        self.splits += splits
        return list(range(len(self.looks) - len(looks), len(self.looks)))

    def group(self, one: int, batch: list[int]) -> set[int]:
        """Return those of a batch that look like one of it, directly or through others of it."""
        group = {one}
        while more := {p for p in batch if p not in group and any(self.alike(p, other) for other in group)}:
            group |= more
        return group

    def straddling(self) -> set[int]:
        parts = np.array([SPLITS.index(split) for split in self.splits], dtype=np.int8)
        return {int(i) for i in np.flatnonzero(straddling(np.array(self.looks, dtype=np.int64), parts))}


def sha256_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


@given(BATCHES)
def test_those_of_a_batch_that_look_alike_are_in_one_part(batches):
    site = Site()

    for batch in map(site.take_in, batches):
        for one in batch:
            assert {site.splits[other] for other in site.group(one, batch)} == {site.splits[one]}


@given(BATCHES)
def test_one_that_looks_like_an_earlier_one_is_in_another_part_only_where_a_third_is_there(batches):
    site = Site()

    for batch in map(site.take_in, batches):
        for one in batch:
            group = site.group(one, batch)
            earlier = [p for p in range(batch[0]) if any(site.alike(p, other) for other in group)]
            there = {site.splits[p] for p in earlier}
            if there:  # where it is one part, all that look alike are in that
                assert site.splits[one] == max(there, key=SPLITS.index)
            else:
                assert site.splits[one] == split_of(min(sha256_of(p) for p in group))


@given(BATCHES)
def test_a_picture_keeps_its_split_whatever_comes_later(batches):
    site, seen = Site(), []

    for batch in map(site.take_in, batches):
        assert site.splits[: batch[0]] == seen
        seen = list(site.splits)


@settings(deadline=None)  # the first time, the kernel is loaded or even compiled
@given(BATCHES)
def test_of_two_that_look_alike_in_two_parts_straddling_names_the_one_in_the_earlier(batches):
    site = Site()
    for batch in batches:
        site.take_in(batch)
    part = [SPLITS.index(split) for split in site.splits]

    in_two = {
        (one, other)
        for one in range(len(part))
        for other in range(len(part))
        if part[one] < part[other] and site.alike(one, other)
    }

    assert site.straddling() == {one for one, _other in in_two}


@given(
    st.lists(
        st.tuples(HASHES, st.lists(st.sampled_from(SPLITS), max_size=3)), max_size=8, unique_by=lambda p: p[0]
    ),
    st.data(),
)
def test_the_order_within_a_batch_decides_nothing(pictures, data):
    n = len(pictures)
    hashes, there = [sha256 for sha256, _there in pictures], {i: p[1] for i, p in enumerate(pictures)}
    pairs = data.draw(st.lists(st.tuples(*[st.integers(0, max(n - 1, 0))] * 2), max_size=n))
    order = data.draw(st.permutations(range(n)))

    splits = assign_splits(hashes, pairs, there)

    place = {i: at for at, i in enumerate(order)}
    again = assign_splits(
        [hashes[i] for i in order],
        [(place[j], place[i]) for i, j in reversed(pairs)],
        {place[i]: several[::-1] for i, several in there.items()},
    )
    assert again == [splits[i] for i in order]
