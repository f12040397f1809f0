"""A whole site of its own, to be broken: PostgreSQL, Redis, gunicorn, and a worker that beats."""

import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.with_servers import Servers, _free_ports, running_servers
from training import minding

ROOT = Path(__file__).resolve().parents[2]
N_WEB = 2
STARTS_S = 300  # on a machine that is busy with much else


@dataclass
class Site:
    servers: Servers
    env: dict[str, str]
    port: int
    var: Path
    stage: dict[str, Any]
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)
    commands: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def start_web(self) -> None:
        command = [
            "-m",
            "gunicorn",
            "config.wsgi",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--log-level",
            "warning",
        ]
        self._start("web", *command, "--workers", str(N_WEB), "--threads", "4")
        wait_for(self.is_up, "the web server answers")

    def start_worker(self) -> None:
        """Start what scores entries and works drafts, and the beat that has it look every five seconds."""
        celery = ["-m", "celery", "--quiet", "-A", "config"]
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "error"]
        self._start("worker", *celery, "worker", "--concurrency", "2", *quiet)
        schedule = ["--schedule", str(self.var / "beat-schedule"), "--pidfile="]
        self._start("beat", *celery, "beat", *schedule, "--loglevel", "error")

    def wait_for(self, is_so: Callable[[], bool], what: str, within_s: float) -> float:
        """Look until it is so; return how long that took. Fails after `within_s`.

        What has ended meanwhile is started again, as docker-compose.yml and config.serve do: a worker that loses
        Redis with a message in its hands may end, because kombu then asks a connection that is closed already.
        """

        def is_so_by_now() -> bool:
            self._restart_dead()
            return is_so()

        return wait_for(is_so_by_now, what, within_s)

    def _restart_dead(self) -> None:
        for name, process in [*self.processes.items()]:
            if process.poll() is not None:
                self._start(name, *self.commands[name])

    def _start(self, name: str, *command: str) -> None:
        self.commands[name] = command
        with (self.var / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def is_up(self) -> bool:
        """Say whether the site answers, and reaches its database."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/healthz/")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def web_pids(self) -> list[int]:
        """Return the processes of gunicorn that answer."""
        return sorted(minding.descendants(self.processes["web"].pid))

    def log(self, name: str) -> str:
        return (self.var / f"{name}.log").read_text(errors="replace")

    def fill_disk(self, room: int = 0) -> None:
        """Let no process of the web server write a file beyond `room` bytes, as on a disk that is full."""
        for pid in self.web_pids():
            _soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, hard))

    def empty_disk(self) -> None:
        for pid in self.web_pids():
            _soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    def files(self) -> set[str]:
        """Return what lies in both storages."""
        folders = [self.var / name for name in ("pictures", "private")]
        return {str(path) for folder in folders for path in folder.rglob("*") if path.is_file()}


@contextmanager
def running_site(n_volunteers: int = 4, n_teams: int = 2, n_questions: int = 5000) -> Iterator[Site]:
    """Run one until the block ends. Raises with_servers.NotInstalled where a server's program is missing."""
    with running_servers(durable=True) as servers, TemporaryDirectory(prefix="nestwork-faults-") as var:
        env = {name: text for name, text in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        env |= {
            **servers.urls, "VAR_DIR": var, "DEBUG": "0", "SECRET_KEY": "of a site that is broken on purpose",
            "ALLOWED_HOSTS": "127.0.0.1", "STATIC_ROOT": str(Path(var) / "static"), "OMP_NUM_THREADS": "1",
            "TMPDIR": var,
        }  # fmt: skip
        stage = [sys.executable, "-m", "tests.faults.stage", *map(str, (n_volunteers, n_teams, n_questions))]
        made = subprocess.run(stage, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE)
        [port] = _free_ports(1)
        site = Site(servers, env, port, Path(var), json.loads(made.stdout))
        try:
            site.start_web()
            site.start_worker()
            yield site
        finally:
            site.stop()


def wait_for(is_so: Callable[[], bool], what: str, within_s: float = STARTS_S) -> float:
    """Look until it is so; return how long that took. Fails after `within_s`."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < within_s, f"Waited {within_s:.0f} s in vain until {what}."
        time.sleep(0.05)
    return time.monotonic() - began
