"""Ask a process of this machine whether it does its work, as docker-compose.yml has it done now and again.

    python -m config.health web|worker|intake|freezer|trainer|beat

Ends with status 0 if so, else with 1 and one sentence.
"""

import argparse
import sys
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from config import celery_app, processes
from config.environment import whole

ANSWER_S = 10
# Beat writes its schedule down every three minutes.
BEAT_S = 600


class SickError(Exception):
    """The process does not do its work; the message says what it failed to do."""


def check(name: str) -> None:
    """Raise SickError unless the process answers."""
    {"web": check_web, "beat": check_beat}.get(name, lambda: check_worker(name))()


def check_web() -> None:
    """It has to reach its database, too."""
    server = HTTPConnection("localhost", whole("PORT", default=8000), timeout=ANSWER_S)
    try:
        # The header says what a proxy would say, or BEHIND_TLS=1 would send us to https.
        server.request("GET", "/healthz/", headers={"X-Forwarded-Proto": "https"})
        status = server.getresponse().status
    except (OSError, HTTPException) as error:
        raise SickError(f"Expected an answer on port {server.port}; found: {error}.") from error
    finally:
        server.close()
    if status != HTTPStatus.OK:
        raise SickError(f"Expected status 200 of /healthz/ on port {server.port}; found {status}.")


def check_worker(name: str) -> None:
    """It has to hear what comes by the broker. It answers while it works: its parent process does the talking."""
    node = processes.node(name)
    if not celery_app.control.ping(destination=[node], timeout=ANSWER_S):
        raise SickError(f"Expected {node} to answer within {ANSWER_S} s; found no answer.")


def check_beat() -> None:
    # Some kinds of dbm add an ending to the name.
    written = [file.stat().st_mtime for file in processes.var_dir().glob(f"{processes.schedule().name}*")]
    if not written or time.time() - max(written) > BEAT_S:
        raise SickError(
            f"Expected {processes.schedule()} to be written within {BEAT_S} s; found it older, or none."
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("name", choices=processes.NAMES)
    try:
        check(parser.parse_args().name)
    except SickError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
