"""What several browser tests do on their way to what they are about."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from labeling.models import Collection
from tests.browser.conftest import PATIENCE_MS

POLL_MS = 50


def eventually(page: Page, ask: Callable[[], Any], expected: Any) -> None:
    """Ask the database until it says `expected`. The page goes on meanwhile; in time.sleep() it would stand still."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while (found := ask()) != expected and time.monotonic() < deadline:
        page.wait_for_timeout(POLL_MS)
    assert found == expected


def sign_in(page: Page, live_server: LiveServer, user: User) -> None:
    """Give the browser a session of `user`, as the sign-in page does, which test_accounts.py goes through."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])


def start_labelling(page: Page, collection: Collection) -> None:
    """Go from a collection's page to its first picture, as a guest if nobody is signed in."""
    page.goto(collection.get_absolute_url())
    page.get_by_role("button", name="Name a picture").click()
    page.wait_for_url(f"**{collection.get_absolute_url()}label/")


def press(page: Page, key: str) -> None:
    """Press a key once no part of the page is being put in place: until 20 ms later htmx does not know its forms, and
    the browser would send them as without scripts.
    """
    page.wait_for_function("() => !document.querySelector('.htmx-swapping, .htmx-settling')")
    page.keyboard.press(key)


def tab_to(wanted: Locator) -> None:
    """Go on with the tab key until this is where the focus is."""
    expect(wanted).to_be_visible()
    for _step in range(80):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        wanted.page.keyboard.press("Tab")
    raise AssertionError(f"No way by the tab key to {wanted}.")
