"""A network -> the table that says what it is made of."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.classifier import Pixels
from training.layers import ResponseNormalisation, Strongest

# Layers by what the field calls them.
KINDS: dict[type[nn.Module], str] = {
    Pixels: "pixels",
    nn.Linear: "fully connected",
    nn.Conv2d: "convolution",
    nn.BatchNorm2d: "batch normalisation",
    ResponseNormalisation: "local response normalisation",
    nn.ReLU: "ReLU",
    nn.Sigmoid: "sigmoid",
    nn.MaxPool2d: "max pooling",
    Strongest: "global max pooling",
    nn.AdaptiveAvgPool2d: "global average pooling",
    nn.Dropout: "dropout",
}


@dataclass(frozen=True)
class Layer:
    """One layer as a picture goes through it.

    name:            of the module, as its weights are named in a file.
    kind:            what the field calls it.
    says:            what else is to say, as "11 x 11, stride 4"; may be empty.
    shape:           of one picture's output: (channels, rows, columns), or (units,).
    n_parameters:    numbers that it learns.
    n_multiply_adds: multiplications, each with an addition, that one picture costs.
    """

    name: str
    kind: str
    says: str
    shape: tuple[int, ...]
    n_parameters: int
    n_multiply_adds: int


def describe(network: nn.Module, size_px: int) -> list[Layer]:
    """Return the layers of `network` in the order in which a picture of `size_px` meets them.

    Nothing is computed where `network` lies on torch's meta device. Its mode is kept as it is.
    """
    layers: list[Layer] = []
    hooks = [
        module.register_forward_hook(_noting(name, layers))
        for name, module in network.named_modules()
        if type(module) in KINDS
    ]
    was_training = network.training
    device = next(network.parameters()).device
    try:
        network.eval()
        with torch.inference_mode():
            network(torch.zeros((1, 3, size_px, size_px), device=device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return layers


def _noting(name: str, layers: list[Layer]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def note(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        shape = tuple(output.shape[1:])
        n_parameters = sum(parameter.numel() for parameter in module.parameters())
        layers.append(
            Layer(
                name, KINDS[type(module)], _says(module), shape, n_parameters, _multiply_adds(module, output)
            )
        )

    return note


def _says(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        side, groups = module.kernel_size[0], module.groups
        stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        return f"{side} × {side}{stride}{f', in {groups} towers' if groups > 1 else ''}"
    if isinstance(module, nn.MaxPool2d):
        return f"{module.kernel_size} × {module.kernel_size}, stride {module.stride}"
    if isinstance(module, Pixels):
        span = "-1 to 1" if module.centred else "0 to 1"
        return f"{'gray, ' if module.grayscale else ''}{span}"
    return f"{module.p:.0%} of units left out" if isinstance(module, nn.Dropout) else ""


def _multiply_adds(module: nn.Module, output: Tensor) -> int:
    if isinstance(module, nn.Conv2d):
        side = module.kernel_size[0] * module.kernel_size[1]
        return output[0].numel() * side * (module.in_channels // module.groups)
    return module.in_features * module.out_features if isinstance(module, nn.Linear) else 0
