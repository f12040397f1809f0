import errno
import io
import json
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.db import OperationalError
from safetensors import safe_open

from config.storage import private_storage
from labeling.models import Image
from labeling.splits import TEST, VAL, split_of
from tests.factories import freeze_all, make_run, make_settled_collection, make_snapshot
from training import asking
from training.checkpointing import load_weights
from training.config import Config
from training.loop import EpochMetrics, Progress, predict
from training.minding import Told
from training.models import Checkpoint, Run, RunLostError
from training.network import build
from training.packing import square
from training.recording import Recorder, persistently
from training.running import execute

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


def at_batch(monkeypatch, n, act):
    """Let something happen when a training asks for the n-th time whether to save, as it does after each batch."""
    calls = count(1)
    asked = Recorder.wants_checkpoint

    def wants_checkpoint(recorder, progress):
        if next(calls) == n:
            act(recorder)
        return asked(recorder, progress)

    monkeypatch.setattr(Recorder, "wants_checkpoint", wants_checkpoint)


def die(_recorder):
    raise Killed


def save_always(monkeypatch):
    monkeypatch.setattr("training.recording.LEAST_S", 0)
    monkeypatch.setattr("training.recording.checkpoint_interval_s", lambda cost_s: 0)


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
        of_weights = json.loads(file.metadata()["nestwork"])
    of_onnx = asking.network_of(run).metadata
    assert of_weights["snapshot"] == of_onnx["snapshot"] == snapshot.digest
    assert of_weights["classes"] == json.loads(of_onnx["classes"]) == snapshot.classes
    assert Config.from_json(of_weights["config"]) == run.options
    assert of_onnx["run"] == str(run.pk)


def test_the_pictures_are_packed_once_for_all_runs(snapshot, recipe, monkeypatch):
    execute(claimed(snapshot, recipe))
    monkeypatch.setattr("training.running.default_storage", None)  # nothing is read any more
    second = claimed(snapshot, {**recipe, "hidden": [4], "activation": "relu"}, network="mlp")

    execute(second)

    second.refresh_from_db()
    assert second.status == "finished"


def test_only_the_latest_checkpoint_is_kept(snapshot, recipe, monkeypatch):
    save_always(monkeypatch)
    run = claimed(snapshot, recipe)

    execute(run)

    _folders, files = private_storage().listdir(f"runs/{run.pk}")
    assert [name for name in files if name.startswith("checkpoint")] == ["checkpoint-4-0.safetensors"]
    assert Checkpoint.objects.get().file.name == f"runs/{run.pk}/checkpoint-4-0.safetensors"


def test_checkpoints_that_a_dead_attempt_left_are_deleted(snapshot, recipe):
    run = claimed(snapshot, recipe)
    private_storage().save(f"runs/{run.pk}/checkpoint-1-1.safetensors", ContentFile(b"half"))

    execute(run)

    assert not private_storage().exists(f"runs/{run.pk}/checkpoint-1-1.safetensors")
    run.refresh_from_db()
    assert run.status == "finished"


def bytes_of(run):
    run.refresh_from_db()
    with run.weights.open("rb") as file:
        return file.read()


@pytest.mark.parametrize("batch", [1, 2, 5, 6])  # of three epochs of two batches
def test_a_run_that_was_killed_ends_with_the_same_bytes(snapshot, recipe, monkeypatch, batch):
    save_always(monkeypatch)
    whole = claimed(snapshot, recipe)
    execute(whole)
    expected, said = bytes_of(whole), predictions(whole)
    whole.delete()
    run = claimed(snapshot, recipe)
    with monkeypatch.context() as patch:
        at_batch(patch, batch, die)
        with pytest.raises(Killed):
            execute(run)

    run.mine().requeue()
    torch.rand(1)  # whatever else drew random numbers in between
    second = Run.objects.claim_next()
    execute(second)

    assert second.attempt == 2
    assert bytes_of(second) == expected
    np.testing.assert_array_equal(predictions(second)["probabilities"], said["probabilities"])


def test_a_run_that_is_paused_is_saved_at_its_next_batch_and_repeats_none(snapshot, recipe, monkeypatch):
    told, trained = Told(), []
    run = claimed(snapshot, recipe)
    with monkeypatch.context() as patch:
        at_batch(patch, 3, lambda _recorder: (run.pause(), told.to_end.set()))
        with pytest.raises(RunLostError, match="was asked to stop, and is kept after 18 pictures"):
            execute(run, told)
    run.refresh_from_db()
    assert (run.status, run.n_shown, run.epochs_done) == ("paused", 18, 1)

    run.resume()
    monkeypatch.setattr(Recorder, "epoch_done", lambda _self, metrics: trained.append(metrics.number))
    execute(Run.objects.claim_next())

    assert trained == [2, 3]
    run.refresh_from_db()
    assert (run.status, run.n_shown) == ("finished", 36)


def test_an_epoch_that_is_trained_again_is_one_row(snapshot, recipe, monkeypatch):
    run = claimed(snapshot, recipe)
    with monkeypatch.context() as patch:
        at_batch(patch, 5, lambda recorder: (recorder.flush(), die(recorder)))
        with pytest.raises(Killed):
            execute(run)
    kept = dict(run.epochs.values_list("number", "pk"))

    run.mine().requeue()
    execute(Run.objects.claim_next())

    assert sorted(kept) == [1, 2]
    again = dict(run.epochs.values_list("number", "pk"))
    assert sorted(again) == [1, 2, 3]
    assert kept.items() <= again.items()


def test_a_run_says_what_it_runs_on_and_what_its_network_is_made_of(snapshot, recipe):
    run = claimed(snapshot, recipe)

    execute(run)

    run.refresh_from_db()
    assert run.machine["device"] == "cpu"
    assert [layer["kind"] for layer in run.layers][:2] == ["pixels", "convolution"]


def test_a_cancelled_run_stops_and_leaves_no_answers(snapshot, recipe, monkeypatch):
    told = Told()
    run = claimed(snapshot, recipe)
    at_batch(monkeypatch, 2, lambda _recorder: (run.cancel(), told.to_end.set()))

    with pytest.raises(RunLostError, match="was cancelled"):
        execute(run, told)

    run.refresh_from_db()
    assert run.status == "cancelled"
    assert not run.predictions
    assert not Checkpoint.objects.exists()


def test_a_training_whose_worker_is_gone_stops_and_leaves_the_run(snapshot, recipe, monkeypatch):
    told = Told()
    run = claimed(snapshot, recipe)
    at_batch(monkeypatch, 2, lambda _recorder: told.is_alone.set())

    with pytest.raises(RunLostError, match="the worker that started this attempt is gone"):
        execute(run, told)

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


@pytest.fixture
def told(monkeypatch):
    """Spare the tests' own process what a training's process does about signals and its parent."""
    told = Told()
    monkeypatch.setattr("training.management.commands.train.minding.listen", lambda: told)
    return told


def test_the_command_trains_a_claimed_run(snapshot, recipe, told):
    run = claimed(snapshot, recipe, epochs=1)

    call_command("train", str(run.pk), "--attempt", "1")

    run.refresh_from_db()
    assert run.status == "finished"


def test_the_command_leaves_a_run_of_another_attempt_alone(snapshot, recipe, told):
    run = claimed(snapshot, recipe)

    with pytest.raises(CommandError, match=f"Expected run {run.pk} to be claimed by attempt 2; it is not"):
        call_command("train", str(run.pk), "--attempt", "2")

    run.refresh_from_db()
    assert run.status == "running"


def test_the_command_says_that_its_run_was_cancelled(snapshot, recipe, told, monkeypatch, capsys):
    run = claimed(snapshot, recipe)
    at_batch(monkeypatch, 1, lambda _recorder: (run.cancel(), told.to_end.set()))

    call_command("train", str(run.pk), "--attempt", "1")

    assert "was cancelled" in capsys.readouterr().err


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (FULL, "The disk is full where trainings keep their files."),
        (torch.OutOfMemoryError("CUDA out of memory."), "The GPU's memory was too small."),
        (
            torch.AcceleratorError("CUDA error: device lost"),
            "The GPU stopped answering (CUDA error: device lost).",
        ),
        (MemoryError(), "The machine's memory was too small: it has "),
    ],
)
def test_what_the_machine_lacks_fails_the_run_with_one_sentence(snapshot, recipe, monkeypatch, raised, said):
    def fail(_recorder):
        raise raised

    run = claimed(snapshot, recipe)
    at_batch(monkeypatch, 2, fail)

    with pytest.raises(type(raised)):
        execute(run)

    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error.startswith(said)


def test_a_disk_that_fills_up_while_a_checkpoint_is_stored_fails_the_run_and_keeps_the_one_before(
    snapshot, recipe, monkeypatch
):
    save_always(monkeypatch)
    run = claimed(snapshot, recipe)
    save, calls = FileSystemStorage.save, count(1)

    def save_once(*args, **kwargs):
        if next(calls) == 2:
            raise FULL
        return save(*args, **kwargs)

    monkeypatch.setattr(FileSystemStorage, "save", save_once)

    with pytest.raises(OSError, match="No space left"):
        execute(run)

    run.refresh_from_db()
    assert run.error.startswith("The disk is full")
    assert Checkpoint.objects.get().file.name.endswith("checkpoint-1-1.safetensors")
    assert Checkpoint.objects.get().file.size > 0


@pytest.mark.parametrize(
    "away", [OperationalError("server closed the connection"), ConnectionRefusedError("S3")]
)
def test_what_cannot_be_reached_puts_the_run_back_uncounted(snapshot, recipe, monkeypatch, away):
    def fail(_recorder):
        raise away

    run = claimed(snapshot, recipe)
    at_batch(monkeypatch, 2, fail)

    with pytest.raises(type(away)):
        execute(run)

    run.refresh_from_db()
    assert (run.status, run.n_lost) == ("queued", 0)
    assert run.error == f"It is tried again: something could not be reached ({away})."


def test_a_storage_that_is_back_in_a_moment_is_waited_for(snapshot, recipe, monkeypatch):
    run = claimed(snapshot, recipe)
    monkeypatch.setattr("training.recording.TRY_AGAIN_S", 0)
    save, calls = FileSystemStorage.save, count(1)

    def save_at_last(*args, **kwargs):
        if next(calls) <= 3:
            raise ConnectionRefusedError("S3")
        return save(*args, **kwargs)

    monkeypatch.setattr(FileSystemStorage, "save", save_at_last)

    execute(run)

    run.refresh_from_db()
    assert run.status == "finished"


def test_a_storage_that_stays_away_is_given_up_after_a_while(monkeypatch):
    moments = count(step=5)
    monkeypatch.setattr("training.recording.time.monotonic", lambda: next(moments))
    monkeypatch.setattr("training.recording.time.sleep", lambda seconds: None)
    calls = []

    def act():
        calls.append(1)
        raise ConnectionRefusedError("S3")

    with pytest.raises(ConnectionRefusedError):
        persistently(act)

    assert len(calls) == 4  # after 5, 10, 15 and 20 s


def test_a_mistake_is_not_tried_again():
    calls = []

    def act():
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        persistently(act)

    assert len(calls) == 1


def test_epochs_are_written_down_about_once_a_second(snapshot, recipe, monkeypatch, tmp_path):
    now = [0.0]
    monkeypatch.setattr("training.recording.time.monotonic", lambda: now[0])
    run = claimed(snapshot, recipe)
    recorder, written = Recorder(run, tmp_path / "checkpoint", Told()), []
    monkeypatch.setattr(
        Run, "record", lambda _self, epochs: written.append([epoch["number"] for epoch in epochs])
    )

    for number in range(1, 31):  # ten a second
        now[0] = number / 10
        recorder.epoch_done(EpochMetrics(number, *[0.5] * 7))
    recorder.flush()

    assert written == [list(range(1, 11)), list(range(11, 21)), list(range(21, 31))]


def test_a_checkpoint_is_due_first_after_five_seconds_and_then_as_its_cost_asks(
    snapshot, recipe, monkeypatch, tmp_path
):
    now = [0.0]
    monkeypatch.setattr("training.recording.time.monotonic", lambda: now[0])
    run, path = claimed(snapshot, recipe), tmp_path / "checkpoint"
    path.write_bytes(b"weights")
    recorder = Recorder(run, path, Told())

    def wants_at(moment):
        now[0] = moment
        return recorder.wants_checkpoint(Progress(1, 1, 2, 6))

    assert [wants_at(moment) for moment in (1, 4.9, 5)] == [False, False, True]
    now[0] = 8.0  # it cost 3 s: sqrt(2 * 3 * 86,400) = 720
    recorder.checkpointed(Progress(1, 1, 2, 6))

    assert [wants_at(moment) for moment in (13, 727.9, 728)] == [False, False, True]


def test_a_setting_says_how_often_to_save(snapshot, recipe, monkeypatch, tmp_path, settings):
    settings.TRAINING_CHECKPOINT_EVERY_S = 100
    now = [0.0]
    monkeypatch.setattr("training.recording.time.monotonic", lambda: now[0])
    recorder = Recorder(claimed(snapshot, recipe), tmp_path / "checkpoint", Told())

    now[0] = 99.0
    assert not recorder.wants_checkpoint(Progress(1, 1, 2, 6))
    now[0] = 100.0
    assert recorder.wants_checkpoint(Progress(1, 1, 2, 6))


def test_one_that_only_helps_hears_and_says_nothing_of_the_run(
    snapshot, recipe, tmp_path, django_assert_num_queries
):
    told = Told()
    recorder = Recorder(claimed(snapshot, recipe), tmp_path / "checkpoint", told, is_first=False)
    told.to_end.set()

    with django_assert_num_queries(0):
        assert not recorder.wants_checkpoint(Progress(1, 1, 2, 6))


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


def test_a_run_tells_how_many_pictures_are_packed(snapshot, recipe, monkeypatch):
    run, told = claimed(snapshot, recipe), []
    monkeypatch.setattr("training.running.PROGRESS_EVERY_S", 0)
    tell = Run.tell
    monkeypatch.setattr(Run, "tell", lambda run, **fields: told.append(fields) or tell(run, **fields))

    execute(run)

    packed = [fields["machine"]["packed"] for fields in told if "packed" in fields.get("machine", {})]
    assert packed[-1] == "20 / 20"
    run.refresh_from_db()
    assert run.machine["device"] == "cpu"


def test_a_run_that_is_to_end_stops_packing(snapshot, recipe):
    run, told = claimed(snapshot, recipe), Told()
    told.to_end.set()

    with pytest.raises(RunLostError, match="pictures were packed; they stay"):
        execute(run, told)

    run.refresh_from_db()
    assert run.status == "running"
