import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from training.config import Config
from training.dataset import Split, SplitError
from training.loop import (
    CheckpointError,
    DivergedError,
    evaluate,
    learning_rate,
    load_weights,
    predict,
    save_weights,
    train,
)
from training.network import Perceptron, build

SMALL = {
    "perceptron": Config("perceptron", size_px=8, epochs=4, batch_size=16, learning_rate=0.02, seed=3),
    "mlp": Config("mlp", 8, 4, 16, 0.1, weight_decay=1e-3, hidden=(12, 8), activation="sigmoid", flip=True),
    "alexnet": Config("alexnet", 8, 4, 16, 0.02, weight_decay=1e-3, label_smoothing=0.1, crop=True),
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


def nothing(*args):
    pass


def run(config, checkpoint=None, on_batch=nothing, on_epoch=nothing, train_split=TRAIN, n_classes=N_CLASSES):
    return train(
        config, train_split, VAL, n_classes, checkpoint=checkpoint, on_batch=on_batch, on_epoch=on_epoch
    )


def bits(network):
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


class KilledError(Exception):
    pass


def killed_at_call(n):
    """Return a callback that raises when it is called for the n-th time."""
    calls = iter(range(1, n + 1))

    def callback(*args):
        if next(calls) == n:
            raise KilledError

    return callback


@pytest.mark.parametrize("network", SMALL)
def test_the_same_seed_gives_the_same_bits_and_another_gives_others(network):
    config = SMALL[network]

    assert bits(run(config)) == bits(run(config))
    assert bits(run(config)) != bits(run(replace(config, seed=99)))


@pytest.mark.parametrize("network", SMALL)
def test_a_run_killed_within_an_epoch_ends_with_the_same_bits(network, tmp_path):
    config = SMALL[network]
    with pytest.raises(KilledError):
        run(config, tmp_path / "run", on_batch=killed_at_call(8))  # 3 batches an epoch: within the third

    torch.rand(1)  # whatever else drew random numbers in between
    resumed = run(config, tmp_path / "run")

    assert bits(resumed) == bits(run(config))


def test_a_run_without_momentum_is_resumed_too(tmp_path):
    config = replace(SMALL["perceptron"], momentum=0.0)
    with pytest.raises(KilledError):
        run(config, tmp_path / "run", on_batch=killed_at_call(8))

    assert bits(run(config, tmp_path / "run")) == bits(run(config))


def test_an_epoch_killed_before_it_was_noted_is_told_again(tmp_path):
    whole, told = [], []
    run(SMALL["mlp"], on_epoch=whole.append)
    with pytest.raises(KilledError):
        run(SMALL["mlp"], tmp_path / "run", on_epoch=killed_at_call(2))

    run(SMALL["mlp"], tmp_path / "run", on_epoch=told.append)

    assert [epoch.number for epoch in told] == [2, 3, 4]
    assert [epoch.val_loss for epoch in told] == [epoch.val_loss for epoch in whole[1:]]


def test_a_finished_run_is_returned_without_training(tmp_path):
    finished = run(SMALL["mlp"], tmp_path / "run")

    again = run(SMALL["mlp"], tmp_path / "run", on_batch=lambda: pytest.fail("trained again"))

    assert bits(again) == bits(finished)


def test_a_checkpoint_holds_tensors_and_text_alone(tmp_path):
    run(SMALL["mlp"], tmp_path / "run")

    with safe_open(tmp_path / "run", "pt") as file:
        assert set(file.metadata()) == {"training", "metrics"}
        assert {name.split(".")[0] for name in file.keys()} == {"network", "momentum"}  # noqa: SIM118
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
    config = replace(SMALL[network], epochs=25)

    history = []
    trained = run(config, on_epoch=history.append)

    assert evaluate(trained, VAL)[1] <= 0.1  # two of three are wrong by chance
    assert history[-1].train_loss < history[0].train_loss
    assert history[-1].val_top1_error == evaluate(trained, VAL)[1]


def test_each_epoch_is_told_once_in_order_and_each_batch_calls():
    history, calls = [], []

    run(SMALL["perceptron"], on_epoch=history.append, on_batch=lambda: calls.append(1))

    assert [epoch.number for epoch in history] == [1, 2, 3, 4]
    assert len(calls) == 4 * 3  # 40 pictures in batches of 16, 16 and 8
    assert all(epoch.seconds > 0 and epoch.pictures_per_second > 0 for epoch in history)


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


def test_the_learning_rate_climbs_and_then_falls_to_zero():
    config = replace(SMALL["mlp"], learning_rate=1.0)

    rates = [learning_rate(config, step, 100) for step in range(100)]

    # 5 of 100 steps climb; the cosine's middle, step 5 + 95 / 2, lies between steps 52 and 53.
    np.testing.assert_allclose(rates[:6], [0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    np.testing.assert_allclose((rates[52] + rates[53]) / 2, 0.5, atol=1e-9)
    assert 0 < rates[99] < 0.001


def test_a_single_step_has_the_full_learning_rate():
    assert learning_rate(SMALL["mlp"], 0, 1) == SMALL["mlp"].learning_rate


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


def test_the_batch_size_does_not_change_an_evaluation():
    network = run(SMALL["alexnet"])

    np.testing.assert_allclose(evaluate(network, VAL, 3), evaluate(network, VAL, 20), rtol=1e-5)


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


def test_weights_survive_a_file(tmp_path):
    network = run(SMALL["alexnet"])
    save_weights(network, tmp_path / "weights.safetensors")
    fresh = build(SMALL["alexnet"], N_CLASSES)

    load_weights(fresh, tmp_path / "weights.safetensors")

    assert bits(fresh) == bits(network)


def test_weights_of_another_shape_are_refused_by_name(tmp_path):
    save_weights(Perceptron(8, 3), tmp_path / "weights")

    with pytest.raises(CheckpointError, match=r"output\.bias: expected .+ \(4,\); found .+ \(3,\)\."):
        load_weights(Perceptron(8, 4), tmp_path / "weights")


def test_weights_of_another_network_are_refused(tmp_path):
    save_weights(Perceptron(8, 3), tmp_path / "weights")

    with pytest.raises(CheckpointError, match=r"expected .+; found nothing"):
        load_weights(build(SMALL["mlp"], 3), tmp_path / "weights")
