"""Requests that only signed-in people make. Guests are signed in too: `user` is never anonymous here."""

from django.http import HttpRequest
from rest_framework.request import Request

from accounts.models import User


class AuthenticatedRequest(HttpRequest):
    """Of a page."""

    user: User


class AuthenticatedApiRequest(Request):
    """Of the REST interface."""

    user: User
