import pytest
import torch
from torch import nn

from training.layers import ResponseNormalisation, Strongest


@pytest.mark.parametrize("n_channels", [1, 4, 5, 96])
def test_responses_are_normalised_as_pytorch_does(n_channels):
    torch.manual_seed(1)
    ours, theirs = (
        kind(5, alpha=5e-4, beta=0.75, k=2.0) for kind in (ResponseNormalisation, nn.LocalResponseNorm)
    )
    pictures = [torch.randn(2, n_channels, 3, 3) * 30 for _ in range(2)]
    pictures[1] = pictures[0].clone()
    for each in pictures:
        each.requires_grad_()

    results = [kind(each) for kind, each in zip((ours, theirs), pictures, strict=True)]
    for result in results:
        result.square().sum().backward()

    torch.testing.assert_close(*results)
    torch.testing.assert_close(pictures[0].grad, pictures[1].grad)


def test_the_strongest_response_of_each_channel_is_kept():
    pictures = torch.tensor([[[[1.0, 7.0], [3.0, 2.0]], [[-5.0, -1.0], [-2.0, -3.0]]]], requires_grad=True)

    result = Strongest()(pictures)
    result.sum().backward()

    assert result.flatten().tolist() == [7.0, -1.0]
    assert pictures.grad.flatten().tolist() == [0, 1, 0, 0, 0, 1, 0, 0]
