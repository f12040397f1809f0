import pytest
import torch
from torch import nn

from training.config import Config
from training.muon import Muon, orthogonal
from training.network import build


def gradient(n, m, seed=1):
    return torch.randn(n, m, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def network():
    torch.manual_seed(1)
    network = build(Config("resnet", 8, 1, 4, 0.1, width=4), 3)
    generator = torch.Generator().manual_seed(2)
    for weights in network.parameters():
        weights.grad = torch.randn(weights.shape, generator=generator)
    return network


def parts(network):
    """Return the filters that see more than colours, and all other weights, by name."""
    named = dict(network.named_parameters())
    filters = {name for name, weights in named.items() if weights.ndim == 4 and weights.shape[1] > 3}
    return {name: named[name] for name in filters}, {
        name: weights for name, weights in named.items() if name not in filters
    }


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16)])
def test_a_step_is_as_long_in_all_directions(shape):
    rows = gradient(*shape) * torch.linspace(0.1, 10, shape[1])

    found = orthogonal(rows, times=8)

    values = torch.linalg.svdvals(found)
    assert found.shape == shape
    assert values.min() > 0.6
    assert values.max() < 1.3
    u, _values, v = torch.linalg.svd(rows, full_matrices=False)
    cosine = torch.nn.functional.cosine_similarity(found.flatten(), (u @ v).flatten(), dim=0)
    assert cosine > 0.97


def test_what_is_left_of_a_dead_unit_is_nothing():
    """It would cost a processor a hundred times as long, being below what that multiplies by itself."""
    rows = gradient(4, 9)
    rows[2] *= 1e-20

    found = orthogonal(rows)

    assert not found[2].any()
    torch.testing.assert_close(found[[0, 1, 3]], orthogonal(rows[[0, 1, 3]]))


def test_it_is_the_iteration_that_pytorch_has_for_matrices():
    rows = gradient(6, 40)
    matrix = nn.Parameter(torch.zeros(6, 40))
    matrix.grad = rows.clone()

    torch.optim.Muon([matrix], lr=1.0, weight_decay=0.0, momentum=0.0, nesterov=False, ns_steps=5).step()

    torch.testing.assert_close(-matrix.data, orthogonal(rows, times=5), atol=0.03, rtol=0)


def test_a_bank_of_filters_keeps_its_length_and_moves_in_all_directions_alike(network):
    filters, _others = parts(network)
    optimizer = Muon(network, 0.05, momentum=0.9, weight_decay=1e-3, dtype=torch.float32)
    with torch.no_grad():
        before = {name: weights * len(weights) ** 0.5 / weights.norm() for name, weights in filters.items()}

    optimizer.step()

    assert len(filters) == 7
    for name, weights in filters.items():
        moved = (before[name] - weights.detach()).flatten(1)  # a tenth of the length: 0.05, twice
        values = torch.linalg.svdvals(moved)
        assert 0.02 < values.min() <= values.max() < 0.13, name
        assert (moved * before[name].flatten(1)).isfinite().all()


def test_all_other_weights_take_the_steps_of_sgd(network):
    _filters, others = parts(network)
    twin = {name: nn.Parameter(weights.detach().clone()) for name, weights in others.items()}
    sgd = torch.optim.SGD(list(twin.values()), 0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)
    muon = Muon(network, 0.1, momentum=0.9, weight_decay=1e-3)

    for _ in range(3):
        for name, weights in twin.items():
            weights.grad = others[name].grad.clone()
        muon.step()
        sgd.step()

    assert "layers.stem.conv.weight" in others
    for name, weights in others.items():
        torch.testing.assert_close(weights, twin[name])


def test_momentum_carries_a_direction_on(network):
    muon = Muon(network, 0.1, momentum=0.9, weight_decay=0.0, dtype=torch.float32)
    weights = network.layers.conv2.conv.weight
    muon.step()
    first = weights.detach().clone()
    for each in network.parameters():
        each.grad.zero_()

    muon.step()

    assert not torch.allclose(weights, first * len(first) ** 0.5 / first.norm())
