from dataclasses import replace

import pytest
import torch

from training.config import NETWORKS, Config
from training.describing import describe
from training.network import build, n_parameters


def described(config, n_classes):
    with torch.device("meta"):
        network = build(config, n_classes)
    return network, describe(network, config.size_px)


def test_the_layers_of_2012_are_those_of_the_paper():
    network, layers = described(Config.default("alexnet", 224, 1_000_000), 1000)

    convolutions = [layer for layer in layers if layer.kind == "convolution"]
    assert [(layer.says, layer.shape) for layer in convolutions] == [
        ("11 × 11, stride 4", (96, 55, 55)),
        ("5 × 5, in 2 towers", (256, 27, 27)),
        ("3 × 3", (384, 13, 13)),
        ("3 × 3, in 2 towers", (384, 13, 13)),
        ("3 × 3, in 2 towers", (256, 13, 13)),
    ]
    # 96 filters of 11 x 11 x 3, at 55 x 55 places, and a bias each.
    assert (convolutions[0].n_multiply_adds, convolutions[0].n_parameters) == (105_415_200, 34_944)
    assert sum(layer.n_multiply_adds for layer in layers) == 724_406_816
    assert network.features[0].weight.device.type == "meta"


def test_a_multi_layer_perceptron_can_be_counted_by_hand():
    config = Config("mlp", 8, 1, 8, 0.1, hidden=(5,), activation="sigmoid", grayscale=True, centred=False)

    _network, layers = described(config, 3)

    assert [(layer.kind, layer.shape) for layer in layers] == [
        ("pixels", (1, 8, 8)),
        ("fully connected", (5,)),
        ("sigmoid", (5,)),
        ("fully connected", (3,)),
    ]
    assert layers[0].says == "gray, 0 to 1"
    assert [layer.n_parameters for layer in layers] == [0, 64 * 5 + 5, 0, 5 * 3 + 3]
    assert [layer.n_multiply_adds for layer in layers] == [0, 64 * 5, 0, 5 * 3]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size_px", [8, 32, 224])
def test_every_parameter_is_in_one_layer(network, size_px):
    built, layers = described(Config.default(network, size_px, 1000), 10)

    assert sum(layer.n_parameters for layer in layers) == n_parameters(built)


def test_describing_leaves_a_network_as_it_was():
    config = replace(Config.default("resnet", 8, 1000), width=4)
    network = build(config, 3).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    describe(network, 8)

    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
