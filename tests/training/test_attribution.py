"""Maps of what speaks for a class, on every network; and by hand where that can be done."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from training.attribution import (
    GRAY,
    AttributionError,
    grad_cam,
    integrated_gradients,
    log_odds,
    occlusion,
    probabilities,
    window_of,
)
from training.config import Config
from training.network import Perceptron, build

NETWORKS = {
    "perceptron": ("perceptron", 16, {}),
    "sigmoid mlp": ("mlp", 16, {}),
    "relu mlp in grays": ("mlp", 16, {"activation": "relu", "grayscale": True, "centred": False}),
    "small alexnet": ("alexnet", 16, {}),
    "alexnet of 2012": ("alexnet", 128, {}),
    "resnet-9": ("resnet", 16, {"width": 8}),
    "resnet-18": ("resnet", 32, {"depth": 18, "width": 8}),
}
N_CLASSES = 4


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def make_network(name, seed=0):
    kind, size_px, change = NETWORKS[name]
    torch.manual_seed(seed)
    recipe = Config.default(kind, size_px, 100).to_json() | change
    network = build(Config.from_json(recipe), N_CLASSES)
    # A perceptron begins with weights of zero, and nothing would speak for anything.
    nn.init.normal_(network.last.weight, std=0.3)
    return network, torch.rand(3, size_px, size_px)


class Pair(Perceptron):
    """A perceptron of two classes at 8 px with one weight for each channel and pixel, so that all is known."""

    def __init__(self, weight):
        super().__init__(8, 2)
        with torch.no_grad():
            self.output.weight[0] = weight.flatten()


@pytest.fixture
def weight():
    return torch.linspace(-1, 1, 3 * 8 * 8).reshape(3, 8, 8)


@pytest.fixture
def picture():
    return torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NETWORKS)
def test_what_pixels_add_sums_to_the_difference_in_log_odds(name):
    network, picture = make_network(name)

    found = integrated_gradients(network, picture, label=2)

    gray = torch.full_like(picture, GRAY)
    difference = log_odds(network, picture, 2) - log_odds(network, gray, 2)
    assert abs(difference) > 0.05
    assert found.map.sum() == pytest.approx(difference, abs=0.01 * max(1, abs(difference)))
    assert (found.explained, found.delta) == pytest.approx(
        (difference, found.map.sum() - difference), abs=1e-3
    )


def test_of_a_perceptron_each_pixel_adds_its_weights(weight, picture):
    found = integrated_gradients(Pair(weight), picture, label=0)

    # Of two classes the log-odds are the logit; pixels go from -1 to 1, so gray is 0.
    expected = (weight * (picture * 2 - 1)).sum(dim=0)
    np.testing.assert_allclose(found.map, expected, atol=1e-5)


def test_what_speaks_for_one_of_two_classes_speaks_against_the_other(weight, picture):
    network = Pair(weight)

    one, other = (integrated_gradients(network, picture, label).map for label in (0, 1))

    np.testing.assert_allclose(one, -other, atol=1e-5)


def test_a_number_added_to_all_logits_changes_nothing(picture, weight):
    network = Pair(weight)
    before = integrated_gradients(network, picture, 0).map, occlusion(network, picture, 0)
    with torch.no_grad():
        network.output.weight += weight.flatten().cos()

    after = integrated_gradients(network, picture, 0).map, occlusion(network, picture, 0)

    np.testing.assert_allclose(after, before, atol=1e-4)


class Steep(nn.Module):
    """Answers with a jump somewhere between gray and white, which few points of the way meet."""

    def forward(self, pictures):
        jump = 5 * torch.sigmoid(300 * (pictures.mean(dim=(1, 2, 3)) - 0.7137))
        return torch.stack([jump, torch.zeros_like(jump)], dim=1)


def test_steps_are_added_until_the_sum_is_exact_enough():
    found = integrated_gradients(Steep(), torch.ones(3, 8, 8), 0)

    assert 32 < found.n_steps < 256
    assert abs(found.delta) <= 0.01 * found.explained
    assert found.map.sum() == pytest.approx(found.explained, rel=0.011)


def test_hiding_a_square_takes_what_is_in_it(weight, picture):
    window, stride = window_of(8)
    assert (window, stride) == (2, 1)

    found = occlusion(Pair(weight), picture, label=0)

    # The corner is hidden by one square alone: that of its four pixels.
    each = (weight * (picture * 2 - 1)).sum(dim=0)
    assert found[0, 0] == pytest.approx(each[:2, :2].sum().item(), abs=1e-5)
    # Any other pixel has the mean of all squares over it: four here.
    over = [each[i : i + 2, j : j + 2].sum().item() for i in (2, 3) for j in (2, 3)]
    assert found[3, 3] == pytest.approx(np.mean(over), abs=1e-5)


@pytest.mark.parametrize(("size_px", "window"), [(8, (2, 1)), (16, (4, 1)), (32, (8, 2)), (224, (56, 14))])
def test_squares_grow_with_the_picture(size_px, window):
    assert window_of(size_px) == window


STAGES = {"small alexnet": [16, 8, 4], "alexnet of 2012": [31, 15, 7], "resnet-9": [16, 8, 4, 2]}


@pytest.mark.parametrize("name", STAGES)
def test_each_stage_of_a_convolutional_network_has_a_map_of_the_pictures_size(name):
    network, picture = make_network(name)

    found = grad_cam(network, picture, label=1)

    assert list(found) == STAGES[name]
    assert all(each.shape == picture.shape[1:] and each.dtype == np.float32 for each in found.values())


@pytest.mark.parametrize("name", ["perceptron", "sigmoid mlp"])
def test_a_network_without_convolutions_has_none(name):
    assert grad_cam(*make_network(name), label=1) == {}


def test_the_last_stage_is_weighed_by_mean_gradients_as_in_the_paper():
    network, picture = make_network("small alexnet")

    found = grad_cam(network, picture, label=1)[4]

    network.eval()
    maps = network.features(network.pixels(picture[None])).detach().requires_grad_()  # (1, channels, 4, 4)
    features = maps.flatten(1)
    for layer in network.classifier:
        features = layer(features)
    others = [0, 2, 3]
    (features[0, 1] - features[0, others].logsumexp(dim=0)).backward()
    cam = (maps.grad.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True)
    expected = functional.interpolate(cam, (16, 16), mode="bilinear")
    np.testing.assert_allclose(found, expected[0, 0].detach(), atol=1e-5)


@pytest.mark.parametrize("name", ["small alexnet", "resnet-9"])
def test_a_network_is_given_back_as_it_was(name):
    network, picture = make_network(name)
    network.train()
    before = {key: value.clone() for key, value in network.state_dict().items()}

    integrated_gradients(network, picture, 0)
    occlusion(network, picture, 0)
    grad_cam(network, picture, 0)
    probabilities(network, picture[None])

    assert network.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_probabilities_are_the_networks(picture, weight):
    [found] = probabilities(Pair(weight), picture[None])

    logit = (weight * (picture * 2 - 1)).sum()
    np.testing.assert_allclose(found, [torch.sigmoid(logit), torch.sigmoid(-logit)], atol=1e-6)


def test_of_one_class_there_is_nothing_to_explain(picture):
    with pytest.raises(AttributionError, match="Expected one of two classes or more"):
        integrated_gradients(Perceptron(8, 1), picture, 0)


def test_nor_of_a_class_that_is_not_there(picture, weight):
    with pytest.raises(AttributionError, match="found class 2 of 2"):
        occlusion(Pair(weight), picture, 2)
