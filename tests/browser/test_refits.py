"""Refits on the organiser's pages: told as they happen, by keyboard alone, on a phone, and without JavaScript."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from labeling.models import Refit
from labeling.refitting import refit_waiting
from tests.browser.steps import sign_in, tab_to
from tests.browser.test_accessibility import findings
from tests.labeling.judged import make_judged
from tests.labeling.organisers import make_organiser


@pytest.fixture
def judged(live_server):
    return make_judged(owner=make_organiser())


@pytest.fixture
def no_worker(monkeypatch):
    """Leave what is asked for to whoever the test has work on it."""
    monkeypatch.setattr("labeling.refit_views.refit_waiting.delay", lambda: None)


@pytest.mark.parametrize("name", ["dashboard", "quality"])
def test_one_is_asked_for_by_keyboard_and_told_until_it_has_ended(page, live_server, judged, no_worker, name):
    sign_in(page, live_server, judged.owner)
    page.goto(f"/collections/{judged.slug}/{name}/")
    tab_to(page.get_by_role("button", name="Learn again now"))
    page.keyboard.press("Enter")

    state = page.locator("#refit-state")
    expect(state).to_contain_text("waiting for a worker")
    expect(state).to_be_focused()
    assert not list(findings(page))

    refit = Refit.objects.claim(Refit.objects.get().pk)
    refit.tell(state="learning", n_votes=96, n_iterations=7, moved=0.02)
    expect(state).to_contain_text("learning · iteration 7", timeout=10_000)
    expect(state).to_be_focused()
    refit.tell(n_iterations=8, moved=0.01)
    expect(state).to_contain_text("iteration 8", timeout=10_000)
    expect(page.get_by_role("button", name="Learn again now")).to_have_count(0)

    Refit.objects.filter(pk=refit.pk).update(state="finished", finished_at=timezone.now())
    expect(state).to_contain_text("It is done", timeout=10_000)
    tab_to(page.get_by_role("link", name="Show the page anew"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{name}/")
    expect(page.get_by_role("button", name="Learn again now")).to_be_visible()
    expect(page.get_by_role("link", name="Show the page anew")).to_have_count(0)


def test_without_javascript_it_is_asked_for_and_looked_at_again(open_page, live_server, judged, no_worker):
    page = open_page(java_script_enabled=False)
    sign_in(page, live_server, judged.owner)
    page.goto(f"/collections/{judged.slug}/quality/")

    page.get_by_role("button", name="Learn again now").click()
    expect(page.locator("#refit")).to_contain_text("waiting for a worker")
    refit_waiting()
    page.get_by_role("link", name="Look again").click()

    expect(page.locator("#refit")).to_contain_text("Last learnt")
    expect(page.locator("#refit")).to_contain_text("somebody asked for it")


@pytest.mark.parametrize("width", [320, 1440])
def test_no_state_of_it_is_wider_than_the_screen(open_page, live_server, judged, width):
    page = open_page(viewport={"width": width, "height": 800})
    sign_in(page, live_server, judged.owner)
    refit = Refit.objects.enqueue(judged, Refit.Cause.NIGHTLY)
    for fields in ({}, {"state": "writing", "n_votes": 12_345_678, "n_iterations": 100, "moved": 0.5},
                   {"state": "failed", "error": "It broke off; the log of whoever ran it says why."}):  # fmt: skip
        Refit.objects.filter(pk=refit.pk).update(**fields)
        page.goto(f"/collections/{judged.slug}/dashboard/")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
