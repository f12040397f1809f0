"""Run the whole site on one machine: web server, workers and beat, started again if they die.

    python -m config.serve [--port 8000]

On a server, docker-compose.yml starts the same processes one by one.
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
from pathlib import Path
from types import FrameType

from training import devices

BASE_DIR = Path(__file__).resolve().parent.parent
STOP_WAIT_S = 10  # for a process to end by itself
RESTART_WAIT_S = 1


class PortInUseError(OSError):
    """Somebody else listens there already."""


def var_dir() -> Path:
    """Where the site writes, as in the settings, which this module does not load."""
    return Path(os.environ.get("VAR_DIR", BASE_DIR / "var"))


def commands(port: int | None) -> dict[str, list[str]]:
    """Return the command of each process of the site; without a port there is no web server."""
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "config"]
    quiet = ["--loglevel", "warning"]
    any_worker = [*celery, "worker", "--without-gossip", "--without-mingle", *quiet]
    worker = [*any_worker, "--concurrency", "1"]
    trainer = [*any_worker, "--concurrency", str(n_trainers())]
    processes = {
        "worker": [*worker, "--queues", "celery", "--hostname", "worker@%h"],
        "freezer": [*worker, "--queues", "snapshots", "--hostname", "freezer@%h"],
        "trainer": [*trainer, "--queues", "training", "--hostname", "trainer@%h"],
        # Threads: processes of Celery's own may not start those that pictures are checked in.
        "intake": [*worker, "--queues", "intake", "--pool", "threads", "--hostname", "intake@%h"],
        "beat": [*celery, "beat", "--schedule", str(var_dir() / "beat-schedule"), "--pidfile=", *quiet],
    }
    if port is not None:
        web = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
        processes["web"] = [*web, "--workers", "2", "--threads", "4", "--log-level", "warning"]
    return processes


def n_trainers() -> int:
    """Return how many runs may be trained at once: one for each GPU, or for each few that a run takes; else one."""
    named = [word.strip() for word in os.environ.get("TRAINING_GPUS", "").split(",") if word.strip()]
    of_each = int(os.environ.get("TRAINING_GPUS_PER_RUN") or 1)
    return max(1, len(devices.gpus(named)) // max(1, of_each))


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
                # Else a trainer waits for its training to end; so it saves that and puts it back into the queue.
                env={**os.environ, "REMAP_SIGTERM": "SIGQUIT"} if name == "trainer" else None,
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


def command_parser() -> argparse.ArgumentParser:
    """What the command line may say; the reference is made of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    port = int(os.environ.get("PORT", "8000"))
    parser.add_argument("--port", type=int, default=port, help="8000, or PORT, unless given")
    return parser


def main() -> int:
    port = command_parser().parse_args().port
    try:
        check_port(port)
        prepare()
        with site(port) as supervisor:
            sys.stdout.write(
                f"Nestwork is at http://127.0.0.1:{port}/ until you press Ctrl-C. Logs: {var_dir() / 'logs'}\n"
            )
            sys.stdout.flush()
            wait(supervisor)
    except PortInUseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
