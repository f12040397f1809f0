"""The leaderboard in a browser: sorted, searched and read on a phone, with or without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from competition.models import Phase
from tests.browser.conftest import OpenPage
from tests.competition.boards import make_board
from tests.factories import make_snapshot

COLUMN = "Top-5 error"


@pytest.fixture
def phase(live_server) -> Phase:
    """Three entries that four test pictures do not tell apart."""
    return make_board(make_snapshot(n_questions=20))


def test_the_board_is_sorted_by_keyboard_and_without_javascript(open_page: OpenPage, phase: Phase):
    page = open_page(java_script_enabled=False)
    page.goto(f"{phase.contest.get_absolute_url()}leaderboard/")

    page.get_by_role("link", name=COLUMN).focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("columnheader", name=COLUMN)).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("rowheader")).to_have_count(3 + 6)  # and the grades


def test_a_search_that_finds_nothing_leads_back_to_the_whole_board(page: Page, phase: Phase):
    page.goto(f"{phase.contest.get_absolute_url()}leaderboard/")

    page.get_by_label("Team or method").fill("emu")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No team and no method has “emu” in its name.")).to_be_visible()
    page.get_by_role("link", name="The whole board").click()

    expect(page.get_by_role("table", name="hidden test pictures").get_by_role("rowheader")).to_have_count(3)


def test_on_a_phone_every_measure_has_its_name_beside_it(open_page: OpenPage, phase: Phase):
    page = open_page(viewport={"width": 320, "height": 640})
    page.goto(f"{phase.contest.get_absolute_url()}leaderboard/")

    assert page.evaluate("document.documentElement.scrollWidth") == 320
    before = "getComputedStyle(document.querySelector('td.measure'), '::before').content"
    assert page.evaluate(before) == '"top-1 error"'
