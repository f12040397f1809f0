import os
import subprocess
import sys
from itertools import count

import pytest
from django.db import OperationalError

from tests.factories import make_run, make_snapshot
from training import supervising, tasks
from training.devices import Lent
from training.models import MOST_LOST, Run

pytestmark = pytest.mark.django_db

CPU = Lent()


class Child:
    """Stands for a training's process: it lives for so many glances, and then ends with a status."""

    pid = 2**22 + 1  # above all that Linux gives

    def __init__(self, lives=0, status=0, obeys=True, at_glance=lambda: None):
        self.lives, self.status, self.obeys, self.at_glance = lives, status, obeys, at_glance
        self.returncode = None
        self.told = []
        self.waited = []

    def __call__(self, command, **options):
        self.command, self.options = command, options
        return self

    def wait(self, timeout=None):
        self.waited.append(timeout)
        self.at_glance()
        if self.lives > 0 and timeout is not None:
            self.lives -= 1
            raise subprocess.TimeoutExpired("train", timeout)
        self.returncode = self.status if self.returncode is None else self.returncode
        return self.returncode

    def poll(self):
        return self.returncode

    def terminate(self):
        self.told.append("terminate")
        if self.obeys:
            self.lives, self.status = 0, -15

    def kill_group(self, pid, signal):
        """Stand for os.killpg."""
        assert pid == self.pid
        if self.returncode is not None:
            raise ProcessLookupError
        self.told.append("kill")
        self.lives, self.status = 0, -9


@pytest.fixture
def start(monkeypatch):
    """Let the next training be done by a Child."""

    def start(child):
        monkeypatch.setattr(supervising.subprocess, "Popen", child)
        monkeypatch.setattr(supervising.os, "killpg", child.kill_group)
        return child

    return start


@pytest.fixture
def run():
    make_run(make_snapshot(n_questions=10))
    return Run.objects.claim_next()


def test_a_training_gets_a_process_of_its_own(run, start):
    child = start(Child(at_glance=run.finish))

    supervising.supervise(run, CPU)

    assert child.command == [sys.executable, "manage.py", "train", str(run.pk), "--attempt", "1"]
    assert child.told == []
    assert Run.objects.get().status == "finished"


def test_a_training_is_beaten_for_while_it_lives(run, start):
    Run.objects.update(heartbeat_at=None)
    child = start(Child(lives=1))

    supervising.supervise(run, CPU)

    assert child.told == []
    assert Run.objects.get().heartbeat_at


@pytest.mark.parametrize("status", [-9, 1])
def test_a_run_whose_process_died_is_queued_again(run, start, status):
    start(Child(status=status))

    supervising.supervise(run, CPU)

    again = Run.objects.get()
    assert (again.status, again.n_lost) == ("queued", 1)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (1, "Its worker died 3 times; perhaps the machine has too little memory for it."),
        (-9, "Its process was killed 3 times, as happens where memory runs out; the machine has "),
    ],
)
def test_a_run_whose_process_died_three_times_fails_with_a_sentence(run, start, status, said):
    Run.objects.update(n_lost=MOST_LOST - 1)
    run.refresh_from_db()
    start(Child(status=status))

    supervising.supervise(run, CPU)

    failed = Run.objects.get()
    assert failed.status == "failed"
    assert failed.error.startswith(said)


def test_a_run_that_failed_by_its_own_word_is_not_tried_again(run, start):
    start(Child(status=1, at_glance=lambda: run.fail("The pictures are too small.")))

    supervising.supervise(run, CPU)

    failed = Run.objects.get()
    assert (failed.status, failed.error) == ("failed", "The pictures are too small.")


def test_the_process_of_a_cancelled_run_is_ended(run, start):
    child = start(Child(lives=100, at_glance=lambda: Run.objects.get().cancel()))

    supervising.supervise(run, CPU)

    assert child.told == ["terminate"]
    assert Run.objects.get().status == "cancelled"


def test_a_process_that_does_not_end_when_asked_is_killed_within_five_seconds(run, start):
    child = start(Child(lives=100, obeys=False, at_glance=lambda: Run.objects.get().cancel()))

    supervising.supervise(run, CPU)

    assert child.told == ["terminate", "kill"]
    assert sum(wait or 0 for wait in child.waited) <= 3


def test_the_process_of_a_paused_run_is_given_time_to_save(run, start):
    child = start(Child(lives=100, obeys=False, at_glance=lambda: Run.objects.get().pause()))

    supervising.supervise(run, CPU)

    assert child.told == ["terminate", "kill"]
    assert supervising.PAUSED_S in child.waited
    assert Run.objects.get().status == "paused"


def test_a_process_that_has_said_its_last_word_may_end_by_itself(run, start):
    child = start(Child(lives=1, at_glance=run.finish))

    supervising.supervise(run, CPU)

    assert child.told == []
    assert Run.objects.get().status == "finished"


def test_a_process_is_ended_with_its_worker_and_the_run_waits_again(run, start):
    signals = iter([SystemExit])

    def stop_worker_once():
        for signal in signals:
            raise signal

    child = start(Child(lives=100, at_glance=stop_worker_once))

    with pytest.raises(SystemExit):
        supervising.supervise(run, CPU)

    assert child.told == ["terminate"]
    again = Run.objects.get()
    assert (again.status, again.n_lost) == ("queued", 0)


def test_a_database_that_is_away_for_a_moment_ends_no_training(run, start, monkeypatch):
    beat, answers = Run.beat, iter([OperationalError, OperationalError])

    def beat_at_last(run):
        for error in answers:
            raise error("server closed the connection")
        return beat(run)

    monkeypatch.setattr(Run, "beat", beat_at_last)
    child = start(Child(lives=4))

    supervising.supervise(run, CPU)

    assert child.told == []
    assert child.waited[:5] == [1] * 5


def test_a_database_that_stays_away_ends_the_training(run, start, monkeypatch):
    moments = count(step=15)
    monkeypatch.setattr(supervising.time, "monotonic", lambda: next(moments))

    def beat_never(_run):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(Run, "beat", beat_never)
    child = start(Child(lives=100))

    with pytest.raises(OperationalError):
        supervising.supervise(run, CPU)

    assert child.told == ["terminate"]


def test_a_training_on_one_gpu_sees_no_other(run, start):
    child = start(Child(at_glance=run.finish))

    supervising.supervise(run, Lent(("GPU-aa",), (7,)))

    assert child.options["env"]["CUDA_VISIBLE_DEVICES"] == "GPU-aa"
    assert child.options["env"]["TRAINING_SUPERVISOR"] == str(os.getpid())
    assert child.options["pass_fds"] == (7,)
    assert child.options["start_new_session"]


def torchrun(n, run):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}"]
    return [*command, "manage.py", "train", str(run.pk), "--attempt", "1"]


def test_a_training_on_several_gpus_has_a_process_for_each(run, start):
    child = start(Child(at_glance=run.finish))

    supervising.supervise(run, Lent(("0", "1"), (7, 8)))

    assert child.command == torchrun(2, run)
    assert child.options["env"]["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_a_training_on_the_cpu_has_as_many_processes_as_the_setting_says(run, start, settings):
    settings.TRAINING_PROCESSES = 3
    child = start(Child(at_glance=run.finish))

    supervising.supervise(run, CPU)

    assert child.command == torchrun(3, run)


@pytest.fixture
def supervised(monkeypatch):
    """Let trainings end at once; return what was lent for which."""
    taken = []

    def supervise(run, lent):
        taken.append((run, lent))
        run.finish()

    monkeypatch.setattr(supervising, "supervise", supervise)
    return taken


def test_a_worker_trains_whatever_is_queued_the_oldest_first(supervised):
    snapshot = make_snapshot(n_questions=10)
    queued = [make_run(snapshot, network=network) for network in ("mlp", "perceptron")]

    assert tasks.train_queued() == 2
    assert [run for run, _lent in supervised] == queued
    assert tasks.train_queued() == 0


def test_a_message_that_comes_twice_trains_nothing_twice(supervised):
    make_run(make_snapshot(n_questions=10))

    assert [tasks.train_queued(), tasks.train_queued()] == [1, 0]


def test_a_run_that_was_put_back_is_left_for_later(monkeypatch):
    make_run(make_snapshot(n_questions=10))
    monkeypatch.setattr(supervising, "supervise", lambda run, lent: run.put_back("The storage is away."))

    assert tasks.train_queued() == 1

    assert Run.objects.get().attempt == 1


def test_two_runs_at_once_never_share_a_gpu(settings, monkeypatch):
    settings.TRAINING_GPUS = ["0", "1"]
    snapshot = make_snapshot(n_questions=10)
    for seed in range(3):
        Run.objects.enqueue_usual(snapshot, "perceptron", seed=seed)
    lent = []

    def supervise(run, taken):
        lent.append(taken.gpus)
        if len(lent) < 3:
            tasks.train_queued()  # another trainer, at the same moment
        run.finish()

    monkeypatch.setattr(supervising, "supervise", supervise)

    assert tasks.train_queued() == 1

    # A third trainer found no GPU, and the second took its run when it was done with its own.
    assert lent == [("0",), ("1",), ("1",)]
    assert set(Run.objects.values_list("status", flat=True)) == {"finished"}


def test_a_trainer_that_finds_no_free_gpu_leaves_the_run_queued(settings, supervised):
    settings.TRAINING_GPUS = ["0"]
    make_run(make_snapshot(n_questions=10))

    with supervising._lend():
        assert tasks.train_queued() == 0

    assert Run.objects.get().status == "queued"
    assert tasks.train_queued() == 1


def test_a_run_may_be_given_several_gpus(settings, supervised):
    settings.TRAINING_GPUS, settings.TRAINING_GPUS_PER_RUN = ["0", "1", "2"], 2
    make_run(make_snapshot(n_questions=10))

    tasks.train_queued()

    assert [lent.gpus for _run, lent in supervised] == [("0", "1")]


def test_predictions_use_the_cpu_where_trainings_have_all_gpus(settings, monkeypatch):
    settings.TRAINING_GPUS = ["0"]
    seen = []
    monkeypatch.setattr(
        supervising.subprocess,
        "run",
        lambda command, env, **options: seen.append(env["CUDA_VISIBLE_DEVICES"]),
    )

    supervising.predict(1)
    with supervising._lend():
        supervising.predict(1)

    assert seen == ["0", ""]


def test_a_worker_keeps_its_message_until_the_training_has_ended():
    assert tasks.train_queued.acks_late
    assert tasks.train_queued.reject_on_worker_lost
