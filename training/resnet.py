"""Residual networks: each block adds to what came in, so that a gradient has a straight way to every layer.

Source: He, Zhang, Ren & Sun (2016), doi:10.1109/CVPR.2016.90.
"""

from collections import OrderedDict

from torch import Tensor, nn

from training.classifier import Classifier, Pixels
from training.layers import Strongest

# From this side up pictures shrink at once, by the stride of the first layer and a pooling, as in the paper.
LARGE_PX = 65


class Convolution(nn.Sequential):
    """A convolution without bias, normalised over the batch, then ReLU unless it is the last of a block.

    shrinks: of each 2 x 2 the strongest response is kept, before it is normalised: there is less to normalise then.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        side: int = 3,
        stride: int = 1,
        *,
        is_last: bool = False,
        shrinks: bool = False,
    ) -> None:
        conv = nn.Conv2d(n_in, n_out, side, stride=stride, padding=side // 2, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        layers: list[tuple[str, nn.Module]] = [("conv", conv)]
        layers += [("pool", nn.MaxPool2d(2))] if shrinks else []
        layers += [("norm", nn.BatchNorm2d(n_out))]
        layers += [] if is_last else [("relu", nn.ReLU())]
        super().__init__(OrderedDict(layers))


class Pair(nn.Module):
    """The nine-layer network's residual: two whole convolutions, added to what came in."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(n_channels, n_channels), Convolution(n_channels, n_channels)

    def forward(self, pictures: Tensor) -> Tensor:
        added: Tensor = pictures + self.second(self.first(pictures))
        return added


class Block(nn.Module):
    """The paper's basic block, figure 2: ReLU comes after the sum, and a 1 x 1 convolution fits the shapes."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.first = Convolution(n_in, n_out, stride=stride)
        self.second = Convolution(n_out, n_out, is_last=True)
        fits = n_in == n_out and stride == 1
        self.shortcut = nn.Identity() if fits else Convolution(n_in, n_out, 1, stride, is_last=True)
        self.relu = nn.ReLU()

    def forward(self, pictures: Tensor) -> Tensor:
        added: Tensor = self.relu(self.second(self.first(pictures)) + self.shortcut(pictures))
        return added


class ResNet(Classifier):
    """Layers that see, the mean or maximum over what is left of the picture, and one linear layer."""

    def __init__(
        self, pixels: Pixels, layers: list[tuple[str, nn.Module]], n_features: int, n_classes: int
    ) -> None:
        super().__init__()
        self.pixels = pixels
        self.layers = nn.Sequential(OrderedDict([*layers, ("flatten", nn.Flatten())]))
        self.output = nn.Linear(n_features, n_classes)

    def penultimate(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.layers(self.pixels(pictures))  # (batch, n_features)
        return features

    @property
    def last(self) -> nn.Linear:
        return self.output


class ResNet9(ResNet):
    """Nine layers that learn fast on small pictures: the plan of Page's ResNet-9 (2018, "How to train your
    ResNet"), `n_channels` wide at first and eight times that at the end (6.6 million parameters at 64).

    lean: the first layer has two thirds of the channels, and pictures shrink before they are normalised, not after.
    """

    def __init__(
        self,
        size_px: int,
        n_classes: int,
        n_channels: int = 64,
        pixels: Pixels | None = None,
        *,
        lean: bool = False,
    ) -> None:
        width = n_channels
        stem = max(1, 2 * width // 3) if lean else width

        def half(name: str, n_in: int, n_out: int) -> list[tuple[str, nn.Module]]:
            convolution = (f"conv{name}", Convolution(n_in, n_out, shrinks=lean))
            return [convolution] if lean else [convolution, (f"pool{name}", nn.MaxPool2d(2))]

        layers: list[tuple[str, nn.Module]] = [
            ("stem", Convolution(3, stem)),
            *half("2", stem, 2 * width),
            ("residual2", Pair(2 * width)),
            *half("3", 2 * width, 4 * width),
            *half("4", 4 * width, 8 * width),
            ("residual4", Pair(8 * width)),
            ("strongest", Strongest()),
        ]
        super().__init__(pixels or Pixels(), layers, 8 * width, n_classes)


class ResNet18(ResNet):
    """Eighteen layers: table 1 of the paper (11,689,512 parameters at 1000 classes and 64 channels).

    Pictures of up to 64 px go through a first layer of 3 x 3 that does not shrink them.
    """

    def __init__(
        self, size_px: int, n_classes: int, n_channels: int = 64, pixels: Pixels | None = None
    ) -> None:
        width = n_channels
        if size_px >= LARGE_PX:
            layers: list[tuple[str, nn.Module]] = [
                ("stem", Convolution(3, width, 7, 2)),
                ("pool1", nn.MaxPool2d(3, stride=2, padding=1)),
            ]
        else:
            layers = [("stem", Convolution(3, width))]
        n_in = width
        for stage in range(4):
            n_out = width * 2**stage
            layers += [
                (f"stage{stage + 1}a", Block(n_in, n_out, 1 if stage == 0 else 2)),
                (f"stage{stage + 1}b", Block(n_out, n_out, 1)),
            ]
            n_in = n_out
        super().__init__(pixels or Pixels(), [*layers, ("mean", nn.AdaptiveAvgPool2d(1))], n_in, n_classes)
