"""How much one guest, person or address may do in an hour, so that nobody floods the site.

`spend(request, what)` counts one more and raises FloodError above the limit. Pages and the API answer that with 429,
Retry-After, and a sentence with the time. settings.FLOOD_LIMITS says what may be spent: how much by each guest, and
by each address where nobody is signed in; and how much by each person. 0 is no limit.

The windows are whole hours of the clock, so a refusal knows when to come back without asking. Each costs one call to
the cache, a second one for the first of an hour. Redis counts for all processes together; without it each process
counts by itself, so a site without Redis allows as much again for each of its processes. While Redis is away nothing
is counted and nothing refused: losing it must not lose a vote. Nor must it slow votes down, so it is asked only now
and then until it answers.
"""

import ipaddress
import logging
import time
from datetime import UTC, datetime
from math import ceil

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from redis.exceptions import RedisError
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accounts.models import User

logger = logging.getLogger(__name__)

WINDOW_S = 3600
LEFT_ALONE_S = 5.0  # after it did not answer
IPV6_NETWORK = 64  # bits: whoever has one address of such a network has them all

_left_alone_until_s = 0.0  # on the steady clock


class FloodError(APIException):
    """Too much in one hour. The API answers with it as it is; config.middleware answers pages."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "throttled"

    def __init__(self, wait: float) -> None:
        self.wait = ceil(wait)  # REST framework makes Retry-After of it
        again_at = datetime.fromtimestamp(time.time() + self.wait, tz=UTC)
        super().__init__(
            _("That is more than one may do here in an hour. Come back at %(time)s UTC, in %(minutes)s min.")
            % {"time": f"{again_at:%H:%M}", "minutes": ceil(self.wait / 60)}
        )


def spend(request: HttpRequest | Request, what: str, n: int = 1, who: str = "") -> None:
    """Count `n` more of `what` against who asks. Raises FloodError when that is above their limit.

    It is counted against the signed-in person or guest, else against the address; with `who` against the address and
    that, whoever is signed in.
    """
    for_guests, for_people = settings.FLOOD_LIMITS[what]
    user = request.user
    if who:
        key, most = f"{address(request)} {who}", for_guests
    elif isinstance(user, User):
        key, most = f"user {user.pk}", for_guests if user.is_guest else for_people
    else:
        key, most = address(request), for_guests
    if most:
        _count(what, key, min(n, most), most)  # more at once than an hour allows would be refused for ever


def spend_on(whom: str, what: str) -> None:
    """Count one more of `what` on `whom`, whoever asks and from wherever. Raises FloodError above the limit."""
    most, _of_people = settings.FLOOD_LIMITS[what]
    if most:
        _count(what, f"on {whom}", 1, most)


def _count(what: str, who: str, n: int, most: int) -> None:
    global _left_alone_until_s
    if time.monotonic() < _left_alone_until_s:
        return
    now = time.time()
    window = int(now // WINDOW_S)
    # A digest, so that no address or name can be read from the cache.
    digest = salted_hmac("accounts.flood", f"{what} {who}", algorithm="sha256").hexdigest()[:32]
    key = f"flood:{digest}:{window}"
    try:
        spent = _add(key, n)
    except RedisError:
        _left_alone_until_s = time.monotonic() + LEFT_ALONE_S
        logger.warning("Nothing is counted against floods: the cache does not answer.", exc_info=True)
        return
    if spent > most:
        raise FloodError((window + 1) * WINDOW_S - now)


def _add(key: str, n: int) -> int:
    try:
        return cache.incr(key, n)
    except ValueError:  # the first of this hour; of two at once, one adds it and the other one counts on
        return n if cache.add(key, n, timeout=WINDOW_S) else cache.incr(key, n)


def address(request: HttpRequest | Request) -> str:
    """Return the network address that a request comes from, of IPv6 its network.

    Proxies of ours, settings.N_PROXIES of them, each append to X-Forwarded-For whom they heard from. What stands
    before their entries is what the client wrote there itself, and is not believed.
    """
    found: str = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if settings.N_PROXIES and len(hops) >= settings.N_PROXIES:
        found = hops[-settings.N_PROXIES] or found
    try:
        parsed = ipaddress.ip_address(found)
    except ValueError:
        return found
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_NETWORK), strict=False))
    return str(parsed)
