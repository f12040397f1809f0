"""Is the database there, and as it should be?"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from operations.checks.findings import Finding, ok, warning, wrong

# A setting of PostgreSQL, what it has to be, and what is lost otherwise.
DURABLE = (
    ("fsync", "on", "a crash of the machine can destroy the whole database"),
    ("full_page_writes", "on", "a crash of the machine can destroy pages of the database"),
    ("synchronous_commit", "on", "votes of the last moments are lost when the server crashes"),
)
CROWDED = 0.8  # of the connections that the server allows


def reachable() -> Iterator[Finding]:
    try:
        yield ok("database", f"{_version()} answers.")
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        yield wrong("database", f"It does not answer: {reason}", "Start it, and look at DATABASE_URL.")


def writable() -> Iterator[Finding]:
    try:
        with transaction.atomic():
            Session.objects.create(session_key=uuid4().hex, session_data="", expire_date=timezone.now())
            transaction.set_rollback(True)
    except DatabaseError as error:
        yield wrong(
            "writing",
            f"The database takes no rows: {str(error).strip().splitlines()[0]}",
            "Look whether it is a replica, its disk is full, or migrations are missing.",
        )
    else:
        yield ok("writing", "The database takes rows.")


def settings_of_it() -> Iterator[Finding]:
    yield from _of_sqlite() if connection.vendor == "sqlite" else _of_postgresql()


def _of_sqlite() -> Iterator[Finding]:
    [mode] = _row("PRAGMA journal_mode")
    if mode == "wal":
        yield ok("SQLite", "Readers go on while one process writes (WAL).")
    else:
        yield wrong("SQLite", f"Expected journal mode wal; found {mode}.", "Keep VAR_DIR on a local disk.")
    if not settings.DEBUG:
        yield warning(
            "SQLite",
            "One file serves one machine and one writer at a time.",
            "Set DATABASE_URL to a PostgreSQL for many volunteers at once.",
        )


def _of_postgresql() -> Iterator[Finding]:
    off = [(name, loss) for name, wanted, loss in DURABLE if _row(f"SHOW {name}") != (wanted,)]
    for name, loss in off:
        yield warning("PostgreSQL", f"{name} is not on: {loss}.", f"Set {name} = on in postgresql.conf.")
    [encoding] = _row("SHOW server_encoding")
    if encoding != "UTF8":
        yield wrong("PostgreSQL", f"Expected encoding UTF8; found {encoding}.", "Make a database in UTF8.")
    elif not off:
        yield ok("PostgreSQL", "It writes to disk before it says so, in UTF8.")
    [n], [most] = _row("SELECT count(*) FROM pg_stat_activity"), _row("SHOW max_connections")
    if n > CROWDED * int(most):
        advice = "Raise max_connections, or start fewer workers and threads."
        yield warning("connections", f"{n} of {most} connections are in use.", advice)
    else:
        yield ok("connections", f"{n} of {most} connections are in use.")


def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    waiting = [migration for migration, _back in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if waiting:
        yield wrong(
            "migrations",
            f"{len(waiting)} are not applied, the first is {waiting[0]}.",
            "Run manage.py migrate.",
        )
    elif unknown := sorted(set(executor.loader.applied_migrations) - set(executor.loader.disk_migrations)):
        app, name = unknown[0]
        yield warning(
            "migrations",
            f"The database has {len(unknown)} that this code does not know, as {app}.{name}.",
            "Run the version of the site that made them.",
        )
    else:
        yield ok("migrations", "All are applied.")


def _version() -> str:
    if connection.vendor == "sqlite":
        [version] = _row("SELECT sqlite_version()")
        return f"SQLite {version}"
    [version] = _row("SHOW server_version")
    return f"PostgreSQL {version.split()[0]}"


def _row(statement: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
