"""Making a collection as its owner does: by keyboard alone, on a phone, without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Collection, Example, Image
from taxonomy.models import Synset
from tests.browser.steps import eventually, sign_in, tab_to
from tests.factories import make_collection, make_photograph, make_settled_collection, make_synset
from tests.labeling.organisers import make_organiser


@pytest.fixture
def organiser(live_server) -> User:
    return make_organiser()


@pytest.fixture
def nouns(live_server) -> dict[str, Synset]:
    """animal › (dog › (husky, poodle), cat)"""
    animal = make_synset("animal")
    dog = make_synset("dog", animal)
    husky, poodle, cat = make_synset("husky", dog), make_synset("poodle", dog), make_synset("cat", animal)
    return {"animal": animal, "dog": dog, "husky": husky, "poodle": poodle, "cat": cat}


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def pick(page: Page, name: str) -> None:
    """Type into the picker that has the focus, and take the first noun under it."""
    page.keyboard.type(name)
    expect(page.get_by_role("option", name=name).first).to_be_visible()
    press(page, "ArrowDown", "Enter")


def classes() -> list[str]:
    return [synset.name for synset in Collection.objects.get().ordered_classes()]


def test_a_collection_is_made_filled_with_nouns_and_opened_by_keyboard_alone(
    page, live_server, organiser, nouns
):
    sign_in(page, live_server, organiser)
    page.goto("/collections/")
    tab_to(page.get_by_role("link", name="Make the first one"))
    press(page, "Enter")
    tab_to(page.get_by_label("Name", exact=True))
    page.keyboard.type("Pets")
    tab_to(page.get_by_role("combobox", name="Root noun"))
    pick(page, "animal")
    tab_to(page.get_by_role("button", name="Make it"))
    press(page, "Enter")
    page.wait_for_url("**/collections/pets/edit/#nouns")

    tab_to(page.get_by_role("combobox", name="A noun below the root"))
    pick(page, "cat")
    tab_to(page.get_by_role("button", name="Add cat itself"))
    press(page, "Enter")
    expect(page.get_by_text("1 noun added.")).to_be_visible()
    tab_to(page.get_by_role("combobox", name="A noun below the root"))
    pick(page, "dog")
    tab_to(page.get_by_role("button", name="Add all 2 hyponyms of dog"))
    press(page, "Enter")
    expect(page.get_by_text("2 nouns added.")).to_be_visible()
    assert classes() == ["cat", "husky", "poodle"]

    tab_to(page.get_by_role("button", name="Remove husky"))
    press(page, "Enter")
    eventually(page, classes, ["cat", "poodle"])
    tab_to(page.get_by_role("button", name="Open it"))
    press(page, "Enter")

    expect(page.get_by_role("button", name="Close it")).to_be_visible()
    assert Collection.objects.get().is_open


def test_what_a_noun_adds_is_fetched_once(page, live_server, organiser, nouns):
    """Fetched again when the field is left, it would take the focus away from its buttons."""
    Collection.objects.create(slug="pets", name="Pets", root=nouns["animal"], owner=organiser)
    sign_in(page, live_server, organiser)
    page.goto("/collections/pets/edit/")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "?noun=" in request.url else None)

    tab_to(page.get_by_role("combobox", name="A noun below the root"))
    pick(page, "cat")
    tab_to(page.get_by_role("button", name="Add cat itself"))
    page.wait_for_load_state("networkidle")

    assert len(asked) == 1
    expect(page.get_by_role("button", name="Add cat itself")).to_be_focused()


def test_nouns_are_added_without_javascript(open_page, live_server, organiser, nouns):
    collection = Collection.objects.create(slug="pets", name="Pets", root=nouns["animal"], owner=organiser)
    page = open_page(java_script_enabled=False)
    sign_in(page, live_server, organiser)
    page.goto("/collections/pets/edit/")

    page.get_by_role("textbox", name="A noun below the root").fill("dog")
    page.get_by_role("button", name="See what it adds").click()
    page.get_by_role("button", name="Add all 2 leaves below dog").click()

    expect(page.get_by_text("2 nouns added.")).to_be_visible()
    assert [synset.name for synset in collection.ordered_classes()] == ["husky", "poodle"]


def test_an_example_is_chosen_by_keyboard_alone(page, live_server, organiser):
    collection = make_settled_collection(n_questions=10)
    Collection.objects.update(owner=organiser)
    sign_in(page, live_server, organiser)
    page.goto(f"{collection.get_absolute_url()}examples/")

    tab_to(page.get_by_role("radio").first)
    press(page, "Space")
    tab_to(page.get_by_label("What to look at"))
    page.keyboard.type("the ears")
    tab_to(page.get_by_role("button", name="A bad example"))
    press(page, "Enter")

    expect(page.get_by_text("not cat")).to_be_visible()
    example = Example.objects.get()
    assert (example.note, example.is_good) == ("the ears", False)


@pytest.mark.parametrize("width_px", [320, 768])
def test_no_owners_page_is_wider_than_a_small_screen(open_page, live_server, organiser, width_px):
    collection = make_settled_collection(n_questions=10)
    Collection.objects.update(owner=organiser)
    page = open_page(viewport={"width": width_px, "height": 640})
    sign_in(page, live_server, organiser)
    address = collection.get_absolute_url()
    addresses = [
        "/collections/new/",
        *(f"{address}{part}/" for part in ("edit", "examples", "gold", "dashboard")),
    ]
    found = {}

    for address in addresses:
        page.goto(address)
        found[address] = page.evaluate("document.documentElement.scrollWidth"), page.locator("h1").count()

    assert found == dict.fromkeys(addresses, (width_px, 1))


def test_near_duplicates_are_decided_by_keyboard_without_javascript(open_page, live_server, organiser):
    page = open_page(java_script_enabled=False)
    collection = make_collection(owner=organiser)
    photographs = [make_photograph(seed, size) for seed in (1, 2) for size in ((320, 240), (160, 120))]
    incoming = [IncomingPicture(f"{i}.jpg", data) for i, data in enumerate(photographs)]
    add_pictures(collection, incoming, source="a test")
    sign_in(page, live_server, organiser)
    page.goto(f"{collection.get_absolute_url()}pictures/")
    tab_to(page.get_by_role("link", name="Decide about near duplicates"))
    press(page, "Enter")
    expect(page.get_by_role("heading", name="2 pairs to decide")).to_be_visible()

    tab_to(page.get_by_role("button", name="Keep both").first)
    press(page, "Enter")
    expect(page.get_by_role("heading", name="1 pair to decide")).to_be_visible()
    tab_to(page.locator("summary", has_text="Withdraw it").first)
    press(page, "Enter")
    tab_to(page.get_by_role("button", name="Withdraw this picture").first)
    press(page, "Enter")
    expect(page.get_by_role("heading", name="0 pairs to decide")).to_be_visible()
    assert Image.objects.shown().count() == 3

    tab_to(page.get_by_role("link", name="Reported and withdrawn pictures"))
    press(page, "Enter")
    tab_to(page.get_by_role("button", name="Put it back"))
    press(page, "Enter")
    expect(page.get_by_role("status")).to_contain_text("Put back")
    assert Image.objects.shown().count() == 4
