import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import make_epoch, make_run, make_snapshot, make_user
from training import starting, views
from training.models import Run

pytestmark = pytest.mark.django_db

RUNS = reverse("training:runs")
METRICS = {
    "train_loss": 2.0,
    "val_loss": 2.1,
    "val_top1_error": 0.5,
    "val_top5_error": 0.125,
    "learning_rate": 0.01,
    "pictures_per_second": 100.0,
    "seconds": 1.0,
}


@pytest.fixture
def snapshot():
    return make_snapshot(n_questions=10)


@pytest.fixture
def staff(client):
    staff = make_user(is_staff=True)
    client.force_login(staff)
    return staff


@pytest.fixture
def woken(monkeypatch):
    """How often a worker was told that there is something to train."""
    calls = []
    monkeypatch.setattr(starting.train_queued, "delay", lambda: calls.append(1))
    return calls


def n_queries(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_everybody_sees_every_run(client, snapshot):
    runs = [make_run(snapshot, network="perceptron"), make_run(snapshot, network="mlp")]

    page = client.get(RUNS).content.decode()

    assert all(run.get_absolute_url() in page for run in runs)


def test_a_site_without_runs_says_so(client):
    assert "No network has been trained yet" in client.get(RUNS).content.decode()


@pytest.mark.parametrize("url", [RUNS, "/api/runs/"])
def test_a_list_of_runs_asks_as_much_for_many_as_for_one(client, snapshot, url):
    make_epoch(make_run(snapshot), 1, **METRICS)
    few = n_queries(client, url)

    for network in ("mlp", "alexnet"):
        make_epoch(make_run(snapshot, network=network), 1, **METRICS)

    assert n_queries(client, url) == few


def test_a_runs_page_asks_as_much_for_many_epochs_as_for_one(client, snapshot):
    run = make_run(snapshot)
    make_epoch(run, 1, **METRICS)
    few = n_queries(client, run.get_absolute_url())

    for number in (2, 3, 4):
        make_epoch(run, number, **METRICS)

    assert n_queries(client, run.get_absolute_url()) == few


def test_a_runs_page_draws_its_epochs(client, snapshot):
    run = make_run(snapshot, status="running")
    make_epoch(run, 1, **METRICS)
    make_epoch(run, 2, **{**METRICS, "val_top1_error": 0.25})

    response = client.get(run.get_absolute_url())

    errors = {series.name: series.last for series in response.context["curves"][0].series}
    assert errors == {"top-1": 0.25, "top-5": 0.125}
    assert "<polyline" in response.content.decode()


@pytest.mark.parametrize(
    ("status", "asks_again"), [("queued", True), ("running", True), ("paused", True), ("finished", False)]
)
def test_a_runs_page_asks_for_itself_until_the_run_has_ended(client, snapshot, status, asks_again):
    run = make_run(snapshot, status=status)
    live = reverse("training:live", args=[run.pk])

    assert (f'hx-get="{live}?layers"' in client.get(live).content.decode()) is asks_again
    assert (f'hx-get="{live}?layers"' in client.get(run.get_absolute_url()).content.decode()) is asks_again


def test_a_failed_run_says_why(client, snapshot):
    run = make_run(snapshot, status="failed", error="Expected a finite loss; found nan.")

    assert "Expected a finite loss; found nan." in client.get(run.get_absolute_url()).content.decode()


def test_a_failed_run_says_why_in_the_readers_language(client, snapshot):
    run = make_run(
        snapshot,
        status="failed",
        error="Its worker died 3 times; perhaps the machine has too little memory for it.",
    )

    page = client.get(run.get_absolute_url(), headers={"Accept-Language": "de"}).content.decode()

    assert (
        "<bdi>Sein Worker ist 3-mal gestorben; vielleicht hat der Rechner zu wenig Speicher dafür.</bdi>"
        in page
    )


@pytest.mark.parametrize("name", ["run", "live"])
def test_a_run_that_is_not_there_is_not_found(client, name):
    assert client.get(reverse(f"training:{name}", args=[1])).status_code == 404


# --- Steering ----------------------------------------------------------------------------------------------------


@pytest.fixture
def owner(client, snapshot):
    owner = make_user()
    snapshot.collection.owner = owner
    snapshot.collection.save()
    client.force_login(owner)
    return owner


def steer(client, run, act, **options):
    return client.post(reverse(f"training:{act}", args=[run.pk]), **options)


STEERED = {"cancel": ("running", "cancelled"), "pause": ("running", "paused"), "resume": ("paused", "queued")}


@pytest.mark.parametrize("act", STEERED)
@pytest.mark.parametrize("who", ["owner", "staff"])
def test_who_edits_the_collection_steers_its_runs(client, snapshot, request, woken, who, act):
    request.getfixturevalue(who)
    before, after = STEERED[act]
    run = make_run(snapshot, status=before)
    assert reverse(f"training:{act}", args=[run.pk]) in client.get(run.get_absolute_url()).content.decode()

    response = steer(client, run, act)

    run.refresh_from_db()
    assert (response["Location"], run.status) == (run.get_absolute_url(), after)


@pytest.mark.parametrize("act", STEERED)
def test_nobody_else_does(client, snapshot, act):
    client.force_login(make_user())
    before, _after = STEERED[act]
    run = make_run(snapshot, status=before)
    assert (
        reverse(f"training:{act}", args=[run.pk]) not in client.get(run.get_absolute_url()).content.decode()
    )

    assert steer(client, run, act).status_code == 403

    run.refresh_from_db()
    assert run.status == before
    client.logout()
    assert steer(client, run, act)["Location"].startswith(reverse("accounts:sign-in"))


@pytest.mark.parametrize(
    ("act", "status", "said"),
    [
        ("cancel", "finished", "This run had ended already."),
        ("pause", "finished", "This run neither waits nor trains any more."),
        ("resume", "running", "This run is not paused any more."),
    ],
)
@pytest.mark.parametrize("by_htmx", [True, False])
def test_what_cannot_be_done_any_more_is_said(client, owner, snapshot, act, status, said, by_htmx):
    run = make_run(snapshot, status=status)
    headers = {"HX-Request": "true"} if by_htmx else {}

    response = steer(client, run, act, headers=headers, follow=True)

    run.refresh_from_db()
    assert run.status == status
    assert said in response.content.decode()


def test_a_run_that_goes_on_wakes_a_trainer(
    client, owner, snapshot, woken, django_capture_on_commit_callbacks
):
    run = make_run(snapshot, status="paused")

    with django_capture_on_commit_callbacks(execute=True):
        steer(client, run, "resume")
    assert len(woken) == 1
    with django_capture_on_commit_callbacks(execute=True):
        steer(client, run, "resume")  # too late
    assert len(woken) == 1


def test_under_htmx_a_button_answers_with_the_part_that_it_is_in(client, owner, snapshot):
    run = make_run(snapshot, status="running")

    page = steer(client, run, "pause", headers={"HX-Request": "true"}).content.decode()

    assert "<html" not in page
    assert reverse("training:resume", args=[run.pk]) in page


@pytest.mark.parametrize("act", STEERED)
def test_nothing_is_steered_by_following_a_link(client, owner, snapshot, act):
    before, _after = STEERED[act]
    run = make_run(snapshot, status=before)

    assert client.get(reverse(f"training:{act}", args=[run.pk])).status_code == 405
    assert Run.objects.get().status == before


# --- What it says -------------------------------------------------------------------------------------------------


def test_a_waiting_run_says_its_place_in_the_queue(client, snapshot):
    first, second = make_run(snapshot), make_run(snapshot, network="mlp")

    assert "next in the queue" in client.get(first.get_absolute_url()).content.decode()
    assert "number <b>2</b> in the queue" in client.get(second.get_absolute_url()).content.decode()


def test_a_run_says_how_far_it_is_and_that_its_end_is_not_known_yet(client, snapshot):
    run = make_run(snapshot, status="running", started_at=timezone.now(), n_shown=4)

    page = client.get(run.get_absolute_url()).content.decode()

    assert "epoch <b>1</b> of 300" in page
    assert "4 of 6 pictures in this epoch" in page
    assert "When it will end is known after its first epoch." in page
    make_epoch(run, 1)
    assert (
        "It ends in about 4" in client.get(run.get_absolute_url()).content.decode()
    )  # 299 epochs of a second


LAYER = {"name": "last", "kind": "fully connected", "says": "", "shape": [2]}


def test_layers_come_to_a_page_that_lacks_them_and_are_left_alone_after(client, snapshot):
    layers = [{**LAYER, "n_parameters": 1538, "n_multiply_adds": 1536}]
    run = make_run(snapshot, status="running")
    live = reverse("training:live", args=[run.pk])
    assert f'hx-get="{live}?layers"' in client.get(run.get_absolute_url()).content.decode()

    Run.objects.filter(pk=run.pk).update(layers=layers)

    page = client.get(f"{live}?layers").content.decode()
    assert "fully connected" in page
    assert "1,538" in page
    assert f'hx-get="{live}"' in page
    assert "fully connected" not in client.get(live).content.decode()
    assert "fully connected" in client.get(run.get_absolute_url()).content.decode()


def test_a_run_tells_its_machine_and_who_asked_for_it(client, snapshot):
    author = make_user()
    run = make_run(snapshot, machine={"device": "NVIDIA H100", "n_threads": 1}, author=author)

    page = client.get(run.get_absolute_url()).content.decode()

    assert "Device: NVIDIA H100" in page
    assert author.display_name in page


def test_a_long_history_is_shown_from_its_last_epochs_and_drawn_whole(client, snapshot):
    run = make_run(snapshot, status="running")
    for number in range(1, views.LATEST_EPOCHS + 3):
        run.epochs.create(number=number, **METRICS)

    response = client.get(run.get_absolute_url())

    assert [epoch.number for epoch in response.context["epochs"]][:1] == [3]
    assert len(response.context["curves"][1].series[0].points.split()) == views.LATEST_EPOCHS + 2
    assert "The last 100 epochs; the files below have all." in response.content.decode()


def test_a_history_is_downloaded_as_csv_and_as_json(client, snapshot):
    run = make_run(snapshot, machine={"device": "cpu"})
    make_epoch(run, 1, **METRICS)
    make_epoch(run, 2, **{**METRICS, "val_loss": 1.25})

    as_csv = client.get(reverse("training:history-csv", args=[run.pk]))
    as_json = client.get(reverse("training:history-json", args=[run.pk]))

    rows = list(csv.DictReader(io.StringIO(as_csv.content.decode())))
    assert [(row["number"], row["val_loss"]) for row in rows] == [("1", "2.1"), ("2", "1.25")]
    told = as_json.json()
    assert told["epochs"] == [{"number": 1, **METRICS}, {"number": 2, **METRICS, "val_loss": 1.25}]
    assert (told["run"], told["config"], told["machine"]) == (run.pk, run.config, {"device": "cpu"})
    assert told["snapshot"] == snapshot.digest
    assert as_csv["Content-Disposition"] == f'attachment; filename="run-{run.pk}-history.csv"'


# --- The list ------------------------------------------------------------------------------------------------------


def test_a_list_tells_what_each_run_came_to(client, snapshot):
    run = make_run(snapshot, author=make_user())
    make_epoch(run, 1)
    make_epoch(run, 2, val_top1_error=0.25)

    [listed] = client.get(RUNS).context["page"]

    assert (listed.n_done, listed.seconds, listed.error_now) == (2, 2.0, 0.25)
    assert "25.0&nbsp;%" in client.get(RUNS).content.decode()


def test_a_list_shows_what_is_asked_for(client, snapshot):
    other = make_run(network="mlp")
    run = make_run(snapshot, network="mlp", status="failed", error="why")

    def shown(**asked):
        return list(client.get(RUNS, asked).context["page"])

    assert shown() == [run, other]
    assert shown(snapshot=snapshot.pk) == shown(status="failed") == [run]
    assert shown(network="mlp", status="queued") == [other]
    assert shown(network="resnext", snapshot="x", status="odd") == [run, other]
    assert "No run is like that." in client.get(RUNS, {"network": "resnet"}).content.decode()


def test_a_long_list_has_pages_that_keep_what_is_asked_for(client, snapshot, monkeypatch):
    monkeypatch.setattr(views, "A_PAGE", 1)
    runs = [make_run(snapshot, network="mlp"), make_run(snapshot)]

    first = client.get(RUNS, {"snapshot": snapshot.pk})

    assert list(first.context["page"]) == runs[1:]
    assert f"?snapshot={snapshot.pk}&amp;page=2#runs" in first.content.decode()
    assert list(client.get(RUNS, {"page": 2}).context["page"]) == runs[:1]


@pytest.mark.parametrize("edits", [True, False])
def test_who_has_a_collection_is_led_to_training(client, snapshot, edits):
    user = make_user()
    client.force_login(user)
    if edits:
        snapshot.collection.owner = user
        snapshot.collection.save()

    assert (reverse("training:create") in client.get(RUNS).content.decode()) is edits


# --- By program, and predictions -----------------------------------------------------------------------------------


def test_the_api_tells_a_runs_options_and_epochs(client, snapshot):
    run = make_run(snapshot)
    make_epoch(run, 1, **METRICS)

    said = client.get(f"/api/runs/{run.pk}/").json()

    assert said["config"] == run.config
    assert said["epochs"] == [{"number": 1, **METRICS}]


def ask(client, run):
    return client.post(reverse("training:predict", args=[run.pk]))


@pytest.fixture
def asked(monkeypatch):
    found = []
    monkeypatch.setattr("training.views.predict.delay", found.append)
    return found


def test_who_edits_the_collection_has_a_finished_network_asked(
    client, snapshot, asked, django_capture_on_commit_callbacks
):
    owner = make_user()
    snapshot.collection.owner = owner
    snapshot.collection.save()
    client.force_login(owner)
    run = make_run(snapshot, status="finished")
    button = reverse("training:predict", args=[run.pk])
    assert button in client.get(run.get_absolute_url()).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        response = ask(client, run)

    assert (response["Location"], asked) == (run.get_absolute_url(), [run.pk])


@pytest.mark.parametrize("is_owner", [True, False])
def test_no_stranger_has_it_asked_and_nobody_before_it_has_finished(
    client, snapshot, asked, is_owner, django_capture_on_commit_callbacks
):
    user = make_user()
    if is_owner:
        snapshot.collection.owner = user
        snapshot.collection.save()
    client.force_login(user)
    run = make_run(snapshot, status="running" if is_owner else "finished")
    button = reverse("training:predict", args=[run.pk])
    assert button not in client.get(run.get_absolute_url()).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        response = ask(client, run)

    assert (response.status_code, asked) == (403, [])
