"""The commands that the README opens with."""

import os
import subprocess
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
# A test may itself be run by make, whose variables would reach the make that it starts.
ENVIRONMENT = {name: text for name, text in os.environ.items() if "MAKE" not in name and name != "MFLAGS"}


def make(*arguments: str) -> str:
    """Return what make prints."""
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    ).stdout


def test_the_demo_passes_its_arguments_on():
    assert ".venv/bin/python manage.py demo --no-serve\n" in make("--dry-run", "demo", "ARGS=--no-serve")


def test_the_demo_installs_nothing_that_only_checks_the_site(tmp_path):
    steps = make("--dry-run", "demo", f"VENV={tmp_path}")

    assert "-r requirements.txt" in steps
    assert "requirements-dev.txt" not in steps


def test_a_venv_that_is_newer_than_the_requirements_is_left_alone(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").touch()
    (tmp_path / ".installed").touch()

    assert "pip install" not in make("--dry-run", "demo", f"VENV={tmp_path}")
    assert "pip install" in make("--dry-run", "demo", f"VENV={tmp_path}", "--what-if=requirements.txt")


def test_help_lists_every_target():
    listed = {line.split()[0] for line in make("help").splitlines()}

    phony = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY"))
    assert listed == set(phony.split()[1:])
