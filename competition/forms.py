"""What pages of contests send: an entry, what a team says of it, who is in a team."""

from pathlib import Path
from typing import Any

from django import forms
from django.core.files.base import File
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from competition.models import Contest, MethodCard, Submission, Team
from competition.predictions import MOST_BYTES
from competition.sandbox.bounds import MOST_NETWORK_BYTES
from datasets.models import Snapshot

NETWORK = "network"
# What a file's name ends in, for each thing that may be handed in.
KINDS = {
    Submission.Kind.GUESSES.value: dict.fromkeys((".csv", ".jsonl", ".npy"), Submission.Kind.GUESSES),
    NETWORK: {".onnx": Submission.Kind.ONNX, ".safetensors": Submission.Kind.WEIGHTS},
}


def check_size(file: File) -> None:
    """Raise ValidationError for a file that no contest needs: networks may be larger than guesses."""
    is_network = Path(file.name or "").suffix.lower() in KINDS[NETWORK]
    most = MOST_NETWORK_BYTES if is_network else MOST_BYTES
    if (file.size or 0) > most:
        raise forms.ValidationError(
            _("Expected at most %(most)d MiB; found %(found)d."),
            params={"most": most // 2**20, "found": (file.size or 0) // 2**20},
        )


class SubmissionForm(forms.Form):
    """An entry. Its token names the act of handing in, so that pressing twice enters once."""

    kind = forms.ChoiceField(
        label=_("What it is"),
        choices=[
            (Submission.Kind.GUESSES.value, _("Guesses: what a network of yours said of each test picture")),
            (NETWORK, _("A network: this site asks it about the test pictures")),
        ],
        initial=Submission.Kind.GUESSES.value,
        widget=forms.RadioSelect,
        required=False,
    )
    file = forms.FileField(label=_("File"), validators=[check_size])
    method = forms.CharField(
        label=_("Method"),
        max_length=100,
        help_text=_("How the predictions were made, in a few words. Everybody reads it."),
    )
    token = forms.CharField(
        max_length=64,
        required=False,
        # A browser that goes back must not fill in the name of an entry that was made.
        widget=forms.HiddenInput(attrs={"autocomplete": "off"}),
        initial=lambda: get_random_string(32),
    )

    def __init__(self, *args: Any, contest: Contest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not contest.takes_models:
            del self.fields["kind"]
        kinds = KINDS.values() if contest.takes_models else [KINDS[Submission.Kind.GUESSES.value]]
        self.fields["file"].widget.attrs["accept"] = ",".join(suffix for kind in kinds for suffix in kind)

    def clean(self) -> dict[str, Any]:
        """Put in place of the kind that was chosen the one that the file's name says."""
        data = super().clean() or {}
        kinds = KINDS[data.get("kind") or Submission.Kind.GUESSES.value]
        if file := data.get("file"):
            suffix = Path(file.name).suffix.lower()
            if suffix not in kinds:
                self.add_error(
                    "file",
                    forms.ValidationError(
                        _("Expected a file whose name ends in %(kinds)s; found “%(name)s”."),
                        params={"kinds": ", ".join(kinds), "name": file.name},
                    ),
                )
            data["kind"] = kinds.get(suffix)
        return data


class CardForm(forms.ModelForm):
    """What a team says of its entry, for everybody to read."""

    # A link without a scheme is taken for a secure one.
    paper_url = forms.URLField(label=_("Paper"), required=False, max_length=200, assume_scheme="https")
    code_url = forms.URLField(label=_("Code"), required=False, max_length=200, assume_scheme="https")

    class Meta:
        model = MethodCard
        fields = ["description", "data_used", "hardware", "training_hours", "paper_url", "code_url"]
        labels = {
            "description": _("Description"),
            "hardware": _("Hardware"),
            "training_hours": _("Training hours"),
        }
        widgets = {
            "description": forms.Textarea(attrs={"rows": 5}),
            "data_used": forms.Textarea(attrs={"rows": 2}),
            "training_hours": forms.NumberInput(attrs={"min": 0, "step": "any"}),
        }


class RescoringForm(forms.Form):
    """By which labels all entries of a contest are scored anew, and why."""

    truth = forms.ModelChoiceField(
        Snapshot.objects.none(),
        label=_("Labels of"),
        empty_label=None,
        help_text=_("A snapshot of the same collection. Pictures that it lacks are left out."),
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("Shown on the board beside what moved.")
    )

    def __init__(self, *args: Any, contest: Contest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["truth"]
        assert isinstance(choice, forms.ModelChoiceField)  # noqa: S101
        snapshots = Snapshot.objects.filter(collection=contest.snapshot.collection_id)
        choice.queryset = snapshots.defer("taxonomy", "card").select_related("collection").order_by("-number")


class RenameForm(forms.Form):
    name = forms.CharField(label=_("Name of the team"), max_length=60)


class InviteForm(forms.Form):
    """Somebody by the name that they sign in by."""

    username = forms.CharField(label=_("Username"), max_length=150)

    def clean_username(self) -> User:
        name = self.cleaned_data["username"]
        user = User.objects.filter(username=name, kind=User.Kind.PERSON).first() if "\0" not in name else None
        if user is None:
            raise forms.ValidationError(
                _("Expected the username of somebody who has signed up; found “%(name)s”."),
                params={"name": name},
            )
        return user


class OfferForm(forms.Form):
    """Another team of the contest, by its name as the leaderboard has it."""

    into = forms.CharField(label=_("Name of the other team"), max_length=60)

    def __init__(self, *args: Any, team: Team | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team = team

    def clean_into(self) -> Team:
        name = self.cleaned_data["into"]
        teams = Team.objects.standing().filter(contest=self.team.contest_id if self.team else None)
        team = teams.filter(name__iexact=name).first()
        if team is None:
            raise forms.ValidationError(
                _("Expected the name of a team of this contest; found “%(name)s”."), params={"name": name}
            )
        return team
