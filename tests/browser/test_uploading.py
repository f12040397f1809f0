"""Adding pictures in a browser: many at once, a folder, an archive, a lost connection, and without JavaScript."""

import pytest
from playwright.sync_api import FilePayload, Page, expect

from labeling import receiving
from labeling.models import Collection, Image, Intake
from labeling.tasks import take_in_waiting
from tests.browser.conftest import OpenPage
from tests.browser.steps import sign_in
from tests.factories import make_collection, make_photograph, make_picture, make_user
from tests.labeling.uploads import zipped


def chosen(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


@pytest.fixture
def collection(served) -> Collection:
    return make_collection(owner=make_user())


@pytest.fixture
def page(page: Page, served, collection: Collection) -> Page:
    """The owner's page of the collection."""
    sign_in(page, served, collection.owner)
    page.goto(collection.get_absolute_url())
    return page


def open_form(page: Page) -> None:
    page.get_by_role("link", name="Add pictures").click()
    expect(page.get_by_role("heading", name="Add pictures")).to_be_visible()
    page.wait_for_load_state()  # until then nobody listens for what is dropped


@pytest.fixture
def no_worker(monkeypatch) -> None:
    """Nobody takes in what is sent before the test does."""
    monkeypatch.setattr(take_in_waiting, "delay", lambda: None)


def row(page: Page, name: str):
    return page.locator(".upload", has_text=name)


def test_many_files_go_in_each_with_a_bar_and_the_refused_ones_say_why(page):
    open_form(page)
    page.get_by_label("Licence").fill("CC0")
    files = [chosen(f"{i}.png", make_picture()) for i in range(8)]
    page.locator("#id_files").set_input_files([*files, chosen("notes.txt", b"buy milk")])

    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.locator("#upload-said")).to_have_text("8 added, 0 there already, 1 refused.")
    expect(page.get_by_role("progressbar")).to_have_count(9)
    expect(row(page, "notes.txt")).to_contain_text("Expected a JPEG, PNG or WebP picture")
    assert set(Image.objects.values_list("licence", flat=True)) == {"CC0"}
    assert Image.objects.count() == 8


def test_a_folder_is_sent_with_what_lies_below_it(page, tmp_path):
    (tmp_path / "photos/trip").mkdir(parents=True)
    (tmp_path / "photos/a.png").write_bytes(make_picture())
    (tmp_path / "photos/trip/b.png").write_bytes(make_picture())
    open_form(page)

    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(tmp_path / "photos")

    expect(page.locator("#upload-said")).to_have_text("2 added, 0 there already, 0 refused.")
    expect(row(page, "photos/trip/b.png")).to_contain_text("added")


def drop(page: Page, name: str, data: bytes) -> None:
    transfer = page.evaluate_handle(
        """([name, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], name));
          return transfer;
        }""",
        [name, list(data)],
    )
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": transfer})


def test_files_can_be_dropped(page):
    open_form(page)

    drop(page, "dropped.png", make_picture())

    expect(row(page, "dropped.png")).to_contain_text("added")
    assert Image.objects.count() == 1


def test_an_archive_says_how_many_went_in_and_which_did_not(page):
    photos = zipped({"a.png": make_picture(), "../b.png": make_picture()})
    open_form(page)
    page.locator("#id_files").set_input_files([chosen("photos.zip", photos)])

    page.get_by_role("button", name="Add", exact=True).click()

    expect(row(page, "photos.zip")).to_contain_text("1 added, 1 refused")
    expect(row(page, "photos.zip")).to_contain_text("found one that climbs out of it")


def test_a_near_duplicate_is_shown_beside_what_it_looks_like(page):
    open_form(page)
    for name, size in (("a.jpg", (400, 300)), ("b.jpg", (300, 225))):
        page.locator("#id_files").set_input_files([chosen(name, make_photograph(1, size))])
        page.get_by_role("button", name="Add", exact=True).click()
        expect(row(page, name)).to_contain_text("added")

    expect(row(page, "b.jpg").get_by_role("img")).to_have_js_property("complete", True)
    expect(page.locator("#upload-said")).to_contain_text("1 near duplicates")


def test_what_a_lost_connection_cut_off_is_sent_again_by_a_button(page, complaints):
    open_form(page)
    page.route("**/api/collections/*/pictures/", lambda route: route.abort())
    page.locator("#id_files").set_input_files([chosen("a.png", make_picture())])
    page.get_by_role("button", name="Add", exact=True).click()
    expect(row(page, "a.png")).to_contain_text("The connection was lost.")
    complaints[:] = [complaint for complaint in complaints if "ERR_FAILED" not in complaint]
    page.unroute("**/api/collections/*/pictures/")

    page.get_by_role("button", name="Send again what failed").click()

    expect(page.locator("#upload-said")).to_have_text("1 added, 0 there already, 0 refused.")
    expect(page.get_by_role("button", name="Send again what failed")).to_be_hidden()


def test_without_javascript_the_form_sends_all_files_at_once(open_page: OpenPage, served, collection):
    page = open_page(java_script_enabled=False)
    sign_in(page, served, collection.owner)
    page.goto(collection.get_absolute_url())
    open_form(page)
    page.locator("#id_files").set_input_files(
        [chosen("a.png", make_picture()), chosen("notes.txt", b"buy milk")]
    )

    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_role("status")).to_have_text("1 added, 0 there already, 1 refused.")
    assert Image.objects.count() == 1


def photos() -> bytes:
    return zipped({"a.png": make_picture(), "b.png": make_picture(), "notes.txt": b"buy milk"})


def test_a_dropped_archive_waits_for_a_worker_gets_on_and_finishes(page, no_worker):
    open_form(page)

    drop(page, "photos.zip", photos())

    expect(row(page, "photos.zip")).to_contain_text("All of it has arrived and waits for a worker.")
    Intake.objects.update(state="running", n_files=3, n_added=1)
    expect(row(page, "photos.zip")).to_contain_text("Taken in so far: 1 of 3.")
    expect(row(page, "photos.zip").get_by_role("progressbar")).to_have_js_property("value", 1 / 3)
    Intake.objects.update(state="waiting", n_added=0)
    receiving.take_in_waiting()

    expect(page.locator("#upload-said")).to_have_text("2 added, 0 there already, 1 refused.")
    expect(row(page, "photos.zip")).to_contain_text("2 added, 1 refused")
    expect(row(page, "photos.zip").get_by_text("photos.zip/notes.txt: Expected a JPEG")).to_have_count(1)
    row(page, "photos.zip").get_by_role("link", name="Its own page").click()
    expect(page.get_by_role("heading", name="photos.zip")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("finished")


def test_an_upload_that_failed_says_why_and_is_not_sent_again(page, no_worker):
    open_form(page)
    drop(page, "photos.zip", photos())
    expect(row(page, "photos.zip")).to_contain_text("waits for a worker")

    Intake.objects.update(state="failed", error="It broke off.")

    expect(row(page, "photos.zip")).to_contain_text("It broke off.")
    expect(page.get_by_role("button", name="Send again what failed")).to_be_hidden()


def test_what_is_too_large_is_not_even_sent(page, settings):
    settings.UPLOAD_MAX_MIB = 1
    open_form(page)

    drop(page, "photos.zip", bytes(2**20 + 1))

    expect(row(page, "photos.zip")).to_contain_text("Expected at most 1 MiB at once. Send it in parts.")


def test_an_uploads_page_follows_it_to_its_end(page, no_worker, collection):
    open_form(page)
    drop(page, "photos.zip", photos())
    expect(row(page, "photos.zip")).to_contain_text("waits for a worker")
    page.goto(Intake.objects.get().get_absolute_url())
    expect(page.get_by_role("status")).to_have_text("waiting for a worker")

    receiving.take_in_waiting()

    expect(page.get_by_role("status")).to_have_text("finished")
    expect(page.locator("#files")).to_contain_text("photos.zip/notes.txt")


def test_without_javascript_an_archive_leads_to_a_page_that_a_link_asks_for_again(
    open_page: OpenPage, served, collection, no_worker
):
    page = open_page(java_script_enabled=False)
    sign_in(page, served, collection.owner)
    page.goto(collection.get_absolute_url())
    open_form(page)
    page.locator("#id_files").set_input_files([chosen("photos.zip", photos())])
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("waiting for a worker")
    receiving.take_in_waiting()

    page.get_by_role("link", name="Look again").click()

    expect(page.get_by_role("status")).to_have_text("finished")
    page.get_by_role("link", name="Add more pictures").click()
    expect(page.get_by_role("table")).to_contain_text("photos.zip")
