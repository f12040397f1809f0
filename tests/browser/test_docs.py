"""The documentation in a browser: it finds words without any other host, and has the site's two themes."""

import functools
import os
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from playwright.sync_api import expect


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None:
        """Say nothing of each request."""


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """The address of a server of the built documentation."""
    folder = tmp_path_factory.mktemp("docs-site")
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(build, cwd=settings.BASE_DIR, env=environment, check=True, capture_output=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_documents(browser, documents):
    """A function that opens the documentation, and a list of the other hosts that its pages then asked."""
    contexts, asked = [], []

    def open_documents(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(urlsplit(request.url).netloc))
        page.goto(documents)
        return page

    yield open_documents, asked
    for context in contexts:
        context.close()
    assert {f"http://{host}" for host in asked if host} == {documents}


def test_the_search_finds_a_page_and_asks_no_other_host(open_documents):
    open_, asked = open_documents
    page = open_()

    page.locator(".md-search__input").click()
    page.keyboard.type("near duplicates")
    page.locator(".md-search-result__link").first.click()

    expect(page.locator("h1")).to_be_visible()
    assert len(asked) > 5


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(250, 247, 240)"), ("dark", "rgb(21, 19, 15)")])
def test_the_page_is_on_the_sites_own_paper_and_no_wider_than_a_phone(open_documents, scheme, paper):
    open_, _asked = open_documents
    page = open_(color_scheme=scheme, viewport={"width": 320, "height": 640})

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
