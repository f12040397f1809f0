"""What changed between two snapshots, on every screen and without JavaScript."""

import pytest
from playwright.sync_api import expect

from labeling.models import Collection
from tests.datasets.compared import make_compared


@pytest.fixture
def collection(live_server) -> Collection:
    return make_compared()


def address(collection):
    return f"{collection.get_absolute_url()}snapshots/compare/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [320, 768, 1440])
def test_the_comparison_does_not_scroll_sideways_or_complain(open_page, collection, width_px, scheme):
    page = open_page(viewport={"width": width_px, "height": 800}, color_scheme=scheme)

    page.goto(address(collection))

    expect(page.get_by_role("heading", name="From snapshot 2 to 3")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px


def test_two_others_are_chosen_without_javascript(open_page, collection):
    page = open_page(java_script_enabled=False)
    page.goto(address(collection))

    page.get_by_label("From snapshot").select_option("1")
    page.get_by_label("To snapshot").select_option("2")
    page.get_by_role("button", name="Compare").click()

    expect(page.get_by_role("heading", name="From snapshot 1 to 2")).to_be_visible()
    expect(page.get_by_text("No label changed, and no picture came or went.")).to_be_visible()


def test_a_changed_label_leads_to_the_change_that_made_it(open_page, collection):
    page = open_page()
    page.goto(address(collection))

    page.get_by_role("row", name="puppy → dog").get_by_role("link", name="change").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("puppy")
