"""What all networks have in common: how they take pixels, and that a linear layer has the last word."""

import torch
from torch import Tensor, nn

# How bright red, green and blue look: ITU-R recommendation BT.601.
LUMINANCE = (0.299, 0.587, 0.114)


class Pixels(nn.Module):
    """What a network makes of pixels from 0 to 1 before its first layer; learns nothing."""

    def __init__(self, *, grayscale: bool = False, centred: bool = True) -> None:
        super().__init__()
        self.grayscale, self.centred = grayscale, centred

    @property
    def n_channels(self) -> int:
        return 1 if self.grayscale else 3

    def forward(self, pictures: Tensor) -> Tensor:
        if self.grayscale:
            weights = torch.tensor(LUMINANCE, dtype=pictures.dtype, device=pictures.device)
            pictures = (pictures * weights[:, None, None]).sum(dim=1, keepdim=True)  # (batch, 1, size, size)
        return pictures * 2 - 1 if self.centred else pictures


class Classifier(nn.Module):
    """A network in two halves: what it sees in a picture, and what it concludes from that.

    penultimate() gives (batch, n_features), for whoever asks how alike two pictures are to the network; the
    last linear layer turns those into logits.

    mirrors: once trained, answer by the mean over each picture and its mirror image, as the paper of 2012 did over
    ten of its parts. The mean of what is seen is also the mean of the logits, since the last layer is linear.
    """

    pixels: Pixels
    mirrors = False

    def penultimate(self, pictures: Tensor) -> Tensor:
        """Return what the last layer sees of `pictures`, (batch, n_features)."""
        raise NotImplementedError

    @property
    def last(self) -> nn.Linear:
        """The layer that tells the classes apart."""
        raise NotImplementedError

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.last(self.features_of(pictures))  # (batch, n_classes)
        return logits

    def features_of(self, pictures: Tensor) -> Tensor:
        """Return what the answer about `pictures` is drawn from, (batch, n_features)."""
        features = self.penultimate(pictures)
        if self.mirrors and not self.training:
            features = (features + self.penultimate(pictures.flip(3))) / 2
        return features
