"""The tree of nouns walked by keyboard alone, by pointer, and without JavaScript."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from taxonomy import ledger
from taxonomy.importing import import_synsets
from taxonomy.models import Change, Synset
from tests.factories import make_record, make_synset

N_BEASTS = 120


@pytest.fixture
def nouns(served) -> dict[str, Synset]:
    """An animal with 120 kinds, a pet and a plant; a dog is a canine and a pet."""
    animal, plant = make_synset("animal"), make_synset("plant")
    import_synsets(
        [make_record(f"b{i:08}", f"beast {i:03}", animal.wnid) for i in range(N_BEASTS)], reason="a test"
    )
    canine, pet = make_synset("canine", animal), make_synset("pet", animal)
    found = {noun.name: noun for noun in (animal, plant, canine, pet)}
    return {**found, "dog": make_synset("dog", canine, pet), "fern": make_synset("fern", plant)}


@pytest.fixture
def tree(page: Page, nouns) -> Page:
    page.goto("/nouns/")
    expect(page.get_by_role("tree")).to_be_visible()
    return page


def item(page: Page, name: str) -> Locator:
    return page.get_by_role("treeitem", name=re.compile(rf"^{name}\b"))


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def enter_tree(page: Page) -> None:
    """Go by Tab from the search to the tree, which is one stop."""
    page.get_by_role("button", name="Look up").focus()
    press(page, "Tab")


def test_the_tree_is_one_tab_stop_and_arrows_walk_it(tree):
    enter_tree(tree)
    expect(item(tree, "animal")).to_be_focused()

    press(tree, "ArrowDown")
    expect(item(tree, "plant")).to_be_focused()
    press(tree, "ArrowUp")
    expect(item(tree, "animal")).to_be_focused()
    press(tree, "End")
    expect(item(tree, "plant")).to_be_focused()
    press(tree, "Home")
    expect(item(tree, "animal")).to_be_focused()

    press(tree, "Tab")
    expect(tree.locator("[role=tree] :focus")).to_have_count(0)


def test_a_branch_opens_to_the_right_and_closes_to_the_left(tree):
    enter_tree(tree)
    press(tree, "End", "ArrowRight")
    expect(item(tree, "plant")).to_have_attribute("aria-expanded", "true")
    expect(item(tree, "fern")).to_be_visible()

    press(tree, "ArrowRight")
    expect(item(tree, "fern")).to_be_focused()
    press(tree, "ArrowLeft")
    expect(item(tree, "plant")).to_be_focused()
    press(tree, "ArrowLeft")
    expect(item(tree, "plant")).to_have_attribute("aria-expanded", "false")
    expect(tree.get_by_text("fern")).not_to_be_visible()


def test_a_row_says_where_it_is(tree):
    enter_tree(tree)
    press(tree, "ArrowRight")

    canine = item(tree, "canine")

    expect(canine).not_to_be_visible()  # it comes after the first fifty
    expect(item(tree, "beast 001")).to_have_attribute("aria-level", "2")
    expect(item(tree, "beast 001")).to_have_attribute("aria-posinset", "2")
    expect(item(tree, "beast 001")).to_have_attribute("aria-setsize", str(N_BEASTS + 2))
    expect(item(tree, "animal")).to_have_attribute("aria-level", "1")


def test_a_long_branch_goes_on_where_it_is_asked_to(tree):
    enter_tree(tree)
    press(tree, "ArrowRight")
    expect(item(tree, "beast 049")).to_be_visible()
    tree.keyboard.type("beast 049")

    press(tree, "ArrowDown")
    expect(tree.get_by_role("treeitem", name="72 more")).to_be_focused()
    press(tree, "Enter")

    expect(item(tree, "beast 050")).to_be_focused()
    expect(tree.get_by_role("treeitem", name="22 more")).to_be_visible()
    expect(tree.locator("[role=treeitem]")).to_have_count(2 + 100 + 1)


def test_typing_finds_the_next_row_that_begins_so(tree):
    enter_tree(tree)
    press(tree, "ArrowRight")
    expect(item(tree, "beast 000")).to_be_visible()

    press(tree, "b")
    expect(item(tree, "beast 000")).to_be_focused()
    tree.wait_for_timeout(700)  # a new word begins
    tree.keyboard.type("beast 03")
    expect(item(tree, "beast 030")).to_be_focused()
    tree.wait_for_timeout(700)
    press(tree, "p")
    expect(item(tree, "plant")).to_be_focused()


def test_a_star_opens_all_rows_beside_this_one(tree):
    enter_tree(tree)

    press(tree, "*")

    expect(item(tree, "beast 000")).to_be_visible()
    expect(item(tree, "fern")).to_be_visible()


def test_enter_follows_a_row_to_its_page(tree, nouns):
    enter_tree(tree)

    press(tree, "End", "Enter")

    tree.wait_for_url(f"**{nouns['plant'].get_absolute_url()}")
    expect(tree.get_by_role("heading", level=1)).to_have_text("plant")


def test_what_is_open_is_open_again_after_a_reload(tree):
    item(tree, "plant").locator("[data-opener]").click()
    expect(item(tree, "fern")).to_be_visible()

    tree.reload()

    expect(item(tree, "fern")).to_be_visible()
    item(tree, "plant").locator("[data-opener]").click()
    tree.reload()
    expect(tree.get_by_text("fern")).not_to_be_visible()


def test_a_nouns_page_leads_to_its_row_under_both_its_hypernyms(page, nouns):
    page.goto(nouns["dog"].get_absolute_url())

    page.get_by_role("link", name="Show it in the tree").click()

    expect(item(page, "dog")).to_be_focused()
    expect(item(page, "dog")).to_contain_text("also under pet")
    expect(item(page, "dog").locator(".row").first).to_be_in_viewport()


def test_a_branch_that_does_not_come_says_so_and_can_be_asked_for_again(tree, complaints):
    tree.route("**/children/*", lambda route: route.abort())
    item(tree, "plant").locator("[data-opener]").click()
    again = tree.get_by_role("treeitem", name="That did not come. Try again.")
    expect(again).to_be_visible()
    assert complaints
    complaints.clear()

    tree.unroute("**/children/*")
    again.click()

    expect(item(tree, "fern")).to_be_visible()


def test_without_javascript_the_tree_opens_by_links(open_page, nouns):
    page = open_page(java_script_enabled=False)
    page.goto("/nouns/")
    expect(page.get_by_text("fern")).not_to_be_visible()

    page.get_by_role("link", name="Open plant").click()
    page.get_by_role("link", name="fern").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("fern")
    page.goto("/nouns/")
    page.get_by_role("link", name="Open animal").click()
    page.get_by_role("link", name="72 more").click()
    expect(page.get_by_role("link", name="beast 050")).to_be_visible()


@pytest.mark.parametrize("has_script", [True, False])
def test_no_page_of_the_tree_scrolls_sideways_on_a_small_phone(open_page, nouns, has_script):
    dog, low = nouns["dog"], nouns["fern"]
    for number in range(12):
        low = make_synset(f"a fern of a rather long name {number}", low)
    ledger.make("rename", {"synset": dog.wnid, "name": "hound " * 8}, author=None, reason="why " * 20)
    version = Change.objects.version()
    page = open_page(viewport={"width": 320, "height": 640}, java_script_enabled=has_script)

    widths = {}
    for address in (
        f"/nouns/?open={low.wnid}",
        f"/nouns/?open={dog.wnid}&as_of={version - 1}",
        "/nouns/?q=fern",
        low.get_absolute_url(),
        f"/nouns/{nouns['animal'].wnid}/children/",
        "/changes/",
        f"/changes/{version}/",
    ):
        page.goto(address)
        widths[address] = page.evaluate("document.documentElement.scrollWidth")

    assert {address: width for address, width in widths.items() if width > 320} == {}
