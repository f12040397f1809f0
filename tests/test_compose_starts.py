"""Every command of docker-compose.yml that is ours, as it is written there, beside a real PostgreSQL and Redis: it
starts, its health check finds it well, and it stops when Docker asks it to, in the time that it is given.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest
import redis

from tests.composing import COMPOSE, HOST, OURS, ROOT, SERVICES

NAMES = ("web", "worker", "intake", "freezer", "trainer", "beat")
DATABASE = "nestwork_composed"
PATIENCE_S = 300

beside_servers = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def duration(text: str) -> int:
    """Read a time as this file gives it: in seconds."""
    assert text.endswith("s")
    return int(text.removesuffix("s"))


@pytest.fixture
def database():
    """Give the address of an empty database, without the password that it is asked for."""
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
        yield f"{server}/{DATABASE}"
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture
def environment(tmp_path, database):
    """Return what a container of ours sees, but for where the servers, the files and the secrets are."""
    secrets = {f"{name.upper()}_FILE": tmp_path / name for name in COMPOSE["secrets"]}
    for path in secrets.values():
        path.write_text("a secret of this test\n")
    broker = os.environ["REDIS_URL"].rpartition("/")[0] + "/9"
    yield {
        **OURS["web"]["environment"],
        **{name: str(path) for name, path in secrets.items()},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "VAR_DIR": str(tmp_path / "var"),
        "PORT": str(free_port()),
        "DATABASE_URL": database,
        "REDIS_URL": broker,
        "TRAINING_GPUS": "none",
        "OMP_NUM_THREADS": "1",
    }
    with redis.Redis.from_url(broker) as client:
        client.flushdb()


@contextmanager
def started(command, environment, log):
    """Start a command as Docker does, as the first of its own group; kill what is left of it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_well(name, process, environment, log):
    """Ask its health check again and again, as Docker does."""
    check = SERVICES[name]["healthcheck"]["test"][1:]
    deadline = time.monotonic() + PATIENCE_S
    while subprocess.run(check, cwd=ROOT, env=environment, capture_output=True, check=False).returncode:
        assert process.poll() is None, f"{name} ended:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"{name} is not well after {PATIENCE_S} s:\n{log.read_text()}"


def stop(name, process, log):
    """Stop it as Docker does; it has to end by itself in the time that it is given."""
    process.send_signal(signal.Signals[SERVICES[name].get("stop_signal", "SIGTERM")])
    grace = duration(SERVICES[name].get("stop_grace_period", "10s"))
    try:
        status = process.wait(grace)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{name} did not stop in {grace} s:\n{log.read_text()}")
    assert status == 0, f"{name} ended with status {status}:\n{log.read_text()}"


@beside_servers
@pytest.mark.django_db
def test_every_process_starts_is_found_well_and_stops_in_time(environment, tmp_path):
    logs = {name: tmp_path / f"{name}.log" for name in NAMES}
    subprocess.run(
        shlex.split(OURS["migrate"]["command"]), cwd=ROOT, env=environment, check=True, timeout=PATIENCE_S
    )

    with ExitStack() as stack:
        running = {
            name: stack.enter_context(started(shlex.split(OURS[name]["command"]), environment, logs[name]))
            for name in NAMES
        }
        for name, process in running.items():
            wait_until_well(name, process, environment, logs[name])
        answer = ask(int(environment["PORT"]), {"X-Forwarded-Proto": "https"})
        for name, process in running.items():
            stop(name, process, logs[name])

    assert answer.status == 200
    assert "a secret of this test" not in "".join(log.read_text() for log in logs.values())


def ask(port, headers):
    server = HTTPConnection("127.0.0.1", port, timeout=30)
    server.request("GET", "/healthz/", headers={"Host": HOST, **headers})
    answer = server.getresponse()
    answer.read()
    server.close()
    return answer


class Site:
    """A site behind the proxy, that remembers what it was asked."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def answer(self):
        """Answer one request; return its head."""
        connection, _ = self.listener.accept()
        with connection:
            head = connection.recv(65536).decode()  # Caddy sends it at once
            connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        return head


def test_the_proxy_hands_requests_on_and_says_who_asked_and_how(tmp_path):
    site, port, admin = Site(), free_port(), free_port()
    environment = {
        **SERVICES["proxy"]["environment"],
        "SITE_ADDRESS": f"http://{HOST}:{port}",
        "SITE_UPSTREAM": f"127.0.0.1:{site.port}",
        "CADDY_ADMIN": f"127.0.0.1:{admin}",
        "HOME": str(tmp_path),
    }
    caddy = [
        str(Path(sys.executable).with_name("caddy")),
        "run",
        "--config",
        "Caddyfile",
        "--adapter",
        "caddyfile",
    ]
    log = tmp_path / "log"

    with site.listener, started(caddy, environment, log) as process:
        wait_for_port(port, process, log)
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as asking:
            asking.request("GET", "/", headers={"Host": f"{HOST}:{port}", "X-Forwarded-For": "6.6.6.6"})
            head = site.answer()
            with asking.getresponse() as response:
                status = response.status
        stop("proxy", process, log)

    assert status == 204
    assert f"Host: {HOST}:{port}\r\n" in head
    assert "X-Forwarded-Proto: http\r\n" in head
    # What a visitor says of themselves is not believed.
    assert "X-Forwarded-For: 127.0.0.1\r\n" in head


def wait_for_port(port, process, log):
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@beside_servers
@pytest.mark.django_db
def test_postgres_and_redis_know_every_option_that_they_are_started_with():
    words = shlex.split(SERVICES["postgres"]["command"])
    asked = [word.partition("=")[0] for word in words if "=" in word]
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        known = {name for (name,) in connection.execute("SELECT name FROM pg_settings")}
    assert asked
    assert set(asked) <= known

    options = [word for word in shlex.split(SERVICES["redis"]["command"]) if word.startswith("--")]
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        assert all(client.config_get(option.removeprefix("--")) for option in options)
