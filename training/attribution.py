"""Why a network answers as it does: how much each pixel of one picture speaks for or against one class. Pure.

What is explained is the log-odds of the class, log p / (1 - p): by how many times likelier than all others together
the network holds it, as a logarithm. A logit alone will not do, since adding one number to all of them changes no
answer and yet every attribution; and a probability hardly moves where the network is sure, so its gradients are
nothing there. Log-odds add up, as the weights of votes do (labeling.evidence).

What is taken away is replaced by middle gray. To a network with centred pixels that is zero, which says nothing to
its first layer and is what convolutions see beyond the edge. Black would make whatever is dark in a picture say
nothing; a blurred picture still says which colours are where.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion
from numpy.typing import NDArray
from torch import Tensor, nn

Map = NDArray[
    np.float32
]  # (size, size), above 0 what speaks for the class and below 0 what speaks against it

GRAY = 0.5
FIRST_STEPS, MOST_STEPS = 32, 1024
TOLERANCE = 0.01  # of the difference that attributions have to sum to, and as much in nats
MOST_PIXELS_AT_ONCE = 2**20  # of all pictures that go through a network together: 20 of 224 px
WINDOW_SHARE = 4  # a window's side is a quarter of the picture's
STRIDES_A_WINDOW = 4  # so windows overlap, and a step is a sixteenth of the picture's side


class AttributionError(ValueError):
    """What is asked for cannot be told of this network."""


@dataclass(frozen=True)
class Gradients:
    """Integrated gradients, and how exactly they add up.

    map:      in nats, summed over the channels; all of it sums to `explained` but for `delta`.
    explained: the log-odds of the picture less those of gray.
    delta:    what the sum is off by.
    n_steps:  points of the way from gray at which gradients were taken.
    """

    map: Map
    explained: float
    delta: float
    n_steps: int


class LogOdds(nn.Module):
    """A classifier that answers with one class's log-odds against all others together, (batch,) in nats."""

    def __init__(self, network: nn.Module, label: int) -> None:
        super().__init__()
        self.network, self.label = network, label

    def forward(self, pictures: Tensor) -> Tensor:
        logits = self.network(pictures)  # (batch, n_classes)
        n_classes = logits.shape[1]
        if not 0 <= self.label < n_classes or n_classes < 2:
            raise AttributionError(
                f"Expected one of two classes or more to explain; found class {self.label} of {n_classes}."
            )
        others = torch.cat([logits[:, : self.label], logits[:, self.label + 1 :]], dim=1)
        log_odds: Tensor = logits[:, self.label] - others.logsumexp(dim=1)
        return log_odds


def integrated_gradients(network: nn.Module, picture: Tensor, label: int) -> Gradients:
    """Follow the way from gray to `picture`, and give each pixel what it adds on it.

    picture: (3, size, size) float32 from 0 to 1, on the network's device. label: the class explained.
    Points of the way are doubled until the sum is off by 1 % at most, or MOST_STEPS are reached; the sum is then
    as exact as it gets, and `delta` says how exact. Source: Sundararajan, Taly & Yan (2017), arXiv:1703.01365.
    """
    with _at_rest(network):
        answer = LogOdds(network, label)
        method, n_steps = IntegratedGradients(answer), FIRST_STEPS
        shown, gray = picture[None], torch.full_like(picture, GRAY)[None]
        with torch.inference_mode():
            explained = float((answer(shown) - answer(gray))[0])
        while True:
            found, delta = method.attribute(
                shown,
                gray,
                n_steps=n_steps,
                internal_batch_size=_at_once(picture),
                return_convergence_delta=True,
            )
            off = float(delta)
            if abs(off) <= TOLERANCE * max(1.0, abs(explained)) or n_steps >= MOST_STEPS:
                return Gradients(_summed(found), explained, off, n_steps)
            n_steps *= 2


def occlusion(network: nn.Module, picture: Tensor, label: int) -> Map:
    """Hide one square after the other, and give its pixels what the log-odds fall by, in nats; where squares
    overlap, their mean. Takes and returns the same as integrated_gradients().

    Source: Zeiler & Fergus (2014), doi:10.1007/978-3-319-10590-1_53.
    """
    window, stride = window_of(picture.shape[-1])
    with _at_rest(network), torch.inference_mode():
        found = Occlusion(LogOdds(network, label)).attribute(
            picture[None],
            sliding_window_shapes=(3, window, window),
            strides=(3, stride, stride),
            baselines=GRAY,
            perturbations_per_eval=_at_once(picture),
        )
    # Every channel of a pixel is hidden together and gets the same: it is not theirs to add up.
    return np.ascontiguousarray(found[0, 0].float().cpu().numpy())


def window_of(size_px: int) -> tuple[int, int]:
    """Return the side of the squares that occlusion() hides and how far apart they are, in pixels."""
    window = max(2, size_px // WINDOW_SHARE)
    return window, max(1, window // STRIDES_A_WINDOW)


def grad_cam(network: nn.Module, picture: Tensor, label: int) -> dict[int, Map]:
    """Return, for each stage of a convolutional network, where what it has found speaks for the class or against it.

    The keys are the sides of the stages' maps, from the first to the last, which is the one that the paper means;
    the values are stretched over the picture, and their unit means nothing. Empty where the network has no
    convolution that keeps more than one place apart. Takes the same as integrated_gradients().
    Source: Selvaraju et al. (2017), eqs. 1 and 2 without the ReLU, doi:10.1109/ICCV.2017.74.
    """
    size = picture.shape[-1]
    with _at_rest(network):
        answer = LogOdds(network, label)
        found = {
            side: LayerGradCam(answer, layer).attribute(picture[None])
            for side, layer in _stages(network, picture).items()
        }
    return {
        side: _summed(LayerAttribution.interpolate(each, (size, size), "bilinear"))
        for side, each in found.items()
    }


def probabilities(network: nn.Module, pictures: Tensor) -> NDArray[np.float32]:
    """Return what the network says of `pictures`, (batch, 3, size, size) from 0 to 1: (batch, n_classes)."""
    with _at_rest(network), torch.inference_mode():
        answers = [network(some).softmax(dim=1) for some in pictures.split(_at_once(pictures[0]))]
        said: NDArray[np.float32] = torch.cat(answers).float().cpu().numpy()
    return said


def log_odds(network: nn.Module, picture: Tensor, label: int) -> float:
    """Return the log-odds of one class for a picture, (3, size, size) from 0 to 1, in nats."""
    with _at_rest(network), torch.inference_mode():
        return float(LogOdds(network, label)(picture[None])[0])


@contextmanager
def _at_rest(network: nn.Module) -> Iterator[None]:
    """Have `network` answer without dropout, and keep no gradient of any weight; then give its state back."""
    was_training = network.training
    wanted = [parameter.requires_grad for parameter in network.parameters()]
    network.eval().requires_grad_(False)
    try:
        yield
    finally:
        network.train(was_training)
        for parameter, is_wanted in zip(network.parameters(), wanted, strict=True):
            parameter.requires_grad_(is_wanted)


def _stages(network: nn.Module, picture: Tensor) -> dict[int, nn.Module]:
    """Return, by the side of their maps, the modules that have the last word before maps shrink, if there is a
    convolution among those with maps of this side.
    """
    last: dict[int, nn.Module] = {}
    seeing = set[int]()

    def noting(module: nn.Module) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def note(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if output.ndim == 4 and (side := output.shape[-1]) > 1:
                last[side] = module
                if isinstance(module, nn.Conv2d):
                    seeing.add(side)

        return note

    hooks = [
        module.register_forward_hook(noting(module)) for module in network.modules() if module is not network
    ]
    try:
        with torch.inference_mode():
            network(picture[None])
    finally:
        for hook in hooks:
            hook.remove()
    return {side: module for side, module in last.items() if side in seeing}


def _at_once(picture: Tensor) -> int:
    """Return how many pictures of this size go through a network together."""
    return max(1, min(256, MOST_PIXELS_AT_ONCE // picture.shape[-1] ** 2))


def _summed(found: Tensor) -> Map:
    """Sum (1, channels, size, size) over the channels."""
    return np.ascontiguousarray(found[0].sum(dim=0).detach().float().cpu().numpy())
