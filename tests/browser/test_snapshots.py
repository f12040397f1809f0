"""Freezing a collection and what comes of it: by keyboard alone, on a phone, and without JavaScript."""

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from datasets.freezing import freeze_waiting
from datasets.models import FreezePolicy, Freezing
from labeling.models import Figures
from tests.browser.steps import eventually, sign_in, tab_to
from tests.browser.test_accessibility import findings
from tests.factories import freeze_all, make_settled_collection
from tests.labeling.judged import make_judged
from tests.labeling.organisers import make_organiser


@pytest.fixture
def collection(live_server):
    return make_settled_collection(10, owner=make_organiser())


@pytest.fixture
def no_worker(monkeypatch):
    """Leave what is asked for to whoever the test has work on it."""
    monkeypatch.setattr("datasets.freeze_views.freeze_waiting.delay", lambda: None)


def at(collection):
    return reverse("datasets:freeze", args=[collection.slug])


def test_one_is_frozen_by_keyboard_and_told_until_it_is_there(page, live_server, collection, no_worker):
    sign_in(page, live_server, collection.owner)
    page.goto(at(collection))
    tab_to(page.get_by_label("A noun may have no picture in some part"))
    page.keyboard.press("Space")
    tab_to(page.get_by_role("button", name="Freeze it"))
    page.keyboard.press("Enter")

    state = page.get_by_role("status")
    expect(state).to_contain_text("waiting for a worker")
    freezing = Freezing.objects.claim(Freezing.objects.get().pk)
    freezing.tell(state="reading", n_parts=16)
    freezing.keep_part(0, "a", {})
    expect(page.locator("#freezing")).to_contain_text("1 of 16 parts")
    assert not list(findings(page))

    Freezing.objects.filter(pk=freezing.pk).update(state="waiting")
    freeze_waiting()

    page.wait_for_url(f"**{collection.get_absolute_url()}snapshots/1/")
    expect(page.get_by_role("heading", name="Snapshot 1")).to_be_visible()


def test_what_it_would_hold_follows_what_is_chosen(page, live_server, collection):
    collection.questions.filter(pk__in=collection.questions.values("pk")[:4]).update(confidence=0.9)
    sign_in(page, live_server, collection.owner)
    page.goto(at(collection))
    preview = page.locator("#preview")
    expect(preview).to_contain_text("6 pictures under 2 nouns")

    page.get_by_label("Least confidence").fill("0.9")
    page.get_by_label("Least confidence").blur()

    expect(preview).to_contain_text("10 pictures under 2 nouns")
    page.get_by_label("Least confidence").fill("7")
    page.get_by_label("Least confidence").blur()
    expect(preview).to_contain_text("found 7.0")
    assert not Freezing.objects.exists()


def test_a_large_collection_is_counted_once_the_form_is_there(page, live_server, collection, monkeypatch):
    monkeypatch.setattr("labeling.models.figures.LIVE", 0)
    monkeypatch.setattr("datasets.freeze_views.MANY", 9)
    Figures.objects.update_or_create(
        collection=collection, defaults={"n_votes": 10, "n_settled": 10, "counted_at": timezone.now()}
    )
    sign_in(page, live_server, collection.owner)

    page.goto(at(collection))

    expect(page.locator("#preview")).to_contain_text("10 pictures under 2 nouns")
    expect(page.get_by_text("Counting takes some seconds.")).to_have_count(0)
    page.get_by_label("Least confidence").fill("7")
    page.get_by_label("Least confidence").blur()
    expect(page.locator("#preview")).to_contain_text("found 7.0")


def test_a_noun_is_picked_as_a_class(page, live_server, collection):
    sign_in(page, live_server, collection.owner)
    page.goto(at(collection))
    page.get_by_text("Other classes than").click()

    page.get_by_role("combobox", name="Add a noun").press_sequentially("do")
    page.get_by_role("listbox", name="Add a noun").get_by_role("option").first.click()
    page.get_by_role("button", name="Add it to the classes").click()

    dog = collection.ordered_classes()[1]
    expect(page.get_by_role("textbox", name="Classes")).to_have_value(f"dog ({dog.wnid})")
    expect(page.locator("#preview")).to_contain_text("5 pictures under 1 noun")


def test_the_enter_key_counts_again_and_freezes_nothing(page, live_server, collection):
    sign_in(page, live_server, collection.owner)
    page.goto(at(collection))

    page.get_by_label("Least confidence").fill("0.5")
    page.keyboard.press("Enter")

    expect(page.locator("#preview")).to_contain_text("10 pictures")
    assert not Freezing.objects.exists()


def test_without_javascript_it_is_frozen_and_looked_at_again(open_page, live_server, collection, no_worker):
    page = open_page(java_script_enabled=False)
    sign_in(page, live_server, collection.owner)
    page.goto(at(collection))
    page.get_by_label("A noun may have no picture in some part").check()
    page.get_by_role("button", name="Freeze it").click()
    expect(page.get_by_role("status")).to_contain_text("waiting for a worker")

    freeze_waiting()
    page.get_by_role("link", name="Look again").click()
    page.get_by_role("link", name="See snapshot 1").click()

    expect(page.get_by_role("heading", name="Snapshot 1")).to_be_visible()
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)


def test_freezing_by_itself_is_switched_on_and_off(page, live_server, collection):
    sign_in(page, live_server, collection.owner)
    page.goto(at(collection))

    page.get_by_label("New settled labels").fill("500")
    page.get_by_role("button", name="Freeze by itself from now on").click()
    expect(page.get_by_text("whenever 500 new labels have settled; 10 have since")).to_be_visible()
    assert FreezePolicy.objects.get().every == 500
    page.get_by_role("button", name="Switch it off").click()

    expect(page.get_by_text("Nothing is frozen by itself now.")).to_be_visible()
    eventually(page, FreezePolicy.objects.exists, False)


def test_lines_are_copied(open_page, live_server, collection):
    snapshot = freeze_all(collection)
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(snapshot.get_absolute_url())

    button = page.get_by_role("button", name="Copy: The labels alone")
    tab_to_far(button)
    page.keyboard.press("Enter")

    expect(page.get_by_role("button", name="Copied: The labels alone")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == (
        "import pandas\n"
        f'rows = pandas.read_parquet("{live_server.url}{snapshot.get_absolute_url()}files/manifest.parquet")'
    )


def tab_to_far(wanted):
    """The page has many links before its lines to copy."""
    wanted.page.locator("#use").focus()
    tab_to(wanted)


def test_a_file_is_downloaded(page, live_server, collection):
    snapshot = freeze_all(collection)
    page.goto(snapshot.get_absolute_url())

    with page.expect_download() as started:
        page.get_by_role("link", name="manifest.csv").click()

    lines = started.value.path().read_text().splitlines()
    assert len(lines) == 11


@pytest.mark.parametrize("width", [320, 1440])
def test_no_part_is_wider_than_the_screen(open_page, live_server, width):
    owner = make_organiser()
    names = tuple(f"a noun with a rather long name, as some have, number {n}" for n in range(30))
    collection = make_settled_collection(40, names=names, owner=owner)
    snapshots = [
        freeze_all(collection),
        freeze_all(make_judged(owner=owner), min_confidence=0.5, with_votes=True),
    ]
    failed = Freezing.objects.create(
        collection=collection,
        cause="asked",
        options={},
        state="failed",
        error="w" * 200,
        finished_at=timezone.now(),
    )
    page = open_page(viewport={"width": width, "height": 800})
    sign_in(page, live_server, owner)
    for address in (
        at(collection),
        failed.get_absolute_url(),
        *(each.get_absolute_url() for each in snapshots),
    ):
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_a_snapshot_with_everything_on_its_card_is_accessible(page, live_server):
    snapshot = freeze_all(make_judged(owner=make_organiser()), min_confidence=0.5, with_votes=True)

    page.goto(snapshot.get_absolute_url())

    assert not list(findings(page))
