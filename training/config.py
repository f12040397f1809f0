"""What a training run is told: a network's name, a picture size, a recipe and a seed.

The web process reads this module for its forms, pages and API, so it must not import torch.
"""

from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any, Self

NETWORKS: dict[str, str] = {
    "perceptron": "One linear layer from pixels to classes: the simplest network there is.",
    "mlp": "A multi-layer perceptron: fully connected hidden layers between pixels and classes.",
    "alexnet": "The convolutional network that won ImageNet's contest in 2012; a small one under 128 px.",
}
ACTIVATIONS = ("sigmoid", "relu")

# From this size up, "alexnet" is the network of 2012; its strides leave too little of smaller pictures.
ALEXNET_MIN_PX = 128

# Lowest and highest value of each number, both allowed. Wide on purpose: they refuse slips, not experiments.
WHOLE_NUMBERS: dict[str, tuple[int, int]] = {
    "size_px": (8, 1024),
    "epochs": (1, 10_000),
    "batch_size": (1, 65_536),
    "seed": (0, 2**31 - 1),
}
NUMBERS: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-8, 100.0),
    "momentum": (0.0, 0.999),
    "weight_decay": (0.0, 1.0),
    "label_smoothing": (0.0, 0.9),
}
MAX_HIDDEN_LAYERS, MAX_HIDDEN_WIDTH = 8, 8192


class ConfigError(ValueError):
    """A training option that cannot be used; says what was expected, what was found, and where."""


@dataclass(frozen=True)
class Config:
    """One training run's options. Equal configs on equal data give equal weights.

    size_px:         side of the square pictures that the network sees.
    epochs:          passes over the training split.
    learning_rate:   the highest of the schedule (a short warm-up, then a cosine down to zero).
    weight_decay:    L2 penalty on every weight.
    label_smoothing: share of each label spread evenly over all classes.
    augment:         shift each picture at random, by up to an eighth of its side, each time it is shown.
    flip:            mirror half of the pictures; wrong wherever left and right matter, as for digits.
    hidden:          widths of the hidden layers, first to last; of the mlp alone.
    activation:      what follows each hidden layer of the mlp, "sigmoid" or "relu".
    Raises ConfigError if a value has the wrong type or lies out of its range.
    """

    network: str
    size_px: int
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augment: bool = False
    flip: bool = False
    seed: int = 0
    hidden: tuple[int, ...] = ()
    activation: str = "relu"

    def __post_init__(self) -> None:
        _expect("network", self.network, self.network in tuple(NETWORKS), _one_of(NETWORKS))
        _expect("activation", self.activation, self.activation in ACTIVATIONS, _one_of(ACTIVATIONS))
        for name, (lowest, highest) in WHOLE_NUMBERS.items():
            value = getattr(self, name)
            is_good = type(value) is int and lowest <= value <= highest
            _expect(name, value, is_good, f"a whole number from {lowest} to {highest}")
        for name, (low, high) in NUMBERS.items():
            value = getattr(self, name)
            is_good = type(value) in (int, float) and low <= value <= high
            _expect(name, value, is_good, f"a number from {low:g} to {high:g}")
        for name in ("augment", "flip"):
            value = getattr(self, name)
            _expect(name, value, type(value) is bool, "true or false")
        self._check_hidden()

    def _check_hidden(self) -> None:
        if self.network != "mlp":
            _expect("hidden", self.hidden, self.hidden == (), f"none for network {self.network!r}")
            return
        is_good = (
            isinstance(self.hidden, tuple)
            and 1 <= len(self.hidden) <= MAX_HIDDEN_LAYERS
            and all(type(width) is int and 1 <= width <= MAX_HIDDEN_WIDTH for width in self.hidden)
        )
        wanted = f"1 to {MAX_HIDDEN_LAYERS} whole numbers from 1 to {MAX_HIDDEN_WIDTH}"
        _expect("hidden", self.hidden, is_good, wanted)

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

        Tuned on the validation errors of 1,797 scanned digits at 16 px; a start, not a finding, elsewhere.
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
        if size_px < ALEXNET_MIN_PX:
            return recipe(batch_size=64, learning_rate=0.05, weight_decay=5e-4, augment=True)
        # The paper's own, section 5.
        return recipe(batch_size=128, learning_rate=0.01, weight_decay=5e-4, augment=True)


def _expect(name: str, value: object, is_good: bool, wanted: str) -> None:
    if not is_good:
        raise ConfigError(f"Config, {name}: expected {wanted}; found {value!r}.")


def _one_of(names: Any) -> str:
    return "one of " + ", ".join(names)
