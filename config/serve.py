"""Run the whole site on one machine: web server, workers and beat, started again if they die.

    python -m config.serve [--port 8000]

Or become one of these processes, which somebody else keeps alive, as docker-compose.yml has each do:

    python -m config.serve --only web --host 0.0.0.0
"""

import argparse
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import FrameType
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured

from config import processes
from config.environment import whole
from config.processes import BASE_DIR, var_dir

STOP_WAIT_S = 10  # for a process to end by itself
RESTART_WAIT_S = 1


class PortInUseError(OSError):
    """Somebody else listens there already."""


def commands(port: int | None) -> dict[str, list[str]]:
    """Return the command of each process of the site; without a port there is no web server."""
    names = [name for name in processes.NAMES if name != "web" or port is not None]
    return {name: processes.command(name, f"127.0.0.1:{port}", "WARNING") for name in names}


def check_port(port: int) -> None:
    """Raise PortInUseError unless a server could listen on `port` of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortInUseError(
                f"Port {port} of 127.0.0.1 is in use; stop what listens there or give another: --port 8001."
            ) from error


class Supervisor:
    """Child processes by name, kept alive until they are stopped; each writes a log of its own."""

    def __init__(self, processes: Mapping[str, list[str]]) -> None:
        self._commands = processes
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for name in self._commands:
            self._start(name)

    def _start(self, name: str) -> None:
        logs = var_dir() / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / f"{name}.log").open("ab") as log:
            # A session of its own, so that Ctrl-C reaches this process alone and it stops the others in order.
            self._running[name] = subprocess.Popen(
                self._commands[name],
                cwd=BASE_DIR,
                env={**os.environ, **processes.ENVIRONMENT.get(name, {})},
                start_new_session=True,
                stdout=log,
                stderr=log,
            )

    def restart_dead(self) -> list[str]:
        """Start again what has died; return the names."""
        dead = [name for name, process in self._running.items() if process.poll() is not None]
        for name in dead:
            self._start(name)
        return dead

    def stop(self) -> None:
        """End every process: politely first, then for good."""
        for ask in (signal.SIGTERM, signal.SIGKILL):
            for process in self._running.values():
                if process.poll() is None:
                    process.send_signal(ask)
            deadline = time.monotonic() + STOP_WAIT_S
            for process in self._running.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))


@contextlib.contextmanager
def site(port: int | None) -> Iterator[Supervisor]:
    """Keep the site's processes while the block runs; SIGTERM ends it as Ctrl-C does, by KeyboardInterrupt.

    Raises PortInUseError before any process is started.
    """

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if port is not None:
        check_port(port)
    signal.signal(signal.SIGTERM, interrupt)
    supervisor = Supervisor(commands(port))
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def wait(supervisor: Supervisor) -> None:
    """Keep the processes alive until this one is told to stop."""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for name in supervisor.restart_dead():
                sys.stderr.write(f"The {name} process had died and was started again.\n")
            time.sleep(RESTART_WAIT_S)


def prepare() -> None:
    """Bring the database up to date, as an existing site wants after an upgrade."""
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=BASE_DIR, check=True)


def become(name: str, bind: str) -> NoReturn:
    """Become one process of the site, under the number of this one: its signals and its exit status are its own."""
    command = processes.command(name, bind)
    os.chdir(BASE_DIR)
    environment = {**os.environ, **processes.ENVIRONMENT.get(name, {})}
    os.execve(command[0], command, environment)  # noqa: S606  our own interpreter


def main() -> int:
    """Return the exit status; what cannot be is said in one sentence."""
    try:
        options = command_parser().parse_args()
        check_settings()
        if options.only:
            become(options.only, f"{options.host}:{options.port}")
        _serve(options.port)
    except (PortInUseError, ImproperlyConfigured) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def command_parser() -> argparse.ArgumentParser:
    """What the command line may say; the reference is made of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=whole("PORT", default=8000), help="8000, or PORT")
    parser.add_argument("--only", choices=processes.NAMES, metavar="PROCESS", help=", ".join(processes.NAMES))
    parser.add_argument("--host", default="127.0.0.1", help="with --only web: where to listen")
    return parser


def check_settings() -> None:
    """Raise ImproperlyConfigured if there is one that cannot be used, before it stops process after process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import_module(os.environ["DJANGO_SETTINGS_MODULE"])


def _serve(port: int) -> None:
    check_port(port)
    prepare()
    with site(port) as supervisor:
        sys.stdout.write(
            f"Nestwork is at http://127.0.0.1:{port}/ until you press Ctrl-C. Logs: {var_dir() / 'logs'}\n"
        )
        sys.stdout.flush()
        wait(supervisor)


if __name__ == "__main__":
    sys.exit(main())
