import io
import os
import time

import numpy as np
import pytest
import torch
from PIL import Image

from training.dataset import (
    PackError,
    Split,
    SplitError,
    augmented,
    batches,
    pack,
    scaled,
    square,
    whole_file,
)


def png(array, mode=None):
    file = io.BytesIO()
    Image.fromarray(np.asarray(array, np.uint8), mode).save(file, "PNG")
    return file.getvalue()


def grey(value, height=4, width=4):
    return png(np.full((height, width), value))


def test_pictures_are_packed_in_order(tmp_path):
    packed = pack(lambda index: grey(10 * index), 3, 8, tmp_path / "packed.npy")

    assert packed.shape == (3, 8, 8, 3)
    assert packed.dtype == np.uint8
    assert packed[:, 0, 0, 0].tolist() == [0, 10, 20]


def test_a_packed_array_is_a_read_only_map(tmp_path):
    packed = pack(lambda index: grey(1), 2, 8, tmp_path / "packed.npy")

    assert isinstance(packed, np.memmap)
    assert not packed.flags.writeable


def test_what_is_packed_is_not_read_again(tmp_path):
    first = pack(lambda index: grey(7), 2, 8, tmp_path / "packed.npy")

    second = pack(lambda index: pytest.fail("read again"), 2, 8, tmp_path / "packed.npy")

    np.testing.assert_array_equal(first, second)


def test_a_picture_that_cannot_be_decoded_is_named_and_leaves_nothing(tmp_path):
    files = [grey(1), b"GIF89a, or so it says", grey(3)]

    with pytest.raises(PackError, match=r"^Picture 1 of 3: expected a picture .+ found 21 bytes"):
        pack(files.__getitem__, 3, 8, tmp_path / "packed.npy")

    assert list(tmp_path.iterdir()) == []


def test_a_cut_off_picture_is_refused():
    whole = png(np.random.default_rng(1).integers(0, 256, (64, 64)))

    assert square(whole, 8).shape == (8, 8, 3)
    with pytest.raises(PackError):
        square(whole[: len(whole) // 2], 8)


def test_a_pack_that_dies_while_reading_leaves_nothing(tmp_path):
    def read(index):
        if index == 1:
            raise KeyboardInterrupt
        return grey(1)

    with pytest.raises(KeyboardInterrupt):
        pack(read, 2, 8, tmp_path / "packed.npy")

    assert list(tmp_path.iterdir()) == []


def test_a_packed_file_of_another_size_is_refused(tmp_path):
    pack(lambda index: grey(1), 2, 8, tmp_path / "packed.npy")

    with pytest.raises(
        PackError, match=r"expected uint8 of shape \(2, 9, 9, 3\); found uint8 \(2, 8, 8, 3\)"
    ):
        pack(lambda index: grey(1), 2, 9, tmp_path / "packed.npy")


def test_a_file_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "packed.npy").write_bytes(b"\x93NUMPY, not really")

    with pytest.raises(PackError, match="expected a packed array of pictures"):
        pack(lambda index: grey(1), 2, 8, tmp_path / "packed.npy")


def test_there_must_be_a_picture_to_pack(tmp_path):
    with pytest.raises(PackError, match="at least one picture to pack; found 0"):
        pack(lambda index: grey(1), 0, 8, tmp_path / "packed.npy")


def test_what_a_killed_writer_left_is_cleared_away_and_what_a_live_one_writes_is_not(tmp_path):
    abandoned, live = tmp_path / "packed.npy.1.partial", tmp_path / "packed.npy.2.partial"
    abandoned.touch()
    live.touch()
    os.utime(abandoned, (time.time() - 7200,) * 2)

    with whole_file(tmp_path / "packed.npy") as partial:
        partial.write_bytes(b"whole")

    assert sorted(tmp_path.iterdir()) == [tmp_path / "packed.npy", live]
    assert (tmp_path / "packed.npy").read_bytes() == b"whole"


def test_the_centre_of_a_wide_picture_is_kept():
    wide = np.zeros((8, 24))
    wide[:, 8:16] = 200

    assert (square(png(wide), 8) == 200).all()


def test_small_pictures_grow_and_large_ones_shrink():
    assert (square(grey(90, 2, 2), 16) == 90).all()
    assert (square(grey(90, 300, 200), 16) == 90).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
def test_every_kind_of_picture_becomes_rgb(mode):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(file, "TIFF")

    assert (square(file.getvalue(), 8) == 255).all()


def test_batches_follow_the_order_and_end_with_what_is_left():
    pictures = np.arange(5, dtype=np.uint8).repeat(8 * 8 * 3).reshape(5, 8, 8, 3)
    split = Split(pictures, np.arange(5))

    found = list(batches(split, 2, np.array([4, 0, 3, 1, 2])))

    assert [labels.tolist() for _, labels in found] == [[4, 0], [3, 1], [2]]
    assert [shown[:, 0, 0, 0].tolist() for shown, _ in found] == [[4, 0], [3, 1], [2]]


def test_a_split_wants_one_label_a_picture():
    with pytest.raises(SplitError, match=r"expected int64 of shape \(2,\)"):
        Split(np.zeros((2, 8, 8, 3), np.uint8), np.zeros(3, np.int64))


@pytest.mark.parametrize(
    "pictures", [np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 9, 3), np.uint8), np.zeros((2, 8, 8), np.uint8)]
)
def test_a_split_wants_square_colour_pictures_in_bytes(pictures):
    with pytest.raises(SplitError, match="expected uint8 of shape"):
        Split(pictures, np.zeros(2, np.int64))


def test_black_is_minus_one_and_white_is_one():
    pictures = torch.tensor([0, 255, 0], dtype=torch.uint8).expand(1, 2, 2, 3)

    inputs = scaled(pictures)

    assert inputs.shape == (1, 3, 2, 2)
    assert inputs[0, :, 0, 0].tolist() == [-1.0, 1.0, -1.0]


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def marked(n=200):
    """Return n black pictures of 16 px with one white pixel at row 5, column 3."""
    pictures = torch.zeros(n, 16, 16, 3, dtype=torch.uint8)
    pictures[:, 5, 3] = 255
    return pictures


def test_without_augmentation_pictures_stay_as_they_are():
    assert torch.equal(augmented(marked(), shift=False, flip=False, generator=generator()), marked())


def test_pictures_shift_by_up_to_an_eighth_of_their_side_both_ways():
    _, rows, columns, _ = augmented(marked(), shift=True, flip=False, generator=generator()).nonzero().T

    assert set(rows.tolist()) == {3, 4, 5, 6, 7}
    assert set(columns.tolist()) == {1, 2, 3, 4, 5}


def test_what_a_shift_uncovers_repeats_the_edge():
    pictures = torch.full((50, 16, 16, 3), 77, dtype=torch.uint8)

    assert torch.equal(augmented(pictures, shift=True, flip=False, generator=generator()), pictures)


def test_about_half_of_the_pictures_are_mirrored():
    shown = augmented(marked(), shift=False, flip=True, generator=generator())

    n_mirrored = int((shown[:, 5, 12, 0] == 255).sum())  # column 3 from the left is 12 from the right
    assert n_mirrored + int((shown[:, 5, 3, 0] == 255).sum()) == 200
    assert 70 < n_mirrored < 130  # four standard deviations around 100


def test_the_same_generator_augments_alike():
    first, second, third = (
        augmented(marked(), shift=True, flip=True, generator=generator(seed)) for seed in (1, 1, 2)
    )

    assert torch.equal(first, second)
    assert not torch.equal(first, third)
