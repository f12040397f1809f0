"""The page that says why a question is decided as it is: on a phone, by keyboard, and as it is reached."""

import pytest
from playwright.sync_api import expect

from labeling.models import Question
from tests.browser.steps import sign_in, tab_to
from tests.labeling.organisers import make_organiser
from tests.labeling.trees import make_menagerie, vote

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def question(live_server) -> Question:
    """A picture that five people could not agree on but for its being a dog."""
    collection = make_menagerie(owner=make_organiser(), max_votes=5)
    for name in ("husky", "corgi", None, "corgi", "husky"):
        vote(collection, name)
    return collection.questions.get()


def address(question: Question) -> str:
    return f"/collections/{question.collection.slug}/questions/{question.pk}/why/"


@pytest.mark.parametrize("width_px", [320, 768, 1440])
def test_the_page_fits_the_screen(open_page, live_server, question, width_px):
    page = open_page(viewport={"width": width_px, "height": 800}, java_script_enabled=False)
    sign_in(page, live_server, question.collection.owner)

    page.goto(address(question))

    expect(page.get_by_role("heading", level=2).first).to_have_text("Dog, kind undecided")
    # Playwright's own script runs in its world, though the page's do not.
    widths = page.locator("main, main *").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().right).filter(right => right > innerWidth)"
    )
    assert widths == []


def test_the_dashboard_leads_to_it_and_its_beliefs_are_a_table_too(page, live_server, question):
    sign_in(page, live_server, question.collection.owner)
    page.goto(f"/collections/{question.collection.slug}/dashboard/")

    tab_to(page.get_by_role("link", name="Why this label? Hard picture 1"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{address(question)}")
    expect(page.get_by_role("row")).to_have_count(7)  # a head, before any vote, and five votes
    tab_to(page.locator("summary", has_text="As a table"))
    page.keyboard.press("Enter")

    table = page.get_by_role("region", name="What was believed, vote by vote")
    expect(table.get_by_role("row")).to_have_count(7)
    expect(table.get_by_role("columnheader")).to_have_text(["Votes", "dog", "husky", "corgi"])
