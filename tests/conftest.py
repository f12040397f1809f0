"""What every test shares: the second run, on PostgreSQL and Redis, and the proof that it is one."""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection

from labeling.models.choices import forget_kept
from labeling.models.days import forget_noted

# A test that uses one of these, itself or through its fixtures, touches the database. What reaches the broker
# starts from a row, so it does too.
DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_setup"}

# Tables whose rows no statement deletes, and the trigger of SQLite that sees to it.
LASTING = {"datasets_snapshot": "datasets_frozen_delete", "accounts_act": "accounts_act_stays_delete"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--servers-only",
        action="store_true",
        help="run only what touches the database or the broker; for python -m tests.with_servers",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--servers-only") and not (
        os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    ):
        raise pytest.UsageError(
            "--servers-only needs DATABASE_URL and REDIS_URL: use python -m tests.with_servers."
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--servers-only"):
        return
    needs_servers = [_touches_database(item) for item in items]
    config.hook.pytest_deselected(
        items=[item for item, kept in zip(items, needs_servers, strict=True) if not kept]
    )
    items[:] = [item for item, kept in zip(items, needs_servers, strict=True) if kept]


def _touches_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("any_database"):
        return False
    if item.get_closest_marker("django_db"):
        return True
    return not DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def _run_on_the_servers_that_were_asked_for() -> None:
    """A run that was given servers must not pass by using SQLite or eager tasks unseen."""
    if os.environ.get("DATABASE_URL"):
        assert connection.vendor == "postgresql", f"DATABASE_URL is set; tests run on {connection.vendor}."
    if redis_url := os.environ.get("REDIS_URL"):
        in_use = {redis_url, settings.CELERY_BROKER_URL, settings.CACHES["default"]["LOCATION"]}
        assert in_use == {redis_url}, "REDIS_URL is set, but the broker or the cache is another."


@pytest.fixture(autouse=True)
def _nothing_kept_of_another_test() -> None:
    forget_kept()
    forget_noted()


@pytest.fixture(autouse=True)
def _tables_can_be_emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test that commits, Django deletes every row; on SQLite triggers keep some rows from that."""
    if not _commits(request) or connection.vendor != "sqlite":
        yield
        return
    # Asked for first, so that this ends before the tables are emptied.
    request.getfixturevalue("transactional_db")
    yield
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        for table, trigger in LASTING.items():
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [trigger])
            [statement] = cursor.fetchone()
            cursor.execute(f"DROP TRIGGER {trigger}")
            cursor.execute(f"DELETE FROM {table}")  # what refers to it goes at once after it
            cursor.execute(statement)


def _commits(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        return True
    return not {"transactional_db", "live_server"}.isdisjoint(request.fixturenames)
