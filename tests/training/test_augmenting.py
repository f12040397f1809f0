import numpy as np
import pytest
import torch
from scipy import stats

from training.augmenting import (
    GREY,
    Augmenter,
    gathered,
    hidden,
    jittered,
    mixed,
    moved,
    one_hot,
    principal_colours,
    scaled,
    symmetric_beta,
    tinted,
)
from training.classifier import LUMINANCE
from training.config import Config
from training.dataset import Picked

CPU = torch.device("cpu")


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def marked(n=200):
    """Return n black pictures of 16 px with one white pixel at row 5, column 3."""
    pictures = torch.zeros(n, 16, 16, 3, dtype=torch.uint8)
    pictures[:, 5, 3] = 255
    return pictures


def noise(n=6, size=16, seed=0):
    return torch.randint(0, 256, (n, size, size, 3), dtype=torch.uint8, generator=generator(seed))


def augmenter(pictures=None, **options):
    config = Config("resnet", size_px=16, epochs=1, batch_size=8, learning_rate=0.1, **options)
    return Augmenter(config, (noise() if pictures is None else pictures).numpy(), 3, CPU)


def test_black_is_zero_and_white_is_one():
    pictures = torch.tensor([0, 255, 51], dtype=torch.uint8).expand(1, 2, 2, 3)

    inputs = scaled(pictures)

    assert inputs.shape == (1, 3, 2, 2)
    torch.testing.assert_close(inputs[0, :, 0, 0], torch.tensor([0, 1, 0.2]), rtol=0, atol=0)


def test_without_options_pictures_and_targets_stay_as_they_are():
    labels = torch.tensor([0, 1, 2, 0, 1, 2])

    inputs, targets = augmenter()(noise(), labels, generator())

    assert torch.equal(inputs, scaled(noise()))
    assert targets is labels


OPTIONS = [
    {},
    {"crop": True},
    {"flip": True},
    {"colour": "jitter"},
    {"colour": "pca"},
    {"erase": 0.5},
    {"mixup": 0.4},
    {"crop": True, "flip": True, "colour": "jitter", "erase": 0.25, "mixup": 1.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equal_seeds_give_equal_bits_whatever_is_asked_for(options):
    labels = torch.tensor([0, 1, 2, 0, 1, 2])

    first, second, third = (augmenter(**options)(noise(), labels, generator(seed)) for seed in (1, 1, 2))

    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert torch.equal(first[0], third[0]) == (not options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_inputs_are_from_0_to_1_with_the_channels_of_a_pixel_side_by_side(options):
    pictures = noise()
    before = pictures.clone()

    inputs, _targets = augmenter(**options)(pictures, torch.zeros(6, dtype=torch.int64), generator())

    assert inputs.dtype == torch.float32
    assert inputs.shape == (6, 3, 16, 16)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert inputs.min() >= 0
    assert inputs.max() <= 1
    assert torch.equal(pictures, before)


def test_pictures_shift_by_up_to_an_eighth_of_their_side_both_ways():
    _, rows, columns, _ = moved(marked(), crop=True, flip=False, generator=generator()).nonzero().T

    assert set(rows.tolist()) == {3, 4, 5, 6, 7}
    assert set(columns.tolist()) == {1, 2, 3, 4, 5}


def test_what_a_shift_uncovers_mirrors_the_picture_at_its_edge():
    rows = torch.arange(5, dtype=torch.uint8)[:, None, None].expand(5, 5, 3)

    shown = gathered(torch.stack([rows, rows]), torch.tensor([[-2, 1], [0, 0]]), torch.tensor([False, False]))

    assert shown[0, :, 0, 0].tolist() == [2, 1, 0, 1, 2]
    assert shown[1, :, 0, 0].tolist() == [1, 2, 3, 4, 3]


def test_about_half_of_the_pictures_are_mirrored():
    shown = moved(marked(), crop=False, flip=True, generator=generator())

    n_mirrored = int((shown[:, 5, 12, 0] == 255).sum())  # column 3 from the left is 12 from the right
    assert n_mirrored + int((shown[:, 5, 3, 0] == 255).sum()) == 200
    assert 70 < n_mirrored < 130  # four standard deviations around 100


@pytest.mark.parametrize("size", [8, 9, 32])
def test_the_compiled_loop_moves_as_torch_does(size):
    pictures = noise(50, size)
    drawn = generator(7)
    moves = torch.randint(-(size // 8), size // 8 + 1, (2, 50), generator=drawn)
    is_mirrored = torch.rand(50, generator=drawn) < 0.5

    compiled = moved(pictures, crop=True, flip=True, generator=generator(7))

    assert torch.equal(compiled, gathered(pictures, moves, is_mirrored))
    assert is_mirrored.any()
    assert not is_mirrored.all()


def test_a_mirrored_picture_that_is_shifted_comes_from_where_it_should():
    pictures = torch.arange(8, dtype=torch.uint8)[None, None, :, None].expand(1, 8, 8, 3)

    moved_right = gathered(pictures, torch.tensor([[0], [1]]), torch.tensor([True]))

    assert moved_right[0, 0, :, 0].tolist() == [6, 7, 6, 5, 4, 3, 2, 1]


class Drawn:
    """Stands for torch.rand: the same number each time."""

    def __init__(self, *numbers):
        self.numbers = torch.tensor(numbers)

    def __call__(self, shape, **options):
        return self.numbers.view(3, 1, 1, 1, 1).expand(shape)


def grey_of(inputs):
    return sum(share * inputs[:, channel] for channel, share in enumerate(LUMINANCE))


def test_a_draw_of_one_half_changes_no_colour(monkeypatch):
    monkeypatch.setattr("training.augmenting.torch.rand", Drawn(0.5, 0.5, 0.5))

    torch.testing.assert_close(jittered(scaled(noise()), generator()), scaled(noise()))


def test_brightness_multiplies_and_is_cut_off_at_white(monkeypatch):
    monkeypatch.setattr("training.augmenting.torch.rand", Drawn(1.0, 0.5, 0.5))

    changed = jittered(scaled(noise()), generator())

    torch.testing.assert_close(changed, (1.4 * scaled(noise())).clamp(max=1))


def test_contrast_keeps_the_mean_grey_and_draws_all_towards_it(monkeypatch):
    monkeypatch.setattr("training.augmenting.torch.rand", Drawn(0.5, 0.0, 0.5))
    inputs = scaled(noise())

    changed = jittered(inputs, generator())

    means = grey_of(inputs).mean(dim=(1, 2))
    torch.testing.assert_close(grey_of(changed).mean(dim=(1, 2)), means)
    torch.testing.assert_close(changed, 0.6 * inputs + 0.4 * means[:, None, None, None])


def test_saturation_keeps_each_pixels_grey(monkeypatch):
    monkeypatch.setattr("training.augmenting.torch.rand", Drawn(0.5, 0.5, 0.0))
    inputs = scaled(noise())

    changed = jittered(inputs, generator())

    torch.testing.assert_close(changed, 0.6 * inputs + 0.4 * grey_of(inputs)[:, None])


def test_each_picture_has_factors_of_its_own():
    pictures = torch.full((500, 8, 8, 3), 100, dtype=torch.uint8)  # grey: brightness alone shows

    shown = jittered(scaled(pictures), generator())[:, 0, 0, 0] / (100 / 255)

    assert len(shown.unique()) > 400
    assert 0.6 <= shown.min() < 0.61
    assert 1.39 < shown.max() <= 1.4 + 1e-6


def test_where_only_red_varies_the_one_principal_colour_is_red():
    pictures = np.full((2, 8, 8, 3), 60, np.uint8)
    pictures[0, ..., 0], pictures[1, ..., 0] = 0, 255

    axes = principal_colours(pictures)

    # Half the pixels at 0 and half at 1: a variance of a quarter.
    np.testing.assert_allclose(axes, [[0, 0, 0.25], [0, 0, 0], [0, 0, 0]], atol=1e-12)


def test_principal_colours_are_those_of_the_covariance():
    pictures = noise(20).numpy()
    covariance = np.cov(pictures.reshape(-1, 3).T / 255, bias=True)

    axes = principal_colours(pictures)

    values = np.linalg.norm(axes, axis=0)
    np.testing.assert_allclose((axes / values) * values @ (axes / values).T, covariance, atol=1e-12)


def test_of_a_large_set_some_pictures_tell_the_colours():
    packed = np.zeros((3, 8, 8, 3), np.uint8)
    packed[1] = 255
    places = np.array([0, 1] * 5000)  # every third is looked at: as many black as white ones
    pictures = Picked(packed, places)

    axes = principal_colours(pictures)

    np.testing.assert_allclose(np.linalg.norm(axes, axis=0), [0, 0, 0.75], atol=1e-3)


def test_a_tint_is_one_colour_for_a_whole_picture_along_the_axes():
    axes = torch.tensor([[0.0, 0, 0.5], [0, 0, 0], [0, 0, 0]])
    grey = torch.full((4000, 8, 8, 3), 128, dtype=torch.uint8)

    change = tinted(scaled(grey), axes, generator()) - 128 / 255

    assert torch.equal(change, change[:, :, :1, :1].expand_as(change))
    assert change[:, 1:].abs().max() == 0
    torch.testing.assert_close(change[:, 0, 0, 0].std(), torch.tensor(0.05), rtol=0.05, atol=0)


def test_a_square_is_hidden_somewhere_within_each_picture():
    inputs = scaled(noise(300))

    shown = hidden(inputs, 4, generator())

    is_changed = (shown != inputs).any(dim=1)
    assert ((shown == GREY).all(dim=1).sum(dim=(1, 2)) == 16).all()
    for picture in is_changed:
        rows, columns = picture.nonzero().T
        assert rows.max() - rows.min() < 4
        assert columns.max() - columns.min() < 4
    rows = torch.stack([picture.nonzero().min(dim=0).values for picture in is_changed])
    assert rows.min() == 0
    assert rows.max() == 12


def test_the_side_of_what_is_hidden_is_a_share_of_the_pictures():
    inputs, _targets = augmenter(erase=0.5)(marked(1), torch.tensor([0]), generator())

    assert int((inputs == GREY).sum()) == 8 * 8 * 3


def test_mixup_blends_pictures_and_targets_by_the_same_share():
    pictures = torch.zeros(3, 8, 8, 3, dtype=torch.uint8)
    for i in range(3):
        pictures[i, ..., i] = 255  # picture i is red, green or blue throughout

    inputs, targets = mixed(scaled(pictures), torch.eye(3), 1.0, generator(1))

    assert torch.equal(inputs[:, :, 0, 0], targets)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(3))
    share = targets.diagonal()
    assert (share > 0).all()
    assert len(share[share < 1].unique()) == 1


def test_mixup_turns_labels_into_targets_and_keeps_targets():
    labels = torch.tensor([2, 0])

    assert one_hot(labels, 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    soft = torch.tensor([[0.5, 0.25, 0.25]])
    assert one_hot(soft, 3) is soft


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 4.0])
def test_shares_follow_the_beta_distribution(alpha):
    draws = symmetric_beta(alpha, 20_000, generator(11)).numpy()

    assert stats.kstest(draws, stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_shares_of_a_tiny_alpha_are_numbers():
    draws = symmetric_beta(1e-3, 20_000, generator(11))

    assert ((draws >= 0) & (draws <= 1)).all()
    assert 0.47 < (draws > 0.5).double().mean() < 0.53
