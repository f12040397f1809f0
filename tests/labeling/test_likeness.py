import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeling import straddling as kernel
from labeling.likeness import (
    BANDS,
    NEAR,
    THIRDS,
    distances,
    near_pairs,
    perceptual_hash,
    straddling,
    thirds_near,
)

LARGEST = 2**63 - 1
HASHES = st.integers(0, LARGEST)


def waves(along: int, down: int) -> Image.Image:
    """A picture of one wave of the transform, from black to white."""
    x, y = (np.cos(np.pi / 64 * n * (np.arange(64) + 0.5)) for n in (along, down))
    return Image.fromarray((127.5 + 127.5 * np.outer(y, x)).astype(np.uint8))


def near_pairs_by_hand(hashes: list[int]) -> set[tuple[int, int]]:
    return {
        (i, j) for j in range(len(hashes)) for i in range(j) if (hashes[i] ^ hashes[j]).bit_count() <= NEAR
    }


def test_a_picture_of_one_wave_has_its_bit_set():
    # The second wave along and the first down is the tenth of 64; the mean, the first, has no bit.
    assert perceptual_hash(waves(along=1, down=1)) & 1 << (63 - 9)
    assert not perceptual_hash(waves(along=1, down=1)) & 1 << 63


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "P", "1"])
def test_a_sheet_of_one_colour_has_no_hash(mode):
    assert perceptual_hash(Image.new(mode, (40, 30))) is None


def test_a_faint_wave_is_plain_and_a_stronger_one_is_not():
    def wave(levels: int) -> Image.Image:
        return Image.fromarray(
            (128 + levels * np.cos(np.pi / 32 * (np.arange(32) + 0.5))).astype(np.uint8)[None]
        )

    assert perceptual_hash(wave(1)) is None
    assert perceptual_hash(wave(20)) is not None


@pytest.mark.parametrize("parts", [BANDS, THIRDS])
def test_the_parts_of_a_hash_are_all_its_bits_once(parts):
    assert sorted(bit for shift, width in parts for bit in range(shift, shift + width)) == list(range(63))


def test_a_third_is_looked_up_as_it_is_and_with_any_one_bit_changed():
    low, middle, high = thirds_near(np.array([0b11 << 21]))

    one_bit = {1 << bit for bit in range(21)}
    assert set(low.tolist()) == set(high.tolist()) == {0} | one_bit
    assert set(middle.tolist()) == {0b11} | {0b11 ^ bit for bit in one_bit}


@given(HASHES, st.sets(st.integers(0, 62), max_size=NEAR))
def test_whatever_looks_like_a_hash_is_among_what_is_looked_up(value, flips):
    other = value ^ sum(1 << bit for bit in flips)

    wanted = thirds_near(np.array([value]))

    assert any(
        other >> shift & (1 << width) - 1 in values.tolist()
        for (shift, width), values in zip(THIRDS, wanted, strict=True)
    )


def test_a_distance_counts_the_bits_that_differ():
    assert distances(np.array([0b1011]), np.array([0b0001])).tolist() == [2]


@pytest.mark.parametrize("hashes", [[], [7]])
def test_none_and_one_have_no_pair(hashes):
    assert list(near_pairs(np.array(hashes, dtype=np.int64))) == []


def test_four_bits_are_near_and_five_are_not():
    four, five = 0b1111, 0b11111 << 30

    assert list(near_pairs(np.array([0, four, five]))) == [(0, 1)]


def test_a_pair_is_found_wherever_its_bits_differ():
    one_bit_in_each_of_four_bands = 1 | 1 << 13 | 1 << 26 | 1 << 39

    assert list(near_pairs(np.array([0, one_bit_in_each_of_four_bands]))) == [(0, 1)]


@given(st.lists(st.tuples(HASHES, st.lists(st.integers(0, 62), max_size=6)), max_size=12))
def test_pairs_are_those_that_comparing_everything_finds_each_once(drawn):
    hashes = [value for value, _flips in drawn]
    for value, flips in drawn:
        for bit in flips:
            value ^= 1 << bit
        hashes.append(value)

    found = list(near_pairs(np.array(hashes, dtype=np.int64)))

    assert len(found) == len(set(found))
    assert set(found) == near_pairs_by_hand(hashes)


# --- Those in two parts -----------------------------------------------------------------------------------


def straddles(hashes: list[int], parts: list[int]) -> list[bool]:
    return straddling(np.array(hashes, dtype=np.int64), np.array(parts, dtype=np.int8)).tolist()


def test_of_two_alike_in_two_parts_the_one_in_the_earlier_part_straddles():
    assert straddles([0, 0b1111], [0, 2]) == [True, False]
    assert straddles([0, 0b1111], [2, 1]) == [False, True]
    assert straddles([0, 0b1111], [0, 1]) == [True, False]


@pytest.mark.parametrize(("other", "part"), [(0b11111, 2), (0b1111, 0)])
def test_strangers_and_two_of_one_part_do_not(other, part):
    assert straddles([0, other], [0, part]) == [False, False]


def test_one_in_the_middle_of_three_parts_goes_too():
    assert straddles([7, 7, 7], [2, 0, 1]) == [False, True, True]


def test_what_looks_like_a_later_one_only_through_another_stays():
    four, eight = 0b1111, 0b11111111

    assert straddles([0, four, eight], [0, 0, 2]) == [False, True, False]


@pytest.mark.parametrize(("hashes", "parts"), [([], []), ([LARGEST], [2])])
def test_none_and_one_straddle_nothing(hashes, parts):
    assert straddles(hashes, parts) == [False] * len(hashes)


@pytest.mark.parametrize("parts", [[0, 3], [-1, 0]])
def test_a_fourth_part_is_refused(parts):
    with pytest.raises(ValueError, match="Expected parts from 0 to 2; found"):
        straddles([0, 1], parts)


def test_a_hash_without_a_part_is_refused():
    with pytest.raises(ValueError, match="Expected a part for each hash"):
        straddles([0, 1], [0])


@settings(deadline=None)  # the first time, the kernel is loaded or even compiled
@given(
    st.lists(
        st.tuples(HASHES, st.integers(0, 2), st.lists(st.integers(0, 62), max_size=6), st.integers(0, 2)),
        max_size=12,
    )
)
def test_what_straddles_is_what_comparing_everything_finds(drawn):
    hashes, parts = [], []
    for value, part, flips, other_part in drawn:
        hashes += [value, value ^ sum(1 << bit for bit in set(flips))]
        parts += [part, other_part]

    found = straddles(hashes, parts)

    assert found == [
        any(parts[i] < parts[j] and (hashes[i] ^ hashes[j]).bit_count() <= NEAR for j in range(len(hashes)))
        for i in range(len(hashes))
    ]


def test_ten_thousand_pictures_are_compared_with_all_others():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, 10_000)
    copies = hashes ^ (1 << rng.integers(0, 63, (4, 10_000))).sum(axis=0) * (rng.random(10_000) < 0.1)
    both = np.concatenate([hashes, copies])
    parts = np.repeat([1, 2], 10_000)

    found = straddling(both, parts)

    np.testing.assert_array_equal(found, np.append(distances(hashes, copies) <= NEAR, np.zeros(10_000, bool)))


@pytest.mark.parametrize("n_bits", [0, 1, 4, 5, 31, 63])
def test_the_bits_that_differ_are_counted(n_bits):
    value = np.int64(2**n_bits - 1 << 63 - n_bits)

    assert kernel.looks_like_any(np.int64(0), np.array([value]), n_bits)
    assert not kernel.looks_like_any(np.int64(0), np.array([value]), n_bits - 1)
