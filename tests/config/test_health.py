"""That each process answers is tested where compose starts it; here, that one that does not is found out."""

import os
import sys
import time

import pytest

from config import health, processes


@pytest.fixture
def schedule(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    return processes.schedule()


def test_a_web_server_that_is_not_there_is_sick(monkeypatch):
    monkeypatch.setenv("PORT", "1")  # nobody listens there

    with pytest.raises(health.SickError, match=r"Expected an answer on port 1; found: .*refused"):
        health.check("web")


@pytest.mark.django_db
def test_a_web_server_that_answers_is_well_and_one_that_refuses_is_not(live_server, monkeypatch, settings):
    monkeypatch.setenv("PORT", live_server.url.rpartition(":")[2])
    health.check("web")

    settings.ALLOWED_HOSTS = ["elsewhere.org"]
    with pytest.raises(health.SickError, match=r"Expected status 200 of /healthz/ on port .*; found 400"):
        health.check("web")


def test_a_beat_that_has_stood_still_is_sick(schedule):
    schedule.touch()
    health.check("beat")

    an_hour_ago = time.time() - 3600
    os.utime(schedule, (an_hour_ago, an_hour_ago))
    with pytest.raises(health.SickError, match=r"to be written within 600 s"):
        health.check("beat")


def test_a_beat_that_never_wrote_is_sick_and_the_command_says_so(schedule, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["health", "beat"])

    assert health.main() == 1
    assert (
        capsys.readouterr().err
        == f"Expected {schedule} to be written within 600 s; found it older, or none.\n"
    )


def test_a_worker_that_is_not_there_is_sick(monkeypatch):
    monkeypatch.setattr(health, "ANSWER_S", 0.1)

    with pytest.raises(health.SickError, match=r"Expected trainer@.* to answer"):
        health.check("trainer")
