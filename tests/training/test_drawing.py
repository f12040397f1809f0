import io

import numpy as np
import pytest
from PIL import Image

from training.drawing import NEGATIVE, POSITIVE, light, png, sheet, signed


def test_positive_and_negative_have_two_colours_and_nothing_is_transparent():
    drawn = signed(np.array([[2.0, -1.0, 0.0]]))

    assert drawn[0, 0].tolist() == [*POSITIVE, 255]
    assert drawn[0, 1].tolist() == [*NEGATIVE, 128]
    assert drawn[0, 2, 3] == 0


def test_full_colour_may_be_that_of_a_larger_number():
    assert signed(np.array([[1.0]]), most=2)[0, 0, 3] == 128


def test_nothing_but_zeros_is_nothing():
    assert (signed(np.zeros((2, 2)))[..., 3] == 0).all()
    assert (light(np.zeros((2, 2))) == 0).all()


def test_the_largest_is_white_and_what_is_below_zero_black():
    assert light(np.array([[-1.0, 0.5, 1.0]])).tolist() == [[0, 128, 255]]


def test_a_sheet_lays_drawings_row_by_row_with_gaps():
    tiles = [np.full((2, 3), shade, np.uint8) for shade in (10, 20, 30)]

    whole = sheet(tiles, columns=2)

    assert whole.shape == (5, 7, 4)
    assert whole[0, 4].tolist() == [20, 20, 20, 255]
    assert whole[3, 0].tolist() == [30, 30, 30, 255]
    assert whole[2, 0, 3] == whole[0, 3, 3] == 0


def test_there_is_no_sheet_of_nothing():
    with pytest.raises(ValueError, match="at least one drawing"):
        sheet([])


def test_a_png_holds_the_pixels():
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

    with Image.open(io.BytesIO(png(pixels))) as found:
        np.testing.assert_array_equal(np.asarray(found), pixels)
