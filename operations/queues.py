"""The queues that tasks are sent to, and how many messages wait in each."""

from typing import Any

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

DEFAULT = "celery"


def names() -> list[str]:
    return sorted({DEFAULT, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())})


def depths() -> dict[str, int]:
    """Return how many messages wait in each queue; none of any where the broker is away."""
    try:
        with current_app.connection_for_read(connect_timeout=5) as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
            return {name: _depth(connection, name) for name in names()}
    except OperationalError:
        return {}


def _depth(connection: Any, name: str) -> int:
    channel = connection.channel()
    try:
        n: int = channel.queue_declare(name, passive=True).message_count
    except connection.channel_errors:  # Redis has no list that is empty
        return 0
    finally:
        channel.close()
    return n
