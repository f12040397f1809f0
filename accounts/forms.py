"""Signing up, which keeps a guest's votes, and naming an API token."""

from typing import Any

from django import forms
from django.contrib.auth.forms import UserCreationForm

from accounts.models import ApiToken, User


class SignUpForm(UserCreationForm):
    """Bound to a guest, it turns that guest into a person, votes and all; bound to nobody, it makes one."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")

    def save(self, commit: bool = True) -> Any:
        self.instance.kind = User.Kind.PERSON
        return super().save(commit=commit)


class TokenForm(forms.ModelForm):
    class Meta:
        model = ApiToken
        fields = ("name",)
