"""The documentation as a site: every page has its place, and nothing is asked of another host."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings

from docs_tools import screenshots

ROOT = Path(settings.BASE_DIR)
# What a browser fetches by itself when it shows a page. A link waits for a click.
FETCHED = {"object": "data"} | dict.fromkeys(["script", "img", "iframe", "source", "video", "audio"], "src")
LINKS_FETCHED = {"stylesheet", "icon", "preconnect", "dns-prefetch", "preload", "prefetch", "manifest"}


class Fetches(HTMLParser):
    """Collects the addresses that a page fetches by itself, and those that its navigation leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.led_to: set[str] = set()

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        if tag in FETCHED and FETCHED[tag] in given:
            self.fetched.append(given[FETCHED[tag]])
        if tag == "link" and LINKS_FETCHED.intersection(given.get("rel", "").split()):
            self.fetched.append(given.get("href", ""))
        if tag == "a" and "md-nav__link" in given.get("class", ""):
            self.led_to.add(given.get("href", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it. A link to nothing, or a page without a place, is an error."""
    folder = tmp_path_factory.mktemp("docs-site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def read(page):
    fetches = Fetches()
    fetches.feed(page.read_text())
    return fetches


def test_the_navigation_leads_to_every_page(site):
    led_to = read(site / "index.html").led_to

    sources = (ROOT / "docs").rglob("*.md")
    pages = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in sources}
    assert pages - {"index"} <= {link.rstrip("/") for link in led_to}


def test_a_file_outside_the_documents_is_named_where_it_was_linked(site):
    assert "[training/network.py](../training/network.py)" in (ROOT / "docs/training.md").read_text()

    page = (site / "training/index.html").read_text()
    assert "names of training/network.py" in page
    assert "../training/network.py" not in page


def test_no_page_fetches_anything_from_another_host(site):
    elsewhere = {
        (page.relative_to(site).as_posix(), address)
        for page in site.rglob("*.html")
        for address in read(page).fetched
        if re.match(r"(https?:)?//", address)
    }

    assert elsewhere == set()


def test_no_stylesheet_fetches_anything_from_another_host(site):
    texts = {sheet.name: sheet.read_text() for sheet in site.rglob("*.css")}

    assert "docs.css" in texts
    assert [
        name for name, text in texts.items() if re.search(r"(url\(|@import\s*)[\"']?(https?:)?//", text)
    ] == []


PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+\.png)\)")


def pictures_shown():
    """Each picture of the site that a page shows, and the words in its place."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = [
        (page.parent / path, words) for page in pages for words, path in PICTURE.findall(page.read_text())
    ]
    return [(path.resolve().relative_to(ROOT / "docs").as_posix(), words) for path, words in found]


def test_pages_show_the_pictures_that_the_script_makes_and_no_others():
    assert {path for path, _words in pictures_shown()} == {shot.path for shot in screenshots.SHOTS}


def test_every_picture_has_words_for_who_cannot_see_it():
    assert [path for path, words in pictures_shown() if len(words.split()) < 5] == []


def test_pictures_are_small():
    sizes = {shot.path: (ROOT / "docs" / shot.path).stat().st_size for shot in screenshots.SHOTS}

    assert {path: size for path, size in sizes.items() if size > 150_000} == {}
    assert sum(sizes.values()) < 1_500_000
