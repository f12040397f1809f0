import numpy as np
import pytest

from training.dataset import Picked, Split, SplitError

PICTURES = np.arange(4, dtype=np.uint8).repeat(8 * 8 * 3).reshape(4, 8, 8, 3)


def test_a_split_wants_one_label_a_picture():
    with pytest.raises(SplitError, match=r"expected int64 of shape \(2,\)"):
        Split(np.zeros((2, 8, 8, 3), np.uint8), np.zeros(3, np.int64))


@pytest.mark.parametrize(
    "pictures", [np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 9, 3), np.uint8), np.zeros((2, 8, 8), np.uint8)]
)
def test_a_split_wants_square_colour_pictures_in_bytes(pictures):
    with pytest.raises(SplitError, match="expected uint8 of shape"):
        Split(pictures, np.zeros(2, np.int64))


def test_targets_are_a_distribution_for_each_picture():
    pictures, labels = PICTURES[:2], np.array([0, 1])
    targets = np.array([[0.75, 0.25], [0, 1]], np.float32)

    assert Split(pictures, labels, targets).targets is targets
    with pytest.raises(SplitError, match=r"summing to 1; found 0\.25 and up, summing to 0\.75 at row 1"):
        Split(pictures, labels, np.array([[0.75, 0.25], [0.5, 0.25]], np.float32))


@pytest.mark.parametrize("row", [[np.nan, 1], [-0.5, 1.5]], ids=["no number", "below nothing"])
def test_what_is_no_probability_is_refused(row):
    with pytest.raises(SplitError, match="at row 0"):
        Split(PICTURES[:1], np.array([0]), np.array([row], np.float32))


@pytest.mark.parametrize(
    "targets",
    [np.ones((3, 1), np.float32), np.ones((2, 1)), np.ones(2, np.float32)],
    ids=["rows", "dtype", "flat"],
)
def test_targets_have_a_row_for_each_picture(targets):
    with pytest.raises(SplitError, match=r"targets: expected float32 of shape \(2, n_classes\)"):
        Split(PICTURES[:2], np.array([0, 1]), targets)


def test_picked_pictures_are_those_at_their_places():
    picked = Picked(PICTURES, np.array([3, 0, 3]))

    assert picked.shape == (3, 8, 8, 3)
    assert len(picked) == 3
    assert picked[np.array([1, 0])][:, 0, 0, 0].tolist() == [0, 3]
    assert picked[1:][:, 0, 0, 0].tolist() == [0, 3]
    assert picked[0].shape == (8, 8, 3)
    np.testing.assert_array_equal(np.asarray(picked), PICTURES[[3, 0, 3]])


def test_picked_pictures_are_copies():
    pictures = PICTURES.copy()
    picked = Picked(pictures, np.array([2]))

    picked[:][:] = 99

    assert pictures.max() == 3


@pytest.mark.parametrize("place", [-1, 4])
def test_a_place_outside_the_pack_is_refused(place):
    with pytest.raises(SplitError, match=f"places: expected 0 to 3; found {place} at row 1"):
        Picked(PICTURES, np.array([0, place]))


def test_a_split_of_picked_pictures_is_a_split():
    split = Split(Picked(PICTURES, np.array([3, 1])), np.array([0, 1]))

    assert len(split) == 2
    with pytest.raises(SplitError, match="one a picture"):
        Split(split.pictures, np.array([0, 1, 2]))
