"""Adding pictures in a browser: many at once, a folder, an archive, a lost connection, and without JavaScript."""

import io
import zipfile

import pytest
from playwright.sync_api import FilePayload, Page, expect

from labeling.models import Collection, Image
from tests.browser.conftest import OpenPage
from tests.browser.steps import sign_in
from tests.factories import make_collection, make_photograph, make_picture, make_user


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


def test_files_can_be_dropped(page):
    open_form(page)
    transfer = page.evaluate_handle(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png"));
          return transfer;
        }""",
        list(make_picture()),
    )

    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": transfer})

    expect(row(page, "dropped.png")).to_contain_text("added")
    assert Image.objects.count() == 1


def test_an_archive_says_how_many_went_in_and_which_did_not(page):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", make_picture())
        archive.writestr("../b.png", make_picture())
    open_form(page)
    page.locator("#id_files").set_input_files([chosen("photos.zip", file.getvalue())])

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
