import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import make_epoch, make_run, make_snapshot, make_user
from training import views
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
    monkeypatch.setattr(views.train_queued, "delay", lambda: calls.append(1))
    monkeypatch.setattr(views.train_queued, "apply_async", lambda *args, **options: calls.append(1))
    return calls


def n_queries(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def start(client, snapshot, change=None):
    wanted = {"snapshot": snapshot.pk, "network": "mlp", "seed": 3}
    return client.post(reverse("training:create"), wanted | (change or {}))


def cancel(client, run):
    return client.post(reverse("training:cancel", args=[run.pk]))


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


@pytest.mark.parametrize(("status", "asks_again"), [("running", True), ("finished", False)])
def test_a_runs_page_asks_for_itself_until_the_run_has_ended(client, snapshot, status, asks_again):
    run = make_run(snapshot, status=status)
    live = reverse("training:live", args=[run.pk])

    assert (f'hx-get="{live}"' in client.get(live).content.decode()) is asks_again
    assert (f'hx-get="{live}"' in client.get(run.get_absolute_url()).content.decode()) is asks_again


def test_a_failed_run_says_why(client, snapshot):
    run = make_run(snapshot, status="failed", error="Expected a finite loss; found nan.")

    assert "Expected a finite loss; found nan." in client.get(run.get_absolute_url()).content.decode()


@pytest.mark.parametrize("name", ["run", "live"])
def test_a_run_that_is_not_there_is_not_found(client, name):
    assert client.get(reverse(f"training:{name}", args=[1])).status_code == 404


def test_staff_start_a_run(client, staff, snapshot, woken, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        response = start(client, snapshot)

    run = Run.objects.get()
    assert response["Location"] == run.get_absolute_url()
    assert (run.snapshot, run.network, run.seed, run.author) == (snapshot, "mlp", 3, staff)
    assert len(woken) == 1


@pytest.mark.parametrize(
    "change", [{"network": "resnext"}, {"snapshot": 0}, {"seed": -1}, {"seed": ""}, {"seed": 2**31}]
)
def test_a_run_that_cannot_be_is_refused_with_the_form(client, staff, snapshot, change):
    response = start(client, snapshot, change)

    assert list(response.context["form"].errors) == list(change)
    assert not Run.objects.exists()


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_nobody_else_starts_a_run(client, snapshot, is_signed_in):
    if is_signed_in:
        client.force_login(make_user())

    response = start(client, snapshot)

    assert response["Location"].startswith(reverse("accounts:sign-in"))
    assert not Run.objects.exists()
    assert client.get(RUNS).context["form"] is None


def test_staff_cancel_a_run(client, staff, snapshot):
    run = make_run(snapshot)

    response = cancel(client, run)

    run.refresh_from_db()
    assert response["Location"] == run.get_absolute_url()
    assert run.status == "cancelled"


def test_nobody_else_cancels_a_run(client, snapshot):
    client.force_login(make_user())
    run = make_run(snapshot)

    cancel(client, run)

    run.refresh_from_db()
    assert run.status == "queued"


def test_cancelling_a_run_that_has_ended_says_so(client, staff, snapshot):
    run = make_run(snapshot, status="finished")

    response = client.post(reverse("training:cancel", args=[run.pk]), follow=True)

    run.refresh_from_db()
    assert run.status == "finished"
    assert "This run had ended already." in response.content.decode()


@pytest.mark.parametrize("name", ["create", "cancel"])
def test_nothing_is_started_or_cancelled_by_following_a_link(client, staff, snapshot, name):
    run = make_run(snapshot)

    url = reverse(f"training:{name}", args=[run.pk] if name == "cancel" else [])

    assert client.get(url).status_code == 405
    assert Run.objects.get().status == "queued"


def test_the_api_tells_a_runs_options_and_epochs(client, snapshot):
    run = make_run(snapshot)
    make_epoch(run, 1, **METRICS)

    said = client.get(f"/api/runs/{run.pk}/").json()

    assert said["config"] == run.config
    assert said["epochs"] == [{"number": 1, **METRICS}]


def test_nobody_starts_a_run_by_program(client, staff, snapshot):
    assert client.post("/api/runs/", {"snapshot": snapshot.pk, "network": "mlp"}).status_code == 405


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
