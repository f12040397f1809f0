"""Is everything there that the site's processes meet at: broker, workers, beat, cache, files, mail?"""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.core.mail import get_connection
from redis import RedisError

from operations import beats, queues
from operations.checks.findings import Finding, ok, warning, wrong

PATIENCE_S = 5
SMTP = "django.core.mail.backends.smtp.EmailBackend"
STORAGES = {"pictures": "default", "private files": "private"}


def broker() -> Iterator[Finding]:
    with current_app.connection_for_write(connect_timeout=PATIENCE_S) as connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=PATIENCE_S)
        except connection.recoverable_connection_errors as error:
            yield wrong("broker", f"It does not answer: {error}", "Start Redis, and look at REDIS_URL.")
            return
    where = "Redis answers." if settings.REDIS_URL else "Messages go through a folder of this machine."
    yield ok("broker", where)


def workers() -> Iterator[Finding]:
    try:
        alive = [beat for beat in beats.heard() if beat.is_alive]
    except RedisError as error:
        yield wrong("workers", f"Nobody can be heard: {error}", "Start Redis, and look at REDIS_URL.")
        return
    for queue in queues.names():
        n = sum(queue in beat.queues for beat in alive)
        if n:
            yield ok(f"queue {queue}", "1 worker at it." if n == 1 else f"{n} workers at it.")
        else:
            yield wrong(
                f"queue {queue}",
                f"No worker for it has been heard of in {beats.SILENT_AFTER_S} s.",
                f"Start one: celery -A config worker --queues {queue}, or python -m config.serve for all.",
            )


def beat() -> Iterator[Finding]:
    try:
        found = next((each for each in beats.heard() if each.name == beats.BEAT), None)
    except RedisError as error:
        yield wrong("beat", f"It cannot be heard: {error}", "Start Redis, and look at REDIS_URL.")
        return
    if found is not None and found.is_alive:
        yield ok("beat", f"It sent a task {found.age_s:.0f} s ago or later.")
        return
    last = "ever" if found is None else f"for {found.age_s:.0f} s"
    found_of_it = f"It has not been heard of {last}; sweeps and nightly refits depend on it."
    yield wrong("beat", found_of_it, "Start one, and only one: celery -A config beat.")


def shared_cache() -> Iterator[Finding]:
    key, value = f"operations.{uuid4().hex}", uuid4().hex
    try:
        cache.set(key, value, PATIENCE_S)
        found = cache.get(key)
        cache.delete(key)
    except RedisError as error:
        yield wrong("cache", f"It does not answer: {error}", "Start Redis, and look at REDIS_URL.")
        return
    if found != value:
        yield wrong("cache", "What is put in does not come out.", "Look at Redis's memory and its policy.")
    elif settings.REDIS_URL:
        yield ok("cache", "All processes share it.")
    elif settings.DEBUG:
        yield ok("cache", "Each process has its own, which one machine can do with.")
    else:
        yield warning(
            "cache",
            "Each process has its own, so limits against floods count for each process alone.",
            "Set REDIS_URL.",
        )


def storage() -> Iterator[Finding]:
    for what, alias in STORAGES.items():
        try:
            _round_trip(storages[alias])
        except (OSError, ValueError) as error:
            yield wrong(
                what, f"They cannot be kept: {error}", "Look at the disk's room and rights, or at S3."
            )
        else:
            where = f"the bucket {settings.S3_BUCKET}" if settings.S3_BUCKET else "a folder"
            yield ok(what, f"Written to {where}, read back and deleted.")


def _round_trip(files: Storage) -> None:
    """Write a small file, read it and delete it. Raises OSError or ValueError where that does not work."""
    written = uuid4().bytes
    name = files.save(f"operations/{uuid4().hex}", ContentFile(written))
    try:
        with closing(files.open(name, "rb")) as file:
            if (read := file.read()) != written:
                raise ValueError(f"16 bytes were written, {len(read)} other ones were read.")
    finally:
        files.delete(name)


def mail() -> Iterator[Finding]:
    if settings.EMAIL_BACKEND != SMTP:
        yield ok("e-mail", f"Letters go to {settings.EMAIL_BACKEND.rpartition('.')[2]}.")
        return
    if settings.EMAIL_HOST == "localhost":
        yield ok("e-mail", "No server for it is set.")
        return
    connection = get_connection(timeout=PATIENCE_S)
    try:
        connection.open()
        connection.close()
    except OSError as error:
        where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        yield wrong("e-mail", f"{where} does not take letters: {error}", "Look at the settings of e-mail.")
    else:
        yield ok("e-mail", f"{settings.EMAIL_HOST} takes letters.")
