"""Without JavaScript every page shows what it is about, and nothing on it that would do nothing."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import FORMS, PAGES, WHO, enter, live_server, world

__all__ = ["live_server", "world"]  # fixtures
pytestmark = pytest.mark.any_database

# Playwright still asks a page in which no script of the site runs.
FAULTS = """() => {
    const seen = (each) => each.checkVisibility({ visibilityProperty: true });
    const shown = (selector) => [...document.querySelectorAll(selector)].filter(seen);
    const main = document.querySelector("main");
    const wrong = [];
    const say = (what, each) => wrong.push(`${what}: ${each.outerHTML.slice(0, 160)}`);
    if (shown("main h1").length !== 1) wrong.push("it has no main heading, or several");
    if (main.innerText.replace(shown("main h1")[0]?.innerText, "").trim().length < 20) wrong.push("it is empty");
    for (const each of shown("button")) {
        if (!(each.form && each.type === "submit") && !each.popoverTargetElement) say("a button does nothing", each);
    }
    for (const each of shown("form")) {
        if (![...each.elements].some((one) => one.type === "submit" && seen(one))) say("a form cannot be sent", each);
    }
    for (const each of shown("[hx-get], [hx-post]")) {
        if (each.matches("a[href], form, form *, [hx-trigger*=every]")) continue;
        if (!each.querySelector("a[href], form")) say("what would be fetched is out of reach", each);
    }
    const waiting = "a:not([href]), [aria-busy=true], [role=progressbar]";
    for (const each of shown(waiting)) say("it waits for a script", each);
    return wrong;
}"""


def test_every_page_is_whole_without_scripts(open_page, live_server, world):
    people = {who: enter(open_page, live_server, world, who, java_script_enabled=False) for who in WHO}
    found = []

    for who, view, rows, query in PAGES:
        page = people[who]
        page.goto(world.address(view, rows) + query)
        found += [f"{who}, {view} {rows} {query}: {each}" for each in page.evaluate(FAULTS)]

    assert not found, "\n".join(found)


def test_forms_that_were_refused_say_why_without_scripts(open_page, live_server, world):
    people = {
        who: enter(open_page, live_server, world, who, java_script_enabled=False) for who, *_form in FORMS
    }

    for who, view, rows, query in FORMS:
        page = people[who]
        page.goto(world.address(view, rows) + query)
        press_largest(page)
        expect(page.locator(".errorlist, [role=alert]").first, view).to_be_visible()


def press_largest(page: Page) -> None:
    """Press the button of a page's largest form with nothing in it, past the browser's own checks."""
    page.evaluate(
        """() => {
            const forms = [...document.querySelectorAll("main form[method=post]")];
            const form = forms.sort((a, b) => b.elements.length - a.elements.length)[0];
            for (const field of form.querySelectorAll("input:not([type=hidden]), textarea")) field.value = "";
            form.noValidate = true;
            form.id = "largest";
        }"""
    )
    with page.expect_navigation():
        page.locator("#largest [type=submit], #largest button:not([type=button])").last.click()
