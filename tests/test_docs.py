"""The documents name what there is: every setting, every command, every file that they link to."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

BASE_DIR = Path(settings.BASE_DIR)
OURS = {"accounts", "taxonomy", "labeling", "datasets", "training", "competition", "operations", "demo"}
REFERENCE = (BASE_DIR / "docs/reference.md").read_text()


CODE = "".join((BASE_DIR / f"config/{name}.py").read_text() for name in ("settings", "serve", "processes"))
# What config/environment.py reads, and how the reference calls each.
KINDS = {
    "flag": "`1` or `0`",
    "whole": "number",
    "seconds": "seconds",
    "words": "list",
    "choice": "word",
    "url": "address",
    "secret": "secret",
    "text": "text",
}
READ = re.compile(rf'\b({"|".join(KINDS)})\(\s*"([A-Z0-9_]+)"(?:, default=(\w+)\s*[,)])?')
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| ([^|]+) \| ([^|]+) \|", re.MULTILINE)


def settings_read() -> set[str]:
    read = {name: kind for kind, name, _default in READ.findall(CODE)}
    return {*read, *(f"{name}_FILE" for name, kind in read.items() if kind == "secret")}


def test_the_reference_lists_exactly_the_settings_that_the_code_reads():
    listed = {name for name, _kind, _without in ROW.findall(REFERENCE)}

    assert listed == settings_read()


def test_the_reference_says_of_what_kind_each_setting_is():
    kinds = {name: kind for name, kind, _without in ROW.findall(REFERENCE)}

    wrong = {name: kinds[name] for kind, name, _default in READ.findall(CODE) if kinds[name] != KINDS[kind]}

    assert wrong == {}


def test_the_reference_says_which_numbers_are_taken_without_a_setting():
    without = {name: said for name, _kind, said in ROW.findall(REFERENCE)}
    read = {
        name: default for _kind, name, default in READ.findall(CODE) if default.replace("_", "").isdecimal()
    }

    wrong = {
        name: without[name]
        for name, default in read.items()
        if default != "0" and without[name] != f"`{int(default)}`"
    }

    assert len(read) > 20
    assert wrong == {}


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
