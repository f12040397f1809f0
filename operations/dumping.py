"""The database as one file, and back: SQLite by its backup interface, PostgreSQL by its own pg_dump and pg_restore.

Either dump is of one moment, though people go on voting; and either way back is one transaction, so that a process
which is killed half-way has changed nothing.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from operations.archive import BackupError

Counts = dict[str, int]  # rows by table
WAIT_S = 30
# What has been there goes, in the transaction that brings the dump. Who is at work with it is not waited for long.
BEFORE = f"""
SET client_min_messages = warning;
BEGIN;
SET LOCAL lock_timeout = '{WAIT_S}s';
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
"""
COUNTED = """
DO $$ BEGIN IF (SELECT count(*) FROM public.{table}) <> {n} THEN
RAISE EXCEPTION 'Expected {n} rows in {table}.'; END IF; END $$;
"""


def dump(path: Path) -> Counts:
    """Write the database into the file `path`; return the rows of each table as they are there."""
    if connection.vendor == "sqlite":
        return _dump_sqlite(path)
    return _dump_postgresql(path)


def load(path: Path, counts: Counts) -> None:
    """Put what `path` has in the place of all that is in the database. Raises BackupError, and changes nothing then,
    where it has not the rows of `counts`.
    """
    connection.close()
    if connection.vendor == "sqlite":
        _load_sqlite(path, counts)
    else:
        _load_postgresql(path, counts)


# --- SQLite -------------------------------------------------------------------------------------------------------


def _dump_sqlite(path: Path) -> Counts:
    with closing(_open_sqlite()) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, without another for its log
        return _count_sqlite(target)


def _load_sqlite(path: Path, counts: Counts) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source:
        if (found := _count_sqlite(source)) != counts:
            raise BackupError(f"{path}: expected the rows {counts}; found {found}.")
        with closing(_open_sqlite()) as target:
            source.backup(target)


def _open_sqlite() -> sqlite3.Connection:
    return sqlite3.connect(connection.settings_dict["NAME"], timeout=WAIT_S)


def _count_sqlite(database: sqlite3.Connection) -> Counts:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return {
        name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608  # a name of a table
        for (name,) in tables
        if not name.startswith("sqlite_")
    }


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


def _dump_postgresql(path: Path) -> Counts:
    with _one_moment() as (snapshot, counts):
        command, env = _command("pg_dump")
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
        _run([*command, *options, f"--file={path}"], env)
    return counts


@contextmanager
def _one_moment() -> Iterator[tuple[str, Counts]]:
    """Hold a moment of the database open; yield its name for pg_dump, and the rows of each table then."""
    other: BaseDatabaseWrapper = connection.copy()
    with closing(other), other.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        [snapshot] = cursor.fetchone()
        counts = {}
        for table in sorted(other.introspection.table_names(cursor)):
            cursor.execute(f"SELECT count(*) FROM {other.ops.quote_name(table)}")  # noqa: S608
            [counts[table]] = cursor.fetchone()
        yield snapshot, counts


def _load_postgresql(path: Path, counts: Counts) -> None:
    psql, env = _command("psql")
    reader = [_program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(path)]
    after = "".join(
        COUNTED.format(table=connection.ops.quote_name(table), n=int(n)) for table, n in counts.items()
    )
    options = ["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    with subprocess.Popen(
        [psql[0], *options, *psql[1:]], env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writer:
        assert writer.stdin is not None and writer.stderr is not None  # noqa: PT018, S101  # for types alone
        try:
            writer.stdin.write(BEFORE.encode())
            writer.stdin.flush()
            read = subprocess.run(reader, stdout=writer.stdin, stderr=subprocess.PIPE, check=False)
            # Only what was read to its end and counted is kept; a process that ends here leaves all as it was.
            if read.returncode == 0:
                writer.stdin.write(f"{after}\nCOMMIT;\n".encode())
            writer.stdin.close()
        except BrokenPipeError:
            read = None  # psql says why it stopped
        said = writer.stderr.read()
    if writer.returncode:
        raise BackupError(f"The database was left as it was: {_last_line(said)}")
    if read is not None and read.returncode:
        raise BackupError(f"The database was left as it was: {_last_line(read.stderr)}")


def _command(program: str) -> tuple[list[str], dict[str, str]]:
    """Return the command of one of PostgreSQL's programs, and its environment, which has the password."""
    from django.db.backends.postgresql.client import DatabaseClient

    args, env = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    return [_program(program), *args[1:]], {**os.environ, **(env or {})}


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"Expected PostgreSQL's program {name}; it is not here: install postgresql-client.")
    return found


def _run(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    if done.returncode:
        raise BackupError(f"{Path(command[0]).name} failed: {_last_line(done.stderr)}")


def _last_line(said: bytes) -> str:
    lines: list[Any] = said.decode(errors="replace").strip().splitlines()
    return str(
        next((line for line in lines if "ERROR" in line or "error:" in line), lines[-1] if lines else "?")
    )
