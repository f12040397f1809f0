import subprocess
import sys

import pytest

from tests.factories import make_run, make_snapshot
from training import supervising, tasks
from training.models import MOST_LOST, Run

pytestmark = pytest.mark.django_db


class Child:
    """Stands for a training's process: it lives for so many glances, and then ends with a status."""

    def __init__(self, lives=0, status=0, obeys=True, at_glance=lambda: None):
        self.lives, self.status, self.obeys, self.at_glance = lives, status, obeys, at_glance
        self.returncode = None
        self.told = []

    def __call__(self, command, cwd):
        self.command, self.cwd = command, cwd
        return self

    def wait(self, timeout=None):
        self.at_glance()
        if self.lives > 0:
            self.lives -= 1
            if timeout is not None:
                raise subprocess.TimeoutExpired("train", timeout)
        if self.returncode is None:
            self.returncode = self.status
        return self.returncode

    def terminate(self):
        self.told.append("terminate")
        if self.obeys:
            self.lives, self.status = 0, -15

    def kill(self):
        self.told.append("kill")
        self.lives, self.status = 0, -9


@pytest.fixture
def start(monkeypatch):
    """Let the next training be done by a Child."""

    def start(child):
        monkeypatch.setattr(supervising.subprocess, "Popen", child)
        return child

    return start


@pytest.fixture
def run():
    make_run(make_snapshot(n_questions=10))
    return Run.objects.claim_next()


def test_a_training_gets_a_process_of_its_own(run, start):
    child = start(Child(at_glance=run.finish))

    supervising.supervise(run)

    assert child.command == [sys.executable, "manage.py", "train", str(run.pk), "--attempt", "1"]
    assert child.told == []
    assert Run.objects.get().status == "finished"


def test_a_training_is_beaten_for_while_it_lives(run, start):
    Run.objects.update(heartbeat_at=None)
    child = start(Child(lives=1))

    supervising.supervise(run)

    assert child.told == []
    assert Run.objects.get().heartbeat_at


def test_a_run_whose_process_died_is_queued_again(run, start):
    start(Child(status=-9))

    supervising.supervise(run)

    assert Run.objects.get().status == "queued"


def test_a_run_whose_process_died_three_times_fails_with_a_sentence(run, start):
    Run.objects.update(n_lost=MOST_LOST - 1)
    run.refresh_from_db()
    start(Child(status=-9))

    supervising.supervise(run)

    failed = Run.objects.get()
    assert failed.status == "failed"
    assert failed.error.startswith("Its worker died 3 times")


def test_a_run_that_failed_by_its_own_word_is_not_tried_again(run, start):
    start(Child(status=1, at_glance=lambda: run.fail("The pictures are too small.")))

    supervising.supervise(run)

    failed = Run.objects.get()
    assert (failed.status, failed.error) == ("failed", "The pictures are too small.")


def test_the_process_of_a_cancelled_run_is_ended(run, start):
    child = start(Child(lives=100, at_glance=lambda: Run.objects.get().cancel()))

    supervising.supervise(run)

    assert child.told == ["terminate"]
    assert Run.objects.get().status == "cancelled"


def test_a_process_that_does_not_end_when_asked_is_killed(run, start):
    child = start(Child(lives=100, obeys=False, at_glance=lambda: Run.objects.get().cancel()))

    supervising.supervise(run)

    assert child.told == ["terminate", "kill"]
    assert child.returncode == -9


def test_a_process_is_ended_with_its_worker(run, start):
    signals = iter([SystemExit])

    def stop_worker_once():
        for signal in signals:
            raise signal

    child = start(Child(lives=100, at_glance=stop_worker_once))

    with pytest.raises(SystemExit):
        supervising.supervise(run)

    assert child.told == ["terminate"]


def test_a_worker_trains_whatever_is_queued_the_oldest_first(monkeypatch):
    snapshot = make_snapshot(n_questions=10)
    queued = [make_run(snapshot, network=network) for network in ("mlp", "perceptron")]
    trained = []
    monkeypatch.setattr(supervising, "supervise", trained.append)

    assert tasks.train_queued() == 2
    assert trained == queued
    assert tasks.train_queued() == 0
