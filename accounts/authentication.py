"""Who a program acts for."""

from hmac import compare_digest
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiToken, User


class ApiTokenAuthentication(TokenAuthentication):
    """knox's, which would fail on a header that is not ASCII, for tokens that live until they are revoked."""

    def authenticate(self, request: Request) -> Any:
        if not request.headers.get("Authorization", "").isascii():
            raise AuthenticationFailed("Expected a token of letters and digits; found other characters.")
        return super().authenticate(request)

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        """As knox does, which would take as long to read the token as a vote takes to be written."""
        text = token.decode()
        digest = hash_token(text)
        for found in ApiToken.objects.beginning_like(text):
            if compare_digest(digest, found.digest):
                return self.validate_user(found)  # type: ignore[no-any-return]
        raise AuthenticationFailed(_("Invalid token."))


class ApiTokenScheme(KnoxTokenScheme):
    """How the schema tells of it: an Authorization header with the word Token and the token."""

    target_class = "accounts.authentication.ApiTokenAuthentication"
