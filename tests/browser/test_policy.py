"""What the content security policy forbids is asked for by no page. Every browser test fails where one does, since
Chromium says so in its console; here are the pages that no other test opens, and what lies beside pages.
"""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from labeling.models import Collection, Image
from tests.browser.steps import sign_in
from tests.factories import make_collection, make_user
from tests.taxonomy.curators import make_curator


@pytest.fixture
def collection(live_server) -> Collection:
    return make_collection(n_questions=2)


def test_the_administration_asks_for_nothing_that_is_forbidden(page, live_server, collection):
    sign_in(page, live_server, make_user(is_staff=True, is_superuser=True))
    curator = make_curator()

    for address in (
        reverse("admin:index"),
        reverse("admin:accounts_user_changelist"),
        reverse("admin:accounts_user_change", args=[curator.pk]),
        reverse("admin:accounts_user_add"),
        reverse("admin:labeling_collection_change", args=[collection.pk]),
        reverse("admin:labeling_question_changelist"),
    ):
        response = page.goto(address)
        assert response.status == 200, address
    page.goto(reverse("admin:accounts_user_change", args=[curator.pk]))
    # Two lists between which groups are moved: made by a script of the administration's own.
    expect(page.locator(".selector-chosen").first).to_be_visible()


def test_the_pages_of_the_api_show_it_and_try_it_out(page, live_server, collection):
    page.goto(reverse("api-docs"))

    page.locator("#operations-collections-collections_retrieve").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_placeholder("slug").fill(collection.slug)
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table")).to_contain_text(collection.root.wnid)


def test_a_picture_is_shown_by_itself_and_runs_nothing(page, live_server, collection, complaints):
    page.goto(reverse("labeling:picture", args=[Image.objects.first().sha256]))

    assert page.evaluate("document.images[0].naturalWidth") > 0
    assert page.evaluate("window.origin") == "null"  # a sandbox: nothing here is this site to the browser
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    assert page.evaluate("window.ran") is None
    assert complaints
    complaints.clear()


def test_a_script_that_got_into_a_page_is_not_run(page, collection, complaints):
    page.goto("/")

    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = 1";
            document.body.append(script);
            const styled = "<p id=styled style='color: red' onclick='ran = 1'>Here</p>";
            document.body.insertAdjacentHTML("beforeend", styled);
        }"""
    )
    page.locator("#styled").click()

    assert page.evaluate("window.ran") is None
    assert page.locator("#styled").evaluate("each => getComputedStyle(each).color") != "rgb(255, 0, 0)"
    assert len(complaints) == 3, complaints
    assert all("Content Security Policy" in each for each in complaints)
    complaints.clear()
