"""What the site makes of a clock that is set, of a machine that slept, and of machines whose clocks differ.

Whatever is held for a while is held in a row, by a moment. Where the clock has jumped, these say neither that who
lives has fallen silent, nor that who is gone holds it for hours to come.
"""

import time
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

JUMP_S = 5.0  # by which a clock is not set in small steps any more
SETTLES_S = 300.0  # by then whoever lives has said so by the new time

_started_s: float | None = None  # when this machine started, by the clock as it was looked at last
_settled_s = 0.0  # on the steady clock


def silent(column: str, span: timedelta) -> Q:
    """Find rows of which nothing was heard for `span`. `column` says when it was last; of a moment that lies as far
    ahead, the clock was set back since.
    """
    return _outside(column, timezone.now() - span, timezone.now() + span)


def over(column: str, span: timedelta) -> Q:
    """Find rows that nobody holds any more. `column` says until when, which was never further ahead than `span`."""
    return _outside(column, timezone.now(), timezone.now() + span)


def has_jumped() -> bool:
    """Say whether this process saw the clock set, or the machine wake from sleep, within some minutes."""
    global _started_s, _settled_s
    steady_s = time.monotonic()  # which nobody sets, and which stands still while the machine sleeps
    started_s = time.time() - steady_s
    if _started_s is not None and abs(started_s - _started_s) > JUMP_S:
        _settled_s = steady_s + SETTLES_S
    _started_s = started_s
    return steady_s < _settled_s


def _outside(column: str, first: datetime, last: datetime) -> Q:
    if has_jumped():
        return Q(pk__in=[])
    return Q(**{f"{column}__lt": first}) | Q(**{f"{column}__gt": last})
