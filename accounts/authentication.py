"""Who a program acts for."""

from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiToken


class ApiTokenAuthentication(TokenAuthentication):
    """knox's, which would fail on a header that is not ASCII, for tokens that live until they are revoked."""

    def authenticate(self, request: Request) -> Any:
        if not request.headers.get("Authorization", "").isascii():
            raise AuthenticationFailed("Expected a token of letters and digits; found other characters.")
        return super().authenticate(request)

    def _cleanup_token(self, auth_token: ApiToken) -> bool:
        """Say that no token has run out, as is so here; knox would read all of a user's tokens at every request."""
        return False


class ApiTokenScheme(KnoxTokenScheme):
    """How the schema tells of it: an Authorization header with the word Token and the token."""

    target_class = "accounts.authentication.ApiTokenAuthentication"
