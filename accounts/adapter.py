"""What django-allauth asks of this site: whose row a sign-up is, what tries cost, and how mails are sent."""

from typing import Any

import qrcode
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.contrib.sites.shortcuts import get_current_site
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError
from qrcode.image.svg import SvgPathImage

from accounts import audit, flood, tasks
from accounts.models import Act, User

NOTED = {
    "account/email/password_changed": Act.Kind.PASSWORD,
    "account/email/password_reset": Act.Kind.PASSWORD,
    "account/email/email_changed": Act.Kind.ADDRESS,
    "account/email/email_deleted": Act.Kind.ADDRESS,
    "mfa/email/totp_activated": Act.Kind.FACTOR_ON,
    "mfa/email/totp_deactivated": Act.Kind.FACTOR_OFF,
    "mfa/email/recovery_codes_generated": Act.Kind.NEW_CODES,
}


class AccountAdapter(DefaultAccountAdapter):
    def new_user(self, request: HttpRequest) -> User:
        """Return the row that becomes a person: a guest's own, which keeps their votes, or a new one."""
        if isinstance(request.user, User) and request.user.is_guest:
            user = User.objects.get(pk=request.user.pk)
        else:
            flood.spend(request, "guests")  # a guest was counted when they came
            user = User()
        user.kind = User.Kind.PERSON
        return user

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count a try before anybody looks at the password, so that guessing costs no more than that."""
        flood.spend(request, "sign_ins", who=credentials["username"].casefold())

    def post_login(self, request: HttpRequest, user: User, **how: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **how)
        if how["signup"]:
            messages.success(request, _("Welcome. Your votes so far are yours."))
        return response

    def count_mail(self, email: str) -> None:
        """Count a mail against who asks for it and against whom it goes to, whoever asks."""
        flood.spend(self.request, "mails")
        flood.spend_on(email, "mails")

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:
        if not signup:  # the form of signing up has counted it
            self.count_mail(emailconfirmation.email_address.email)
        super().send_confirmation_mail(request, emailconfirmation, signup)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Have a worker send it, so that nobody waits for a mail server, nor learns from the wait who is here."""
        about = {"request": self.request, "email": email, "current_site": get_current_site(self.request)}
        mail = self.render_mail(template_prefix, email, about | context)
        parts = (mail.subject, mail.body, mail.from_email, mail.to)
        try:
            tasks.send_mail.delay(*parts)
        except OperationalError:  # the broker is away
            tasks.send_mail(*parts)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        if staff := User.objects.filter(username=credentials["username"], is_staff=True).first():
            audit.record(Act.Kind.SIGN_IN_FAILED, staff, "by password")

    def send_notification_mail(
        self, template_prefix: str, user: User, context: Any = None, email: str | None = None
    ) -> None:
        """Tell by mail, and note it. What allauth tells people about their account is what is worth a note."""
        if kind := NOTED.get(template_prefix):
            audit.record(kind, user, by=user)
        super().send_notification_mail(template_prefix, user, context, email)

    def get_client_ip(self, request: HttpRequest) -> str:
        return flood.address(request)

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        return reverse("accounts:account" if self.request.user.is_authenticated else "accounts:sign-in")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:account")


class SecondFactorAdapter(DefaultMFAAdapter):
    def get_totp_label(self, user: User) -> str:
        return user.username  # which one signs in by

    def build_totp_svg(self, url: str) -> str:
        """Return a drawing that stands in the page itself, without a style: any policy of a page lets it show."""
        svg: str = qrcode.make(url, image_factory=SvgPathImage).to_string(encoding="unicode")
        return svg
