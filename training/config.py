"""What a training run is told: a network's name, a picture size, a recipe and a seed.

The web process reads this module for its forms, pages and API, so it must not import torch.
"""

import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, fields
from functools import partial
from typing import Any, Self

NETWORKS: dict[str, str] = {
    "perceptron": "One linear layer from pixels to classes: the simplest network there is.",
    "mlp": "A multi-layer perceptron: fully connected hidden layers between pixels and classes.",
    "alexnet": "The convolutional network that won ImageNet's contest in 2012; a small one under 128 px.",
    "resnet": "A residual network, whose layers add to what came in: nine layers under 128 px, else eighteen.",
}
# Values of options that are words; the first is what is meant where none is said.
WORDS: dict[str, tuple[str, ...]] = {
    "optimizer": ("sgd", "adamw", "muon"),
    "schedule": ("cosine", "step"),
    "colour": ("none", "jitter", "pca"),
    "precision": ("auto", "float32", "bfloat16"),
    "activation": ("relu", "sigmoid"),
    "targets": ("labels", "posteriors", "shares"),
}
FLAGS = ("crop", "flip", "changes", "mirror", "shifts", "compiled", "grayscale", "centred", "lean")

# From this size up, "alexnet" is the network of 2012; its strides leave too little of smaller pictures.
ALEXNET_MIN_PX = 128
# From this size up, "resnet" has eighteen layers unless it is told otherwise.
DEEP_MIN_PX = 128
FEW_IMAGES = 50_000
# Of fewer a batch that is large enough for Muon's steps to pay leaves too few of them.
ENOUGH_FOR_MUON = 5_000
DEPTHS = (0, 9, 18)
TOWERS = (1, 2)

# Lowest and highest value of each number, both allowed. Wide on purpose: they refuse slips, not experiments.
WHOLE_NUMBERS: dict[str, tuple[int, int]] = {
    "size_px": (8, 1024),
    "epochs": (1, 10_000),
    "batch_size": (1, 65_536),
    "early_stop": (0, 10_000),
    "seed": (0, 2**31 - 1),
    "width": (0, 512),
}
NUMBERS: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-8, 100.0),
    "momentum": (0.0, 0.999),
    "weight_decay": (0.0, 1.0),
    "label_smoothing": (0.0, 0.9),
    "mixup": (0.0, 10.0),
    "erase": (0.0, 0.9),
    "ema": (0.0, 0.99999),
    "progressive": (0.0, 1.0),
}
MAX_HIDDEN_LAYERS, MAX_HIDDEN_WIDTH = 8, 8192
# Which network an option is about; of every other network it must be what it is where nobody says anything.
ONLY_OF: dict[str, tuple[str, ...]] = {
    "hidden": ("mlp",),
    "activation": ("mlp",),
    "grayscale": ("perceptron", "mlp"),
    "depth": ("resnet",),
    "width": ("resnet",),
    "lean": ("resnet",),
    "progressive": ("resnet",),
    "towers": ("alexnet",),
}


class ConfigError(ValueError):
    """A training option that cannot be used; says what was expected, what was found, and where."""


@dataclass(frozen=True)
class Config:
    """One training run's options. Equal configs on equal data give equal weights.

    size_px:         side of the square pictures that the network sees.
    epochs:          passes over the training split.
    learning_rate:   the highest of the schedule, after a short climb.
    optimizer:       "sgd" with Nesterov's momentum; "adamw", which has no use for `momentum`; or "muon", SGD whose
                     steps of filters are orthogonal, for the resnet alone, in which each is normalised.
    schedule:        "cosine", half a wave down to zero, or "step", a tenth after half and after three quarters.
    weight_decay:    L2 penalty on every weight; with "adamw" apart from the gradient.
    label_smoothing: share of each label spread evenly over all classes.
    targets:         what is learnt of a picture: "labels", one class each; "posteriors", what its votes make
                     probable; or "shares", its votes themselves, which tell what it looks like besides.
    mixup:           blend pairs of pictures and their labels by a share drawn from Beta(mixup, mixup); 0 is off.
    crop:            shift each picture at random, by up to an eighth of its side, each time it is shown.
    flip:            mirror half of the pictures; wrong wherever left and right matter, as for digits.
    changes:         change each picture in one of a dozen ways at random: its colours, its sharpness, its slant.
    colour:          change colours at random: "jitter" brightness, contrast and saturation; "pca" as in 2012.
    erase:           side of a square that is greyed out somewhere in each picture, as a share of its side.
    progressive:     share of the epochs, from the first on, in which pictures are shown at half of their side, and
                     then at three quarters: they cost a quarter and half, and little is lost; of the resnet alone,
                     which takes any size.
    mirror:          answer by the mean over each picture and its mirror image.
    shifts:          answer by the mean over each picture and four copies, shifted towards its corners.
    ema:             decay a batch of the moving average of all weights that the run ends with; 0 is off.
    early_stop:      end after so many epochs without a better validation loss, with the best weights; 0 is never.
    precision:       of matrix products: "bfloat16", "float32", or "auto", whichever is faster where it runs.
    compiled:        let torch.compile fuse operations, where that is possible: slow to start, faster on GPUs.
    hidden:          widths of the hidden layers, first to last; of the mlp alone.
    activation:      what follows each hidden layer of the mlp, "sigmoid" or "relu".
    grayscale:       see pictures without colour; of the fully connected networks alone.
    centred:         pixels go from -1 to 1 rather than from 0 to 1.
    depth:           layers of the resnet, 9 or 18; 0 chooses by the picture size.
    width:           channels of the resnet's first layer; 0 is 64, or 24 for nine layers.
    lean:            of nine layers the first has two thirds of the channels, and pictures shrink before they are
                     normalised and not after: a quarter faster, and as often right.
    towers:          2 parts alexnet's layers in halves, as for the two cards of 2012; 1 joins them.
    Raises ConfigError if a value has the wrong type or lies out of its range.
    """

    network: str
    size_px: int
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str = "sgd"
    momentum: float = 0.9
    schedule: str = "cosine"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    targets: str = "labels"
    mixup: float = 0.0
    crop: bool = False
    flip: bool = False
    changes: bool = False
    colour: str = "none"
    erase: float = 0.0
    progressive: float = 0.0
    mirror: bool = False
    shifts: bool = False
    ema: float = 0.0
    early_stop: int = 0
    precision: str = "auto"
    compiled: bool = False
    seed: int = 0
    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    grayscale: bool = False
    centred: bool = True
    depth: int = 0
    width: int = 0
    lean: bool = False
    towers: int = 2

    def __post_init__(self) -> None:
        _expect("network", self.network, self.network in tuple(NETWORKS), _one_of(NETWORKS))
        for name, words in WORDS.items():
            value = getattr(self, name)
            _expect(name, value, value in words, _one_of(words))
        for name, (lowest, highest) in WHOLE_NUMBERS.items():
            value = getattr(self, name)
            is_good = type(value) is int and lowest <= value <= highest
            _expect(name, value, is_good, f"a whole number from {lowest} to {highest}")
        for name, (low, high) in NUMBERS.items():
            value = getattr(self, name)
            is_good = type(value) in (int, float) and low <= value <= high
            _expect(name, value, is_good, f"a number from {low:g} to {high:g}")
        for name in FLAGS:
            value = getattr(self, name)
            _expect(name, value, type(value) is bool, "true or false")
        _expect("depth", self.depth, self.depth in DEPTHS, _one_of(DEPTHS))
        _expect("towers", self.towers, self.towers in TOWERS, _one_of(TOWERS))
        self._check_network()

    def _check_network(self) -> None:
        """Refuse what is said about a network that this is none of."""
        for name, networks in ONLY_OF.items():
            if self.network not in networks:
                value, unsaid = getattr(self, name), DEFAULTS[name]
                _expect(name, value, value == unsaid, f"nothing ({unsaid!r}) for network {self.network!r}")
        is_good = self.optimizer != "muon" or self.network == "resnet"
        _expect("optimizer", self.optimizer, is_good, f"'sgd' or 'adamw' for network {self.network!r}")
        if self.network != "mlp":
            return
        is_good = (
            isinstance(self.hidden, tuple)
            and 1 <= len(self.hidden) <= MAX_HIDDEN_LAYERS
            and all(type(width) is int and 1 <= width <= MAX_HIDDEN_WIDTH for width in self.hidden)
        )
        wanted = f"1 to {MAX_HIDDEN_LAYERS} whole numbers from 1 to {MAX_HIDDEN_WIDTH}"
        _expect("hidden", self.hidden, is_good, wanted)

    @property
    def n_layers_deep(self) -> int:
        """Layers of a resnet: as it was told, or by its picture size."""
        return self.depth or (9 if self.size_px < DEEP_MIN_PX else 18)

    @property
    def n_channels(self) -> int:
        """Channels of a resnet's first layer."""
        return self.width or (24 if self.n_layers_deep == 9 else 64)

    @property
    def digest(self) -> str:
        """SHA-256 of what is told besides the seed: runs of equal digests differ by chance alone.

        What is left unsaid is left out, so that an option of a later version changes no digest.
        """
        told = {
            # A whole number and the same as a fraction are one value.
            name: float(value) if name in NUMBERS else value
            for name, value in asdict(self).items()
            if name != "seed" and value != DEFAULTS.get(name)
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return a dict that json can write; from_json() reads it back to an equal Config."""
        return {**asdict(self), "hidden": list(self.hidden)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Raises ConfigError if a key is unknown or a needed one is missing, or a value is not usable."""
        if not isinstance(data, dict):
            raise ConfigError(f"Config: expected an object with named options; found {data!r}.")
        names = [field.name for field in fields(cls)]
        if unknown := sorted(set(data) - set(names)):
            raise ConfigError(f"Config: expected only the options {', '.join(names)}; found {unknown[0]!r}.")
        needed = ("network", "size_px", "epochs", "batch_size", "learning_rate")
        if missing := [name for name in needed if name not in data]:
            raise ConfigError(f"Config: expected the option {missing[0]!r}; found only {sorted(data)}.")
        # JSON has no tuples. Any, because __post_init__ is what checks the types.
        options: Any = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**options)

    @classmethod
    def default(cls, network: str, size_px: int, n_images: int) -> Self:
        """Return a recipe that trains `network` sensibly on `n_images` training pictures.

        Tuned on the validation errors of 1,797 scanned digits at 16 px and of 8,000 photographs at 32 px
        (benchmarks/training.py); a start, not a finding, elsewhere.
        """
        # 30 epochs, or on few pictures as many more as give 600 steps of 64 pictures.
        epochs = min(300, max(30, -(-600 * 64 // max(1, n_images))))
        recipe = partial(cls, network=network, size_px=size_px, epochs=epochs)
        if network == "perceptron":
            # The longest step that is still stable shrinks as the number of inputs grows.
            return recipe(batch_size=64, learning_rate=0.02 * (16 / max(16, size_px)) ** 2)
        if network == "mlp":
            return recipe(
                batch_size=64, learning_rate=0.3, weight_decay=1e-4, hidden=(256, 128), activation="sigmoid"
            )
        if network == "resnet":
            recipe = partial(
                recipe,
                # It goes on getting better for long, where there is little to learn from.
                epochs=max(epochs, 90) if n_images <= FEW_IMAGES else epochs,
                weight_decay=1e-3,
                label_smoothing=0.1,
                crop=True,
                changes=True,
                progressive=0.7 if size_px >= 32 else 0.0,  # tiny pictures have nothing to lose
                lean=size_px < DEEP_MIN_PX,
            )
            if n_images < ENOUGH_FOR_MUON or size_px >= DEEP_MIN_PX:
                return recipe(batch_size=32, learning_rate=0.05, erase=0.25, ema=0.995)
            return recipe(optimizer="muon", batch_size=128, learning_rate=0.04, erase=0.125, ema=0.99)
        if size_px < ALEXNET_MIN_PX:
            return recipe(batch_size=64, learning_rate=0.05, weight_decay=5e-4, crop=True)
        # The paper's own, section 5.
        return recipe(batch_size=128, learning_rate=0.01, weight_decay=5e-4, crop=True)


# What each option is where nobody says anything; those that must be said are not in it.
DEFAULTS: dict[str, Any] = {
    field.name: field.default for field in fields(Config) if field.default is not MISSING
}


def _expect(name: str, value: object, is_good: bool, wanted: str) -> None:
    if not is_good:
        raise ConfigError(f"Config, {name}: expected {wanted}; found {value!r}.")


def _one_of(names: Any) -> str:
    return "one of " + ", ".join(map(str, names))
