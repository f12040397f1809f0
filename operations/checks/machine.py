"""Is this machine fit: its files, disk, clock, GPUs, and what its kernel can keep a stranger's network from?"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import redis
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.db import connection
from django.utils import timezone

from operations import restoring
from operations.checks.findings import Finding, ok, warning, wrong
from training import devices

GIB = 2**30
FULL_GIB, TIGHT_GIB, TIGHT_SHARE = 1, 5, 0.1
LATE_S, WRONG_S = 2, 10
# Confines itself as a process does that is about to read a stranger's network, and says what is in force.
CONFINED = """
import json, sys
sys.path.append(sys.argv[1])
from competition.sandbox.bounds import Limits
from competition.sandbox.confinement import confine
found = confine(Limits(), keep=())
sys.stdout.write(json.dumps({"in_force": found.in_force, "lacking": found.lacking}))
sys.stdout.flush()
"""


def static_files() -> Iterator[Finding]:
    if settings.DEBUG:
        yield ok("static files", "They are read where they lie.")
        return
    root, missing = Path(settings.STATIC_ROOT), []
    for finder in get_finders():
        for name, source in finder.list([]):
            collected = root / name
            with source.open(name) as file:
                if not collected.is_file() or collected.read_bytes() != file.read():
                    missing.append(name)
    if missing or not (root / "staticfiles.json").is_file():
        first = missing[0] if missing else "staticfiles.json"
        found = f"{len(missing)} are missing or old in {root}, as {first}."
        yield wrong("static files", found, "Run manage.py collectstatic, and start the web server again.")
    else:
        yield ok("static files", "All are collected as they are here.")


def disk() -> Iterator[Finding]:
    usage = shutil.disk_usage(settings.VAR_DIR)
    found = f"{usage.free / GIB:,.1f} of {usage.total / GIB:,.1f} GiB are free at {settings.VAR_DIR}."
    if usage.free < FULL_GIB * GIB:
        yield wrong("disk", found, "Make room: uploads, trainings and snapshots fail soon.")
    elif usage.free < min(TIGHT_GIB * GIB, TIGHT_SHARE * usage.total):
        yield warning("disk", found, "Make room before uploads and trainings fail.")
    else:
        yield ok("disk", found)


def restored() -> Iterator[Finding]:
    if restoring.marker().exists():
        found = f"A restore of {restoring.marker().read_text().strip()} was killed before its end."
        yield wrong("restore", found, "Run it again, with --replace.")


def clock() -> Iterator[Finding]:
    differences = list(_differences())
    if not differences:
        yield ok("clock", "No server has another one.")
    for whose, ahead_s in differences:
        late_s = f"{abs(ahead_s):.1f} s"
        ahead, behind = (
            f"{whose} is {late_s} ahead of this machine.",
            f"{whose} is {late_s} behind this machine.",
        )
        found = ahead if ahead_s > 0 else behind
        if abs(ahead_s) < LATE_S:
            yield ok("clock", f"{whose} agrees with this machine.")
        elif abs(ahead_s) < WRONG_S:
            yield warning("clock", found, "Let a time service keep the clocks of all machines.")
        else:
            advice = "Let a time service keep the clocks of all machines: leases and heartbeats go by them."
            yield wrong("clock", found, advice)


def _differences() -> Iterator[tuple[str, float]]:
    """Yield the clocks of the servers, with the seconds that each is ahead."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            [theirs] = cursor.fetchone()
        yield "PostgreSQL's clock", (theirs - timezone.now()).total_seconds()
    if settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5) as client:
            seconds, microseconds = client.time()
        theirs = datetime.fromtimestamp(seconds + microseconds / 1e6, tz=UTC)
        yield "Redis's clock", (theirs - timezone.now()).total_seconds()


def gpu() -> Iterator[Finding]:
    gpus = devices.gpus(settings.TRAINING_GPUS)
    if gpus:
        each = settings.TRAINING_GPUS_PER_RUN
        yield ok("GPU", f"Trainings here use {each} of {len(gpus)} at a time: {', '.join(gpus)}.")
    else:
        yield ok("GPU", "Trainings on this machine use the CPU.")


def sandbox() -> Iterator[Finding]:
    found = _protections()
    in_force, lacking = set(found["in_force"]), found["lacking"]
    if missing := [name for name in settings.SANDBOX_REQUIRES if name not in in_force]:
        why = "; ".join(f"{name} ({lacking.get(name, 'there is none of this name')})" for name in missing)
        yield wrong(
            "sandbox",
            f"Networks that are handed in are refused here, for want of {why}.",
            "Use a newer kernel or let the container do it, or take it off SANDBOX_REQUIRES: see decision 24.",
        )
        return
    also = f" This machine lacks {', '.join(lacking)}." if lacking else ""
    yield ok("sandbox", f"{len(in_force)} protections hold, all that are required.{also}")


def _protections() -> dict[str, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        said = subprocess.run(
            [sys.executable, "-I", "-c", CONFINED, str(settings.BASE_DIR)],
            cwd=folder,
            env={},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    if not said.stdout:
        last = (said.stderr.strip().splitlines() or [f"status {said.returncode}"])[-1]
        raise RuntimeError(f"A process that confines itself ended with: {last}")
    found: dict[str, dict[str, str]] = json.loads(said.stdout)
    return found
