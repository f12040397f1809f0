"""Statements written by hand must survive what the ORM survives."""

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, connections

from accounts.sql import IS_POSTGRESQL, rows


@pytest.mark.skipif(not IS_POSTGRESQL, reason="SQLite has no server that could be gone")
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_closed_is_opened_anew_by_the_next_request(monkeypatch):
    [(pid,)] = rows("SELECT pg_backend_pid()")
    database = connections[DEFAULT_DB_ALIAS]
    parameters = database.get_connection_params()
    wanted = {
        name: parameters[name]
        for name in ("host", "port", "user", "password", "dbname")
        if name in parameters
    }
    with psycopg.connect(**wanted, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    monkeypatch.setattr(database, "health_check_enabled", True)
    monkeypatch.setattr(database, "health_check_done", False)  # as at the beginning of a request
    assert rows("SELECT 1") == [(1,)]
    assert rows("SELECT pg_backend_pid()") != [(pid,)]
