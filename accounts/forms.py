"""Signing up, which keeps a guest's votes."""

from typing import Any

from django.contrib.auth.forms import UserCreationForm

from accounts.models import User


class SignUpForm(UserCreationForm):
    """Bound to a guest, it turns that guest into a person, votes and all; bound to nobody, it makes one."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")

    def save(self, commit: bool = True) -> Any:
        self.instance.kind = User.Kind.PERSON
        return super().save(commit=commit)
