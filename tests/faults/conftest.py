"""Real worker processes on the test database and a broker of their own, to be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection

PATIENCE_S = 90
GLANCE_S = 0.05


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Look again and again until it is so; fail after a long while."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"Waited {PATIENCE_S} s in vain until {what}."
        time.sleep(GLANCE_S)


def database_url() -> str:
    """Return where the test database is, for a process that reads config.settings."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    return f"postgresql://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


@pytest.fixture
def start_worker(transactional_db) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start a Celery worker, of the training queue unless told otherwise; whatever is still there is killed at the
    end.
    """
    current_app.conf.task_always_eager = False
    started = []

    def start(*which: str, concurrency: int = 1) -> subprocess.Popen:
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker"]
        command += which or ("--queues", "training")
        options = [
            "--concurrency",
            str(concurrency),
            "--without-gossip",
            "--without-mingle",
            "--loglevel",
            "error",
        ]
        env = {**os.environ, "DATABASE_URL": database_url(), "VAR_DIR": str(settings.VAR_DIR)}
        env["DJANGO_SETTINGS_MODULE"] = "config.settings"
        process = subprocess.Popen(
            [*command, *options], cwd=settings.BASE_DIR, env=env, start_new_session=True
        )
        started.append(process)
        return process

    yield start
    current_app.conf.task_always_eager = True
    for process in started:
        kill_group(process)


def kill_group(process: subprocess.Popen) -> None:
    """Kill a worker and all that it has started, as a machine that loses power does."""
    with ignore_missing():
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def ignore_missing() -> Iterator[None]:
    try:
        yield
    except ProcessLookupError:
        return
