from functools import partial

import pytest
import torch

from training.network import n_parameters
from training.resnet import Block, Pair, ResNet9, ResNet18


def test_eighteen_layers_have_the_published_number_of_parameters():
    with torch.device("meta"):  # shapes without memory
        network = ResNet18(224, 1000)

    assert n_parameters(network) == 11_689_512
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in network.modules()) == 17 + 3  # and 3 shortcuts


def test_nine_layers_have_the_number_of_parameters_of_their_plan():
    with torch.device("meta"):
        network = ResNet9(32, 10, 64)

    assert n_parameters(network) == 6_573_130
    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    assert sum(isinstance(layer, kinds) for layer in network.modules()) == 9


def test_a_lean_network_begins_with_fewer_channels_and_ends_with_as_many():
    with torch.device("meta"):
        network, lean = ResNet9(32, 10, 24), ResNet9(32, 10, 24, lean=True)

    # The first layer and those that read it: 27 + 2 + 9 * 48 fewer for each of eight channels.
    assert n_parameters(network) - n_parameters(lean) == 8 * (27 + 2 + 9 * 48)
    assert lean.last.in_features == network.last.in_features


@pytest.mark.parametrize("which", [ResNet9, ResNet18, partial(ResNet9, lean=True)])
@pytest.mark.parametrize("size_px", [8, 24, 32, 64, 65, 130])
def test_a_residual_network_answers_for_every_class_at_any_size(which, size_px):
    with torch.device("meta"):
        network = which(size_px, 7, 4)
        logits = network(torch.empty(2, 3, size_px, size_px))
        features = network.penultimate(torch.empty(2, 3, size_px, size_px))

    assert logits.shape == (2, 7)
    assert features.shape == (2, network.last.in_features)


def test_a_block_adds_to_what_came_in():
    torch.manual_seed(1)
    block, pair = Block(4, 4, 1).eval(), Pair(4).eval()
    pictures = torch.rand(1, 4, 5, 5)
    for last in (block.second.norm, pair.second.norm):
        torch.nn.init.zeros_(last.weight)  # so that it has nothing to add

    assert torch.equal(block(pictures), pictures)
    assert torch.equal(pair(pictures), pictures)


def test_a_block_that_shrinks_fits_what_came_in():
    assert Block(4, 8, 2)(torch.rand(1, 4, 6, 6)).shape == (1, 8, 3, 3)


def test_once_trained_a_picture_is_answered_alike_alone_and_among_others():
    torch.manual_seed(1)
    network = ResNet9(16, 10, 4).eval()
    pictures = torch.rand(5, 3, 16, 16)

    torch.testing.assert_close(network(pictures)[2:3], network(pictures[2:3]))
