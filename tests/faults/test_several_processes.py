"""Two processes that train together, by gloo on the CPU as by NCCL on GPUs: they finish, end and go on together."""

import os
import signal
import time

import pytest

from tests.factories import make_snapshot
from tests.faults.conftest import kill_group, wait_until
from tests.faults.trainings import begin, make_long_run, n_shown, status, trainers_of, wait_for_end, weights
from training import minding
from training.models import Checkpoint
from training.tasks import train_queued


@pytest.fixture(autouse=True)
def two_processes(monkeypatch):
    monkeypatch.setenv("TRAINING_PROCESSES", "2")
    monkeypatch.setenv("TRAINING_CHECKPOINT_EVERY_S", "0.2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def snapshot(transactional_db):
    return make_snapshot(n_questions=20)


def begin_both(run, start_worker):
    """Start a worker; return it, and what it started, once both processes train."""
    worker = begin(run, start_worker)
    trainers = trainers_of(worker)
    assert len(trainers) == 3  # torchrun and two
    return worker, trainers


def all_gone(pids):
    return not any(map(minding.is_alive, pids))


def test_two_processes_train_a_run_to_its_end_and_go_on_after_one_was_killed(snapshot, start_worker):
    whole = make_long_run(snapshot, epochs=150)
    train_queued.delay()
    worker = start_worker()
    wait_for_end(whole)
    expected = weights(whole)
    assert whole.machine["n_processes"] == 2
    assert list(whole.epochs.values_list("number", flat=True)) == list(range(1, 151))
    whole.delete()
    run = make_long_run(snapshot, epochs=150)
    train_queued.delay()
    wait_until(lambda: Checkpoint.objects.filter(run=run).exists(), "it was saved")

    *_others, last = trainers_of(worker)
    os.kill(last, signal.SIGKILL)
    wait_for_end(run)

    assert run.attempt == 2
    assert weights(run) == expected


def test_of_a_cancelled_run_no_process_is_left_within_five_seconds(snapshot, start_worker):
    run = make_long_run(snapshot)
    worker, trainers = begin_both(run, start_worker)

    asked = time.monotonic()
    assert run.cancel()
    wait_until(lambda: all_gone(trainers), "the processes have ended")

    assert time.monotonic() - asked < 5
    assert status(run) == "cancelled"
    assert minding.is_alive(worker.pid)


def test_a_paused_run_is_saved_and_goes_on(snapshot, start_worker):
    run = make_long_run(snapshot)
    _worker, trainers = begin_both(run, start_worker)

    assert run.pause()
    wait_until(lambda: all_gone(trainers), "the processes have ended")
    paused_at = n_shown(run)
    assert status(run) == "paused"
    assert Checkpoint.objects.filter(run=run).exists()
    assert run.resume()
    train_queued.delay()
    wait_until(lambda: n_shown(run) > paused_at, "it went on")

    assert paused_at > 0


def test_all_processes_end_by_themselves_when_only_their_worker_was_killed(snapshot, start_worker):
    run = make_long_run(snapshot)
    worker, trainers = begin_both(run, start_worker)

    kill_group(worker)

    wait_until(lambda: all_gone(trainers), "the processes have ended")
    assert status(run) == "running"
