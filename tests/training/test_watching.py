from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import make_run, make_snapshot
from training.models import Run
from training.watching import layers, place_in_queue, seconds_left, watch

FIGURES = dict.fromkeys(
    ["train_loss", "val_loss", "val_top1_error", "val_top5_error", "learning_rate", "pictures_per_second"],
    0.5,
)


@pytest.fixture
def snapshot(db):
    return make_snapshot(n_questions=10)  # of which six are for training


def run_of(snapshot, n_epochs=4, n_done=0, seconds=10.0, **fields):
    run = make_run(snapshot, started_at=timezone.now(), **{"status": "running", **fields})
    run.config["epochs"] = n_epochs
    for number in range(1, n_done + 1):
        run.epochs.create(number=number, seconds=seconds, **FIGURES)
    return run


def watched(run):
    return watch(run, list(run.epochs.all()))


def test_a_run_is_in_the_epoch_whose_pictures_it_is_shown(snapshot):
    found = watched(run_of(snapshot, n_done=2, n_shown=15))

    # 15 of 24 in all: two epochs of six, and three of the third.
    assert (found.epoch, found.n_shown, found.n_pictures) == (3, 3, 6)
    assert (found.share, found.per_mille) == (15 / 24, 625)


def test_between_two_epochs_the_last_one_is_whole(snapshot):
    found = watched(run_of(snapshot, n_done=2, n_shown=12))

    assert (found.epoch, found.n_shown, found.share) == (2, 6, 0.5)


def test_an_epoch_that_is_written_down_counts_before_its_pictures_do(snapshot):
    assert watched(run_of(snapshot, n_done=2, n_shown=8)).share == 0.5


def test_the_rest_takes_as_long_as_the_last_epochs_did(snapshot):
    before = timezone.now()

    found = watched(run_of(snapshot, n_done=2, n_shown=15))

    # Nine pictures are left, one and a half epochs of ten seconds.
    assert timedelta(seconds=14) < found.ends_at - before < timedelta(seconds=17)
    assert found.is_about_to_end


@pytest.mark.parametrize(
    "fields", [{"n_done": 0}, {"n_done": 2, "status": "paused"}, {"n_done": 2, "status": "queued"}]
)
def test_nobody_knows_the_end_of_a_run_before_its_first_epoch_or_while_it_waits(snapshot, fields):
    assert watched(run_of(snapshot, **fields)).ends_at is None


def test_a_finished_run_is_whole_though_it_stopped_early(snapshot):
    found = watched(run_of(snapshot, n_done=2, n_shown=12, status="finished"))

    assert (found.share, found.epoch, found.ends_at) == (1.0, 4, None)


def test_a_run_that_has_not_begun_is_in_no_epoch(snapshot):
    found = watched(make_run(snapshot))

    assert (found.epoch, found.share, found.place) == (0, 0.0, 1)


def test_only_the_last_five_epochs_foretell_the_rest():
    assert seconds_left(60, 10, [100.0] + [2.0] * 5) == pytest.approx(12.0)
    assert seconds_left(60, 10, []) is None
    assert seconds_left(-3, 10, [2.0]) == 0


def test_runs_wait_in_the_order_in_which_they_were_asked_for(snapshot):
    first, second, third = (make_run(snapshot, network=name) for name in ("perceptron", "mlp", "alexnet"))

    assert [place_in_queue(run) for run in (first, second, third)] == [1, 2, 3]

    Run.objects.filter(pk=first.pk).update(status="running")
    first.refresh_from_db()
    assert [place_in_queue(run) for run in (first, second, third)] == [None, 1, 2]


def test_layers_are_drawn_by_their_share_of_the_largest():
    known = {"says": "", "shape": [3, 8, 8]}
    run = Run(layers=[
        {"name": "pixels", "kind": "pixels", "n_parameters": 0, "n_multiply_adds": 0, **known},
        {"name": "a", "kind": "convolution", "n_parameters": 25, "n_multiply_adds": 4000, **known},
        {"name": "b", "kind": "fully connected", "n_parameters": 100, "n_multiply_adds": 1, **known},
    ])  # fmt: skip

    told = layers(run)

    assert told[1]["counts"] == [(25, (750, 250)), (4000, (0, 1000))]
    assert told[2]["counts"][1] == (1, (992, 8))  # seen, though it is next to nothing
    assert told[0]["shape"] == "3 × 8 × 8"
