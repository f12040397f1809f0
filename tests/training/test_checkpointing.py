import pytest
import torch

from training.checkpointing import CheckpointError, load_weights, save_weights
from training.config import Config
from training.network import Perceptron, build

ALEXNET = Config("alexnet", size_px=8, epochs=1, batch_size=16, learning_rate=0.02)
MLP = Config("mlp", 8, 1, 16, 0.1, hidden=(12, 8))


def test_weights_survive_a_file(tmp_path):
    torch.manual_seed(1)
    network = build(ALEXNET, 3)
    save_weights(network, tmp_path / "weights.safetensors")
    fresh = build(ALEXNET, 3)

    load_weights(fresh, tmp_path / "weights.safetensors")

    for name, tensor in network.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor)


def test_weights_of_another_shape_are_refused_by_name(tmp_path):
    save_weights(Perceptron(8, 3), tmp_path / "weights")

    with pytest.raises(CheckpointError, match=r"output\.bias: expected .+ \(4,\); found .+ \(3,\)\."):
        load_weights(Perceptron(8, 4), tmp_path / "weights")


def test_weights_of_another_network_are_refused(tmp_path):
    save_weights(Perceptron(8, 3), tmp_path / "weights")

    with pytest.raises(CheckpointError, match=r"expected .+; found nothing"):
        load_weights(build(MLP, 3), tmp_path / "weights")
