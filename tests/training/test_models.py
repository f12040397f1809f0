from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tests.factories import make_epoch, make_run, make_snapshot, make_user
from training import tasks
from training.config import Config
from training.models import LOST_AFTER, MOST_LOST, Checkpoint, Epoch, Run, RunLostError

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot():
    return make_snapshot(n_questions=10)


def claim(run):
    """Take `run`, the only one that is queued, as a worker does."""
    claimed = Run.objects.claim_next()
    assert claimed == run
    return claimed


def let_time_pass(run, wait=LOST_AFTER):
    Run.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - wait)


def test_a_run_is_queued_with_its_usual_recipe(snapshot):
    author = make_user()

    run = Run.objects.enqueue_usual(snapshot, "mlp", seed=7, author=author)

    usual = Config.default("mlp", 16, n_images=6).to_json()  # six of the ten pictures train
    assert run.options.to_json() == {**usual, "seed": 7}
    assert (run.status, run.attempt, run.author) == ("queued", 0, author)


def test_the_same_run_is_not_queued_twice(snapshot):
    run = Run.objects.enqueue_usual(snapshot, "perceptron")

    assert Run.objects.enqueue_usual(snapshot, "perceptron") == run
    assert Run.objects.enqueue_usual(snapshot, "perceptron", seed=1) != run
    assert Run.objects.count() == 2


@pytest.mark.parametrize("status", ["queued", "running", "paused", "finished"])
def test_a_run_that_is_on_its_way_is_left_alone(snapshot, status):
    make_run(snapshot, status=status, attempt=1)

    assert Run.objects.enqueue_usual(snapshot, "perceptron").status == status


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_run_that_ended_badly_is_tried_again(snapshot, status):
    make_run(snapshot, status=status, error="why", finished_at=timezone.now())

    run = Run.objects.enqueue_usual(snapshot, "perceptron")

    assert (run.status, run.error, run.finished_at) == ("queued", "", None)


def test_a_run_that_is_tried_again_may_die_as_often_as_a_new_one(snapshot):
    run = make_run(snapshot, status="running", n_lost=MOST_LOST - 1)
    run.mine().requeue()
    Run.objects.enqueue_usual(snapshot, "perceptron")

    claimed = claim(run)

    assert claimed.mine().requeue() == 1


def test_the_oldest_queued_run_is_claimed_first(snapshot):
    first = make_run(snapshot)
    make_run(snapshot, network="mlp")

    claimed = Run.objects.claim_next()

    assert claimed == first
    assert (claimed.status, claimed.attempt) == ("running", 1)
    assert claimed.started_at == claimed.heartbeat_at


@pytest.mark.parametrize("status", ["running", "finished", "failed", "cancelled"])
def test_only_a_queued_run_is_claimed(snapshot, status):
    run = make_run(snapshot, status=status, error="why")
    assert Run.objects.claim_next() is None

    Run.objects.filter(pk=run.pk).update(status="queued")

    assert Run.objects.claim_next() == run


def test_a_second_attempt_keeps_the_moment_of_the_first(snapshot):
    first = claim(make_run(snapshot))
    first.mine().requeue()

    second = claim(first)

    assert second.attempt == 2
    assert second.started_at == first.started_at


@pytest.mark.django_db(transaction=True)
def test_two_workers_cannot_claim_the_same_run(snapshot):
    run = make_run(snapshot)
    n_workers = 4
    together = Barrier(n_workers)

    def worker(_number):
        together.wait()
        try:
            return Run.objects.claim_next()
        finally:
            connection.close()

    with ThreadPoolExecutor(n_workers) as workers:
        claimed = [found for found in workers.map(worker, range(n_workers)) if found]

    assert claimed == [run]
    assert claimed[0].attempt == 1


def test_a_run_that_somebody_else_takes_at_this_moment_is_not_claimed(snapshot, monkeypatch):
    first, second = make_run(snapshot), make_run(snapshot, network="mlp")

    def take_first():  # called between looking and taking
        Run.objects.filter(pk=first.pk).update(status="running", attempt=1)
        return timezone.now()

    monkeypatch.setattr("training.models.runs.timezone", type("", (), {"now": staticmethod(take_first)}))

    assert Run.objects.claim_next() == second


def test_a_run_without_a_heartbeat_is_lost(snapshot):
    run = claim(make_run(snapshot))
    let_time_pass(run, LOST_AFTER - timedelta(seconds=5))
    assert not Run.objects.lost()

    let_time_pass(run)

    assert list(Run.objects.lost()) == [run]


@pytest.mark.parametrize("status", ["queued", "finished", "cancelled"])
def test_only_a_running_run_can_be_lost(snapshot, status):
    let_time_pass(make_run(snapshot, status=status))

    assert not Run.objects.lost()


def test_a_lost_run_is_queued_again(snapshot):
    run = claim(make_run(snapshot))
    let_time_pass(run)

    assert Run.objects.lost().requeue() == 1
    assert claim(run).attempt == 2


def test_a_run_whose_worker_died_three_times_fails_with_a_sentence(snapshot):
    run = make_run(snapshot)
    for _ in range(MOST_LOST):
        let_time_pass(claim(run))
        n_queued = Run.objects.lost().requeue()

    run.refresh_from_db()
    assert n_queued == 0
    assert run.status == "failed"
    assert run.error == "Its worker died 3 times; perhaps the machine has too little memory for it."
    assert run.finished_at


def test_a_heartbeat_keeps_a_run(snapshot):
    run = claim(make_run(snapshot))
    let_time_pass(run)

    assert run.beat()
    assert not Run.objects.lost()


def test_an_attempt_that_another_has_replaced_changes_nothing(snapshot):
    old = claim(make_run(snapshot))
    old.mine().requeue()
    new = claim(old)

    assert (old.beat(), old.finish(), old.fail("why")) == (False, False, False)
    assert new.finish()


def test_an_attempt_of_before_the_run_was_cancelled_and_queued_again_changes_nothing(snapshot):
    old = claim(make_run(snapshot))
    old.cancel()
    Run.objects.enqueue_usual(snapshot, "perceptron")

    new = claim(old)

    assert not old.beat()
    assert new.beat()


@pytest.mark.parametrize("status", ["queued", "running", "paused"])
def test_a_run_that_has_not_ended_can_be_cancelled(snapshot, status):
    run = make_run(snapshot, status=status)

    assert run.cancel()
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert run.finished_at


@pytest.mark.parametrize("status", ["finished", "failed", "cancelled"])
def test_a_run_that_has_ended_cannot_be_cancelled(snapshot, status):
    run = make_run(snapshot, status=status, error="why")

    assert not run.cancel()
    run.refresh_from_db()
    assert run.status == status


def test_a_cancelled_run_tells_its_worker_so(snapshot):
    run = claim(make_run(snapshot))
    assert run.beat()

    run.cancel()

    assert not run.beat()
    assert not run.finish()
    assert Run.objects.get().status == "cancelled"


def test_an_epoch_that_is_trained_twice_is_one_row(snapshot):
    run = make_run(snapshot)
    row = make_epoch(run, 1, val_loss=2.1)

    again = make_epoch(run, 1, val_loss=1.9)

    assert again.pk == row.pk
    assert [epoch.val_loss for epoch in run.epochs.all()] == [1.9]


def test_epochs_are_written_down_by_one_statement(snapshot, django_assert_num_queries):
    run = make_run(snapshot)
    figures = {field.name: 0.5 for field in Epoch._meta.fields if field.name not in ("id", "run", "number")}

    with django_assert_num_queries(1):
        run.record([{"number": number, **figures} for number in range(1, 51)])

    assert run.epochs_done == 50


def test_a_run_keeps_its_latest_checkpoint_and_names_the_one_before(snapshot):
    run = claim(make_run(snapshot))

    replaced = [run.keep(name, epoch, n_shown=9) for name, epoch in (("a", 1), ("b", 2), ("b", 2))]

    assert replaced == [None, "a", None]
    checkpoint = Checkpoint.objects.get()
    assert (checkpoint.epoch, checkpoint.file.name) == (2, "b")
    run.refresh_from_db()
    assert run.n_shown == 9


def test_an_attempt_that_another_has_replaced_keeps_no_checkpoint(snapshot):
    old = claim(make_run(snapshot))
    old.mine().requeue()
    old.keep("a", 1, n_shown=9)  # queued: the next attempt may as well begin there
    claim(old)

    with pytest.raises(RunLostError, match="another worker has it"):
        old.keep("b", 2, n_shown=18)

    assert Checkpoint.objects.get().file.name == "a"


def test_a_paused_run_keeps_its_checkpoint_and_is_not_claimed(snapshot):
    run = claim(make_run(snapshot))
    assert run.pause()

    run.keep("a", 1, n_shown=9)

    assert not run.beat()
    assert Run.objects.claim_next() is None
    assert Checkpoint.objects.get().file.name == "a"


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_that_waits_or_runs_can_be_paused(snapshot, status):
    run = make_run(snapshot, status=status)

    assert run.pause()

    run.refresh_from_db()
    assert run.status == "paused"


@pytest.mark.parametrize("status", ["paused", "finished", "failed", "cancelled"])
def test_a_run_that_neither_waits_nor_runs_cannot_be_paused(snapshot, status):
    run = make_run(snapshot, status=status, error="why")

    assert not run.pause()

    run.refresh_from_db()
    assert run.status == status


def test_a_paused_run_goes_on(snapshot):
    run = make_run(snapshot, status="paused", n_lost=MOST_LOST - 1)

    assert run.resume()

    assert claim(run).n_lost == 0


@pytest.mark.parametrize("status", ["queued", "running", "finished", "failed", "cancelled"])
def test_only_a_paused_run_can_go_on(snapshot, status):
    assert not make_run(snapshot, status=status, error="why").resume()


def test_what_is_put_back_is_not_counted_as_a_death_and_says_why_it_waits(snapshot):
    run = claim(make_run(snapshot))

    assert run.put_back("The storage is away.")

    run.refresh_from_db()
    assert (run.status, run.n_lost, run.error) == ("queued", 0, "The storage is away.")
    assert run.has_been_put_back()
    assert not claim(run).has_been_put_back()
    assert Run.objects.get().error == ""


def test_a_failure_has_a_reason(snapshot):
    run = make_run(snapshot, status="failed", error="why")

    with pytest.raises(IntegrityError, match="training_failure_has_a_reason"), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(error="")


def test_the_sweep_queues_what_was_lost_and_wakes_a_worker(snapshot, monkeypatch):
    woken = []
    monkeypatch.setattr(tasks.train_queued, "apply_async", lambda **options: woken.append(options))
    run = claim(make_run(snapshot))
    tasks.sweep_runs()
    assert woken == []

    let_time_pass(run)
    tasks.sweep_runs()

    assert len(woken) == 1
    assert Run.objects.get().status == "queued"


def test_the_command_queues_a_run_on_the_latest_snapshot(snapshot, monkeypatch, capsys):
    monkeypatch.setattr(tasks.train_queued, "delay", lambda: None)
    slug = snapshot.collection.slug

    call_command("start_run", slug, "mlp", "--seed", "3")

    run = Run.objects.get()
    assert (run.snapshot, run.network, run.seed) == (snapshot, "mlp", 3)
    assert capsys.readouterr().out == f"Run {run.pk}: mlp on {snapshot} is queued.\n"


def test_the_command_wants_a_snapshot():
    with pytest.raises(CommandError, match=r"'birds' has no snapshot; run manage\.py freeze birds"):
        call_command("start_run", "birds", "mlp")


def test_a_run_that_gets_on_survives_any_number_of_restarts(snapshot):
    run = make_run(snapshot)

    for number in range(1, MOST_LOST + 2):
        attempt = claim(run)
        attempt.keep(f"checkpoint-{number}", number, n_shown=number)
        attempt.mine().requeue()

    run.refresh_from_db()
    assert run.status == "queued"


def test_a_run_that_dies_again_and_again_at_one_place_is_given_up(snapshot):
    run = make_run(snapshot)
    Checkpoint.objects.create(run=run, epoch=1, file="the same")

    for _ in range(MOST_LOST):
        attempt = claim(run)
        attempt.keep("the same", 1, n_shown=1)
        attempt.mine().requeue("Why.")

    run.refresh_from_db()
    assert (run.status, run.error) == ("failed", "Why.")


def test_many_that_wait_wake_several_trainers_while_none_is_at_work(snapshot, monkeypatch):
    woken = []
    monkeypatch.setattr(tasks.train_queued, "apply_async", lambda **options: woken.append(options))
    for seed in range(3):
        Run.objects.enqueue_usual(snapshot, "perceptron", seed=seed)

    tasks.sweep_runs()

    assert len(woken) == 3


def test_what_waits_while_others_run_wakes_a_trainer_once_a_minute(snapshot, monkeypatch):
    woken = []
    monkeypatch.setattr(tasks.train_queued, "apply_async", lambda **options: woken.append(options))
    monkeypatch.setattr(tasks, "cache", LocMemCache("of this test", {}))
    make_run(snapshot, status="running", heartbeat_at=timezone.now())
    make_run(snapshot, network="mlp")

    tasks.sweep_runs()
    tasks.sweep_runs()

    assert len(woken) == 1
