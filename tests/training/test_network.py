import math

import pytest
import torch

from training.config import Config
from training.network import (
    AlexNet,
    MultiLayerPerceptron,
    Perceptron,
    SmallAlexNet,
    build,
    n_parameters,
)


@pytest.mark.parametrize(("n_towers", "n_learnt"), [(2, 60_965_224), (1, 62_378_344)])
def test_alexnet_has_the_published_number_of_parameters(n_towers, n_learnt):
    with torch.device("meta"):  # shapes without memory
        network = AlexNet(224, 1000, n_towers)

    assert n_parameters(network) == n_learnt


@pytest.mark.parametrize("size_px", [128, 224, 227, 300])
def test_alexnet_answers_for_every_class_at_any_size_it_takes(size_px):
    with torch.device("meta"):
        logits = AlexNet(size_px, 20)(torch.empty(2, 3, size_px, size_px))

    assert logits.shape == (2, 20)


@pytest.mark.parametrize("size_px", [8, 9, 16, 28, 64, 127])
def test_the_small_alexnet_answers_for_every_class_at_any_size_it_takes(size_px):
    with torch.device("meta"):
        logits = SmallAlexNet(size_px, 7)(torch.empty(2, 3, size_px, size_px))

    assert logits.shape == (2, 7)


def test_two_towers_do_not_see_each_other():
    network = AlexNet(128, 2)
    second_convolution = network.features[4]
    maps = torch.zeros(1, 96, 5, 5)
    maps[:, :48] = 1.0  # only the first tower has anything to see

    answer = second_convolution(maps)

    assert (answer[:, :128] != 0).any()
    assert (answer[:, 128:] == 0).all()  # biases start at zero


def test_brightness_normalisation_is_the_papers():
    normalise = AlexNet(128, 2).features[2]
    ones = torch.ones(1, 96, 1, 1)

    result = normalise(ones)

    # One in every map and five maps around the middle one: 1 / (2 + 1e-4 * 5) ** 0.75.
    assert math.isclose(result[0, 48, 0, 0].item(), 1 / 2.0005**0.75, rel_tol=1e-6)


def test_a_perceptron_adds_up_weighted_pixels():
    network = Perceptron(8, 2)
    torch.nn.init.ones_(network.output.weight[1:])

    logits = network(torch.full((1, 3, 8, 8), 0.75))

    assert logits.tolist() == [[0.0, 96.0]]  # 3 * 8 * 8 * 0.5 from -1 to 1
    assert n_parameters(network) == 2 * 192 + 2


def test_a_multi_layer_perceptron_has_the_layers_it_is_told():
    network = MultiLayerPerceptron(8, 10, hidden=(32, 16), activation="sigmoid")

    assert [type(layer).__name__ for layer in network.hidden] == ["Linear", "Sigmoid"] * 2
    assert n_parameters(network) == (192 * 32 + 32) + (32 * 16 + 16) + (16 * 10 + 10)


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_a_multi_layer_perceptron_uses_the_activation_it_is_told(activation):
    network = MultiLayerPerceptron(8, 2, hidden=(4,), activation=activation)

    features = network.hidden(torch.zeros(1, 192))

    assert features.tolist() == [[0.5 if activation == "sigmoid" else 0.0] * 4]


@pytest.mark.parametrize(
    ("network", "size_px", "kind"),
    [
        ("perceptron", 16, Perceptron),
        ("mlp", 16, MultiLayerPerceptron),
        ("alexnet", 127, SmallAlexNet),
        ("alexnet", 128, AlexNet),
    ],
)
def test_a_config_names_its_network(network, size_px, kind):
    config = Config.default(network, size_px, n_images=1000)

    with torch.device("meta"):
        assert type(build(config, 10)) is kind


def test_a_picture_is_answered_alike_alone_and_among_others():
    torch.manual_seed(1)
    network = SmallAlexNet(16, 10).eval()
    pictures = torch.rand(5, 3, 16, 16)

    torch.testing.assert_close(network(pictures)[2:3], network(pictures[2:3]))
