"""Starting a run from a page, listing runs, and what is trained by itself."""

import re
from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from config.retelling import told
from datasets.models import Snapshot
from labeling.models import Collection
from training import wording
from training.config import DEPTHS, FLAGS, NUMBERS, TOWERS, WHOLE_NUMBERS, WORDS, Config, ConfigError
from training.models import Run, TrainingPolicy, usual_recipe

_CHOICES: dict[str, tuple[Any, ...]] = {**WORDS, "depth": DEPTHS, "towers": TOWERS}
_ABOUT = re.compile(r"Config, (?P<name>\w+): (?P<what>.*)", re.DOTALL)


def trainable(user: User) -> Any:
    """Return the snapshots that `user` may train on, the newest first: those of the collections that they edit."""
    snapshots = Snapshot.objects.select_related("collection").order_by("-created_at", "-pk")
    return snapshots.filter(collection__in=Collection.objects.edited_by(user)).defer("card", "taxonomy")


class LayersField(forms.CharField):
    """Widths of hidden layers, as 256, 128; cleaned to a tuple of whole numbers."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> tuple[int, ...]:
        parts = [part.strip() for part in re.split(r"[,\s]+", super().clean(value)) if part.strip()]
        try:
            return tuple(map(int, parts))
        except ValueError:
            raise ValidationError(
                gettext("Expected whole numbers, as 256, 128; found “%(found)s”.") % {"found": value}
            ) from None


def _field(name: str) -> forms.Field:
    """Return the field of one option, named and explained in words."""
    told = wording.OPTIONS[name]
    known: dict[str, Any] = {"label": told.name, "help_text": told.says, "required": name not in FLAGS}
    if name in FLAGS:
        return forms.BooleanField(**known)
    if name in _CHOICES:
        kind: Any = type(_CHOICES[name][0])
        choices = [(value, wording.VALUES[name][value]) for value in _CHOICES[name]]
        return forms.TypedChoiceField(coerce=kind, choices=choices, **known)
    if name in WHOLE_NUMBERS:
        low, high = WHOLE_NUMBERS[name]
        return forms.IntegerField(min_value=low, max_value=high, **_refusing("whole", low, high), **known)
    if name in NUMBERS:
        lowest, highest = NUMBERS[name]
        field = forms.FloatField(
            min_value=lowest, max_value=highest, **_refusing("any", lowest, highest), **known
        )
        field.widget.attrs["step"] = "any"
        return field
    return LayersField(**known)


def _refusing(kind: str, low: float, high: float) -> dict[str, Any]:
    """Return one sentence for everything that a number can be wrong with."""
    if kind == "whole":
        said = format_lazy(_("Expected a whole number from {low} to {high}."), low=low, high=high)
    else:
        said = format_lazy(_("Expected a number from {low} to {high}."), low=f"{low:g}", high=f"{high:g}")
    return {"error_messages": dict.fromkeys(("required", "invalid", "min_value", "max_value"), said)}


class RunForm(forms.Form):
    """Snapshot and network, then every option that is about this network. Valid, `config` is the recipe.

    `filled_for` says for which of the two the options were filled in: those of one network say little about another.
    """

    snapshot = forms.ModelChoiceField(Snapshot.objects.none(), label=_("Snapshot"), empty_label=None)
    network = forms.ChoiceField(
        label=_("Network"), choices=[(name, name) for name in wording.NETWORKS], widget=forms.RadioSelect
    )
    filled_for = forms.CharField(widget=forms.HiddenInput, required=False)

    config: Config

    def __init__(self, data: Any = None, *, user: User, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["snapshot"].queryset = trainable(user)  # type: ignore[attr-defined]  # a ModelChoiceField
        self.chosen = str((data if data is not None else self.initial).get("network", ""))
        for name in self.option_names:
            self.fields[name] = _field(name)

    @property
    def option_names(self) -> list[str]:
        return wording.names_of(self.chosen) if self.chosen in wording.NETWORKS else []

    @property
    def has_snapshots(self) -> bool:
        return bool(self.fields["snapshot"].queryset.exists())  # type: ignore[attr-defined]

    @property
    def networks(self) -> list[tuple[Any, Any]]:
        """The buttons of the networks, each with what it is."""
        return list(zip(self["network"], wording.NETWORKS.values(), strict=True))

    @property
    def groups(self) -> list[tuple[str, list[BoundField]]]:
        """The options, part by part."""
        found = [
            (str(title), [self[name] for name in self.option_names if wording.OPTIONS[name].group == group])
            for group, title in wording.GROUPS.items()
        ]
        return [(title, each) for title, each in found if each]

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not self.errors:
            try:
                self.config = Config(
                    network=data["network"], **{name: data[name] for name in self.option_names}
                )
            except ConfigError as error:
                self.refuse(error)
        return data

    def refuse(self, error: ConfigError) -> None:
        """Say what a recipe is refused for, beside the field that it is about."""
        about = _ABOUT.fullmatch(str(error))
        if about and about["name"] in self.fields:
            self.add_error(about["name"], told(about["what"][0].upper() + about["what"][1:]))
        else:
            self.add_error(None, told(error))

    @classmethod
    def usual(cls, user: User, asked: Any) -> "RunForm":
        """Return the form with the usual recipe of what is asked for, a snapshot and a network and perhaps a size; or
        with the recipe of a run, by `like`.

        Without a snapshot, or with one that `user` may not train on, the newest is chosen.
        """
        if (run := _like(user, asked.get("like", ""))) is not None:
            return cls.holding(user, run.snapshot_id, run.options)
        network = asked.get("network", "")
        network = network if network in wording.NETWORKS else next(iter(wording.NETWORKS))
        snapshot = _chosen(user, asked.get("snapshot", ""))
        if snapshot is None:
            return cls(user=user, initial={"network": network})
        config = usual_recipe(snapshot, network, _size(asked.get("size_px", "")))
        seed = asked.get("seed", "")
        if seed.isdecimal() and int(seed) <= WHOLE_NUMBERS["seed"][1]:
            config = replace(config, seed=int(seed))
        return cls.holding(user, snapshot.pk, config)

    @classmethod
    def holding(cls, user: User, snapshot: int, config: Config) -> "RunForm":
        """Return the form with this recipe."""
        options = {
            name: str(value).removesuffix(".0") if name in NUMBERS else value
            for name, value in config.to_json().items()
        }
        filled = {"snapshot": snapshot, "filled_for": f"{snapshot} {config.network}"}
        return cls(user=user, initial=options | filled)


def _like(user: User, asked: str) -> Run | None:
    """Return the run that another one is to be like; None if none is asked for, or `user` may not train on its
    snapshot.
    """
    runs = Run.objects.filter(snapshot__collection__in=Collection.objects.edited_by(user))
    return runs.filter(pk=asked).first() if asked.isdecimal() and len(asked) < 18 else None


def _chosen(user: User, asked: str) -> Snapshot | None:
    """Return the snapshot that is asked for, or the newest; None if there is none to train on."""
    snapshots = trainable(user).defer(None)
    found: Snapshot | None = (
        snapshots.filter(pk=asked).first() if asked.isdecimal() and len(asked) < 18 else None
    )
    return found or snapshots.first()


def _size(asked: str) -> int | None:
    low, high = WHOLE_NUMBERS["size_px"]
    return int(asked) if asked.isdecimal() and len(asked) < 6 and low <= int(asked) <= high else None


class RunFilter(forms.Form):
    """Which runs are listed."""

    snapshot = forms.ModelChoiceField(
        Snapshot.objects.none(), label=_("Snapshot"), required=False, empty_label=_("all")
    )
    network = forms.ChoiceField(
        label=_("Network"),
        required=False,
        choices=[("", _("all")), *((name, name) for name in wording.NETWORKS)],
    )
    status = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("all")), *Run.Status.choices]
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data, auto_id="filter_%s")
        trained = Snapshot.objects.select_related("collection").filter(runs__isnull=False).distinct()
        self.fields["snapshot"].queryset = trained.defer("card", "taxonomy").order_by("-created_at", "-pk")  # type: ignore[attr-defined]

    @property
    def chosen(self) -> dict[str, Any]:
        """What is asked for; what nobody could have chosen is left out."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class PolicyForm(forms.Form):
    """What is trained on each new snapshot of a collection."""

    networks = forms.MultipleChoiceField(
        label=_("Networks"),
        choices=[(name, name) for name in wording.NETWORKS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Tick one network at least, or switch it off.")},
    )
    size_px = forms.IntegerField(
        label=wording.OPTIONS["size_px"].name,
        help_text=wording.OPTIONS["size_px"].says,
        min_value=WHOLE_NUMBERS["size_px"][0],
        max_value=WHOLE_NUMBERS["size_px"][1],
        **_refusing("whole", *WHOLE_NUMBERS["size_px"]),
    )

    @property
    def choices_told(self) -> list[tuple[Any, Any]]:
        """The boxes of the networks, each with what it is."""
        return list(zip(self["networks"], wording.NETWORKS.values(), strict=True))

    @classmethod
    def of(cls, policy: TrainingPolicy | None, usual_size_px: int, data: Any = None) -> "PolicyForm":
        initial = {
            "networks": policy.networks if policy else [],
            "size_px": policy.size_px if policy else usual_size_px,
        }
        return cls(data, initial=initial)
