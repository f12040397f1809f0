import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from safetensors import safe_open

from config.storage import private_storage
from labeling.models import Image
from labeling.splits import TEST, VAL, split_of
from tests.factories import freeze_all, make_run, make_settled_collection, make_snapshot
from training import asking
from training.checkpointing import load_weights
from training.config import Config
from training.loop import predict
from training.models import Checkpoint, Run
from training.network import build
from training.packing import square
from training.running import RunLostError, execute

pytestmark = pytest.mark.django_db

N_EPOCHS = 3


class Killed(BaseException):
    """Not an Exception: nothing that the code could catch and answer."""


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Such small arrays train several times faster without threads waiting for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


SLOW = {"learning_rate": 0.005}  # steps on pictures of mere noise must stay small


@pytest.fixture(scope="module")
def recipe():
    # Dropout, shifts and momentum: whatever is random in a training is in this one.
    return {**Config.default("alexnet", 16, 12).to_json(), "epochs": N_EPOCHS, "batch_size": 6, **SLOW}


@pytest.fixture
def snapshot():
    """Twelve pictures to train on, in two batches; four to validate; four to test."""
    return make_snapshot(n_questions=20)


def claimed(snapshot, recipe, **changes):
    config = {**recipe, **changes}
    config.pop("seed", None)
    make_run(snapshot, network=config["network"], config=config)
    return Run.objects.claim_next()


def die_at_batch(monkeypatch, n):
    """Let the n-th batch from now on kill the process that trains it; None lets it live."""
    batches = iter(range(1, n + 1))

    def getppid():  # what a training asks first, and then after every batch
        if next(batches, 0) == n:
            raise Killed
        return 1

    monkeypatch.setattr("training.running.os.getppid", getppid)


def predictions(run):
    run.refresh_from_db()
    with run.predictions.open("rb") as file, np.load(io.BytesIO(file.read())) as arrays:
        return dict(arrays)


def shown(said):
    """Read the pictures that the predictions are about, at the training size."""
    pictures = []
    for sha256 in said["sha256"].tolist():
        with default_storage.open(f"{sha256[:2]}/{sha256}.png") as file:
            pictures.append(square(file.read(), 16))
    return np.stack(pictures)


def test_a_run_is_trained_to_its_end(snapshot, recipe):
    run = claimed(snapshot, recipe)

    execute(run)

    run.refresh_from_db()
    assert (run.status, run.error) == ("finished", "")
    assert run.finished_at
    assert [epoch.number for epoch in run.epochs.all()] == [1, 2, 3]


def test_a_finished_run_has_answers_for_every_test_picture(snapshot, recipe):
    run = claimed(snapshot, recipe)

    execute(run)

    said = predictions(run)
    assert said["sha256"].tolist() == [row.sha256 for row in snapshot.rows() if row.split == TEST]
    assert said["probabilities"].shape == (4, 2)
    np.testing.assert_allclose(said["probabilities"].sum(axis=1), 1, atol=1e-6)


def test_a_finished_run_has_answers_beside_the_labels_of_the_validation_split(snapshot, recipe):
    run = claimed(snapshot, recipe)

    execute(run)

    run.refresh_from_db()
    with run.answers.open("rb") as file, np.load(io.BytesIO(file.read())) as arrays:
        said = dict(arrays)
    rows = [row for row in snapshot.rows() if row.split == VAL]
    assert said["sha256"].tolist() == [row.sha256 for row in rows]
    assert said["label"].tolist() == [snapshot.classes.index(row.wnid) for row in rows]
    np.testing.assert_array_equal(predict(network_of(run), shown(said)), said["probabilities"])
    error = run.epochs.last().val_top1_error
    assert (said["probabilities"].argmax(axis=1) != said["label"]).mean() == pytest.approx(error)


def network_of(run):
    network = build(run.options, n_classes=2)
    with TemporaryDirectory() as folder, run.weights.open("rb") as file:
        path = Path(folder) / "weights"
        path.write_bytes(file.read())
        load_weights(network, path)
    return network


def test_a_finished_runs_weights_give_its_answers(snapshot, recipe, tmp_path):
    run = claimed(snapshot, recipe)
    execute(run)
    said = predictions(run)
    path = tmp_path / "weights"
    with run.weights.open("rb") as file:
        path.write_bytes(file.read())

    network = build(run.options, n_classes=2)
    load_weights(network, path)

    assert run.n_parameters == sum(p.numel() for p in network.parameters())
    np.testing.assert_array_equal(predict(network, shown(said)), said["probabilities"])


def test_a_finished_runs_files_say_what_they_are_of(snapshot, recipe, tmp_path):
    run = claimed(snapshot, recipe)

    execute(run)

    run.refresh_from_db()
    with run.weights.open("rb") as file:
        (tmp_path / "w").write_bytes(file.read())
    with safe_open(tmp_path / "w", framework="pt") as file:
        of_weights = file.metadata()
    of_onnx = asking.network_of(run).metadata
    assert of_weights["snapshot"] == of_onnx["snapshot"] == snapshot.digest
    assert json.loads(of_weights["classes"]) == json.loads(of_onnx["classes"]) == snapshot.classes
    assert Config.from_json(json.loads(of_weights["config"])) == run.options


def test_the_pictures_are_packed_once_for_all_runs(snapshot, recipe, monkeypatch):
    execute(claimed(snapshot, recipe))
    monkeypatch.setattr("training.running.default_storage", None)  # nothing is read any more
    second = claimed(snapshot, {**recipe, "hidden": [4], "activation": "relu"}, network="mlp")

    execute(second)

    second.refresh_from_db()
    assert second.status == "finished"


def test_only_the_latest_checkpoint_is_kept(snapshot, recipe):
    run = claimed(snapshot, recipe)

    execute(run)

    _folders, files = private_storage().listdir(f"runs/{run.pk}")
    network = ["network.onnx", "novelty.npz", "predictions.npz", "weights.safetensors"]
    assert sorted(files) == ["answers.npz", "epoch-3.safetensors", *network]
    assert Checkpoint.objects.get().epoch == N_EPOCHS


@pytest.mark.parametrize("batch", [2, 4, 6])  # within the first epoch, after the second, at the very end
def test_a_run_that_was_killed_ends_with_the_same_bits(snapshot, recipe, monkeypatch, batch):
    whole = claimed(snapshot, recipe)
    execute(whole)
    expected = predictions(whole)
    whole.delete()
    run = claimed(snapshot, recipe)
    with monkeypatch.context() as patch:
        die_at_batch(patch, 1 + batch)
        with pytest.raises(Killed):
            execute(run)

    run.mine().requeue()
    torch.rand(1)  # whatever else drew random numbers in between
    second = Run.objects.claim_next()
    execute(second)

    assert second.attempt == 2
    assert predictions(second)["probabilities"].tobytes() == expected["probabilities"].tobytes()


def test_a_killed_run_goes_on_from_its_checkpoint(snapshot, recipe, monkeypatch):
    run = claimed(snapshot, recipe)
    with monkeypatch.context() as patch:
        die_at_batch(patch, 1 + 5)
        with pytest.raises(Killed):
            execute(run)
    kept = dict(run.epochs.values_list("number", "seconds"))

    run.mine().requeue()
    execute(Run.objects.claim_next())

    again = dict(run.epochs.values_list("number", "seconds"))
    assert sorted(kept) == [1, 2]
    assert sorted(again) == [1, 2, 3]
    assert kept.items() <= again.items()  # measured once, so not trained again


def test_a_cancelled_run_stops_after_its_epoch(snapshot, recipe, monkeypatch):
    run = claimed(snapshot, recipe)
    calls = iter(range(100))

    def cancel_at_third_call():
        if next(calls) == 2:
            Run.objects.get(pk=run.pk).cancel()
        return 1

    monkeypatch.setattr("training.running.os.getppid", cancel_at_third_call)

    with pytest.raises(RunLostError, match="was cancelled"):
        execute(run)

    run.refresh_from_db()
    assert run.status == "cancelled"
    assert not run.predictions
    assert run.epochs_done == 0


def test_a_training_whose_worker_is_gone_stops_and_leaves_the_run(snapshot, recipe, monkeypatch):
    run = claimed(snapshot, recipe)
    parents = iter([100, 100, 1])
    monkeypatch.setattr("training.running.os.getppid", lambda: next(parents))

    with pytest.raises(RunLostError, match="the worker that started this attempt is gone"):
        execute(run)

    run.refresh_from_db()
    assert (run.status, run.attempt, run.error) == ("running", 1, "")


def test_a_run_that_diverges_fails_with_its_advice(snapshot, recipe):
    run = claimed(snapshot, recipe, learning_rate=100.0, crop=False)

    execute(run)

    run.refresh_from_db()
    assert run.status == "failed"
    assert "try a learning rate below 100" in run.error


def test_a_run_with_an_option_that_is_unknown_fails_with_a_sentence(snapshot, recipe):
    run = claimed(snapshot, recipe, learning_rat=0.1)

    execute(run)

    run.refresh_from_db()
    assert run.status == "failed"
    assert "found 'learning_rat'" in run.error


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_run_on_a_split_without_pictures_fails_with_a_sentence(recipe, split):
    collection = make_settled_collection(20)
    for sha256 in collection.questions.values_list("image__sha256", flat=True):
        if split_of(sha256) == split:
            collection.questions.filter(image__sha256=sha256).update(state="undecided")
    run = claimed(freeze_all(collection), recipe)

    execute(run)

    run.refresh_from_db()
    assert run.status == "failed"
    assert "expected at least one picture" in run.error.lower()


def test_a_picture_that_the_storage_lacks_fails_the_run_by_its_name(snapshot, recipe):
    run = claimed(snapshot, recipe)
    row = next(snapshot.rows())
    default_storage.delete(f"{row.sha256[:2]}/{row.file_name}")

    execute(run)

    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error.endswith("in the storage of pictures; it is not there.")


def test_the_command_trains_a_claimed_run(snapshot, recipe):
    run = claimed(snapshot, recipe, epochs=1)

    call_command("train", str(run.pk), "--attempt", "1")

    run.refresh_from_db()
    assert run.status == "finished"


def test_the_command_leaves_a_run_of_another_attempt_alone(snapshot, recipe):
    run = claimed(snapshot, recipe)

    with pytest.raises(CommandError, match=f"Expected run {run.pk} to be claimed by attempt 2; it is not"):
        call_command("train", str(run.pk), "--attempt", "2")

    run.refresh_from_db()
    assert run.status == "running"


def test_the_command_says_that_its_run_was_cancelled(snapshot, recipe, monkeypatch, capsys):
    run = claimed(snapshot, recipe)
    monkeypatch.setattr("training.running.os.getppid", lambda: run.cancel() or 1)

    call_command("train", str(run.pk), "--attempt", "1")

    assert "was cancelled" in capsys.readouterr().err


def test_what_nobody_foresaw_fails_the_run_and_is_raised(snapshot, recipe, monkeypatch):
    run = claimed(snapshot, recipe)
    monkeypatch.setattr("training.running.pack", lambda *args, **options: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        execute(run)

    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error.startswith("Expected to train to the end; found ZeroDivisionError")


def test_nothing_is_learnt_from_a_picture_that_was_withdrawn_since(snapshot, recipe, monkeypatch):
    learnt = {}

    def train_nothing(options, training, validation, *args, **kwargs):
        learnt.update(train=len(training), val=len(validation))
        raise RunLostError("Only the pictures are wanted.")

    monkeypatch.setattr("training.running.train", train_nothing)
    gone = {row.split: row.sha256 for row in snapshot.rows()}
    for split in ("train", "val"):
        Image.objects.get(sha256=gone[split]).withdraw()

    with pytest.raises(RunLostError):
        execute(claimed(snapshot, recipe))

    assert learnt == {"train": 11, "val": 3}


def test_a_test_picture_that_was_withdrawn_since_still_has_its_answer(snapshot, recipe):
    gone = next(row.sha256 for row in snapshot.rows() if row.split == TEST)
    Image.objects.get(sha256=gone).withdraw()
    run = claimed(snapshot, recipe)

    execute(run)

    assert gone in predictions(run)["sha256"].tolist()
