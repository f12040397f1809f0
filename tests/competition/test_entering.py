import io
from datetime import timedelta

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from competition import tasks
from competition.entering import enter, enter_baselines, enter_finished_runs, training_shares
from competition.models import Contest, Submission
from config.storage import private_storage
from labeling.splits import TEST, TRAIN
from tests.factories import (
    freeze_all,
    make_phase,
    make_run,
    make_settled_collection,
    make_snapshot,
    make_user,
)
from training import supervising
from training import tasks as training_tasks
from training.models import Run, TrainingPolicy
from training.running import execute

pytestmark = pytest.mark.django_db


def make_finished_run(snapshot, network="perceptron", n_wrong=0):
    """Make a run whose likeliest class is right, but for the first `n_wrong` test pictures."""
    test = [row for row in snapshot.rows() if row.split == TEST]
    probabilities = np.array([[wnid == row.wnid for wnid in snapshot.classes] for row in test], np.float32)
    probabilities[:n_wrong] = 1 - probabilities[:n_wrong]
    file = io.BytesIO()
    np.savez_compressed(file, sha256=np.array([row.sha256 for row in test]), probabilities=probabilities)
    run = make_run(snapshot, network=network, status="finished")
    name = private_storage().save(f"runs/{run.pk}/predictions.npz", ContentFile(file.getvalue()))
    Run.objects.filter(pk=run.pk).update(predictions=name)
    return Run.objects.get(pk=run.pk)


def describe(run):
    """Say of a run what its network costs, as the training does."""
    layers = [
        {"name": str(n), "kind": "Linear", "says": "", "shape": [1], "n_parameters": 25, "n_multiply_adds": n}
        for n in (30, 12)
    ]
    Run.objects.filter(pk=run.pk).update(n_parameters=50, layers=layers)


def test_a_finished_run_enters_every_contest_on_its_snapshot(snapshot):
    phases = [make_phase(snapshot), make_phase(snapshot)]
    run = make_finished_run(snapshot)

    assert enter_finished_runs() == 2

    assert {submission.phase for submission in run.submissions.all()} == set(phases)


def test_a_baseline_has_no_author_and_says_what_it_is(phase, snapshot):
    run = make_finished_run(snapshot, "mlp")
    describe(run)

    enter_finished_runs()

    submission = Submission.objects.get()
    assert (submission.run, submission.author, submission.method) == (run, None, "mlp, seed 0")
    assert submission.is_baseline
    assert (submission.n_parameters, submission.n_multiply_adds) == (50, 42)


def test_a_policy_leads_from_a_frozen_snapshot_to_a_baseline_on_the_board(monkeypatch):
    collection = make_settled_collection(20)
    TrainingPolicy.objects.create(collection=collection, networks=["perceptron"])
    # A worker starts a process for it.
    monkeypatch.setattr(supervising, "supervise", lambda run, lent: execute(run))
    snapshot = freeze_all(collection)
    phase = make_phase(snapshot)

    training_tasks.sweep_runs()
    tasks.sweep_submissions()

    submission = Submission.objects.get(run__isnull=False)
    assert (submission.phase, submission.run.snapshot, submission.status) == (phase, snapshot, "scored")
    assert submission.method == "perceptron, seed 0"
    assert submission.scores.filter(metric="top1_error").exists()


def test_a_baseline_is_scored_like_any_other(phase, snapshot):
    make_finished_run(snapshot, n_wrong=1)

    tasks.sweep_submissions()

    submission = Submission.objects.get(run__isnull=False)
    assert submission.status == "scored"
    assert submission.scores.get(metric="top1_error").value == 0.25


def test_a_run_is_entered_once(phase, snapshot):
    run = make_finished_run(snapshot)
    enter_finished_runs()

    assert enter_finished_runs() == 0
    assert not enter(phase.contest, run)
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("status", ["queued", "running", "failed", "cancelled"])
def test_only_a_finished_run_is_entered(phase, snapshot, status):
    run = make_finished_run(snapshot)
    Run.objects.filter(pk=run.pk).update(status=status, error="why")
    assert enter_finished_runs() == 0

    Run.objects.filter(pk=run.pk).update(status="finished")

    assert enter_finished_runs() == 1


def test_a_run_on_another_snapshot_is_not_entered(phase):
    make_finished_run(make_snapshot(n_questions=10))

    assert enter_finished_runs() == 0


def test_a_contest_may_do_without_baselines(phase, snapshot):
    make_finished_run(snapshot)
    Contest.objects.update(enters_runs=False)
    assert enter_finished_runs() == 0

    Contest.objects.update(enters_runs=True)

    assert enter_finished_runs() == 1


def test_nothing_enters_a_phase_that_is_not_open(phase, snapshot):
    make_finished_run(snapshot)
    phase.opens_at = timezone.now() + timedelta(days=1)
    phase.save()

    assert enter_finished_runs() == 0


def test_nothing_enters_a_contest_without_a_phase(snapshot):
    make_finished_run(snapshot)
    Contest.objects.create(slug="empty", name="Empty", year=2026, snapshot=snapshot)

    assert enter_finished_runs() == 0


def test_every_open_contest_gets_the_most_common_class_as_a_baseline(phase, snapshot):
    Contest.objects.update(enters_runs=False)

    tasks.sweep_submissions()

    entry = Submission.objects.get()
    assert (entry.baseline, entry.method, entry.status) == (
        "most_common",
        "always the most common class",
        "scored",
    )
    assert entry.is_baseline
    assert (entry.author, entry.team, entry.run) == (None, None, None)


def test_the_most_common_class_is_that_of_the_pictures_to_train_on(snapshot):
    shares = training_shares(snapshot)

    train = [row.wnid for row in snapshot.rows() if row.split == TRAIN]
    assert shares.tolist() == [train.count(wnid) / len(train) for wnid in snapshot.classes]


def test_it_says_how_common_each_class_is(phase, snapshot):
    enter_baselines()

    with Submission.objects.get().file.open("rb") as file:
        first = file.read().decode().splitlines()[1].split(",")
    shares = dict(zip(snapshot.classes, training_shares(snapshot), strict=True))
    assert first[1] == max(snapshot.classes, key=shares.__getitem__)
    assert float(first[3]) == pytest.approx(max(shares.values()))


def test_a_baseline_is_entered_once(phase):
    assert enter_baselines() == 1
    assert enter_baselines() == 0


def test_no_baseline_enters_a_phase_that_is_not_open(phase):
    phase.opens_at = timezone.now() + timedelta(days=1)
    phase.save()
    assert enter_baselines() == 0

    phase.opens_at = timezone.now() - timedelta(days=1)
    phase.save()

    assert enter_baselines() == 1


def test_a_baseline_is_nobodys(phase, snapshot):
    enter_baselines()

    with pytest.raises(IntegrityError, match="competition_baselines_are_nobodys"), transaction.atomic():
        Submission.objects.update(run=make_run(snapshot))
    with pytest.raises(IntegrityError, match="competition_somebody_submits"), transaction.atomic():
        Submission.objects.update(baseline="")


def test_a_run_that_somebody_entered_for_their_team_enters_as_a_baseline_too(phase, snapshot, predictions):
    run = make_finished_run(snapshot)
    Submission.objects.submit(phase, make_user(), "my run", predictions(), run=run)

    assert enter_finished_runs() == 1
