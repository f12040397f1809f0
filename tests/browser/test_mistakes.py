"""What a network gets wrong, on a small phone and by keyboard alone: looking, and having people asked again."""

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Dispute
from tests.browser.conftest import OpenPage
from tests.browser.steps import eventually, sign_in
from tests.factories import make_snapshot, make_user
from tests.training.answered import make_answered_run, make_zoo_run

PHONE = {"width": 320, "height": 640}


@pytest.fixture
def owner(live_server):
    return make_user()


@pytest.fixture
def run(owner):
    """Wrong about three of eight pictures."""
    return make_answered_run(make_snapshot(owner=owner), wrong={0: 0.9, 1: 0.95, 2: 0.99})


def enter(open_page: OpenPage, live_server, owner, run, **options) -> Page:
    page = open_page(viewport=PHONE, **options)
    sign_in(page, live_server, owner)
    page.goto(f"/runs/{run.pk}/mistakes/")
    return page


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def press(page: Page, name: str) -> None:
    """Press a button by keyboard."""
    page.get_by_role("button", name=name).first.focus()
    page.keyboard.press("Enter")


def test_people_are_asked_again_by_keyboard(open_page, live_server, owner, run):
    page = enter(open_page, live_server, owner, run)
    assert fits(page)

    press(page, "Ask people again about picture 1,")

    said = page.get_by_role("status")
    expect(said).to_have_text("Asked again: one more person will see it.")
    expect(said).to_be_focused()  # so that whoever uses the keyboard goes on from here
    expect(page.get_by_text("asked again: one more person will see it", exact=True)).to_have_count(1)
    assert Dispute.objects.count() == 1
    assert page.evaluate("scrollY") > 0  # the page was not loaded anew


def test_several_are_ticked_and_asked_about_at_once(open_page, live_server, owner, run):
    page = enter(open_page, live_server, owner, run)

    for place in (1, 3):
        page.get_by_role("checkbox", name=f"Tick picture {place},").focus()
        page.keyboard.press("Space")
    press(page, "Ask people again about those ticked")

    expect(page.get_by_role("status")).to_have_text("2 are asked again: one more person will see each.")
    expect(page.get_by_role("checkbox")).to_have_count(1)
    assert Dispute.objects.count() == 2


def test_without_javascript_too(open_page, live_server, owner, run):
    page = enter(open_page, live_server, owner, run, java_script_enabled=False)

    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Ask people again about those ticked").click()

    expect(page.get_by_text("Asked again: one more person will see it.")).to_be_visible()
    eventually(page, Dispute.objects.count, 1)
    page.get_by_role("button", name="Ask about all 2 on this page").click()
    expect(page.get_by_text("2 are asked again: one more person will see each.")).to_be_visible()


def test_one_walks_down_the_nouns_and_comes_to_the_pictures(open_page, live_server, owner):
    page = enter(open_page, live_server, owner, make_zoo_run())

    page.get_by_role("rowheader", name="dog").get_by_role("link").first.click()
    expect(page.get_by_role("navigation", name="The way down").get_by_text("dog")).to_be_visible()
    cell = page.get_by_role("link", name="dog 3 taken for dog 4")
    cell.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Dog 3 taken for dog 4")).to_be_visible()
    expect(
        page.get_by_role("img", name="Picture labelled “dog 3” that the network takes for “dog 4”").first
    ).to_be_visible()
    assert fits(page)
