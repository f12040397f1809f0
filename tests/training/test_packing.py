import io
import os
import time

import numpy as np
import pytest
from PIL import Image

from training.packing import PackError, pack, square, whole_file


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
