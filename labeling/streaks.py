"""Days -> how many of them follow on one another."""

from collections.abc import Iterable
from datetime import date, timedelta

A_DAY = timedelta(days=1)


def days_in_a_row(days: Iterable[date], today: date) -> int:
    """Return how many of `days` follow on one another up to today; or up to yesterday where today is none of them,
    since it is not over yet.

    days: the latest first, none twice; read as far as they follow on one another, and one further.
    """
    n, expected = 0, today
    for day in days:
        if n == 0 and day == today - A_DAY:
            expected = day
        if day != expected:
            break
        n, expected = n + 1, expected - A_DAY
    return n
