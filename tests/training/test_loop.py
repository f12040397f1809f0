import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from training.checkpointing import CheckpointError
from training.config import Config
from training.dataset import Split, SplitError
from training.execution import Execution
from training.feeding import Feed
from training.loop import DivergedError, Watcher, predict, train
from training.loop import evaluate as evaluate_feed
from training.network import Perceptron

EVERYTHING = {
    "label_smoothing": 0.1, "mixup": 0.4, "crop": True, "flip": True, "changes": True, "colour": "jitter",
    "erase": 0.25, "ema": 0.9, "mirror": True, "shifts": True,
}  # fmt: skip
SMALL = {
    "perceptron": Config("perceptron", size_px=8, epochs=4, batch_size=16, learning_rate=0.02, seed=3),
    "mlp": Config("mlp", 8, 4, 16, 0.1, weight_decay=1e-3, hidden=(12, 8), activation="sigmoid", flip=True),
    "alexnet": Config("alexnet", 8, 4, 16, 0.02, weight_decay=1e-3, label_smoothing=0.1, crop=True),
    "resnet": Config("resnet", 8, 4, 16, 0.05, width=4, progressive=0.5),
    "muon": Config("resnet", 8, 4, 16, 0.1, optimizer="muon", width=4),
    "adamw": Config("mlp", 8, 4, 16, 0.01, optimizer="adamw", weight_decay=0.1, hidden=(12,), colour="pca"),
    "everything": Config("resnet", 8, 4, 16, 0.02, width=4, early_stop=3, progressive=0.5, **EVERYTHING),
}
N_CLASSES = 3


def blobs(n, seed):
    """Return n noisy 8 px pictures; class k is bright in its own band of rows."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, N_CLASSES, n)
    pictures = rng.integers(0, 120, (n, 8, 8, 3), dtype=np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[2 * label : 2 * label + 2] += 130
    return Split(pictures, labels)


TRAIN, VAL = blobs(40, seed=1), blobs(20, seed=2)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Such small arrays train several times faster without threads waiting for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


class Noting(Watcher):
    """Notes what it is told; wants a checkpoint after each of the batches `at`, and dies once it has the last."""

    def __init__(self, *at):
        self.at, self.asked = at, 0
        self.history, self.progress, self.machine, self.layers = [], [], {}, []

    def started(self, machine, layers):
        self.machine, self.layers = machine, layers

    def wants_checkpoint(self, progress):
        self.asked += 1
        self.progress.append(progress)
        return self.asked in self.at

    def epoch_done(self, metrics):
        self.history.append(metrics)

    def checkpointed(self, progress):
        if self.at and self.asked == self.at[-1]:
            raise KilledError


def run(config, checkpoint=None, watcher=None, train_split=TRAIN, n_classes=N_CLASSES):
    return train(config, train_split, VAL, n_classes, checkpoint=checkpoint, watcher=watcher or Watcher())


def evaluate(network, split, config=SMALL["mlp"]):
    """Evaluate in float32."""
    execution = Execution.choose(replace(config, precision="float32"), [])
    return evaluate_feed(network, Feed(split, torch.device(execution.device)), execution)


def bits(network):
    return {name: tensor.cpu().numpy().tobytes() for name, tensor in network.state_dict().items()}


class KilledError(Exception):
    pass


@pytest.mark.parametrize("network", SMALL)
def test_the_same_seed_gives_the_same_bits_and_another_gives_others(network):
    config = SMALL[network]

    assert bits(run(config)) == bits(run(config))
    assert bits(run(config)) != bits(run(replace(config, seed=99)))


@pytest.mark.parametrize("network", SMALL)
def test_a_run_killed_five_times_within_epochs_ends_with_the_same_bits(network, tmp_path):
    config = SMALL[network]
    for batches in (2, 3, 4, 2, 1):  # of 3 an epoch
        with pytest.raises(KilledError):
            run(config, tmp_path / "run", Noting(batches))
        torch.rand(1)  # whatever else drew random numbers in between

    resumed = run(config, tmp_path / "run")

    assert bits(resumed) == bits(run(config))


def test_what_was_done_after_the_last_checkpoint_is_done_again_and_told_alike(tmp_path):
    whole, first, second = Noting(), Noting(4, 9), Noting()
    run(SMALL["everything"], watcher=whole)
    with pytest.raises(KilledError):
        run(SMALL["everything"], tmp_path / "run", first)

    run(SMALL["everything"], tmp_path / "run", second)

    told = {each.number: each.val_loss for each in [*first.history, *second.history]}
    assert told == {each.number: each.val_loss for each in whole.history}
    assert second.progress[0].n_shown == first.progress[-1].n_shown + 16


def test_a_finished_run_is_returned_without_training(tmp_path):
    finished, again = run(SMALL["everything"], tmp_path / "run"), Noting()

    returned = run(SMALL["everything"], tmp_path / "run", again)

    assert bits(returned) == bits(finished)
    assert again.progress == []


def test_a_checkpoint_holds_tensors_and_text_alone(tmp_path):
    run(SMALL["everything"], tmp_path / "run")

    with safe_open(tmp_path / "run", "pt") as file:
        assert set(file.metadata()) == {"format", "training", "execution", "numbers"}
        parts = {name.split(".")[0] for name in file.keys()}  # noqa: SIM118
    assert parts == {"network", "average", "best", "optimizer", "losses"}
    assert list(tmp_path.iterdir()) == [tmp_path / "run"]


@pytest.mark.parametrize(
    "other",
    [{"config": replace(SMALL["mlp"], seed=1)}, {"train_split": blobs(40, seed=5)}, {"n_classes": 4}],
)
def test_a_checkpoint_of_other_training_is_refused(other, tmp_path):
    run(SMALL["mlp"], tmp_path / "run")

    with pytest.raises(CheckpointError, match="found one of other training"):
        run(**{"config": SMALL["mlp"], **other}, checkpoint=tmp_path / "run")


def test_a_damaged_checkpoint_is_refused(tmp_path):
    run(SMALL["mlp"], tmp_path / "run")
    whole = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(whole[:-10])

    with pytest.raises(CheckpointError, match="expected a whole safetensors file"):
        run(SMALL["mlp"], tmp_path / "run")


@pytest.mark.parametrize("network", SMALL)
def test_every_network_learns(network):
    config = replace(SMALL[network], epochs=25, early_stop=0)
    watcher = Noting()

    trained = run(config, watcher=watcher)

    history = watcher.history
    assert evaluate(trained, VAL)[1] <= 0.1  # two of three are wrong by chance
    assert history[-1].train_loss < history[0].train_loss


def test_what_is_told_of_the_last_epoch_is_true_of_the_network_that_is_returned():
    config = replace(SMALL["everything"], early_stop=0, precision="float32")
    watcher = Noting()

    trained = run(config, watcher=watcher)

    last = watcher.history[-1]
    told = (last.val_loss, last.val_top1_error, last.val_top5_error)
    np.testing.assert_allclose(evaluate(trained, VAL), told, rtol=1e-5)


def test_each_epoch_is_told_once_in_order_and_each_batch_asks():
    watcher = Noting()

    run(SMALL["perceptron"], watcher=watcher)

    assert [epoch.number for epoch in watcher.history] == [1, 2, 3, 4]
    assert [each.n_shown for each in watcher.progress[:4]] == [16, 32, 40, 56]  # batches of 16, 16 and 8
    assert watcher.asked == 4 * 3
    assert all(epoch.seconds > 0 and epoch.pictures_per_second > 0 for epoch in watcher.history)


def test_who_watches_is_told_how_and_what_is_trained():
    watcher = Noting()

    run(replace(SMALL["resnet"], precision="bfloat16"), watcher=watcher)

    assert watcher.machine["precision"] == "bfloat16"
    assert watcher.machine["n_threads"] == 1
    assert watcher.machine["channels_last"] is True
    assert watcher.layers[-1].shape == (N_CLASSES,)


def test_an_early_stop_ends_with_the_best_weights():
    # So fast that it gets worse soon.
    config = replace(SMALL["mlp"], epochs=200, early_stop=4, learning_rate=3.0, precision="float32")
    watcher = Noting()

    trained = run(config, watcher=watcher)

    losses = [each.val_loss for each in watcher.history]
    assert len(losses) < 200
    assert losses.index(min(losses)) == len(losses) - 5
    assert math.isclose(evaluate(trained, VAL)[0], min(losses), rel_tol=1e-5)


def test_soft_targets_are_learnt_rather_than_labels():
    """Everybody is torn between two classes, so that is what the network is to say."""
    targets = np.tile(np.float32([0.5, 0.5, 0.0]), (len(TRAIN), 1))
    config = replace(SMALL["mlp"], epochs=20, precision="float32")

    trained = run(config, train_split=Split(TRAIN.pictures, TRAIN.labels, targets))

    answers = predict(trained, VAL.pictures)
    np.testing.assert_allclose(answers.mean(axis=0), [0.5, 0.5, 0.0], atol=0.05)


def test_a_mirrored_answer_is_that_of_the_mirror_image():
    trained = run(SMALL["everything"])

    mirrored = np.ascontiguousarray(VAL.pictures[:, :, ::-1])

    np.testing.assert_allclose(predict(trained, mirrored), predict(trained, VAL.pictures), atol=1e-5)


def test_a_training_that_diverges_says_where(tmp_path):
    config = replace(SMALL["mlp"], learning_rate=100.0, activation="relu")

    with pytest.raises(DivergedError, match=r"epoch \d.*: try a learning rate below 100\."):
        run(replace(config, epochs=50), tmp_path / "run")


@pytest.mark.parametrize(("rows", "wrong"), [(slice(0, 0), "at least one picture"), (slice(0, 1), None)])
def test_a_split_without_pictures_is_refused(rows, wrong):
    split = Split(TRAIN.pictures[rows], TRAIN.labels[rows])

    if wrong is None:
        run(SMALL["alexnet"], train_split=split)
    else:
        with pytest.raises(SplitError, match=f"The train split: expected {wrong}"):
            run(SMALL["alexnet"], train_split=split)


def test_a_label_that_is_no_class_is_refused():
    highest = int(TRAIN.labels.max())

    with pytest.raises(SplitError, match=rf"expected labels from 0 to {highest - 1}; found {highest} at row"):
        run(SMALL["mlp"], n_classes=highest)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(SplitError, match="expected pictures of 16 px; found 8 px"):
        run(replace(SMALL["mlp"], size_px=16))


def fixed(biases):
    """Return a perceptron whose logits are `biases` for every picture."""
    network = Perceptron(8, len(biases))
    network.output.bias.data = torch.tensor(biases, dtype=torch.float32)
    return network


def test_errors_count_the_best_guess_and_the_best_five():
    network = fixed([6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    split = Split(np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 4, 5]))

    _, top1_error, top5_error = evaluate(network, split)

    assert (top1_error, top5_error) == (0.75, 0.25)  # label 0 is the first guess; 5 is the sixth


def test_with_fewer_than_five_classes_no_top5_error_is_possible():
    assert evaluate(fixed([1.0, 0.0, 0.0]), VAL)[2] == 0.0


def test_an_undecided_network_loses_the_logarithm_of_its_choices():
    loss, _, _ = evaluate(fixed([0.0] * 8), VAL)

    assert math.isclose(loss, math.log(8), rel_tol=1e-6)


def test_predictions_are_probabilities_in_the_order_of_the_pictures():
    network = run(SMALL["alexnet"])

    probabilities = predict(network, VAL.pictures, batch_size=7)

    assert probabilities.shape == (20, N_CLASSES)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(probabilities[3:5], predict(network, VAL.pictures[3:5]), rtol=1e-4)


def test_a_prediction_can_be_worked_by_hand():
    probabilities = predict(fixed([math.log(3), 0.0]), VAL.pictures[:1])

    np.testing.assert_allclose(probabilities, [[0.75, 0.25]], rtol=1e-6)


def test_nothing_is_not_predicted_nor_evaluated():
    nothing_at_all = Split(VAL.pictures[:0], VAL.labels[:0])

    with pytest.raises(SplitError, match="at least one picture"):
        predict(fixed([0.0, 0.0]), nothing_at_all.pictures)
    with pytest.raises(SplitError, match="at least one picture"):
        evaluate(fixed([0.0, 0.0]), nothing_at_all)
