"""The request of a view that only signed-in people reach."""

from django.http import HttpRequest

from accounts.models import User


class AuthenticatedRequest(HttpRequest):
    """Guests are signed in too: `user` is never anonymous here."""

    user: User
