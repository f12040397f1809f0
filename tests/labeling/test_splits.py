import hashlib
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from labeling.splits import SPLITS, split_of, uniform

HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)


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
