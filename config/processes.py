"""The site's processes and the command that starts each, on one machine as under compose. Loads no settings."""

import socket
import sys
from pathlib import Path

from config.environment import choice, text, whole, words
from training import devices

BASE_DIR = Path(__file__).resolve().parent.parent
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
QUEUES = {"worker": "celery", "freezer": "snapshots", "trainer": "training", "intake": "intake"}
NAMES = (*QUEUES, "beat", "web")
# By Celery's cold shutdown. Else a trainer waits for its training to end; so it saves that and puts it back into the
# queue.
ENVIRONMENT = {"trainer": {"REMAP_SIGTERM": "SIGQUIT"}}


def var_dir() -> Path:
    """Where the site writes."""
    return Path(text("VAR_DIR", str(BASE_DIR / "var")))


def schedule() -> Path:
    """Where beat notes what it has sent and when."""
    return var_dir() / "beat-schedule"


def node(name: str) -> str:
    """Return by what name the other processes know a worker of this machine."""
    return f"{name}@{socket.gethostname()}"


def command(name: str, bind: str, log_level: str = "") -> list[str]:
    """Return the command of one of NAMES; the web server listens at `bind`, as 127.0.0.1:8000."""
    level = (log_level or choice("LOG_LEVEL", LOG_LEVELS, default="INFO")).lower()
    if name == "web":
        return [*_web(bind), "--log-level", level]
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "config"]
    if name == "beat":
        return [*celery, "beat", "--schedule", str(schedule()), "--pidfile=", "--loglevel", level]
    worker = ["worker", "--without-gossip", "--without-mingle", "--hostname", node(name), "--loglevel", level]
    return [*celery, *worker, "--queues", QUEUES[name], *_concurrency(name)]


def _web(bind: str) -> list[str]:
    # It would have a socket for commands in a home folder, which a container has not.
    web = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", bind, "--no-control-socket"]
    web += ["--workers", str(whole("WEB_PROCESSES", default=2, least=1))]
    return [*web, "--threads", str(whole("WEB_THREADS", default=4, least=1))]


def _concurrency(name: str) -> list[str]:
    if name == "intake":
        # Threads: processes of Celery's own may not start those that pictures are checked in.
        return ["--pool", "threads", "--concurrency", "1"]
    n = {"worker": n_workers, "trainer": n_trainers}
    return ["--concurrency", str(n[name]() if name in n else 1)]


def n_workers() -> int:
    return whole("WORKERS", default=1, least=1)


def n_trainers() -> int:
    """Return how many runs may be trained at once: one for each GPU, or for each few that a run takes; else one."""
    of_each = whole("TRAINING_GPUS_PER_RUN", default=1, least=1)
    found = len(devices.gpus(words("TRAINING_GPUS"))) // of_each
    return whole("TRAINERS", default=max(1, found), least=1)
