"""Names on boards and of API tokens; having oneself forgotten."""

import unicodedata
from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiToken, Scope, User


class TokenForm(forms.Form):
    """What a new token is for, what it may do, and how long."""

    name = forms.CharField(
        label=_("What the token is for"), max_length=64, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=Scope.choices,
        initial=[Scope.READ, Scope.LABEL],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.TypedChoiceField(
        label=_("How long it works"),
        choices=[
            (30, _("30 days")),
            (90, _("90 days")),
            (365, _("a year")),
            ("", _("until you revoke it")),
        ],
        coerce=int,
        empty_value=None,
        required=False,
        initial=90,
    )

    def make(self, user: User) -> str:
        """Make it; return its secret, which is kept nowhere."""
        days = self.cleaned_data["days"]
        _row, secret = ApiToken.objects.create(
            user=user,
            name=self.cleaned_data["name"],
            scopes=" ".join(self.cleaned_data["scopes"]),
            expiry=days and timedelta(days=days),
        )
        return str(secret)


class BoardNameForm(forms.ModelForm):
    """The name that boards show, or none."""

    class Meta:
        model = User
        fields = ("board_name",)

    def clean_board_name(self) -> str:
        """Take a name as it is seen: one form of each letter, single spaces."""
        name = " ".join(unicodedata.normalize("NFKC", self.cleaned_data["board_name"]).split())
        others = User.objects.filter(username__iexact=name).exclude(pk=self.instance.pk)
        if name and others.exists():
            raise forms.ValidationError(_("Somebody else signs in by this name."), code="taken")
        return name


class ForgetForm(forms.Form):
    """A person's password once more, since nothing of this can be undone; a guest has none."""

    password = forms.CharField(
        label=_("Your password"), widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if not user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not get_adapter().reauthenticate(self.user, password):  # which counts tries
            raise forms.ValidationError(_("That is not your password."), code="wrong")
        return password
