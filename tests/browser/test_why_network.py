"""Why a network answers as it does, in a browser: asked for, waited for, looked at."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from labeling.splits import VAL
from tests.browser.steps import tab_to
from tests.factories import make_snapshot
from tests.training.explanations import a_picture, keep_answers, make_explanation, make_finished
from training import why_views
from training.models import Explanation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(why_views.explain_queued, "delay", lambda: None)
    run = make_finished(make_snapshot(n_questions=20))
    keep_answers(run, right=False)
    return run


def test_somebody_chooses_a_picture_by_keyboard_and_sees_why_once_a_worker_knows(page, run):
    page.goto(run.get_absolute_url())
    page.get_by_role("link", name="Why", exact=True).click()
    first = page.get_by_role("link", name="Picture 1,")
    tab_to(first)
    page.keyboard.press("Enter")
    tab_to(page.get_by_role("button", name="Find out why"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("It is the next that a worker takes.")

    make_explanation(run, Explanation.objects.get().sha256)

    expect(page.get_by_role("heading", name="Which pixels moved it")).to_be_visible()
    expect(page.get_by_text("times as much as random places").first).to_be_visible()


def test_the_map_can_be_taken_off_the_picture_without_javascript(open_page, run):
    asked = make_explanation(run)
    page = open_page(java_script_enabled=False)
    page.goto(asked.get_absolute_url())
    seen = page.locator(".seen").first
    expect(seen.locator(".map")).to_be_visible()

    page.get_by_label("what the network sees").check()
    expect(seen.locator(".map")).to_be_hidden()
    expect(seen.locator(".sight")).to_be_visible()

    page.get_by_label("map alone").check()
    expect(seen.locator(".map")).to_be_visible()
    expect(seen.locator(".gray")).to_be_hidden()


def test_without_javascript_one_asks_and_looks_again(open_page, run):
    page = open_page(java_script_enabled=False)
    page.goto(reverse("training:why", args=[run.pk, a_picture(run)]))
    page.get_by_role("button", name="Find out why").click()
    make_explanation(run)

    page.get_by_role("link", name="Look again").click()

    expect(page.get_by_role("heading", name="Can the maps be trusted?")).to_be_visible()


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_nothing_is_wider_than_the_screen(open_page, run, width):
    page = open_page(viewport={"width": width, "height": 800})
    told, waits = make_explanation(run), Explanation.objects.ask(run, a_picture(run, VAL, 1))
    for address in (
        told.get_absolute_url(), waits.get_absolute_url(), reverse("training:why-choose", args=[run.pk]),
    ):  # fmt: skip
        page.goto(address)
        for summary in page.get_by_text("As a table").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_map_is_a_picture_that_loads(page, run):
    page.goto(make_explanation(run).get_absolute_url())
    page.wait_for_load_state("networkidle")

    drawn = page.locator(".seen img")

    assert drawn.count() == 3 * 3 + 2 * 2
    assert all(image.evaluate("image => image.naturalWidth") == 16 for image in drawn.all())
    described = [image.get_attribute("alt") for image in page.locator(".why-methods .map").all()]
    assert all(re.match("For it speaks most the upper left.", alt) for alt in described)
