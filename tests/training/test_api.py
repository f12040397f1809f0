"""Trainings by program."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.browser.test_pages import add_epochs
from tests.factories import make_run, make_snapshot, make_user
from tests.labeling.organisers import make_organiser
from training.config import Config
from training.models import Run, TrainingPolicy

pytestmark = pytest.mark.django_db

RUNS = "/api/runs/"


@pytest.fixture
def owner():
    return make_organiser()


@pytest.fixture
def snapshot(owner):
    return make_snapshot(n_questions=10, owner=owner)


@pytest.fixture
def people(owner):
    return {
        "nobody": None,
        "volunteer": make_user(),
        "other organiser": make_organiser(),
        "owner": owner,
        "staff": make_user(is_staff=True),
    }


def post(client, path, data=None):
    return client.post(path, data or {}, content_type="application/json")


# --- Seeing ------------------------------------------------------------------------------------------------------


def test_a_list_tells_what_runs_came_to(client, snapshot):
    run = make_run(snapshot)
    add_epochs(run, 1, 2)

    [told] = client.get(RUNS).json()["results"]

    assert (told["id"], told["snapshot"], told["collection"]) == (
        run.pk,
        snapshot.pk,
        snapshot.collection.slug,
    )
    assert (told["n_epochs_done"], told["val_top1_error"], told["seconds"]) == (2, 0.25, 3.0)
    assert (told["config"], told["config_digest"]) == (run.config, run.config_digest)
    assert "epochs" not in told


def test_a_run_by_itself_tells_its_epochs_layers_and_machine(client, snapshot):
    counted = {"shape": [2], "n_parameters": 34, "n_multiply_adds": 32}
    layer = {"name": "last", "kind": "fully connected", "says": "", **counted}
    run = make_run(snapshot, layers=[layer], machine={"device": "cpu", "threads": 1}, n_shown=9)
    add_epochs(run, 1)

    told = client.get(f"{RUNS}{run.pk}/").json()

    assert [epoch["number"] for epoch in told["epochs"]] == [1]
    assert (told["layers"], told["machine"], told["n_shown"]) == ([layer], {"device": "cpu", "threads": 1}, 9)
    assert told["place_in_queue"] == 1


def test_runs_are_chosen_by_snapshot_collection_network_and_state(client, snapshot):
    one = make_run(snapshot, network="mlp", status="running")
    other = make_run()

    def chosen(**asked):
        return [run["id"] for run in client.get(RUNS, asked).json()["results"]]

    assert chosen() == [other.pk, one.pk]
    assert chosen(snapshot=snapshot.pk) == chosen(collection=snapshot.collection.slug) == [one.pk]
    assert chosen(network="mlp") == chosen(status="running") == [one.pk]
    assert chosen(network="mlp", status="queued") == []
    assert client.get(RUNS, {"snapshot": "x"}).status_code == 400


@pytest.mark.parametrize("is_list", [True, False])
def test_a_program_asks_as_much_of_the_database_for_many_epochs_as_for_one(client, snapshot, is_list):
    run = make_run(snapshot)
    add_epochs(run, 1)

    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(RUNS if is_list else f"{RUNS}{run.pk}/").status_code == 200
        return len(queries)

    few = n_queries()
    add_epochs(run, 2, 3)
    for network in ("mlp", "alexnet"):
        add_epochs(make_run(snapshot, network=network), 1, 2)

    assert n_queries() == few


# --- Starting ----------------------------------------------------------------------------------------------------


def test_a_network_alone_is_trained_by_its_usual_recipe(client, snapshot, owner):
    client.force_login(owner)

    response = post(client, RUNS, {"snapshot": snapshot.pk, "network": "mlp", "seed": 3})

    run = Run.objects.get()
    assert (response.status_code, response.json()["id"]) == (201, run.pk)
    assert run.options.to_json() == {**Config.default("mlp", 16, 6).to_json(), "seed": 3}
    assert run.author == owner


def test_options_that_are_said_replace_those_of_the_usual_recipe(client, snapshot, owner):
    client.force_login(owner)
    config = {"network": "perceptron", "size_px": 32, "epochs": 2, "flip": True}

    assert post(client, RUNS, {"snapshot": snapshot.pk, "config": config}).status_code == 201

    usual = Config.default("perceptron", 32, 6).to_json()
    assert Run.objects.get().options.to_json() == usual | config


def test_what_a_run_tells_of_itself_starts_the_same_run(client, snapshot, owner):
    client.force_login(owner)
    run = make_run(snapshot, network="resnet")
    told = client.get(f"{RUNS}{run.pk}/").json()

    answer = post(client, RUNS, {name: told[name] for name in ("snapshot", "config", "seed")})

    assert answer.json()["id"] == run.pk


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"network": "mlp", "config": {"epochs": 0}}, "Config, epochs: expected a whole number from 1 to 10000;"),
        ({"network": "mlp", "config": {"size_px": "x"}}, "Config, size_px: expected a whole number from 8 to 1024;"),
        ({"network": "mlp", "config": {"learning_rat": 1}}, "Config: expected only the options"),
        ({"network": "mlp", "config": [1]}, "Expected a dictionary of items"),
        ({"network": "perceptron", "config": {"hidden": [3]}}, "Config, hidden: expected nothing"),
        ({"config": {"network": "resnext"}}, "Config, network: expected one of"),
        ({"config": {"network": 7}}, "Config, network: expected one of"),
        ({"network": "mlp", "config": {"network": "alexnet"}}, "Expected one network; found 'mlp' and,"),
        ({}, "Expected the name of a network; found none."),
        ({"network": "resnext"}, '"resnext" is not a valid choice.'),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_is_refused_in_configs_words(client, snapshot, owner, data, said):
    client.force_login(owner)

    response = post(client, RUNS, {"snapshot": snapshot.pk, **data})

    [[told]] = response.json().values()
    assert response.status_code == 400
    assert told.startswith(said)
    assert not Run.objects.exists()


# --- Who may -----------------------------------------------------------------------------------------------------

MAY = {"nobody": 401, "volunteer": 403, "other organiser": 403, "owner": 200, "staff": 200}


@pytest.mark.parametrize("who", MAY)
@pytest.mark.parametrize("act", ["start", "cancel", "pause", "resume"])
def test_who_edits_the_collection_starts_and_steers_and_nobody_else(client, snapshot, people, who, act):
    if people[who]:
        client.force_login(people[who])
    before = {"resume": "paused"}.get(act, "queued")
    run = None if act == "start" else make_run(snapshot, status=before)

    if run is None:
        response = post(client, RUNS, {"snapshot": snapshot.pk, "network": "mlp"})
    else:
        response = post(client, f"{RUNS}{run.pk}/{act}/")

    may = MAY[who] == 200
    assert response.status_code == (201 if may and act == "start" else MAY[who])
    after = {"start": "queued", "cancel": "cancelled", "pause": "paused", "resume": "queued"}[act]
    found = Run.objects.first()
    assert (found.status if found else None) == (after if may else before if run else None)
    if may:
        assert response.json()["status"] == after


@pytest.mark.parametrize(
    ("act", "status", "said"),
    [
        ("cancel", "finished", "Expected a run that has not ended; this one is finished."),
        ("pause", "paused", "Expected a run that waits or trains; this one is paused."),
        ("resume", "running", "Expected a paused run; this one is running."),
    ],
)
def test_what_cannot_be_done_any_more_is_said(client, snapshot, owner, act, status, said):
    client.force_login(owner)
    run = make_run(snapshot, status=status)

    response = post(client, f"{RUNS}{run.pk}/{act}/")

    run.refresh_from_db()
    assert (response.status_code, response.json()["detail"], run.status) == (409, said, status)


@pytest.mark.parametrize("who", MAY)
def test_everybody_sees_runs(client, snapshot, people, who):
    if people[who]:
        client.force_login(people[who])
    run = make_run(snapshot)

    assert client.get(RUNS).status_code == client.get(f"{RUNS}{run.pk}/").status_code == 200


# --- By itself ---------------------------------------------------------------------------------------------------


def policy_of(snapshot):
    return f"/api/collections/{snapshot.collection.slug}/training/"


def put(client, snapshot, data):
    return client.put(policy_of(snapshot), data, content_type="application/json")


def test_an_owners_program_says_what_is_trained_by_itself(client, snapshot, owner):
    client.force_login(owner)
    nothing = {"networks": [], "size_px": 16, "after": 0}
    assert client.get(policy_of(snapshot)).json() == nothing

    answer = put(client, snapshot, {"networks": ["mlp", "resnet", "mlp"], "size_px": 32})

    said = {"networks": ["mlp", "resnet"], "size_px": 32, "after": 1}
    assert answer.json() == client.get(policy_of(snapshot)).json() == said
    assert TrainingPolicy.objects.get().author == owner

    assert put(client, snapshot, {"networks": []}).json() == nothing
    assert not TrainingPolicy.objects.exists()


def test_without_a_size_the_usual_one_is_taken(client, snapshot, owner):
    client.force_login(owner)

    assert put(client, snapshot, {"networks": ["mlp"]}).json()["size_px"] == 16


@pytest.mark.parametrize("data", [{"networks": ["resnext"]}, {"networks": ["mlp"], "size_px": 4}, {}])
def test_a_policy_that_cannot_be_is_refused(client, snapshot, owner, data):
    client.force_login(owner)

    assert put(client, snapshot, data).status_code == 400
    assert not TrainingPolicy.objects.exists()


@pytest.mark.parametrize("who", MAY)
def test_a_policy_is_its_editors_alone(client, snapshot, people, who):
    if people[who]:
        client.force_login(people[who])
    expected = {403: 404}.get(MAY[who], MAY[who])  # it is not there for others

    assert client.get(policy_of(snapshot)).status_code == expected
    assert put(client, snapshot, {"networks": ["mlp"]}).status_code == expected
    assert TrainingPolicy.objects.exists() is (expected == 200)


def test_a_sensitive_noun_is_not_trained_on(client, owner, snapshot):
    client.force_login(owner)
    noun = snapshot.collection.ordered_classes()[0]
    type(noun).objects.filter(pk=noun.pk).update(is_sensitive=True, sensitive_reason="It hurts.")

    response = post(client, RUNS, {"snapshot": snapshot.pk, "network": "mlp"})

    assert (response.status_code, list(response.json())) == (400, ["snapshot"])
    assert not Run.objects.exists()
