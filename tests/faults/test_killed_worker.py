"""A worker that is killed in the middle of a training loses nothing."""

import os
import signal
from datetime import timedelta

from django.utils import timezone

from tests.factories import make_run
from tests.faults.conftest import kill_group, wait_until
from training.models import LOST_AFTER, Run
from training.tasks import train_queued

N_EPOCHS = 60


def make_long_run() -> Run:
    run = make_run()
    run.config["epochs"] = N_EPOCHS
    run.save(update_fields=["config"])
    return run


def let_time_pass(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))


def status(run: Run) -> str:
    return Run.objects.values_list("status", flat=True).get(pk=run.pk)


def test_a_run_goes_on_after_its_worker_was_killed(start_worker):
    run = make_long_run()
    train_queued.delay()
    worker = start_worker()
    wait_until(lambda: run.epochs_done >= 3, "three epochs are done")

    kill_group(worker)
    let_time_pass(run)
    assert Run.objects.lost().requeue() == 1
    n_done = run.epochs_done
    train_queued.delay()
    start_worker()
    wait_until(lambda: status(run) == "finished", "the run is finished")

    run.refresh_from_db()
    assert 3 <= n_done < N_EPOCHS
    assert run.attempt == 2
    assert list(run.epochs.values_list("number", flat=True)) == list(range(1, N_EPOCHS + 1))


def test_a_training_stops_by_itself_when_only_its_worker_was_killed(start_worker):
    run = make_long_run()
    train_queued.delay()
    worker = start_worker()
    wait_until(lambda: run.epochs_done >= 1, "an epoch is done")
    children = [int(pid) for pid in children_of(worker.pid)]
    trainers = [int(pid) for child in children for pid in children_of(child)]

    for pid in [worker.pid, *children]:
        os.kill(pid, signal.SIGKILL)
    worker.wait()

    wait_until(lambda: not any(is_alive(pid) for pid in trainers), "the training process has ended")
    assert trainers
    assert status(run) == "running"


def test_a_cancelled_run_stops_within_seconds(start_worker):
    run = make_long_run()
    train_queued.delay()
    worker = start_worker()
    wait_until(lambda: run.epochs_done >= 1, "an epoch is done")

    assert run.cancel()

    def is_idle() -> bool:
        return not any(children_of(int(child)) for child in children_of(worker.pid))

    wait_until(is_idle, "the training process has ended")
    assert run.epochs_done < N_EPOCHS
    assert status(run) == "cancelled"


def children_of(pid: int) -> list[str]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()


def is_alive(pid: int) -> bool:
    """Whether `pid` runs; a process that has ended and waits to be collected does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
