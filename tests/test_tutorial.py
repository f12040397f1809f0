"""docs/tutorial.md from first to last, as a reader would do it: every program saved, every command run."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGE = (ROOT / "docs/tutorial.md").read_text()
NOT_THEIRS = {".git", ".venv", "var"}
# Far more than it takes: on a machine that does much else it still ends well.
STARTED_WITHIN_S, TUTORIAL_WITHIN_S = 300, 900


def fences(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def clone(tmp_path):
    """A folder that looks like a fresh clone, into which the reader's files go."""
    for path in ROOT.iterdir():
        if path.name not in NOT_THEIRS:
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.fixture
def environment(tmp_path_factory):
    """What the reader has set: nothing of this site or of the tests."""
    ours = re.findall(r"^\| `([A-Z0-9_]+)` \|", (ROOT / "docs/reference.md").read_text(), flags=re.MULTILINE)
    kept = {name: text for name, text in os.environ.items() if name not in {*ours, "DJANGO_SETTINGS_MODULE"}}
    return kept | {"VAR_DIR": str(tmp_path_factory.mktemp("var")), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def site(environment):
    """The site that the first step serves, until the test is over."""
    port = free_port()
    command = [sys.executable, "-m", "config.serve", "--port", str(port)]
    served = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, served)
        yield address
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(30)


def wait_for(address, served):
    deadline = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < deadline:
        assert served.poll() is None, "The site ended by itself."
        try:
            urllib.request.urlopen(f"{address}/healthz/", timeout=STARTED_WITHIN_S).close()
            return
        except OSError:  # nobody listens yet
            time.sleep(0.2)
    raise AssertionError(f"No site at {address} after {STARTED_WITHIN_S} s.")


def test_the_first_step_serves_the_site_that_the_others_speak_to():
    [first] = fences("console")
    assert first.splitlines()[-1] == "make run"

    makes = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert makes.splitlines()[-1].strip() == ".venv/bin/python -m config.serve"


def test_every_step_of_the_tutorial_ends_well(clone, environment, site):
    for program in fences("python"):
        name = program.splitlines()[0].removeprefix("# ")
        (clone / name).write_text(program)
    commands = "".join(fences("sh"))
    commands = commands.replace(".venv/bin/python", sys.executable).replace("http://127.0.0.1:8000", site)

    # Through a file, so that no process that is left behind holds a pipe open.
    with (clone / "said.txt").open("w+") as said:
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=clone, env=environment, stdout=said, stderr=subprocess.STDOUT, timeout=TUTORIAL_WITHIN_S, check=False,
        )  # fmt: skip
        said.seek(0)
        printed = said.read()

    assert ended.returncode == 0, printed
    assert "Fruit asks for apple, lemon, lime." in printed
    assert "150 pictures added" in printed
    assert re.search(r"grace answered 1\d\d times", printed)
    assert "mean colour: scored" in printed
    assert re.search(r"^1\S* +grace +mean colour", printed, flags=re.MULTILINE), printed
