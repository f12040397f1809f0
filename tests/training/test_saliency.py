import io

import numpy as np
import pytest
from PIL import Image

from training.saliency import AGAINST, FOR, as_seen, full_colour, in_grays, overlay, strongest_places


def read(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def test_what_speaks_for_it_is_blue_and_what_speaks_against_it_orange():
    pixels = read(overlay(np.array([[2, -2], [1, 0]], np.float32)))

    assert pixels.shape == (2, 2, 4)
    assert tuple(pixels[0, 0, :3]) == FOR
    assert tuple(pixels[0, 1, :3]) == AGAINST
    # As strong both ways; half as strong; nothing.
    assert pixels[0, 0, 3] == pixels[0, 1, 3] == pytest.approx(2 * int(pixels[1, 0, 3]), abs=5)
    assert pixels[1, 1, 3] == 0


def test_a_map_that_says_nothing_is_clear():
    assert read(overlay(np.zeros((4, 4), np.float32)))[..., 3].max() == 0


def test_one_outlier_does_not_pale_all_others():
    map_ = np.ones((20, 20), np.float32)
    map_[0, 0] = 1000

    assert full_colour(map_) == 1


def test_a_single_pixel_is_seen_all_the_same():
    map_ = np.zeros((20, 20), np.float32)
    map_[0, 0] = 3

    assert full_colour(map_) == 3


def test_grays_are_never_so_dark_that_blue_is_lost_on_them():
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0] = 255

    assert read(in_grays(picture)).tolist() == [[255, 255], [96, 96]]
    assert (read(as_seen(picture)) == picture).all()


def test_the_strongest_ninth_is_named_with_its_share():
    map_ = np.zeros((9, 9), np.float32)
    map_[0, 8], map_[4, 4], map_[8, 0] = 3, 1, -2

    assert strongest_places(map_) == (("upper right", 0.75), ("lower left", 1.0))
    assert strongest_places(np.zeros((8, 8), np.float32)) == (("upper left", 0.0), ("upper left", 0.0))
