"""Killed, cancelled, paused or stopped in the middle of a training: nothing is lost, and nothing is left."""

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.factories import make_snapshot
from tests.faults.conftest import kill_group, wait_until
from tests.faults.trainings import (
    begin,
    let_time_pass,
    make_long_run,
    n_shown,
    status,
    trainers_of,
    wait_for_end,
    weights,
)
from training import minding
from training.models import Checkpoint, Run
from training.running import execute
from training.tasks import train_queued

N_KILLS = 5


@pytest.fixture(autouse=True)
def often_saved(monkeypatch):
    monkeypatch.setenv("TRAINING_CHECKPOINT_EVERY_S", "0.2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def snapshot(transactional_db):
    return make_snapshot(n_questions=20)


def undisturbed(run):
    """Train `run` to its end at once, in this process; return its weights, and make room for another like it."""
    claimed = Run.objects.claim_next()
    assert claimed == run
    execute(claimed)
    found = weights(claimed)
    claimed.delete()
    return found


def checkpoint(run):
    return Checkpoint.objects.filter(run=run).values_list("file", flat=True).first()


def is_saved_after(run, seen):
    return checkpoint(run) not in (None, seen)


def test_a_run_that_is_killed_five_times_ends_with_the_same_bytes(snapshot, start_worker):
    expected = undisturbed(make_long_run(snapshot, epochs=1200))
    run = make_long_run(snapshot, epochs=1200)
    moments = random.Random()
    train_queued.delay()
    worker = start_worker()

    for n in range(N_KILLS):
        wait_until(partial(is_saved_after, run, checkpoint(run)), "it was saved again")
        time.sleep(moments.uniform(0, 0.3))  # not to wait for anything: so that it is hit anywhere
        trainers = trainers_of(worker)
        if n % 2:  # the machine loses power
            kill_group(worker)
        for pid in trainers:
            os.kill(pid, signal.SIGKILL)
        if n % 2:
            let_time_pass(run)
            assert Run.objects.lost().requeue() == 1
            train_queued.delay()
            worker = start_worker()
        # Else memory ran out, say, and the worker goes on by itself.
    wait_for_end(run)

    assert run.attempt == N_KILLS + 1
    assert list(run.epochs.values_list("number", flat=True)) == list(range(1, run.n_epochs + 1))
    assert weights(run) == expected


def test_a_cancelled_run_leaves_no_process_within_five_seconds(snapshot, start_worker):
    run = make_long_run(snapshot)
    worker = begin(run, start_worker)
    trainers = trainers_of(worker)
    assert trainers

    asked = time.monotonic()
    assert run.cancel()
    wait_until(lambda: not any(map(minding.is_alive, trainers)), "the training has ended")

    assert time.monotonic() - asked < 5
    assert status(run) == "cancelled"
    assert minding.is_alive(worker.pid)


def test_a_run_that_is_paused_and_goes_on_ends_with_the_same_bytes_and_repeats_no_epoch(
    snapshot, start_worker
):
    expected = undisturbed(make_long_run(snapshot, epochs=500))
    run = make_long_run(snapshot, epochs=500)
    worker = begin(run, start_worker)

    assert run.pause()
    wait_until(lambda: not trainers_of(worker), "the training has ended")
    assert status(run) == "paused"
    paused_at = n_shown(run)
    before = dict(run.epochs.values_list("number", "seconds"))
    assert run.resume()
    train_queued.delay()
    wait_for_end(run)

    assert weights(run) == expected
    again = dict(run.epochs.values_list("number", "seconds"))
    assert before.items() <= again.items()  # measured once, so not trained again
    assert 0 < paused_at < n_shown(run) == 12 * 500
    assert len(again) == 500


def test_a_worker_that_is_stopped_saves_its_training_and_puts_it_back(snapshot, start_worker, monkeypatch):
    monkeypatch.setenv("REMAP_SIGTERM", "SIGQUIT")  # as config.serve starts a trainer
    run = make_long_run(snapshot)
    worker = begin(run, start_worker)
    trainers = trainers_of(worker)

    worker.terminate()
    worker.wait(30)

    assert not any(map(minding.is_alive, trainers))
    run.refresh_from_db()
    assert (run.status, run.n_lost) == ("queued", 0)
    assert run.n_shown > 0
    assert Checkpoint.objects.get().run == run


def test_a_training_stops_by_itself_when_only_its_worker_was_killed(snapshot, start_worker):
    run = make_long_run(snapshot)
    worker = begin(run, start_worker)
    trainers = trainers_of(worker)
    assert trainers

    kill_group(worker)

    wait_until(lambda: not any(map(minding.is_alive, trainers)), "the training has ended")
    assert status(run) == "running"


def gpus_of(pid):
    words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return [word.decode() for word in words if word.startswith(b"CUDA_VISIBLE_DEVICES=")]


def test_two_runs_at_once_have_a_gpu_each_and_a_third_waits(snapshot, start_worker, monkeypatch):
    monkeypatch.setenv("TRAINING_GPUS", "first,second")  # torch finds neither, and uses the CPU
    runs = [make_long_run(snapshot, epochs=epochs) for epochs in (10_000, 9_999, 9_998)]
    for _run in runs:
        train_queued.delay()

    workers = [start_worker() for _number in range(3)]
    wait_until(lambda: all(n_shown(run) for run in runs[:2]), "two are trained")

    trainers = [pid for worker in workers for pid in trainers_of(worker)]
    seen = sorted(gpu for pid in trainers for gpu in gpus_of(pid))
    assert seen == ["CUDA_VISIBLE_DEVICES=first", "CUDA_VISIBLE_DEVICES=second"]
    assert [status(run) for run in runs] == ["running", "running", "queued"]
