"""What the statements are made of that lend questions and cast votes, on either database. See accounts.sql for why
they are written by hand.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection

from accounts.sql import IS_POSTGRESQL

Columns = tuple[tuple[str, str], ...]  # names with their types


def among(column: str) -> str:
    """The condition that `column` is one of the keys which `keys` passes; see taxonomy.models.lookups."""
    if IS_POSTGRESQL:
        return f"{column} = ANY(%s::bigint[])"
    return f"{column} IN (SELECT value FROM json_each(%s))"


def keys(values: Iterable[int]) -> str:
    """The value that a statement takes for `among`."""
    text = ",".join(map(str, values))
    return f"{{{text}}}" if IS_POSTGRESQL else f"[{text}]"


def locked(*tables: str, skip: bool = False) -> str:
    """The clause that locks the rows of these tables; on SQLite the transaction has excluded all others."""
    if not IS_POSTGRESQL:
        return ""
    return f"FOR UPDATE OF {', '.join(tables)}{' SKIP LOCKED' if skip else ''}"


@cache
def table(columns: Columns) -> str:
    """A table `d` of the rows that `cells` passes, to read in a statement."""
    if IS_POSTGRESQL:
        values = ", ".join(f"(value ->> {i})::{kind} AS {name}" for i, (name, kind) in enumerate(columns))
        return f"(SELECT {values} FROM jsonb_array_elements(%s::jsonb)) AS d"
    values = ", ".join(f"json_extract(value, '$[{i}]') AS {name}" for i, (name, _kind) in enumerate(columns))
    return f"(SELECT {values} FROM json_each(%s)) AS d"


def cells(found: Sequence[Sequence[Any]]) -> str:
    """The value that a statement takes for `table`."""
    return json.dumps(found, default=str)


def to_moment(value: datetime) -> Any:
    """A moment as the database takes it."""
    return value if IS_POSTGRESQL else connection.ops.adapt_datetimefield_value(value)


def from_moment(value: Any) -> datetime:
    """A moment as the database gives it."""
    if not IS_POSTGRESQL:
        value = connection.ops.convert_datetimefield_value(  # type: ignore[attr-defined]
            value, None, connection
        )
    return value  # type: ignore[no-any-return]
