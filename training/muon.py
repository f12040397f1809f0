"""Muon: SGD whose steps of filters are made orthogonal, so that no few directions take up all of a step.

Source: Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks"; that filters keep their
length is from the programs that go with Jordan (2024), arXiv:2404.00498.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Of the polynomial a x + b x^3 + c x^5, which moves singular values from (0, 1] towards 1; Jordan et al.
A, B, C = 3.4445, -4.7750, 2.0315
TIMES = 3
# How many times its length a filter bank would move at a learning rate of 1. Other weights follow that rate as they
# are; of normalisations, a rate that suits SGD alone makes gains vanish and units die once filters keep their length.
STRIDE = 2
MOMENTUM = 0.6
# Of a step's length; what is less counts as nothing.
LEAST = 1e-8
# Fewer channels that come in, as of a first layer that sees colours, leave too few directions.
LEAST_CHANNELS = 4


class Muon(torch.optim.SGD):
    """SGD with Nesterov's momentum, but of each convolution's filters, one a row, only directions are learnt.

    Their momentum is made orthogonal before it becomes a step, and the mean square of the filters' lengths stays 1.
    A length says nothing where a normalisation follows: this is for networks in which one follows each convolution.

    dtype: of the products that make a step orthogonal.
    """

    def __init__(
        self,
        network: nn.Module,
        lr: float,
        momentum: float,
        weight_decay: float,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        self.dtype = dtype
        filters, others = _parted(network.parameters())
        groups: list[dict[str, Any]] = [
            {"params": others},
            {"params": filters, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
        ]
        super().__init__(
            groups,
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
            nesterov=momentum > 0,
            fused=True,
        )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step; the gradients of filters are replaced by the steps that they become."""
        filters = self.param_groups[1]["params"]
        for weights in filters:
            self._keep_length(weights)
            weights.grad.copy_(self._direction(weights))
        super().step(closure)

    def _keep_length(self, weights: Tensor) -> None:
        weights.mul_(len(weights) ** 0.5 / weights.norm())

    def _direction(self, weights: Tensor) -> Tensor:
        kept = self.state[weights]
        if "momentum_buffer" not in kept:
            kept["momentum_buffer"] = torch.zeros_like(weights)
        momentum = kept["momentum_buffer"].mul_(MOMENTUM).add_(weights.grad)
        ahead = weights.grad + MOMENTUM * momentum
        # A filter a row, its numbers in the order in which they lie in memory where channels are last.
        rows = ahead.permute(0, 2, 3, 1).reshape(len(ahead), -1)
        n, n_channels, *sides = ahead.shape
        turned = orthogonal(rows, self.dtype).view(n, *sides, n_channels).permute(0, 3, 1, 2)
        step: Tensor = STRIDE * turned.float()
        return step


def orthogonal(rows: Tensor, dtype: torch.dtype = torch.float32, times: int = TIMES) -> Tensor:
    """Return a matrix with the singular vectors of `rows` (n, m), and singular values near 1, in `dtype`.

    Newton and Schulz's iteration, `times` over: values that were small may stay below 1, more so the fewer times.
    """
    is_tall = rows.shape[0] > rows.shape[1]
    found = (rows.T if is_tall else rows).to(dtype)
    # What dead units leave of momentum ends below what a processor multiplies without help, 1e-38, a hundred times as
    # slowly; the iteration takes fourth powers.
    found = functional.hardshrink(found / (found.norm() + 1e-7), LEAST)
    for _ in range(times):
        square = found @ found.T
        found = A * found + torch.addmm(square, square, square, beta=B, alpha=C) @ found
    step: Tensor = found.T if is_tall else found
    return step


def _parted(parameters: Iterable[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the weights of convolutions that see more than colours, and all others."""
    filters: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for weights in parameters:
        has_many = weights.ndim == 4 and weights.shape[1] >= LEAST_CHANNELS
        (filters if has_many else others).append(weights)
    return filters, others
