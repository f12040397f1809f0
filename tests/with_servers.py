"""Run a command beside a private PostgreSQL and Redis, both thrown away when it ends.

    python -m tests.with_servers [--durable] [--if-installed] COMMAND...

The servers listen on free ports of 127.0.0.1 and keep their files in a temporary folder. The command finds
them in DATABASE_URL and REDIS_URL, and its exit status becomes ours.
"""

import argparse
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import psycopg
import redis

START_TIME_S = 60
STOP_TIME_S = 20


class ServersError(Exception):
    """The servers cannot be had; the message says why."""


class NotInstalled(ServersError):
    """A server's program is not on this machine."""


class Stopped(BaseException):
    """We were asked to stop, by the signal given."""


@dataclass
class Servers:
    """Both servers, which can be broken and mended again while others use them."""

    programs: Path  # PostgreSQL's
    redis_server: str
    folder: Path
    postgres_port: int
    redis_port: int
    is_durable: bool
    postgres: subprocess.Popen[bytes]
    redis: subprocess.Popen[bytes]

    @property
    def urls(self) -> dict[str, str]:
        return {"DATABASE_URL": f"{self.database_url}/nestwork", "REDIS_URL": self.redis_url}

    @property
    def database_url(self) -> str:
        return f"postgresql://nestwork@127.0.0.1:{self.postgres_port}"

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/0"

    def stop_postgres(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it: by SIGQUIT at once, as if it had crashed; by SIGINT in order."""
        _stop(self.postgres, how)

    def start_postgres(self) -> None:
        """Start it, and return once it answers. Whatever it had acknowledged is there."""
        self.postgres = _start_postgres(self.programs, self.folder, self.postgres_port, self.is_durable)
        log = self.folder / "postgres.log"
        _wait_for("PostgreSQL", log, self.postgres, lambda: _answers(self.database_url))

    def stop_redis(self) -> None:
        """Kill it; it forgets everything."""
        _stop(self.redis, signal.SIGKILL)

    def start_redis(self) -> None:
        self.redis = _start_redis(self.redis_server, self.folder, self.redis_port)
        _wait_for("Redis", self.folder / "redis.log", self.redis, lambda: _ping(self.redis_url))

    def flush_redis(self) -> None:
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()


@contextmanager
def running_servers(*, durable: bool = False) -> Iterator[Servers]:
    """Start both servers and stop them again in every case.

    durable: keep PostgreSQL's fsync on, as a real site has it; without it tests run much faster, and what it was
    stopped at once before it wrote it down is lost.
    Raises ServersError if a program is missing or a server does not start.
    """
    programs, redis_server = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="nestwork-servers-"))
    both: Servers | None = None
    redis_process: subprocess.Popen[bytes] | None = None
    try:
        postgres_port, redis_port = _free_ports(2)
        redis_process = _start_redis(redis_server, folder, redis_port)
        _make_cluster(programs, folder)
        postgres = _start_postgres(programs, folder, postgres_port, durable)
        both = Servers(
            programs, redis_server, folder, postgres_port, redis_port, durable, postgres, redis_process
        )
        _wait_for("Redis", folder / "redis.log", redis_process, lambda: _ping(both.redis_url))
        _wait_for(
            "PostgreSQL", folder / "postgres.log", postgres, lambda: _create_database(both.database_url)
        )
        yield both
    finally:
        if both:
            # PostgreSQL's "fast" shutdown: it closes connections instead of waiting for their owners to leave.
            _stop(both.postgres, signal.SIGINT)
            redis_process = both.redis
        if redis_process:
            _stop(redis_process, signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def servers(*, durable: bool = False) -> Iterator[dict[str, str]]:
    """Run both servers, and give DATABASE_URL and REDIS_URL; see `running_servers`."""
    with running_servers(durable=durable) as both:
        yield both.urls


def find_programs() -> tuple[Path, str]:
    """Return the folder of PostgreSQL's programs, and Redis's. Raises NotInstalled."""
    return _find_postgres(), _find_redis()


def _find_postgres() -> Path:
    """Return the folder of PostgreSQL's programs. Debian keeps it off the PATH, one folder a version."""
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: f.parent.name.zfill(3))
    for folder in [*on_path, *reversed(debian)]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NotInstalled("PostgreSQL's initdb and postgres were not found: install the package postgresql.")


def _find_redis() -> str:
    found = shutil.which("redis-server") or shutil.which("redis-server", path="/usr/sbin:/usr/local/bin")
    if found is None:
        raise NotInstalled("redis-server was not found: install the package redis-server.")
    return found


def _free_ports(n: int) -> list[int]:
    """Return ports that nobody listens on; all are held until the last is known, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def _start_redis(program: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    # Nothing to disk: rows are the truth, and a broker that forgets is something the site must bear.
    return _start([*command, "--save", "", "--appendonly", "no"], folder / "redis.log", None)


def _make_cluster(programs: Path, folder: Path) -> None:
    user = _unprivileged_user()
    data = folder / "postgres"
    data.mkdir(mode=0o700)
    if user is not None:
        folder.chmod(0o711)  # so that the other user may pass through to its own folder
        shutil.chown(data, user)
    initdb = [str(programs / "initdb"), "--pgdata", str(data), "--username", "nestwork", "--auth", "trust"]
    # C.UTF-8 sorts by code point, as SQLite does, and still knows upper and lower case beyond ASCII.
    initdb += ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
    made = subprocess.run(initdb, user=user, cwd="/", capture_output=True, text=True, check=False)
    if made.returncode:
        raise ServersError(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")


def _start_postgres(programs: Path, folder: Path, port: int, durable: bool) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",  # TCP alone: no socket to collide with another server's
        "max_connections": "200",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return _start(
        [str(programs / "postgres"), "-D", str(folder / "postgres"), *options],
        folder / "postgres.log",
        _unprivileged_user(),
    )


def _unprivileged_user() -> str | None:
    """Return the user to run PostgreSQL as, since it refuses root; None where we are not root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _start(command: list[str], log: Path, user: str | None) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches the command, and the servers outlive it by a moment.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            user=user,
            start_new_session=True,
        )


def _wait_for(name: str, log: Path, process: subprocess.Popen[bytes], answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIME_S
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            last_lines = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise ServersError(f"{name} did not start within {START_TIME_S} s:\n{last_lines}")
        time.sleep(0.05)


def _ping(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:  # not up yet, or still loading
            return False


def _answers(url: str) -> bool:
    try:
        psycopg.connect(f"{url}/postgres", connect_timeout=5).close()
    except psycopg.OperationalError:  # not up yet, or still reading what it had written down
        return False
    return True


def _create_database(url: str) -> bool:
    try:
        with psycopg.connect(f"{url}/postgres", autocommit=True, connect_timeout=5) as connection:
            connection.execute("CREATE DATABASE nestwork")
    except psycopg.OperationalError:  # not up yet
        return False
    return True


def _stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """End one process, and only that one: as asked first, for certain after STOP_TIME_S."""
    process.send_signal(how)
    try:
        process.wait(STOP_TIME_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _run(command: list[str], urls: dict[str, str]) -> int:
    child = subprocess.Popen(command, env={**os.environ, **urls})
    try:
        return child.wait()
    except Stopped as stopped:
        # A terminal has sent Ctrl-C to the command too, which is tidying up; nobody has told it of a SIGTERM.
        if stopped.args[0] != signal.SIGINT:
            child.terminate()
        raise
    finally:
        try:
            child.wait(STOP_TIME_S)
        except subprocess.TimeoutExpired:
            _stop(child, signal.SIGTERM)


def _be_stopped(number: int, _frame: object) -> NoReturn:
    # Once is enough: a second signal must not break the tidying up that the first one began.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    raise Stopped(number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.with_servers", description=__doc__.splitlines()[0])
    parser.add_argument("--durable", action="store_true", help="keep PostgreSQL's fsync on, for benchmarks")
    parser.add_argument(
        "--if-installed",
        action="store_true",
        help="do nothing, and say so, where a server is not installed; with CI=true that is still an error",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND...")
    options = parser.parse_args()
    if not options.command:
        parser.error("expected a command to run; found none.")
    if shutil.which(options.command[0]) is None:
        parser.error(f"expected a command to run; found no program {options.command[0]!r}.")
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _be_stopped)
    try:
        with servers(durable=options.durable) as urls:
            status = _run(options.command, urls)
    except NotInstalled as error:
        sys.stderr.write(f"{error}\n")
        return 0 if options.if_installed and os.environ.get("CI") != "true" else 1
    except ServersError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Stopped as stopped:
        return 128 + int(stopped.args[0])
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
