"""Layers that PyTorch has too, but whose gradients on a GPU are added up in another order each time there."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ResponseNormalisation(nn.LocalResponseNorm):
    """nn.LocalResponseNorm, by a sum of shifted copies rather than by average pooling."""

    def forward(self, pictures: Tensor) -> Tensor:
        n_channels = pictures.shape[1]
        squares = functional.pad(pictures.square(), (0, 0, 0, 0, self.size // 2, (self.size - 1) // 2))
        total = squares.narrow(1, 0, n_channels)
        for start in range(1, self.size):
            total = total + squares.narrow(1, start, n_channels)
        normed: Tensor = pictures * torch.pow(self.k + self.alpha / self.size * total, -self.beta)
        return normed


class Strongest(nn.Module):
    """nn.AdaptiveMaxPool2d(1): of each channel the strongest response anywhere in the picture."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.amax(dim=(2, 3), keepdim=True)  # (batch, channels, 1, 1)
