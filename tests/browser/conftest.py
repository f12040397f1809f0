"""A real browser for the tests of this folder: the distribution's Chromium, driven by Playwright."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

import pytest
from django.core.signals import request_finished, request_started
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright
from pytest_django.live_server_helper import LiveServer

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A test's browser speaks to the test's server alone: no updates, no accounts, no QUIC.
CHROMIUM_OPTIONS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 10_000  # a page that takes longer than this to show something is broken
# What htmx calls an error where a page that asks for a part of itself is left or closed before the answer.
ENDED_WITH_THE_PAGE = ("htmx:afterRequest, ", "htmx:sendAbort, ")
GLANCE_S, IDLE_GLANCES = 0.02, 10

OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for this folder; not for the session, as its event loop must end before other tests."""
    program = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if program is None:
        complain = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        complain("Chromium was not found: install the package chromium.")
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []  # Chromium's sandbox refuses to start as root
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop running in this thread, where Django would refuse the ORM.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with playwright.chromium.launch(
            executable_path=program, args=[*CHROMIUM_OPTIONS, *sandbox]
        ) as browser:
            yield browser


@pytest.fixture
def complaints() -> list[str]:
    """What pages complain of. A test that provokes a complaint checks it here and clears the list."""
    return []


@pytest.fixture
def served(live_server: LiveServer) -> Iterator[LiveServer]:
    """The live server; ends when it has been idle for a while, so that the database is emptied in peace.

    A page that closes may still send its last answers.
    """
    lock, n_running = Lock(), Counter[str]()

    def count(sender: object, *, change: int, **_event: object) -> None:
        with lock:
            n_running["requests"] += change

    begin, end = partial(count, change=1), partial(count, change=-1)
    request_started.connect(begin)
    request_finished.connect(end)
    yield live_server
    n_idle, deadline = 0, time.monotonic() + PATIENCE_MS / 1000
    while n_idle < IDLE_GLANCES and time.monotonic() < deadline:
        time.sleep(GLANCE_S)
        n_idle = 0 if n_running["requests"] else n_idle + 1
    request_started.disconnect(begin)
    request_finished.disconnect(end)


@pytest.fixture
def open_page(browser: Browser, served: LiveServer, complaints: list[str]) -> Iterator[OpenPage]:
    """A function that opens a page as a new visitor, with Playwright's context options:

        phone = open_page(viewport={"width": 320, "height": 640}, java_script_enabled=False)

    The test fails on errors in the console, uncaught exceptions, and requests to any other host.
    """
    contexts: list[BrowserContext] = []

    def open_page(**options: object) -> Page:
        contexts.append(browser.new_context(base_url=served.url, **options))
        contexts[-1].set_default_timeout(PATIENCE_MS)
        page = contexts[-1].new_page()
        _listen(page, urlsplit(served.url).netloc, complaints)
        return page

    yield open_page
    # Closed before the database is emptied, so that no page asks for rows that are gone.
    for context in contexts:
        context.close()
    assert not complaints, "The browser complained:\n" + "\n".join(complaints)


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """One visitor's page, on a desktop-sized screen: `page.goto("/")`."""
    return open_page()


def _listen(page: Page, own_host: str, complaints: list[str]) -> None:
    def hear_console(message: ConsoleMessage) -> None:
        # What a header says wrongly is a warning to Chromium, and no less wrong.
        is_error = message.type == "error" or message.text.startswith("Error with")
        if is_error and not message.text.startswith(ENDED_WITH_THE_PAGE):
            complaints.append(f"console: {message.text} ({message.location['url']})")

    def hear_request(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https"} and address.netloc != own_host:
            complaints.append(f"request to another host: {request.url}")

    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("console", hear_console)
    page.on("request", hear_request)
