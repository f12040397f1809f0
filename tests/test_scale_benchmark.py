"""benchmarks.scale fills a site and measures it, as small as can be: what it prints is what the guide is made of."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.with_servers import NotInstalled, find_programs

ROOT = Path(__file__).resolve().parent.parent
MEASURED = {"fill", "refit", "count for pages", "tally over the tree", "freeze", "merge", "disk"}


@pytest.fixture
def programs() -> None:
    try:
        find_programs()
    except NotInstalled as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.mark.any_database  # it has servers of its own
def test_a_small_site_is_filled_and_all_of_it_measured(programs):
    command = [
        sys.executable,
        "-m",
        "benchmarks.scale",
        "--pictures",
        "300",
        "--annotators",
        "20",
        "--turns",
        "1",
    ]
    # Servers of its own, whatever this run has.
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}

    done = subprocess.run(
        [*command, "--seconds", "0.2"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    told = {line["what"]: line for line in lines}
    assert told.keys() >= MEASURED
    assert told["freeze"]["rows"] > 0
    assert told["merge"]["labels"] > 0
    assert told["hand out, 8 at once"]["n"] > 0
    assert told["page: label page"]["queries"] < 40
    assert sum(what.startswith("periodic: ") for what in told) > 5
