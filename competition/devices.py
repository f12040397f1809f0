"""Whether one browser hands in as several people: a random cookie, of which a contest keeps a digest of its own."""

from django.conf import settings
from django.http import HttpResponse
from django.utils.crypto import get_random_string, salted_hmac

from accounts.http import AuthenticatedRequest
from competition.models import Contest, Device

COOKIE = "device"
SALT = "competition.devices"
KEPT_S = 60 * 60 * 24 * 365


def note(request: AuthenticatedRequest, response: HttpResponse, contest: Contest) -> None:
    """Remember for the organiser that this browser handed in as whoever is signed in, and have it keep its cookie."""
    known = request.get_signed_cookie(COOKIE, default=None, salt=SALT, max_age=KEPT_S)
    cookie = known or get_random_string(32)
    Device.objects.note(contest, mark(contest, cookie), request.user)
    response.set_signed_cookie(
        COOKIE,
        cookie,
        salt=SALT,
        max_age=KEPT_S,
        httponly=True,
        samesite="Lax",
        secure=bool(settings.SESSION_COOKIE_SECURE),
    )


def mark(contest: Contest, cookie: str) -> str:
    """Return the name of a browser in one contest; marks of two contests cannot be told to be of one browser."""
    return salted_hmac(SALT, f"{contest.pk} {cookie}", algorithm="sha256").hexdigest()
