"""Changing the tree as a curator does: by keyboard, by dragging, without JavaScript, with a second pair of eyes."""

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from taxonomy.models import Change, Draft, Synset
from tests.browser.steps import eventually, sign_in, tab_to
from tests.factories import make_synset
from tests.taxonomy.curators import make_curator

A_POLL_MS = 3000


@pytest.fixture
def curator(live_server) -> User:
    return make_curator()


@pytest.fixture
def nouns(live_server) -> dict[str, Synset]:
    """animal › (dog › (husky, poodle), cat); plant"""
    animal = make_synset("animal")
    dog = make_synset("dog", animal)
    return {
        "animal": animal,
        "dog": dog,
        "husky": make_synset("husky", dog),
        "poodle": make_synset("poodle", dog),
        "cat": make_synset("cat", animal),
        "plant": make_synset("plant"),
    }


@pytest.fixture
def signed_in(page: Page, live_server, curator) -> Page:
    sign_in(page, live_server, curator)
    return page


def row(page: Page, *way: str) -> Locator:
    """The row of the tree at the end of this way."""
    found = page.get_by_role("tree")
    for name in way:
        found = found.locator(f'[role=treeitem]:has(> .row .name bdi:text-is("{name}"))')
    return found


def open_tree(page: Page, nouns: dict[str, Synset], name: str) -> None:
    page.goto(f"/nouns/?open={nouns[name].wnid}#here")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_branch_is_moved_and_moved_back_by_keyboard_alone(signed_in, nouns):
    page = signed_in
    open_tree(page, nouns, "dog")
    expect(row(page, "animal", "dog")).to_be_focused()

    press(page, "m")
    dialog = page.get_by_role("dialog", name="Move dog")
    expect(dialog.get_by_role("combobox", name="To a place under")).to_be_focused()
    page.keyboard.type("plan")
    expect(dialog.get_by_role("option", name="plant")).to_be_visible()
    press(page, "ArrowDown", "Enter")
    expect(dialog.get_by_role("combobox")).to_have_value(f"plant ({nouns['plant'].wnid})")
    tab_to(dialog.get_by_label("Reason"))
    page.keyboard.type("it grows")
    tab_to(dialog.get_by_role("button", name="Make a draft"))
    press(page, "Enter")

    expect(page.get_by_role("heading", name="dog moves under plant")).to_be_visible()
    expect(page.get_by_text("dog › plant")).to_be_visible()  # step by step
    open_tree(page, nouns, "dog")
    expect(row(page, "animal", "dog")).to_be_visible()  # nothing has changed yet

    page.go_back()
    tab_to(page.get_by_role("button", name="Commit"))
    press(page, "Enter")
    expect(page.get_by_role("link", name="See change")).to_be_visible()
    open_tree(page, nouns, "husky")
    expect(row(page, "plant", "dog", "husky")).to_be_visible()
    expect(row(page, "animal", "dog")).to_have_count(0)

    page.goto(Change.objects.latest("pk").get_absolute_url())
    tab_to(page.locator("summary", has_text="Undo"))
    press(page, "Enter")
    tab_to(page.get_by_label("Reason"))
    page.keyboard.type("it does not grow")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="undo of change")).to_be_visible()
    tab_to(page.get_by_role("button", name="Commit"))
    press(page, "Enter")
    expect(page.get_by_role("link", name="See change")).to_be_visible()
    open_tree(page, nouns, "husky")
    expect(row(page, "animal", "dog", "husky")).to_be_visible()


def test_a_row_is_dragged_onto_another(signed_in, nouns):
    page = signed_in
    open_tree(page, nouns, "husky")

    row(page, "animal", "dog", "husky").locator("> .row").drag_to(
        row(page, "animal", "cat").locator("> .row")
    )

    dialog = page.get_by_role("dialog", name="Move husky")
    expect(dialog.get_by_role("combobox")).to_have_value(f"cat ({nouns['cat'].wnid})")
    assert not Draft.objects.exists()  # dropping changes nothing by itself
    dialog.get_by_label("Reason").fill("it purrs")
    dialog.get_by_role("button", name="Make a draft").click()
    page.get_by_role("button", name="Commit").click()
    expect(page.get_by_role("link", name="See change")).to_be_visible()
    assert nouns["husky"].hypernyms.get() == nouns["cat"]


def test_a_row_dropped_below_itself_opens_nothing(signed_in, nouns):
    page = signed_in
    open_tree(page, nouns, "husky")

    row(page, "animal", "dog").locator("> .row").drag_to(
        row(page, "animal", "dog", "husky").locator("> .row")
    )

    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_refusal_is_read_in_the_dialog_and_can_be_mended_there(signed_in, nouns):
    page = signed_in
    page.goto(nouns["animal"].get_absolute_url())
    page.get_by_role("link", name="Move it", exact=True).click()
    dialog = page.get_by_role("dialog", name="Move animal")
    dialog.get_by_role("combobox").fill("husky")
    dialog.get_by_label("Reason").fill("because")

    dialog.get_by_role("button", name="Make a draft").click()

    expect(dialog.get_by_role("alert")).to_contain_text("Expected no noun above itself")
    dialog.get_by_role("combobox").fill("plant")
    dialog.get_by_role("button", name="Make a draft").click()
    expect(page.get_by_role("heading", name="animal moves under plant")).to_be_visible()


def test_escape_closes_first_the_list_and_then_the_dialog(signed_in, nouns):
    page = signed_in
    page.goto(nouns["husky"].get_absolute_url())
    link = page.get_by_role("link", name="Merge it into another")
    link.click()
    box = page.get_by_role("dialog").get_by_role("combobox")
    box.press_sequentially("ca")
    expect(box).to_have_attribute("aria-expanded", "true")

    press(page, "Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_role("dialog")).to_be_visible()

    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(link).to_be_focused()


def test_a_picker_says_what_is_chosen_and_how_many_there_were(signed_in, nouns):
    page = signed_in
    page.goto(f"/nouns/{nouns['cat'].wnid}/change/merge/")
    box = page.get_by_role("combobox")

    box.press_sequentially("husky")
    expect(page.get_by_role("status").filter(has_text="1 noun found.")).to_have_count(1)
    press(page, "ArrowDown")
    option = page.get_by_role("option", name="husky")
    expect(option).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == option.get_attribute("id")
    press(page, "Enter")

    expect(page.get_by_text("animal › dog: what husky means")).to_be_visible()
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_a_list_pressed_with_the_pointer_fills_the_field(signed_in, nouns):
    page = signed_in
    page.goto(f"/nouns/{nouns['cat'].wnid}/change/merge/")
    page.get_by_role("combobox").press_sequentially("pood")

    page.get_by_role("option", name="poodle").click()

    expect(page.get_by_role("combobox")).to_have_value(f"poodle ({nouns['poodle'].wnid})")
    expect(page.get_by_role("combobox")).to_be_focused()


def test_a_split_takes_as_many_parts_as_one_asks_for(signed_in, nouns):
    page = signed_in
    page.goto(nouns["cat"].get_absolute_url())
    page.get_by_role("link", name="Split it").click()
    dialog = page.get_by_role("dialog", name="Split cat")
    first = dialog.get_by_role("group", name="Part 1")
    first.get_by_label("or a new one: its name").fill("wild cat")
    first.get_by_label("Gloss").fill("roams")
    dialog.get_by_role("group", name="Part 2").get_by_role("combobox").fill("poodle")

    dialog.get_by_role("button", name="One more part").click()

    third = dialog.get_by_role("group", name="Part 3")
    expect(first.get_by_label("or a new one: its name")).to_have_value("wild cat")
    third.get_by_label("or a new one: its name").fill("house cat")
    third.get_by_label("Gloss").fill("stays")
    dialog.get_by_label("Reason").last.fill("three things")
    dialog.get_by_role("button", name="Make a draft").click()
    expect(page.get_by_role("heading", name="cat is split into wild cat, poodle, house cat")).to_be_visible()


def test_a_draft_is_watched_while_it_is_counted(signed_in, nouns, curator):
    page = signed_in
    draft = Draft.objects.create(
        kind="rename",
        arguments={"synset": nouns["dog"].wnid, "name": "hound"},
        summary="dog is called hound",
        reason="a test",
        author=curator,
        synset=nouns["dog"],
    )
    page.goto(draft.get_absolute_url())
    expect(page.get_by_role("status")).to_have_text("counting what it touches")

    Draft.objects.filter(pk=draft.pk).update(state="ready")

    expect(page.get_by_role("button", name="Commit")).to_be_visible(timeout=A_POLL_MS)
    expect(page.locator("#state[hx-get]")).to_have_count(0)


def test_a_branch_is_moved_without_javascript(open_page, live_server, curator, nouns):
    page = open_page(java_script_enabled=False)
    sign_in(page, live_server, curator)
    page.goto(nouns["husky"].get_absolute_url())
    page.get_by_role("link", name="Move it", exact=True).click()
    page.get_by_role("textbox", name="To a place under").fill("cat.n.01")
    page.get_by_label("Reason").fill("it purrs")
    page.get_by_role("button", name="Make a draft").click()

    page.get_by_role("button", name="Commit").click()

    expect(page.get_by_role("link", name="See change")).to_be_visible()
    assert nouns["husky"].hypernyms.get() == nouns["cat"]


def test_a_large_change_takes_two_curators(open_page, live_server, curator, nouns, settings):
    settings.SECOND_CURATOR_FROM = 0
    first, second = open_page(), open_page()
    sign_in(first, live_server, curator)
    sign_in(second, live_server, make_curator())
    first.goto(f"/nouns/{nouns['husky'].wnid}/change/move/?target={nouns['cat'].wnid}")
    first.get_by_label("Reason").fill("it purrs")
    first.get_by_role("button", name="Make a draft").click()

    first.get_by_role("button", name="Ask a second curator").click()

    expect(first.get_by_text("You proposed it, so somebody else approves it.")).to_be_visible()
    expect(first.get_by_role("button", name="Approve and commit")).to_have_count(0)
    second.goto("/drafts/")
    waiting = second.locator("section", has=second.get_by_role("heading", name="Waiting for you"))
    waiting.get_by_role("link", name="husky moves under cat").click()
    second.get_by_role("button", name="Approve and commit").click()
    expect(second.get_by_role("link", name="See change")).to_be_visible()
    eventually(second, lambda: nouns["husky"].hypernyms.get().name, "cat")


def test_a_button_pressed_twice_in_haste_makes_one_draft_and_one_change(signed_in, nouns):
    page = signed_in
    page.goto(f"/nouns/{nouns['husky'].wnid}/change/move/?target={nouns['cat'].wnid}")
    page.get_by_label("Reason").fill("it purrs")
    made = Change.objects.count()

    page.get_by_role("button", name="Make a draft").dblclick()
    expect(page.get_by_role("heading", name="husky moves under cat")).to_be_visible()
    page.get_by_role("button", name="Commit").dblclick()

    expect(page.get_by_role("link", name="See change")).to_be_visible()
    assert Draft.objects.count() == 1
    assert Change.objects.count() == made + 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [320, 768, 1440])
def test_no_page_of_curators_scrolls_sideways(open_page, live_server, curator, nouns, width_px, scheme):
    page = open_page(viewport={"width": width_px, "height": 800}, color_scheme=scheme)
    sign_in(page, live_server, curator)
    dog = nouns["dog"]
    draft = Draft.objects.create(
        kind="rename",
        arguments={"synset": dog.wnid, "name": "hound"},
        summary="dog is called " + "houndhoundhound" * 8,
        reason="a reason without any space " + "x" * 200,
        author=curator,
        synset=dog,
        state="ready",
        impact=[{"what": "labels", "count": 12345678, "examples": ["y" * 80], "is_size": True}],
    )
    kinds = ["rename", "edit", "move", "add_parent", "merge", "split", "mark", "retire"]
    addresses = [f"/nouns/{dog.wnid}/change/{kind}/" for kind in kinds]
    addresses += ["/nouns/add/", "/drafts/", draft.get_absolute_url(), dog.get_absolute_url(), "/nouns/"]
    found = {}

    for address in addresses:
        page.goto(address)
        found[address] = page.evaluate("document.documentElement.scrollWidth"), page.locator("h1").count()

    assert found == dict.fromkeys(addresses, (width_px, 1))
