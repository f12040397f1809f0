"""Statements written by hand, for the few that every vote needs.

Django takes some 0.5 ms to put together the SQL of one query, five times what the database then takes to answer it,
and a request for the next picture makes a dozen (benchmarks.handout). PostgreSQL, for its part, takes longer to plan
most of them than to run them; so it keeps the plans, which it can where it binds the values itself. Rows still become
models; constraints still hold.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from operator import itemgetter
from select import POLLIN, poll
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.backends.utils import CursorWrapper

IS_POSTGRESQL = connection.vendor == "postgresql"  # asked of the connection, it would cost as much as a row

Row = TypeVar("Row", bound=models.Model)


def rows(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with _cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def run(statement: str, values: Sequence[Any] = ()) -> None:
    with _cursor() as cursor:
        cursor.execute(statement, values)


def run_many(statement: str, values: Sequence[Sequence[Any]]) -> None:
    """Run a statement once with each of `values`. PostgreSQL plans it once, and is not waited for between them."""
    with _cursor() as cursor:
        cursor.executemany(statement, values)


def _cursor() -> CursorWrapper:
    database = connections[DEFAULT_DB_ALIAS]
    if not IS_POSTGRESQL:
        return database.cursor()
    # Django's cursor puts the values into the text, so that each is another statement to plan; psycopg's own does
    # not. settings.DATABASES says from which execution on a statement is kept.
    is_checked = database.health_check_done  # type: ignore[attr-defined]  # in this request
    if not is_checked and database.connection is not None and _is_quiet(database.connection):
        database.health_check_done = True  # type: ignore[attr-defined]
    database.close_if_health_check_failed()
    database.ensure_connection()
    with database.wrap_database_errors:
        cursor: CursorWrapper = database._prepare_cursor(  # type: ignore[attr-defined]
            psycopg.Cursor(database.connection)
        )
    return cursor


def _is_quiet(connection: psycopg.Connection[Any]) -> bool:
    """Say whether nothing waits to be read. The word that a server closed a connection would; so Django need not ask
    the server whether it is there, which takes as long as to read a row.
    """
    if connection.closed:
        return False
    waiting = poll()
    waiting.register(connection.fileno(), POLLIN)
    return not waiting.poll(0)


@cache
def select(table: str, names: tuple[str, ...]) -> str:
    """The list of a table's columns."""
    return ", ".join(f"{table}.{name}" for name in names)


def build(model: type[Row], names: tuple[str, ...], values: Sequence[Any]) -> Row:
    """Make a row's model of its columns, two at least. What was not read is read when it is asked for."""
    return model.from_db(DEFAULT_DB_ALIAS, names, _in_order(model, names)(values))


@cache
def _in_order(
    model: type[models.Model], names: tuple[str, ...]
) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """What puts the columns into the order in which the model has them."""
    return itemgetter(
        *(names.index(each.attname) for each in model._meta.concrete_fields if each.attname in names)
    )


@contextmanager
def one_moment() -> Iterator[None]:
    """Read everything inside as it stood at one moment, holding nobody up; nothing is written. Inside a transaction
    this does nothing more than that does.
    """
    if connection.in_atomic_block:
        yield
    elif IS_POSTGRESQL:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    else:
        # Django's own transactions take the lock that writers wait for; see settings.DATABASES.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
