"""The page of a collection's quality: by keyboard alone, on a phone, and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.browser.steps import sign_in, tab_to
from tests.browser.test_accessibility import findings
from tests.labeling.judged import make_judged
from tests.labeling.organisers import make_organiser
from tests.labeling.trees import noun


@pytest.fixture
def judged(live_server):
    return make_judged(owner=make_organiser())


def test_one_noun_is_looked_up_in_full_by_keyboard_alone(page, live_server, judged):
    sign_in(page, live_server, judged.owner)
    page.goto(f"/collections/{judged.slug}/dashboard/")
    tab_to(page.get_by_role("link", name="Quality"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/quality/")

    tab_to(page.get_by_role("combobox", name="One noun in full"))
    page.keyboard.type("wolf")
    tab_to(page.get_by_role("button", name="Show"))
    page.keyboard.press("Enter")

    # Five wolves, four votes each.
    expect(
        page.get_by_role("table", name="What the 20 votes on pictures that show “wolf” say.")
    ).to_be_visible()
    assert not list(findings(page))


def test_the_map_leads_to_one_noun_in_full(page, live_server, judged):
    sign_in(page, live_server, judged.owner)
    page.goto(f"/collections/{judged.slug}/quality/")

    page.get_by_role("rowheader", name="husky").get_by_role("link").click()

    select = page.get_by_role("combobox", name="One noun in full")
    expect(select).to_have_value(noun("husky").wnid)
    expect(select).to_be_in_viewport()


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_no_page_of_it_is_wider_than_the_screen(open_page, live_server, judged, width):
    page = open_page(viewport={"width": width, "height": 800})
    sign_in(page, live_server, judged.owner)

    page.goto(f"/collections/{judged.slug}/quality/")

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_it_is_all_there(open_page, live_server, judged):
    page = open_page(java_script_enabled=False)
    sign_in(page, live_server, judged.owner)

    page.goto(f"/collections/{judged.slug}/quality/")
    page.get_by_label("One noun in full").select_option("corgi")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_role("table", name="on pictures that show “corgi” say.")).to_be_visible()
