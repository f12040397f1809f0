"""The examples of docs/contests.md run as they stand, one after the other, against a site."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.models import ApiToken
from competition import kit_score
from competition.models import Contest, Submission
from tests.factories import make_phase, make_snapshot, make_user

PAGE = Path(__file__).resolve().parents[2] / "docs/contests.md"


def examples(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


@pytest.fixture
def author(live_server):
    make_phase(make_snapshot(n_questions=20))
    Contest.objects.update(slug="digits")
    return make_user()


@pytest.fixture
def token(author):
    return ApiToken.objects.create(user=author, name="a script")[1]


def test_the_examples_run(live_server, author, token, tmp_path, monkeypatch, capsys):
    [commands] = examples("sh")
    commands = commands.replace("https://labels.example.org", live_server.url).replace("your-token", token)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    found = subprocess.run(
        ["bash", "-euc", commands], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stderr
    assert len(commands.splitlines()) == 5  # from nothing to a score in five commands, as the page says
    assert "validation pictures" in found.stdout
    assert "sample.csv: fine." in found.stdout
    assert "the usual nouns: scored" in found.stdout

    folder = tmp_path / "digits-kit"
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NESTWORK_SITE", live_server.url)
    monkeypatch.setenv("NESTWORK_TOKEN", token)
    names: dict[str, object] = {}
    for example in examples("python"):
        exec(compile(example, str(PAGE), "exec"), names)

    assert capsys.readouterr().out.startswith("201 ")
    assert Submission.objects.filter(author=author).count() == 2
    for name in ("guesses.csv", "guesses.jsonl", "guesses.npy"):
        assert "fine" in kit_score.check(Path(name), folder)
