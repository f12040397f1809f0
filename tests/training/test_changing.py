import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from training import changing
from training.changing import CHANGES, changed

SIZE_PX = 12


def pictures(n=24):
    return torch.rand(n, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(2))


def strengths(n, strength):
    return torch.full((n, 1, 1, 1), strength), torch.ones(n, 1, 1, 1)


def test_pictures_take_turns_with_every_change_and_with_none():
    shown = pictures(24)  # twice the eleven changes and being left alone

    found = changed(shown, torch.Generator().manual_seed(1))

    is_same = (found == shown).flatten(1).all(dim=1)
    assert 2 <= int(is_same.sum()) <= 6  # two are left alone; a weak change may keep every byte of some
    assert found.shape == shown.shape
    assert 0 <= found.min() <= found.max() <= 1


def test_equal_seeds_change_alike():
    once, again = (changed(pictures(), torch.Generator().manual_seed(7)) for _ in range(2))

    assert torch.equal(once, again)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_stays_a_picture_and_leaves_its_input_alone(change):
    shown = pictures(3)

    found = change(shown, *strengths(3, 0.9))

    assert torch.equal(shown, pictures(3))
    assert found.shape == shown.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert not torch.equal(found, shown)


@pytest.mark.parametrize(
    "change",
    [each for each in CHANGES if each not in (changing.stretched, changing.equalised, changing.solarised)],
    ids=lambda change: change.__name__,
)
def test_a_change_of_no_strength_is_none(change):
    shown = (pictures(3) * 255).round() / 255

    torch.testing.assert_close(change(shown, *strengths(3, 0.0)), shown, atol=1 / 254, rtol=0)


def test_a_stretched_channel_goes_from_black_to_white():
    found = changing.stretched(pictures(2) * 0.5 + 0.2, *strengths(2, 0.0))

    torch.testing.assert_close(found.amin(dim=(2, 3)), torch.zeros(2, 3))
    torch.testing.assert_close(found.amax(dim=(2, 3)), torch.ones(2, 3))


def test_what_is_brighter_than_the_threshold_turns_into_its_negative():
    shown = torch.tensor([0.1, 0.6, 0.9]).expand(1, 3, 3, 3)

    found = changing.solarised(shown, *strengths(1, 0.3))

    torch.testing.assert_close(found[0, 0, 0], torch.tensor([0.1, 0.6, 0.1]))


def test_three_bits_are_kept_at_the_most():
    shown = torch.arange(256.0).view(1, 1, 16, 16).expand(1, 3, 16, 16) / 255

    found = changing.posterised(shown, *strengths(1, 1.0))

    assert (found[0, 0] * 255).round().unique().tolist() == [0, 32, 64, 96, 128, 160, 192, 224]


def test_an_equalised_channel_is_about_as_pillow_makes_it():
    numbers = np.random.default_rng(3).normal(120, 20, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    shown = torch.from_numpy(numbers).permute(2, 0, 1)[None].float() / 255

    found = changing.equalised(shown, *strengths(1, 0.0))

    theirs = np.asarray(ImageOps.equalize(Image.fromarray(numbers)), dtype=np.float32) / 255
    assert np.abs(found[0].permute(1, 2, 0).numpy() - theirs).mean() < 0.02


def test_a_turn_by_twenty_degrees_moves_what_is_far_from_the_middle():
    shown = torch.zeros(1, 3, 33, 33)
    shown[:, :, 16, 16] = shown[:, :, 16, 28] = 1  # the middle, and twelve to the right

    found = changing.turned(shown, *strengths(1, 1.0))[0, 0]

    assert found[16, 16] > 0.9
    row, column = divmod(int((found * (torch.arange(33) > 20)).argmax()), 33)
    assert (row, column) == (12, 27)  # 12 sin 20 degrees = 4.1 up, 12 cos 20 degrees = 11.3 to the right
