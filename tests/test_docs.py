"""The documents name what there is: every setting, every command, every file that they link to."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

BASE_DIR = Path(settings.BASE_DIR)
OURS = {"accounts", "taxonomy", "labeling", "datasets", "training", "competition", "operations", "demo"}
REFERENCE = (BASE_DIR / "docs/reference.md").read_text()


def settings_read() -> set[str]:
    code = (BASE_DIR / "config/settings.py").read_text() + (BASE_DIR / "config/serve.py").read_text()
    return set(re.findall(r'(?:environ\.get|flag|words|whole)\(\s*"([A-Z0-9_]+)"', code))


def test_the_reference_lists_exactly_the_settings_that_the_code_reads():
    listed = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", REFERENCE, re.MULTILINE))

    assert listed == settings_read()


def test_the_reference_lists_exactly_our_commands():
    ours = {name for name, app in get_commands().items() if app in OURS}

    listed = set(re.findall(r"^\| `manage\.py ([a-z_]+)", REFERENCE, re.MULTILINE))

    assert listed == ours


def documents() -> list[Path]:
    return [BASE_DIR / "README.md", BASE_DIR / "CONTRIBUTING.md", *sorted(BASE_DIR.glob("docs/**/*.md"))]


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_link_to_a_file_finds_it(path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())

    missing = [link for link in links if not (path.parent / link).exists()]

    assert missing == []


def test_decisions_are_numbered_without_a_gap():
    numbers = [int(path.name[:4]) for path in sorted((BASE_DIR / "docs/decisions").glob("*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))
