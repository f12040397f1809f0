"""The page on which a training is started."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import freeze_all, make_run, make_settled_collection, make_snapshot, make_user
from tests.labeling.organisers import make_organiser
from training import starting
from training.config import NETWORKS, Config
from training.models import Run

pytestmark = pytest.mark.django_db

NEW = reverse("training:create")


@pytest.fixture
def owner(client):
    owner = make_organiser()
    client.force_login(owner)
    return owner


@pytest.fixture
def snapshot(owner):
    return make_snapshot(n_questions=10, owner=owner)


@pytest.fixture
def woken(monkeypatch):
    """How often a worker was told that there is something to train."""
    calls = []
    monkeypatch.setattr(starting.train_queued, "delay", lambda: calls.append(1))
    return calls


def filled_in(client, snapshot, network, **asked):
    """Return what a browser would send of the form as it is filled in."""
    initial = client.get(NEW, {"snapshot": snapshot.pk, "network": network, **asked}).context["form"].initial
    widths = {"hidden": ", ".join(map(str, initial["hidden"]))}
    return {name: value for name, value in (initial | widths).items() if value is not False}


def start(client, snapshot, network="mlp", /, **change):
    return client.post(NEW, filled_in(client, snapshot, network) | change)


@pytest.mark.parametrize("network", list(NETWORKS))
def test_the_usual_recipe_is_filled_in_and_starts_the_usual_run(client, owner, snapshot, network):
    response = start(client, snapshot, network)

    run = Run.objects.get()
    assert response["Location"] == run.get_absolute_url()
    assert run.options == Config.default(network, 16, n_images=6)
    assert (run.snapshot, run.author) == (snapshot, owner)
    assert run == Run.objects.enqueue_usual(snapshot, network)


def test_what_is_changed_in_the_form_is_what_is_trained(client, snapshot):
    changed = {
        "hidden": "64 32",
        "learning_rate": "0.25",
        "seed": 7,
        "flip": "on",
        "size_px": 32,
        "early_stop": 5,
    }
    changed |= {"optimizer": "adamw", "mixup": "0.2", "activation": "relu"}

    start(client, snapshot, "mlp", **changed)

    options = Run.objects.get().options
    assert (options.hidden, options.learning_rate, options.seed, options.flip) == ((64, 32), 0.25, 7, True)
    assert (options.size_px, options.early_stop, options.optimizer, options.mixup) == (32, 5, "adamw", 0.2)


def test_a_worker_is_woken_once_it_is_kept(client, snapshot, woken, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        start(client, snapshot)

    assert woken == [1]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("learning_rate", "fast", "Expected a number from 1e-08 to 100."),
        ("learning_rate", "1000", "Expected a number from 1e-08 to 100."),
        ("epochs", "0", "Expected a whole number from 1 to 10000."),
        ("batch_size", "", "Expected a whole number from 1 to 65536."),
        ("hidden", "64, wide", "Expected whole numbers, as 256, 128; found “64, wide”."),
        ("hidden", "9000", "Expected 1 to 8 whole numbers from 1 to 8192; found (9000,)."),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_in_one_sentence(client, snapshot, name, value, said):
    response = start(client, snapshot, "mlp", **{name: value})

    assert response.context["form"].errors == {name: [said]}
    assert said.replace("“", "“") in response.content.decode()
    assert not Run.objects.exists()


def test_several_mistakes_are_said_at_once(client, snapshot):
    response = start(client, snapshot, "mlp", epochs="0", momentum="2")

    assert set(response.context["form"].errors) == {"epochs", "momentum"}


@pytest.mark.parametrize("network", list(NETWORKS))
def test_only_options_of_the_network_are_shown(client, snapshot, network):
    page = client.get(NEW, {"snapshot": snapshot.pk, "network": network}).content.decode()

    assert ('name="hidden"' in page) is (network == "mlp")
    assert ('name="towers"' in page) is (network == "alexnet")
    assert ('name="depth"' in page) is (network == "resnet")
    assert 'name="learning_rate"' in page


def test_htmx_is_given_the_options_alone(client, snapshot):
    response = client.get(NEW, {"snapshot": snapshot.pk, "network": "resnet"}, headers={"HX-Request": "true"})

    page = response.content.decode()
    assert 'name="depth"' in page
    assert f'value="{snapshot.pk} resnet"' in page
    assert 'name="snapshot"' not in page


def test_a_recipe_of_another_network_is_never_started(client, snapshot):
    """Without JavaScript the options are still those of the network that was chosen before."""
    response = start(client, snapshot, "perceptron", network="resnet")

    assert not Run.objects.exists()
    page = client.get(response["Location"]).content.decode()
    assert "This is its usual recipe. Nothing has been started yet." in page
    assert 'name="depth"' in page


def test_the_button_fills_in_the_usual_recipe_at_the_size_that_was_asked_for(client, snapshot):
    sent = filled_in(client, snapshot, "perceptron") | {
        "size_px": 32,
        "learning_rate": 9,
        "seed": 4,
        "recipe": "",
    }

    form = client.get(client.post(NEW, sent)["Location"]).context["form"]

    usual = Config.default("perceptron", 32, n_images=6)
    assert (form.initial["size_px"], form.initial["seed"]) == (32, 4)
    assert float(form.initial["learning_rate"]) == usual.learning_rate != 9
    assert not Run.objects.exists()


def test_the_size_of_another_snapshots_pictures_is_forgotten(client, snapshot, owner):
    other = make_snapshot(owner=owner)
    sent = filled_in(client, snapshot, "mlp") | {"size_px": 128, "snapshot": other.pk, "recipe": ""}

    form = client.get(client.post(NEW, sent)["Location"]).context["form"]

    assert (form.initial["snapshot"], form.initial["size_px"]) == (other.pk, 16)


def test_another_run_is_trained_like_one_that_there_is(client, snapshot):
    run = make_run(snapshot, network="mlp")
    run = Run.objects.enqueue(snapshot, Config.from_json({**run.config, "learning_rate": 0.012345678}))

    form = client.get(NEW, {"like": run.pk}).context["form"]

    assert form.initial["learning_rate"] == "0.012345678"
    sent = {name: value for name, value in form.initial.items() if value is not False} | {
        "hidden": "256, 128"
    }
    assert client.post(NEW, sent)["Location"] == run.get_absolute_url()


def test_a_run_of_others_is_no_example(client, snapshot):
    others = make_run(network="resnet")

    assert client.get(NEW, {"like": others.pk}).context["form"].initial["snapshot"] == snapshot.pk


def test_the_newest_snapshot_is_chosen_unless_another_is_asked_for(client, snapshot, owner):
    newest = make_snapshot(owner=owner)

    assert client.get(NEW).context["form"].initial["snapshot"] == newest.pk
    assert client.get(NEW, {"snapshot": snapshot.pk}).context["form"].initial["snapshot"] == snapshot.pk


@pytest.mark.parametrize(
    "asked",
    [
        {"snapshot": "x"}, {"snapshot": "9" * 30}, {"size_px": "7"}, {"size_px": "x"}, {"network": "resnext"},
        {"seed": "-1"}, {"seed": "9" * 20}, {"like": "x"},
    ],
)  # fmt: skip
def test_an_address_that_asks_for_what_cannot_be_fills_in_what_is_usual(client, snapshot, asked):
    initial = client.get(NEW, asked).context["form"].initial

    usual = (snapshot.pk, next(iter(NETWORKS)), 16, 0)
    assert tuple(initial[name] for name in ("snapshot", "network", "size_px", "seed")) == usual


def test_who_has_nothing_to_train_on_is_told_so(client, owner):
    make_snapshot()

    page = client.get(NEW).content.decode()

    assert "There is nothing to train on yet" in page
    assert "<select" not in page


def test_an_owner_trains_on_no_snapshot_of_others(client, snapshot):
    others = make_snapshot()
    assert str(others) not in client.get(NEW).content.decode()

    response = start(client, snapshot, snapshot=others.pk, filled_for=f"{others.pk} mlp")

    assert list(response.context["form"].errors) == ["snapshot"]
    assert not Run.objects.exists()


def test_staff_train_on_any_snapshot(client, snapshot):
    client.force_login(make_user(is_staff=True))

    start(client, snapshot)

    assert Run.objects.get().snapshot == snapshot


def test_strangers_are_asked_to_sign_in(client):
    snapshot = make_snapshot()

    for response in (client.get(NEW), client.post(NEW, {"snapshot": snapshot.pk, "network": "mlp"})):
        assert response["Location"].startswith(reverse("accounts:sign-in"))
    assert not Run.objects.exists()


def test_a_snapshots_page_leads_those_who_edit_it_to_training(client, snapshot):
    link = f"{NEW}?snapshot={snapshot.pk}"
    assert link in client.get(snapshot.get_absolute_url()).content.decode()

    client.force_login(make_user())
    assert link not in client.get(snapshot.get_absolute_url()).content.decode()


def test_the_form_asks_as_much_of_the_database_for_many_snapshots_as_for_one(client, snapshot, owner):
    few = n_queries(client)

    collection = make_settled_collection(10, owner=owner)
    for confidence in (0.5, 0.6, 0.7):
        freeze_all(collection, min_confidence=confidence)

    assert n_queries(client) == few


def n_queries(client):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(NEW).status_code == 200
    return len(queries)
