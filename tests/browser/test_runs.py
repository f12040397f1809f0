"""Trainings in a browser: started by keyboard, watched as they go, put down and taken up, and compared."""

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.steps import eventually, press, sign_in, tab_to
from tests.browser.test_accessibility import findings
from tests.browser.test_pages import add_epochs
from tests.factories import freeze_all, make_run, make_settled_collection
from tests.labeling.organisers import make_organiser
from tests.training.answered import answer
from training.models import Run, TrainingPolicy

A_WHILE_MS = 15_000  # until a part of a page has asked for itself, on a machine that is busy
VALIDATED = ("train", "val", "val", "val", "val", "val", "val", "val", "val", "test")
LAYER = {
    "name": "last", "kind": "fully connected", "says": "", "shape": [2],
    "n_parameters": 1538, "n_multiply_adds": 1536,
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_trainer(monkeypatch):
    """Leave what is asked for to the test."""
    monkeypatch.setattr("training.starting.train_queued.delay", lambda: None)


@pytest.fixture
def snapshot(live_server):
    return freeze_all(make_settled_collection(20, owner=make_organiser(), splits=VALIDATED))


def status():
    return Run.objects.values_list("status", flat=True).get()


def test_a_run_is_started_by_keyboard_with_options_of_ones_own(page, live_server, snapshot):
    sign_in(page, live_server, snapshot.collection.owner)
    page.goto(snapshot.get_absolute_url())
    tab_to(page.get_by_role("link", name="Train on it"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Hidden layers", exact=True)).to_have_count(0)

    tab_to(page.get_by_role("radio", name="perceptron One"))
    page.keyboard.press("ArrowDown")  # to the multi-layer perceptron, whose options come by themselves
    expect(page.get_by_role("radio", name="mlp A")).to_be_focused()
    expect(page.get_by_label("Hidden layers", exact=True)).to_have_value("256, 128")
    tab_to(page.get_by_label("Hidden layers", exact=True))
    page.keyboard.press("Control+a")
    page.keyboard.type("64, wide")
    page.keyboard.press("Enter")

    error = page.get_by_text("Expected whole numbers, as 256, 128; found “64, wide”.")
    expect(error).to_be_visible()
    assert not list(findings(page))
    page.get_by_label("Hidden layers", exact=True).fill("64, 32")
    tab_to(page.get_by_role("button", name="Start training").last)
    page.keyboard.press("Enter")

    expect(page.locator("#live")).to_contain_text("next in the queue")
    assert Run.objects.get().options.hidden == (64, 32)


def test_a_run_is_watched_as_it_goes_and_paused_by_keyboard(page, live_server, snapshot):
    sign_in(page, live_server, snapshot.collection.owner)
    run = make_run(snapshot)
    page.goto(run.get_absolute_url())
    live = page.locator("#live")
    expect(live).to_contain_text("next in the queue", timeout=A_WHILE_MS)

    known = {
        "status": "running",
        "started_at": timezone.now(),
        "layers": [LAYER],
        "machine": {"device": "cpu"},
    }
    Run.objects.filter(pk=run.pk).update(n_shown=1, **known)
    expect(live).to_contain_text("epoch 1 of 300", timeout=A_WHILE_MS)
    expect(live).to_contain_text("1 of 2 pictures in this epoch", timeout=A_WHILE_MS)
    expect(page.locator("#layers")).to_contain_text("1,538", timeout=A_WHILE_MS)
    page.get_by_text("Layer by layer").click()
    add_epochs(run, 1, 2)
    expect(live).to_contain_text("epoch 2 of 300", timeout=A_WHILE_MS)
    expect(live).to_contain_text(
        "It ends in about 7 minutes", timeout=A_WHILE_MS
    )  # 298 epochs of 1.5 seconds
    expect(page.locator("#curves polyline")).to_have_count(6, timeout=A_WHILE_MS)
    expect(page.locator("#layers details")).not_to_have_attribute("open", "")  # it is left as it was

    tab_to(page.get_by_role("button", name="Pause"))
    press(page, "Enter")
    go_on = page.get_by_role("button", name="Go on")
    expect(go_on).to_be_focused(timeout=A_WHILE_MS)
    expect(live).to_contain_text("paused", timeout=A_WHILE_MS)
    assert status() == "paused"
    page.wait_for_timeout(2500)  # it asks for itself meanwhile, and the focus stays
    expect(go_on).to_be_focused()
    assert not list(findings(page))

    press(page, "Enter")
    expect(page.get_by_role("button", name="Pause")).to_be_focused(timeout=A_WHILE_MS)
    eventually(page, status, "queued")
    Run.objects.filter(pk=run.pk).update(status="finished", finished_at=timezone.now())
    expect(live).to_contain_text("finished", timeout=A_WHILE_MS)
    page.get_by_role("link", name="Show the page anew").click()
    expect(page.locator("#live")).not_to_contain_text("Show the page anew")


def test_a_run_is_cancelled_and_the_page_says_so_where_one_was(page, live_server, snapshot):
    sign_in(page, live_server, snapshot.collection.owner)
    run = make_run(snapshot, status="running")
    page.goto(run.get_absolute_url())

    tab_to(page.get_by_role("button", name="Cancel: 0 epochs are kept"))
    page.keyboard.press("Enter")

    expect(page.locator("#live-state")).to_contain_text("cancelled")
    expect(page.locator("#live-state")).to_be_focused()
    assert status() == "cancelled"


def test_without_javascript_a_run_is_started_and_steered(open_page, live_server, snapshot):
    page = open_page(java_script_enabled=False)
    sign_in(page, live_server, snapshot.collection.owner)
    page.goto(reverse("training:create"))
    page.get_by_role("radio", name="resnet").check()

    page.get_by_role("button", name="Start training").first.click()
    expect(page.get_by_text("This is its usual recipe. Nothing has been started yet.")).to_be_visible()
    page.get_by_label("Epochs", exact=True).fill("7")
    page.get_by_role("button", name="Start training").first.click()
    expect(page.locator("#live")).to_contain_text("queued")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live")).to_contain_text("paused")

    page.get_by_role("link", name="Look again").click()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#live")).to_contain_text("queued")
    run = Run.objects.get()
    assert (run.network, run.n_epochs) == ("resnet", 7)


def make_compared(snapshot):
    """Two finished runs with answers, one that still trains, and one that waits."""
    runs = [make_run(snapshot, network=network, status="finished") for network in ("mlp", "resnet")]
    for run, wrong in zip(runs, (range(9), ()), strict=True):
        add_epochs(run, *range(1, 8))
        answer(run, wrong)
    training = make_run(snapshot, network="alexnet", status="running")
    add_epochs(training, 1, 2)
    return [*runs, training, make_run(snapshot)]


def test_runs_are_ticked_and_compared_by_keyboard(page, live_server, snapshot):
    make_compared(snapshot)
    page.goto(reverse("training:runs"))
    for network in ("mlp", "resnet", "alexnet"):
        tab_to(page.get_by_role("checkbox", name=f", {network}"))
        page.keyboard.press("Space")
    tab_to(page.get_by_role("button", name="Compare those that are ticked"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
    expect(page.get_by_text("errs less than")).to_have_count(1)
    chart = page.locator(".chart").first
    dashes = chart.locator("polyline").evaluate_all(
        "all => all.map((each) => getComputedStyle(each).strokeDasharray)"
    )
    assert len(dashes) == len(set(dashes)) == 3
    assert chart.locator("g:has(.mark)").count() == 3
    assert not list(findings(page))


@pytest.mark.parametrize("width", [320, 1440])
def test_no_page_of_trainings_is_wider_than_the_screen(open_page, live_server, snapshot, width):
    page = open_page(viewport={"width": width, "height": 800})
    sign_in(page, live_server, snapshot.collection.owner)
    runs = make_compared(snapshot)
    Run.objects.filter(pk=runs[2].pk).update(layers=[LAYER] * 3, machine={"device": "NVIDIA " + "H" * 80})
    compare = f"{reverse('training:compare')}?{'&'.join(f'run={run.pk}' for run in runs)}"
    new, policy = reverse("training:create"), reverse("training:policy", args=[snapshot.collection.slug])

    for address in (compare, new, f"{new}?network=resnet", policy, *(run.get_absolute_url() for run in runs)):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_what_is_trained_by_itself_is_foretold_before_it_is_kept(page, live_server, snapshot):
    sign_in(page, live_server, snapshot.collection.owner)
    page.goto(reverse("datasets:freeze", args=[snapshot.collection.slug]))
    page.get_by_role("link", name="Training", exact=True).click()
    expect(page.locator("#preview")).to_contain_text("Tick a network")

    tab_to(page.get_by_role("checkbox", name="perceptron One"))
    page.keyboard.press("Space")
    expect(page.locator("#preview")).to_contain_text("perceptron, 300 epochs")
    assert not TrainingPolicy.objects.exists()
    assert not list(findings(page))

    tab_to(page.get_by_role("button", name="Train these from now on"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("It is switched on: perceptron at 16 px")).to_be_visible()
    assert TrainingPolicy.objects.get().after == 1
