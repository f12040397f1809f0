import numpy as np
import pytest
import torch

from competition.sandbox import costs, graphs
from tests.competition.networks import make_model, node, weights
from training.config import Config
from training.describing import describe
from training.exporting import to_onnx
from training.network import build


def cost(model):
    asked = graphs.look(model, 2)
    return costs.multiply_adds(model, costs.shapes_of(model, asked), asked.batch or 1)


def test_a_linear_layer_costs_its_weights():
    assert cost(make_model()) == 3 * 8 * 8 * 2


def test_a_convolution_costs_its_kernel_for_each_of_its_outputs():
    nodes = [
        node("Conv", ["pictures", "w"], "c", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", "c", "p"),
        node("Flatten", "p", "f"),
        node("Gemm", ["f", "v"], "answers"),
    ]
    model = make_model(nodes, {"w": weights(5, 3, 3, 3), "v": weights(5, 2)})

    # 4 x 4 places, 5 channels, each from 3 channels of 3 x 3; then 5 numbers for each of 2 classes.
    assert cost(model) == 4 * 4 * 5 * 3 * 9 + 5 * 2


def test_groups_see_a_part_of_the_channels():
    nodes = [
        node("Conv", ["pictures", "w"], "c", group=3),
        node("GlobalAveragePool", "c", "p"),
        node("Flatten", "p", "answers"),
    ]
    model = make_model(nodes, {"w": weights(3, 1, 3, 3)}, answers=("n", None))

    assert cost(model) == 6 * 6 * 3 * 9


def test_a_fixed_batch_is_shared_out():
    assert cost(make_model(shape=(4, 3, 8, 8), answers=(4, 2))) == 3 * 8 * 8 * 2


def test_what_is_not_known_is_not_told():
    nodes = [node("Flatten", "pictures", "f"), node("Einsum", ["f", "w"], "answers", equation="np,pc->nc")]

    assert cost(make_model(nodes, {"w": weights(192, 2)})) is None


def test_shapes_are_told_of_a_copy():
    model = make_model()
    before = model.SerializeToString()

    costs.shapes_of(model, graphs.look(model, 2))

    assert model.SerializeToString() == before


def test_parameters_are_the_fractions_and_not_the_counts():
    nodes = [
        node("Reshape", ["pictures", "sides"], "f"),
        node("MatMul", ["f", "w"], "m"),
        node("Mul", ["m", "two"], "answers"),
    ]
    tensors = {"sides": np.array([-1, 192]), "w": weights(192, 2), "two": np.float32(2).reshape(())}

    assert graphs.n_parameters(make_model(nodes, tensors)) == 384


@pytest.mark.filterwarnings("ignore")  # the exporter's own
@pytest.mark.parametrize("network", ["perceptron", "mlp", "alexnet", "resnet"])
def test_our_own_networks_cost_what_their_tables_say(network):
    torch.manual_seed(1)
    built = build(Config.default(network, 16, 1000), 2).eval()

    model = to_onnx(built, 16, {})

    assert graphs.read(model.SerializeToString()) == model
    assert cost(model) == sum(layer.n_multiply_adds for layer in describe(built, 16))
