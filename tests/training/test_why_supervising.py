"""A worker starts one process for each run whose explanations wait, and answers for its death."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.utils import timezone

from tests.training.explanations import make_finished
from training import tasks, why_supervising
from training.models import Explanation
from training.models.explanations import SILENT_AFTER

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked():
    return Explanation.objects.ask(make_finished(), "a" * 64)


@pytest.fixture
def started(monkeypatch):
    """The commands that were started; `started.status` is what the next ends with, and may be an exception."""
    found = SimpleNamespace(commands=[], status=0)

    def run(command, **options):
        found.commands.append((command, options))
        if isinstance(found.status, Exception):
            raise found.status
        if found.status == 0:
            Explanation.objects.running().update(status="finished", file="a.npz")
        return SimpleNamespace(returncode=found.status)

    monkeypatch.setattr(why_supervising.subprocess, "run", run)
    return found


@pytest.fixture
def woken(monkeypatch):
    calls = []
    monkeypatch.setattr(tasks.explain_queued, "delay", lambda: calls.append("delay"))
    monkeypatch.setattr(tasks.explain_queued, "apply_async", lambda **options: calls.append("sweep"))
    return calls


def test_a_process_is_started_for_the_oldest(asked, started):
    assert why_supervising.explain_next()

    [(command, options)] = started.commands
    assert command == [sys.executable, "manage.py", "explain", str(asked.pk), "--attempt", "1"]
    assert options["timeout"] == why_supervising.MOST_S
    assert Explanation.objects.get().status == "finished"


def test_where_none_waits_none_is_started(started):
    assert not why_supervising.explain_next()
    assert started.commands == []


@pytest.mark.parametrize("status", [-9, 1, subprocess.TimeoutExpired("explain", 900)])
def test_one_whose_process_died_is_queued_again(asked, started, status):
    started.status = status

    why_supervising.explain_next()

    found = Explanation.objects.get()
    assert (found.status, found.n_lost) == ("queued", 1)


def test_one_that_failed_by_its_own_word_is_not_tried_again(asked, started, monkeypatch):
    started.status = 1
    run = why_supervising.subprocess.run

    def fail(command, **options):
        Explanation.objects.get().fail("It is broken.")
        return run(command, **options)

    monkeypatch.setattr(why_supervising.subprocess, "run", fail)

    why_supervising.explain_next()

    assert Explanation.objects.get().status == "failed"


def test_a_task_goes_on_as_long_as_any_wait(asked, started, woken):
    Explanation.objects.ask(asked.run, "b" * 64)

    tasks.explain_queued()
    assert woken == ["delay"]

    tasks.explain_queued()
    assert woken == ["delay"]
    assert len(started.commands) == 2


def test_a_sweep_queues_what_a_dead_worker_left_and_wakes_another(asked, woken):
    Explanation.objects.claim_next()
    tasks.sweep_explanations()
    assert woken == []

    Explanation.objects.update(heartbeat_at=timezone.now() - 2 * SILENT_AFTER)
    tasks.sweep_explanations()

    assert woken == ["sweep"]
    assert Explanation.objects.get().status == "queued"


def test_a_sweep_wakes_nobody_where_a_worker_is_at_one(asked, woken):
    Explanation.objects.ask(asked.run, "b" * 64)
    Explanation.objects.claim_next()

    tasks.sweep_explanations()

    assert woken == []
