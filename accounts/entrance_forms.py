"""django-allauth's forms: in this site's look, with tries and mails counted."""

from typing import Any

from allauth.account import forms as account
from allauth.account.adapter import get_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.conf import settings
from django.utils.translation import gettext as _

from accounts import audit, flood
from accounts.models import Act


class Plain(forms.Form):
    """Labels alone name the fields: a placeholder would say it once more, and be gone as one types."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class CountedCode(forms.Form):
    """Tries of a code are counted on the account: who guesses knows its password, and may come from anywhere."""

    user: Any

    def clean_code(self) -> str:
        flood.spend_on(f"user {self.user.pk}", "sign_ins")
        try:
            code: str = super().clean_code()  # type: ignore[misc]
        except forms.ValidationError:
            if self.user.is_staff:
                audit.record(Act.Kind.SIGN_IN_FAILED, self.user, "by code")
            raise
        return code


class SignInForm(Plain, account.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs["autofocus"] = True


class SignUpForm(Plain, account.SignupForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs["autofocus"] = True
        self.fields["email"].help_text = (
            _("You confirm it by a link that we send. Without an address, a lost password cannot be reset.")
            if settings.SENDS_MAIL
            else _("This site sends no mail at present, so a lost password cannot be reset.")
        )

    def clean_email(self) -> str:
        email: str = super().clean_email()
        if email:
            get_adapter().count_mail(email)
        return email


class SecondFactorForm(Plain, CountedCode, mfa.AuthenticateForm):
    pass


class ConfirmForm(Plain, account.ReauthenticateForm):
    pass


class ConfirmByCodeForm(Plain, CountedCode, mfa.ReauthenticateForm):
    pass


class EmailForm(Plain, account.AddEmailForm):
    pass


class PasswordForm(Plain, account.ChangePasswordForm):
    def clean_oldpassword(self) -> str:
        """Ask as at the sign-in, which counts tries."""
        password: str = self.cleaned_data["oldpassword"]
        if not get_adapter().reauthenticate(self.user, password):
            raise get_adapter().validation_error("enter_current_password")
        return password


class LostPasswordForm(Plain, account.ResetPasswordForm):
    def clean_email(self) -> str:
        get_adapter().count_mail(self.cleaned_data["email"])
        email: str = super().clean_email()
        return email


class NewPasswordForm(Plain, account.ResetPasswordKeyForm):
    pass


class AppForm(Plain, ActivateTOTPForm):
    pass
