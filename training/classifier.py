"""What all networks have in common: how they take pixels, and that a linear layer has the last word."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

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

    mirrors, shifts: once trained, answer by the mean over several views of each picture, see views(), as the paper of
    2012 did. The mean of what is seen is also the mean of the logits, since the last layer is linear.
    """

    pixels: Pixels
    mirrors = False
    shifts = False
    looks_once = False

    @property
    def n_views(self) -> int:
        """How many views of a picture its answer is drawn from."""
        if self.looks_once:
            return 1
        return (2 if self.mirrors else 1) * (5 if self.shifts else 1)

    def penultimate(self, pictures: Tensor) -> Tensor:
        """Return what the last layer sees of `pictures`, (batch, n_features)."""
        raise NotImplementedError

    @property
    def last(self) -> nn.Linear:
        """The layer that tells the classes apart."""
        raise NotImplementedError

    @contextmanager
    def looking_once(self) -> Iterator[None]:
        """Have it look at pictures themselves alone, as long as the block runs."""
        self.looks_once = True
        try:
            yield
        finally:
            self.looks_once = False

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.last(self.features_of(pictures))  # (batch, n_classes)
        return logits

    def features_of(self, pictures: Tensor) -> Tensor:
        """Return what the answer about `pictures` is drawn from, (batch, n_features)."""
        features = self.penultimate(pictures)
        if self.n_views == 1 or self.training:
            return features
        for view in views(pictures, mirrors=self.mirrors, shifts=self.shifts)[1:]:
            features = features + self.penultimate(view)
        return features / self.n_views


def views(pictures: Tensor, *, mirrors: bool, shifts: bool) -> list[Tensor]:
    """Return the views of `pictures` (batch, 3, size, size) that are asked for, themselves first, all of one shape.

    shifts:  a sixteenth of the side towards each corner; what comes in is mirrored at the edge.
    mirrors: each with its mirror image.
    Source: after Krizhevsky, Sutskever & Hinton (2012), section 4.1, doi:10.1145/3065386, whose five patches of a
    larger picture these are for pictures that are seen whole.
    """
    found = [pictures]
    if shifts:
        size = pictures.shape[-1]
        step = size // 16
        padded = functional.pad(pictures, (step,) * 4, mode="reflect") if step else pictures
        last = 2 * step
        found += [
            padded[:, :, top : top + size, left : left + size] for top in (0, last) for left in (0, last)
        ]
    return found + [view.flip(3) for view in found] if mirrors else found
