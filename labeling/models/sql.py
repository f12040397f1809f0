"""Statements of our own, for the two requests that volunteers make all the time: taking leases and casting votes.

Django takes some 0.5 ms to put together the SQL of one query, five times what the database then takes to answer it,
and these requests make a dozen (benchmarks.handout). Rows still become models; constraints still hold.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection, models

Row = TypeVar("Row", bound=models.Model)


def rows(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def run(statement: str, values: Sequence[Any] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def among(column: str) -> str:
    """The condition that `column` is one of the keys which `keys` passes; see taxonomy.models.lookups."""
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)"
    return f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608


def keys(values: Iterable[int]) -> Any:
    return list(values) if connection.vendor == "postgresql" else json.dumps(list(values))


def locked(*tables: str, skip: bool = False) -> str:
    """The clause that locks the rows of these tables; on SQLite the transaction has excluded all others."""
    if connection.vendor != "postgresql":
        return ""
    return f"FOR UPDATE OF {', '.join(tables)}{' SKIP LOCKED' if skip else ''}"


def select(table: str, names: Sequence[str]) -> str:
    """The list of a table's columns."""
    return ", ".join(f"{table}.{name}" for name in names)


def build(model: type[Row], names: Sequence[str], values: Sequence[Any]) -> Row:
    """Make a row's model of its columns. What was not read is read when it is asked for."""
    found = dict(zip(names, values, strict=True))
    ordered = [found[each.attname] for each in model._meta.concrete_fields if each.attname in found]
    return model.from_db(connection.alias, names, ordered)


def to_moment(value: datetime) -> Any:
    """A moment as the database takes it."""
    return connection.ops.adapt_datetimefield_value(value)


def from_moment(value: Any) -> datetime:
    """A moment as the database gives it."""
    if connection.vendor == "sqlite":
        value = connection.ops.convert_datetimefield_value(  # type: ignore[attr-defined]
            value, None, connection
        )
    return value  # type: ignore[no-any-return]
