"""Who a program acts for."""

from hmac import compare_digest
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.models import ApiToken, Scope, User


class ApiTokenAuthentication(TokenAuthentication):
    """knox's, which would fail on a header that is not ASCII, for tokens that say what they are for."""

    def authenticate(self, request: Request) -> Any:
        if not request.headers.get("Authorization", "").isascii():
            raise AuthenticationFailed(_("Expected a token of letters and digits; found other characters."))
        found = super().authenticate(request)
        if found:
            _user, token = found
            self.check_scope(request, token)
            token.note_use()
        return found

    def check_scope(self, request: Request, token: ApiToken) -> None:
        """Refuse what the token is not for, here, where no view can forget to ask."""
        wanted = scope_wanted(request.method, request.parser_context["view"])
        if not token.may(wanted):
            raise PermissionDenied(
                _("Expected a token with the scope %(wanted)s; found one with %(found)s.")
                % {"wanted": wanted.value, "found": ", ".join(token.scopes.split())}
            )

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        """As knox does, which would take as long to read the token as a vote takes to be written."""
        text = token.decode()
        digest = hash_token(text)
        for found in ApiToken.objects.beginning_like(text):
            if compare_digest(digest, found.digest):
                if found.has_ended:
                    raise AuthenticationFailed(
                        _("This token’s time is over. Make another on your account page.")
                    )
                return self.validate_user(found)  # type: ignore[no-any-return]
        raise AuthenticationFailed(_("Invalid token."))


def scope_wanted(method: str | None, view: Any) -> Scope:
    """Return what a token needs for this. To look takes READ; what changes something takes the view's `token_scope`,
    and ORGANISE where the view names none.
    """
    return Scope.READ if method in SAFE_METHODS else getattr(view, "token_scope", Scope.ORGANISE)


class ApiTokenScheme(KnoxTokenScheme):
    """How the schema tells of it: an Authorization header with the word Token and the token."""

    target_class = "accounts.authentication.ApiTokenAuthentication"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        scopes = "; ".join(f"`{scope.value}`: {scope.label}" for scope in Scope)
        told = f"A token of yours, from your account page. What it may do is told by its scopes. {scopes}."
        scheme: dict[str, str] = super().get_security_definition(auto_schema)
        return scheme | {"description": told}
