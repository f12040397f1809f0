"""django-allauth's pages, each with our form and template. accounts.allauth_urls says where they are.

Those with one form and a sentence share a template, which reads title, lede and button.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from accounts import entrance_forms as forms

View = Callable[..., HttpResponseBase]
ONE_FORM = "accounts/one_form.html"


def for_people(view: View) -> View:
    """Lead guests to the sign-up: they have no password, so neither an address nor a second factor."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_guest:  # type: ignore[union-attr]
            return redirect("accounts:sign-up")
        return view(request, *args, **kwargs)

    return guarded


sign_in = account.LoginView.as_view(form_class=forms.SignInForm, template_name="accounts/sign_in.html")
sign_up = account.SignupView.as_view(form_class=forms.SignUpForm, template_name="accounts/sign_up.html")
sign_in_by_code = mfa.AuthenticateView.as_view(
    form_class=forms.SecondFactorForm,
    template_name=ONE_FORM,
    extra_context={
        "title": _("Your second factor"),
        "lede": _("The code that your app shows now, or one of your recovery codes."),
        "button": _("Sign in"),
    },
)
_CONFIRM = {
    "title": _("Is it still you?"),
    "lede": _("What comes next decides who can sign in to your account, so we ask once more."),
    "button": _("Go on"),
}
confirm = for_people(
    account.ReauthenticateView.as_view(
        form_class=forms.ConfirmForm, template_name=ONE_FORM, extra_context=_CONFIRM
    )
)
confirm_by_code = for_people(
    mfa.ReauthenticateView.as_view(
        form_class=forms.ConfirmByCodeForm, template_name=ONE_FORM, extra_context=_CONFIRM
    )
)

email = for_people(account.EmailView.as_view(form_class=forms.EmailForm, template_name="accounts/email.html"))
confirm_email = account.ConfirmEmailView.as_view(template_name="accounts/confirm_email.html")

password = for_people(
    account.PasswordChangeView.as_view(
        form_class=forms.PasswordForm,
        template_name=ONE_FORM,
        extra_context={
            "title": _("Change your password"),
            "lede": _(
                "Wherever else you are signed in, you will be signed out. Tokens of programs go on working."
            ),
            "button": _("Change it"),
        },
    )
)
lost_password = account.PasswordResetView.as_view(
    form_class=forms.LostPasswordForm, template_name="accounts/lost_password.html"
)
lost_password_sent = account.PasswordResetDoneView.as_view(template_name="accounts/lost_password_sent.html")
new_password = never_cache(
    account.PasswordResetFromKeyView.as_view(
        form_class=forms.NewPasswordForm,
        template_name="accounts/new_password.html",
        success_url=reverse_lazy("accounts:sign-in"),
    )
)

second_factor = for_people(mfa.IndexView.as_view(template_name="accounts/second_factor.html"))
second_factor_on = for_people(
    totp.ActivateTOTPView.as_view(form_class=forms.AppForm, template_name="accounts/second_factor_on.html")
)
second_factor_off = for_people(
    totp.DeactivateTOTPView.as_view(
        template_name=ONE_FORM,
        extra_context={
            "title": _("Switch the second factor off"),
            "lede": _("Your password alone will then let you in. Your recovery codes stop working."),
            "button": _("Switch it off"),
        },
    )
)
codes = for_people(recovery_codes.ViewRecoveryCodesView.as_view(template_name="accounts/recovery_codes.html"))
codes_file = for_people(recovery_codes.DownloadRecoveryCodesView.as_view())
new_codes = for_people(
    recovery_codes.GenerateRecoveryCodesView.as_view(
        template_name=ONE_FORM,
        extra_context={
            "title": _("New recovery codes"),
            "lede": _("The codes that you have stop working."),
            "button": _("Make new codes"),
        },
    )
)
