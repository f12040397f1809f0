"""The classifiers, as plain modules: pictures in, one logit for each class out.

Every network takes float32 (batch, 3, size_px, size_px) from 0 (black) to 1 (white), and answers with logits
(batch, n_classes). Once trained, a picture's answer depends on it alone and not on its batch.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from training.classifier import Classifier, Pixels
from training.config import ALEXNET_MIN_PX, Config
from training.layers import ResponseNormalisation
from training.resnet import ResNet9, ResNet18


class Perceptron(Classifier):
    """One linear layer on the pixels. Source: Rosenblatt (1958), doi:10.1037/h0042519."""

    def __init__(self, size_px: int, n_classes: int, pixels: Pixels | None = None) -> None:
        super().__init__()
        self.pixels = pixels or Pixels()
        self.output = nn.Linear(self.pixels.n_channels * size_px**2, n_classes)
        # Equal classes to begin with: no start is better than another where the loss has a single valley.
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def penultimate(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.pixels(pictures).flatten(1)  # (batch, channels * size * size)
        return features

    @property
    def last(self) -> nn.Linear:
        return self.output


class MultiLayerPerceptron(Classifier):
    """Fully connected layers of the given `hidden` widths, each followed by a sigmoid or a ReLU.

    Source: Rumelhart, Hinton & Williams (1986), doi:10.1038/323533a0.
    """

    def __init__(
        self,
        size_px: int,
        n_classes: int,
        hidden: Sequence[int],
        activation: str,
        pixels: Pixels | None = None,
    ) -> None:
        super().__init__()
        self.pixels = pixels or Pixels()
        widths = [self.pixels.n_channels * size_px**2, *hidden]
        layers: list[nn.Module] = []
        for n_inputs, n_outputs in pairwise(widths):
            linear = nn.Linear(n_inputs, n_outputs)
            # Signals stay as strong from layer to layer: Glorot's weights for sigmoid, He's for ReLU.
            if activation == "sigmoid":
                nn.init.xavier_uniform_(linear.weight)
            else:
                nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
            layers += [linear, nn.Sigmoid() if activation == "sigmoid" else nn.ReLU()]
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(widths[-1], n_classes)

    def penultimate(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.hidden(self.pixels(pictures).flatten(1))  # (batch, hidden[-1])
        return features

    @property
    def last(self) -> nn.Linear:
        return self.output


class AlexNet(Classifier):
    """The eight layers of 2012: five convolutions, three of them pooled, then three fully connected.

    n_towers: 2 splits layers 2, 4 and 5 in halves that do not see each other, as the paper did to fit two
    graphics cards (60,965,224 parameters at 224 px and 1000 classes); 1 joins them (62,378,344).
    Source: Krizhevsky, Sutskever & Hinton (2012), doi:10.1145/3065386.
    """

    def __init__(self, size_px: int, n_classes: int, n_towers: int = 2, pixels: Pixels | None = None) -> None:
        super().__init__()
        self.pixels = pixels or Pixels()
        self.features = nn.Sequential(
            # The paper says 224 px, its arithmetic 227; two pixels of padding give its 55 x 55 map.
            nn.Conv2d(3, 96, 11, stride=4, padding=2),
            nn.ReLU(),
            _brightness_normalisation(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(96, 256, 5, padding=2, groups=n_towers),
            nn.ReLU(),
            _brightness_normalisation(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1, groups=n_towers),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1, groups=n_towers),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        side = (size_px + 4 - 11) // 4 + 1
        for _ in range(3):
            side = (side - 3) // 2 + 1
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(256 * side**2, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, n_classes),
        )
        _start_for_relu(self)

    def penultimate(self, pictures: Tensor) -> Tensor:
        return _before_last(self, pictures)  # (batch, 4096), from (batch, 256, 6, 6) at 224 px

    @property
    def last(self) -> nn.Linear:
        return _last_of(self.classifier)


class SmallAlexNet(Classifier):
    """AlexNet's plan for small pictures: overlapping pooling between convolutions, dropout.

    One convolution of 3 x 3 and one pooling for each halving of the side down to 4 px or less, and a last
    convolution that is not pooled. Without the brightness normalisation, which costs more than it gives here.
    """

    def __init__(self, size_px: int, n_classes: int, pixels: Pixels | None = None) -> None:
        super().__init__()
        self.pixels = pixels or Pixels()
        layers: list[nn.Module] = []
        side, n_channels, width = size_px, 3, 32
        while side > 4:
            layers += [
                nn.Conv2d(n_channels, width, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(3, stride=2, padding=1),
            ]
            side, n_channels, width = (side + 1) // 2, width, min(2 * width, 256)
        layers += [nn.Conv2d(n_channels, width, 3, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(width * side**2, 256),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(256, n_classes),
        )
        _start_for_relu(self)

    def penultimate(self, pictures: Tensor) -> Tensor:
        return _before_last(self, pictures)  # (batch, 256), from (batch, 256, 4, 4) at 32 px

    @property
    def last(self) -> nn.Linear:
        return _last_of(self.classifier)


def build(config: Config, n_classes: int) -> Classifier:
    """Return the network that `config` names, freshly started from torch's random state."""
    network = _fresh(config, n_classes)
    network.mirrors, network.shifts = config.mirror, config.shifts
    return network


def _fresh(config: Config, n_classes: int) -> Classifier:
    pixels = Pixels(grayscale=config.grayscale, centred=config.centred)
    if config.network == "perceptron":
        return Perceptron(config.size_px, n_classes, pixels)
    if config.network == "mlp":
        return MultiLayerPerceptron(config.size_px, n_classes, config.hidden, config.activation, pixels)
    if config.network == "resnet":
        if config.n_layers_deep == 9:
            return ResNet9(config.size_px, n_classes, config.n_channels, pixels, lean=config.lean)
        return ResNet18(config.size_px, n_classes, config.n_channels, pixels)
    if config.size_px < ALEXNET_MIN_PX:
        return SmallAlexNet(config.size_px, n_classes, pixels)
    return AlexNet(config.size_px, n_classes, config.towers, pixels)


def n_parameters(network: nn.Module) -> int:
    """Return how many numbers `network` learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def _before_last(network: AlexNet | SmallAlexNet, pictures: Tensor) -> Tensor:
    features: Tensor = network.features(network.pixels(pictures)).flatten(1)
    for layer in list(network.classifier)[:-1]:
        features = layer(features)
    return features


def _last_of(layers: nn.Sequential) -> nn.Linear:
    last = layers[-1]
    if not isinstance(last, nn.Linear):
        raise TypeError(f"Expected a linear layer at the end; found {type(last).__name__}.")
    return last


def _brightness_normalisation() -> nn.Module:
    # Section 3.3. torch divides alpha by the 5 neighbours and the paper does not, so its 1e-4 is 5e-4 here.
    return ResponseNormalisation(5, alpha=5e-4, beta=0.75, k=2.0)


def _start_for_relu(network: nn.Module) -> None:
    """Draw weights so that signals neither fade nor grow on their way through ReLU layers.

    The paper's normal(0, 0.01) counts on pixels of -128 to 127; ours are -1 to 1 and would fade to nothing.
    Source: He et al. (2015), eq. 10, doi:10.1109/ICCV.2015.123.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
