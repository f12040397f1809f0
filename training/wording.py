"""Networks, options and layers in words: what a form, a page and the preview of a policy say of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from django.utils.formats import get_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from training.config import FLAGS, MAX_HIDDEN_LAYERS, ONLY_OF, Config

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Words: TypeAlias = "str | _StrPromise"  # of no language until they are shown

NETWORKS: dict[str, Words] = {
    "perceptron": _("One linear layer from pixels to classes: the simplest network there is."),
    "mlp": _("A multi-layer perceptron: fully connected hidden layers between pixels and classes."),
    "alexnet": _("The convolutional network that won ImageNet’s contest in 2012; a small one under 128 px."),
    "resnet": _(
        "A residual network, whose layers add to what came in: nine layers under 128 px, else eighteen."
    ),
}

# The parts of the form, in its order.
MADE_OF, SEES, LEARNS, ENDS = "made-of", "sees", "learns", "ends"
GROUPS: dict[str, Words] = {
    SEES: _("What it sees"),
    MADE_OF: _("What it is made of"),
    LEARNS: _("How it learns"),
    ENDS: _("How it ends"),
}


@dataclass(frozen=True)
class Option:
    """An option's name in words, what it does, in a sentence or two, and the part of the form that it is in."""

    name: Words
    says: Words
    group: str


OPTIONS: dict[str, Option] = {
    "size_px": Option(
        _("Picture size, pixels"),
        _("The side of the squares that pictures are brought to. Twice the side shows more and costs four times."),
        SEES,
    ),
    "grayscale": Option(
        _("Without colour"), _("It sees how bright each pixel is, and no more. A third of the input is left."), SEES
    ),
    "centred": Option(
        _("Pixels around zero"),
        _("Black is −1 and white 1, which is learnt from faster. Otherwise black is 0, as in textbooks."),
        SEES,
    ),
    "crop": Option(
        _("Shift at random"),
        _("Each time a picture is shown it lies a little elsewhere, by up to an eighth of its side."),
        SEES,
    ),
    "flip": Option(
        _("Mirror at random"),
        _("Half of the pictures are shown mirrored. Wrong where left and right matter, as for digits and letters."),
        SEES,
    ),
    "changes": Option(
        _("Change in one of many ways"),
        _("Each picture is changed in one of a dozen ways: its colours, its sharpness, its slant. Helps with few."),
        SEES,
    ),
    "colour": Option(
        _("Change colours at random"),
        _("So that it learns not to count on the light of the day."),
        SEES,
    ),
    "erase": Option(
        _("Grey out a square"),
        _("The side of a square that is greyed out somewhere in each picture, as a share of its side. 0 is none."),
        SEES,
    ),
    "progressive": Option(
        _("Smaller at first"),
        _("In this share of the epochs pictures have half of their side, and then three quarters: far less work."),
        SEES,
    ),
    "mixup": Option(
        _("Blend pictures"),
        _("Pairs of pictures and labels are blended by a share drawn from Beta(x, x). 0 is never, 0.2 a little."),
        SEES,
    ),
    "targets": Option(
        _("What is learnt of a picture"),
        _(
            "Its label alone; or the posteriors, how probable its votes make each noun; or the shares of its votes, "
            "which tell what people take for each other: where each picture has many votes, it errs less by them."
        ),
        LEARNS,
    ),
    "hidden": Option(
        _("Hidden layers"),
        format_lazy(
            _("How many units each hidden layer has, from the pixels on, as 256, 128. At most {n} layers."),
            n=MAX_HIDDEN_LAYERS,
        ),
        MADE_OF,
    ),
    "activation": Option(
        _("What squeezes a unit’s sum"),
        _("The sigmoid is the textbook’s; ReLU passes what is above zero, and learns faster in deep networks."),
        MADE_OF,
    ),
    "depth": Option(_("Layers"), _("How deep it is. Eighteen layers want larger pictures and more time."), MADE_OF),
    "width": Option(
        _("Channels of the first layer"),
        _("Later layers have a multiple of it. 0 is the usual number: 24 with nine layers, 64 with eighteen."),
        MADE_OF,
    ),
    "lean": Option(
        _("Leaner first layers"),
        _("Of nine layers: less work where pictures are still large. A quarter faster, and errs as often."),
        MADE_OF,
    ),
    "towers": Option(
        _("Towers"),
        _("Two halves that seldom meet, as in 2012 on two cards, or one joined network with more weights."),
        MADE_OF,
    ),
    "mirror": Option(
        _("Look twice"),
        _("Its answer is the mean of those on a picture and on its mirror image. That takes twice as long."),
        SEES,
    ),
    "shifts": Option(
        _("Look five times"),
        _("Its answer is the mean over a picture and four copies, shifted a little. It takes five times as long."),
        SEES,
    ),
    "batch_size": Option(
        _("Pictures in a batch"),
        _("Its weights are corrected once after each. Larger ones go faster through a GPU and correct more rarely."),
        LEARNS,
    ),
    "learning_rate": Option(
        _("Learning rate"),
        _("How far a batch moves the weights, at most. Too high and the loss jumps; too low and nothing happens."),
        LEARNS,
    ),
    "optimizer": Option(
        _("Optimiser"),
        _(
            "SGD goes down the slope with momentum; AdamW has a step for each weight, and wants a rate near 0.001; "
            "Muon turns the filters of a residual network in all directions alike, and gets further in as many steps."
        ),
        LEARNS,
    ),
    "momentum": Option(
        _("Momentum"), _("The share of the last step that is kept in the next. AdamW has no use for it."), LEARNS
    ),
    "schedule": Option(
        _("How the rate falls"),
        _("After a short climb: half a wave down to zero, or a tenth after half and again after three quarters."),
        LEARNS,
    ),
    "weight_decay": Option(
        _("Weight decay"),
        _("Weights shrink by this share of themselves, times the rate, so that none grows without need."),
        LEARNS,
    ),
    "label_smoothing": Option(
        _("Label smoothing"),
        _("The share of each label that is spread over all nouns, so that it does not get surer than it should."),
        LEARNS,
    ),
    "precision": Option(
        _("Precision"),
        _("Of its products. Half-long numbers (bfloat16) are faster on many machines, and slower on some."),
        LEARNS,
    ),
    "compiled": Option(
        _("Compile it first"),
        _("torch.compile fuses its operations where it can: slow to start, faster on GPUs after."),
        LEARNS,
    ),
    "epochs": Option(_("Epochs"), _("How often it goes through all pictures for training."), ENDS),
    "early_stop": Option(
        _("Stop early"),
        _("After so many epochs without a better validation loss it ends, with the best weights it had. 0 is never."),
        ENDS,
    ),
    "ema": Option(
        _("Average the weights"),
        _("It ends with a moving average of its weights, of which each batch keeps this share. 0 is off."),
        ENDS,
    ),
    "seed": Option(
        _("Seed"), _("What chance begins from. The same seed gives the same weights; another trains it afresh."), ENDS
    ),
}  # fmt: skip

# What the values of an option are called, where they are words or stand for something.
VALUES: dict[str, dict[Any, Words]] = {
    "optimizer": {"sgd": "SGD", "adamw": "AdamW", "muon": "Muon"},
    "schedule": {"cosine": _("half a cosine wave"), "step": _("in two steps")},
    "colour": {
        "none": _("not at all"),
        "jitter": _("brightness, contrast and saturation"),
        "pca": _("along the main colours, as in 2012"),
    },
    "targets": {
        "labels": _("its label"),
        "posteriors": _("how probable its votes make each noun"),
        "shares": _("the share of its votes that each noun has"),
    },
    "precision": {
        "auto": _("whichever is faster"),
        "float32": _("single (float32)"),
        "bfloat16": _("half-long (bfloat16)"),
    },
    "activation": {"relu": "ReLU", "sigmoid": _("sigmoid")},
    "depth": {0: _("by the picture size"), 9: "9", 18: "18"},
    "towers": {1: _("one"), 2: _("two")},
    "width": {0: _("as usual")},
    "early_stop": {0: _("never")},
}

# Kinds of layers, as training.describing names them.
KINDS: dict[str, Words] = {
    "pixels": _("pixels"),
    "fully connected": _("fully connected"),
    "convolution": _("convolution"),
    "batch normalisation": _("batch normalisation"),
    "local response normalisation": _("local response normalisation"),
    "ReLU": "ReLU",
    "sigmoid": _("sigmoid"),
    "max pooling": _("max pooling"),
    "global max pooling": _("global max pooling"),
    "global average pooling": _("global average pooling"),
    "dropout": _("dropout"),
}

# What a run's `machine` tells, as far as there are words for it.
MACHINE: dict[str, Words] = {
    "device": _("Device"),
    "device_name": _("Machine"),
    "precision": _("Precision"),
    "channels_last": _("Channels last"),
    "compiled": _("Compiled"),
    "n_threads": _("Threads"),
    "n_processes": _("Processes"),
    "torch": pgettext_lazy("version", "PyTorch"),
    "packed": _("Pictures packed"),
}


def names_of(network: str) -> list[str]:
    """Return the options that are about this network, in the order of the form."""
    return [name for name in OPTIONS if network in ONLY_OF.get(name, (network,))]


def usual_epochs(network: str, size_px: int, n_images: int) -> int:
    """Return how often the usual recipe of a network goes through its pictures."""
    return Config.default(network, size_px, n_images).epochs


def value_of(name: str, value: Any) -> str:
    """Return an option's value as a page shows it."""
    if name in FLAGS:
        return _t("yes") if value else _t("no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or _t("none")
    if isinstance(value, float):
        return str(value).removesuffix(".0").replace(".", get_format("DECIMAL_SEPARATOR"))
    return str(VALUES.get(name, {}).get(value, value))


def recipe(config: Config) -> list[tuple[str, str]]:
    """Return every option that is about the run's network, by its name in words, with its value."""
    return [
        (str(OPTIONS[name].name), value_of(name, getattr(config, name))) for name in names_of(config.network)
    ]


def differing(configs: Iterable[Config]) -> list[tuple[str, list[str]]]:
    """Return the options that these recipes differ in, by name, with the value of each; a dash where it has none."""
    configs = list(configs)
    rows: list[tuple[str, list[str]]] = []
    for name, option in OPTIONS.items():
        values = [
            value_of(name, getattr(config, name)) if name in names_of(config.network) else "–"
            for config in configs
        ]
        if len(set(values)) > 1:
            rows.append((str(option.name), values))
    return rows


def machine(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a run's machine is, name by name."""
    return [
        (
            str(MACHINE.get(name, name.replace("_", " "))),
            (_t("yes") if value else _t("no")) if isinstance(value, bool) else str(value),
        )
        for name, value in told.items()
        if value not in (None, "")
    ]
