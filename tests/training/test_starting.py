"""Trainings by the usual recipe and by another, and the command that starts them."""

import pytest
from django.core.management import CommandError, call_command

from labeling.models import Image
from tests.factories import freeze_all, make_snapshot
from training import starting
from training.config import Config
from training.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot(monkeypatch):
    monkeypatch.setattr(starting.train_queued, "delay", lambda: None)
    return make_snapshot(n_questions=10)  # of which six are for training


def test_larger_pictures_are_seen_larger_unless_a_size_is_said(snapshot):
    Image.objects.update(width=500, height=90)

    assert Run.objects.enqueue_usual(snapshot, "perceptron").options.size_px == 64
    assert Run.objects.enqueue_usual(snapshot, "perceptron", size_px=8).options.size_px == 8


def test_what_is_said_replaces_the_usual_and_a_size_brings_its_own_recipe(snapshot):
    found = starting.recipe(snapshot, "perceptron", {"size_px": 32, "epochs": 7}, seed=5)

    usual = Config.default("perceptron", 32, n_images=6)
    assert found.to_json() == usual.to_json() | {"epochs": 7, "seed": 5}
    assert usual.learning_rate != Config.default("perceptron", 16, n_images=6).learning_rate


def test_the_command_takes_any_option_and_an_older_snapshot(snapshot, capsys):
    freeze_all(snapshot.collection, min_confidence=0.5)
    said = ["hidden=64,32", "activation=relu", "flip=yes", "centred=no", "learning_rate=0.01", "epochs=2"]
    options = [word for each in said for word in ("--set", each)]

    call_command("start_run", snapshot.collection.slug, "mlp", "--size", "32", "--snapshot", "1", *options)

    run = Run.objects.get()
    usual = Config.default("mlp", 32, n_images=6).to_json()
    changed = {
        "hidden": [64, 32],
        "activation": "relu",
        "flip": True,
        "centred": False,
        "learning_rate": 0.01,
    }
    assert run.snapshot == snapshot
    assert run.options.to_json() == usual | changed | {"epochs": 2}
    assert capsys.readouterr().out == f"Run {run.pk}: mlp on {snapshot} is queued.\n"


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (["--set", "epochs"], r"--set: expected OPTION=VALUE, as epochs=10; found 'epochs'"),
        (["--set", "epochs=many"], r"Config, epochs: expected a whole number .* found 'many'"),
        (["--set", "flip=perhaps"], r"Config, flip: expected true or false; found 'perhaps'"),
        (["--set", "depth=9"], r"Config, depth: expected nothing .* for network 'mlp'"),
        (["--set", "learning_rat=1"], r"found 'learning_rat'"),
        (["--size", "4"], r"Config, size_px: expected a whole number from 8"),
        (["--seed", "-1"], r"Config, seed: expected a whole number from 0"),
        (["--snapshot", "7"], r"at most number 1; found 7"),
    ],
)
def test_the_command_says_what_cannot_be(snapshot, said, refused):
    with pytest.raises(CommandError, match=refused):
        call_command("start_run", snapshot.collection.slug, "mlp", *said)
    assert not Run.objects.exists()
