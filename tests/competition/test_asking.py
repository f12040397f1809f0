import io
import json
import pickle

import numpy as np
import pytest
import torch
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from safetensors.torch import save

from competition import asking
from competition.asking import answers_of
from competition.models import Submission
from competition.predictions import PredictionsError
from competition.truth import test_images as images_of
from labeling.splits import TEST
from tests.competition.networks import make_model, node, weights
from tests.factories import make_user
from training.config import Config
from training.exporting import to_onnx
from training.network import build
from training.packing import square

pytestmark = pytest.mark.django_db
CONFIG = Config.default("resnet", 16, 1000)


@pytest.fixture
def hand_in(phase):
    """Hand in a network, and take it up to be scored."""

    def hand_in(data, kind="onnx", network=None):
        file = ContentFile(data, name=f"network.{'onnx' if kind == 'onnx' else 'safetensors'}")
        Submission.objects.submit(phase, make_user(), "mine", file, kind=kind, network=network)
        return Submission.objects.claim_next()

    return hand_in


def ask(submission):
    return answers_of(submission, images_of(submission.contest.snapshot))


def refusal(submission):
    with pytest.raises(PredictionsError) as refused:
        ask(submission)
    return refused.value


def shown(submission, side_px):
    """Return the test pictures as a network sees them, (n, 3, side, side)."""
    snapshot = submission.contest.snapshot
    rows = sorted((row for row in snapshot.rows() if row.split == TEST), key=lambda row: row.sha256)
    pictures = np.stack([square(picture_file(row), side_px) for row in rows])
    return pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255


def picture_file(row):
    with default_storage.open(f"{row.sha256[:2]}/{row.file_name}") as file:
        return file.read()


def softmax(logits):
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


def test_a_network_answers_as_it_does_unconfined(hand_in):
    submission = hand_in(make_model().SerializeToString())

    answers = ask(submission)

    expected = softmax(shown(submission, 8).reshape(-1, 192) @ weights(192, 2))
    np.testing.assert_array_equal(answers.guesses[:, 0], expected.argmax(axis=1))
    np.testing.assert_allclose(answers.probabilities[:, 0], expected.max(axis=1), rtol=1e-4)


def test_what_it_costs_is_kept_and_so_is_how_it_was_run(hand_in):
    submission = hand_in(make_model().SerializeToString())

    ask(submission)

    submission.refresh_from_db()
    assert (submission.n_parameters, submission.n_multiply_adds) == (384, 384)
    assert submission.pictures_per_second > 0
    assert "Protections in force: privileges, " in submission.attempts.get().log


def test_columns_follow_the_classes_that_a_file_names(hand_in, snapshot):
    plain = ask(hand_in(make_model().SerializeToString()))
    turned = make_model(metadata={"classes": json.dumps(snapshot.classes[::-1])})

    answers = ask(hand_in(turned.SerializeToString()))

    np.testing.assert_array_equal(answers.guesses[:, 0], 1 - plain.guesses[:, 0])


def test_bytes_in_rows_and_batches_of_three_give_the_same(hand_in):
    nodes = [
        node("Cast", "pictures", "f", to=1),
        node("Transpose", "f", "t", perm=[0, 3, 1, 2]),
        node("Flatten", "t", "pixels"),
        node("MatMul", ["pixels", "w"], "m"),
        node("Mul", ["m", "scale"], "answers"),
    ]
    tensors = {"w": weights(192, 2), "scale": np.float32(1 / 255)}
    model = make_model(nodes, tensors, shape=(3, 8, 8, 3), kind=2, answers=(3, 2))

    answers = ask(hand_in(model.SerializeToString()))

    plain = ask(hand_in(make_model().SerializeToString()))
    np.testing.assert_allclose(answers.probabilities, plain.probabilities, rtol=1e-3)


def test_the_worker_keeps_saying_that_it_is_alive(hand_in, monkeypatch):
    submission = hand_in(make_model().SerializeToString())
    Submission.objects.filter(pk=submission.pk).update(heartbeat_at="2026-01-01T00:00Z")

    ask(submission)

    submission.refresh_from_db()
    assert submission.heartbeat_at.month != 1 or submission.heartbeat_at.day != 1


# --- Our own networks ---------------------------------------------------------------------------------------------


def our_weights(snapshot, **about):
    torch.manual_seed(1)
    network = build(CONFIG, snapshot.n_classes).eval()
    told = {"config": CONFIG.to_json(), "classes": snapshot.classes, **about}
    return network, save(network.state_dict(), {"nestwork": json.dumps(told)})


def test_weights_of_one_of_our_networks_answer_as_it_does(hand_in, snapshot):
    network, data = our_weights(snapshot)
    submission = hand_in(data, "weights")

    answers = ask(submission)

    with torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(shown(submission, 16))), dim=1).numpy()
    np.testing.assert_allclose(answers.probabilities[:, 0], expected.max(axis=1), rtol=1e-4)
    submission.refresh_from_db()
    assert submission.n_parameters == sum(each.numel() for each in network.parameters())


def test_weights_that_say_nothing_of_themselves_are_told_of(hand_in, snapshot):
    network, _data = our_weights(snapshot)
    silent = save(network.state_dict())
    assert "of which network" in str(refusal(hand_in(silent, "weights")))

    told = {"config": CONFIG.to_json(), "classes": snapshot.classes}

    assert len(ask(hand_in(silent, "weights", told))) == 4


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({**CONFIG.to_json(), "width": 25}, "expected F32"),
        ({**CONFIG.to_json(), "size_px": 1024}, "size_px: expected 8 to 512"),
        ({**CONFIG.to_json(), "network": "os.system"}, "network: expected one of"),
    ],
)
def test_weights_of_another_network_are_refused(hand_in, snapshot, config, found):
    _network, data = our_weights(snapshot, config=config)

    assert found in str(refusal(hand_in(data, "weights")))


@pytest.mark.filterwarnings("ignore")  # the exporter's own
def test_our_own_download_enters_as_it_is(hand_in, snapshot):
    network, _data = our_weights(snapshot)
    model = to_onnx(network, 16, {"classes": snapshot.classes, "config": CONFIG.to_json()})

    assert len(ask(hand_in(model.SerializeToString()))) == 4


# --- What is refused ----------------------------------------------------------------------------------------------


def zeros(value, kind="answers"):
    """Make a network that answers every picture with `value`."""
    nodes = [
        node("Flatten", "pictures", "pixels"),
        node("MatMul", ["pixels", "w"], "zero"),
        node("Add", ["zero", "value"], "answers"),
    ]
    return make_model(nodes, {"w": np.zeros((192, 2), np.float32), "value": np.float32(value)})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_refused(hand_in, value):
    assert len(ask(hand_in(zeros(1).SerializeToString()))) == 4

    assert "Expected numbers" in str(refusal(hand_in(zeros(value).SerializeToString())))


def test_a_pickle_is_refused_unread(hand_in):
    assert "a pickle" in str(refusal(hand_in(pickle.dumps({"w": [1]}))))


def test_a_network_of_other_classes_is_refused(hand_in):
    model = make_model(metadata={"classes": '["n1", "n2"]'})

    assert "this contest's classes" in str(refusal(hand_in(model.SerializeToString())))


def large(n_layers=40, side=64):
    """Make a network that is legal and takes minutes."""
    nodes = [node("Conv", ["pictures", "first"], "v0", pads=[4] * 4)]
    nodes += [node("Conv", [f"v{i}", "w"], f"v{i + 1}", pads=[4] * 4) for i in range(n_layers)]
    nodes += [node("GlobalAveragePool", f"v{n_layers}", "p"), node("Flatten", "p", "answers")]
    tensors = {"first": weights(256, 3, 9, 9), "w": weights(256, 256, 9, 9)}
    return make_model(nodes, tensors, shape=("n", 3, side, side), answers=("n", None))


def test_a_network_that_takes_too_long_is_ended(hand_in, settings, monkeypatch):
    settings.SANDBOX_SECONDS = 1
    monkeypatch.setattr(asking.running, "START_S", 20)

    error = refusal(hand_in(large().SerializeToString()))

    assert "took more processor time" in str(error) or "longer" in str(error)
    assert "Protections in force" in error.log


def test_a_network_that_takes_too_much_memory_is_ended(hand_in, settings):
    settings.SANDBOX_MEMORY_MIB = 64

    assert "memory" in str(refusal(hand_in(large(n_layers=1, side=512).SerializeToString())))


def test_whoever_cancels_ends_it(hand_in):
    submission = hand_in(make_model().SerializeToString())
    Submission.objects.cancel()

    assert str(refusal(submission)) == asking.CANCELLED


# --- Protections --------------------------------------------------------------------------------------------------


def test_without_a_protection_that_is_required_nothing_is_run(hand_in, settings):
    settings.SANDBOX_REQUIRES = ["landlock", "perfect"]

    error = refusal(hand_in(make_model().SerializeToString()))

    assert str(error) == asking.UNPROTECTED
    assert "perfect" in error.log


# --- Pictures -----------------------------------------------------------------------------------------------------


def test_a_pack_holds_the_test_pictures_and_nothing_else(hand_in, settings):
    submission = hand_in(make_model().SerializeToString())

    ask(submission)

    [path] = (settings.VAR_DIR / "packs").glob(f"{submission.contest.snapshot.digest}-test-8.npy")
    packed = np.load(io.BytesIO(path.read_bytes()))
    np.testing.assert_allclose(
        packed.transpose(0, 3, 1, 2) / np.float32(255), shown(submission, 8), rtol=1e-6
    )


def test_of_many_sizes_the_last_ones_stay(hand_in, settings, tmp_path):
    settings.VAR_DIR = tmp_path
    for side in range(8, 8 + asking.PACKS_KEPT + 2):
        asking_for = hand_in(
            make_model(
                [
                    node("GlobalAveragePool", "pictures", "p"),
                    node("Flatten", "p", "f"),
                    node("MatMul", ["f", "w"], "answers"),
                ],
                {"w": weights(3, 2)},
                shape=("n", 3, side, side),
            ).SerializeToString()
        )
        with asking._pictures(asking_for, images_of(asking_for.contest.snapshot), side):
            pass

    kept = {path.name.rpartition("-")[2] for path in (tmp_path / "packs").iterdir()}

    assert kept == {f"{side}.npy" for side in range(10, 14)}


def test_pictures_that_would_fill_the_disk_are_refused(hand_in, monkeypatch):
    monkeypatch.setattr(asking, "MOST_PACK_BYTES", 4 * 3 * 8 * 8 - 1)

    assert "at most 7 px a side, as this contest has 4" in str(
        refusal(hand_in(make_model().SerializeToString()))
    )
