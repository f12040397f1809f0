"""Make every picture of the site that the documentation shows, from a demo site of its own.

    python -m docs_tools.screenshots [--var FOLDER] [--chromium /usr/bin/chromium]

The demo runs first, some minutes. With --var it is kept in that folder, so that a second time it is there already.
Pictures are light, 1200 pixels wide and reduced to 96 colours, which keeps each below 150 kB.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
WIDTH, COLOURS = 1200, 96
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def as_it_is(page: "Page") -> None:
    """Nothing is done before the picture is taken."""


def name_a_picture(page: "Page") -> None:
    page.get_by_role("button", name="Name a picture").first.click()
    page.wait_for_selector("#card .choice")


def open_the_tree(page: "Page") -> None:
    """Open the way down to the digits, by the keys that the page tells of."""
    page.get_by_role("treeitem").first.focus()
    for noun in ("entity", "abstraction", "measure", "definite quantity", "number", "integer", "digit"):
        page.keyboard.type(noun)
        page.wait_for_timeout(800)  # so that the next letters begin a name of their own
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(400)


@dataclass(frozen=True)
class Shot:
    """One picture: where it goes, of which address, as whom, and what is done there first."""

    path: str
    address: str
    is_curator: bool = False
    height: int = 760
    first: Callable[["Page"], None] = as_it_is


SHOTS = (
    Shot("home.png", "/"),
    Shot("pictures/label.png", "/collections/digits/", first=name_a_picture, height=640),
    Shot("pictures/dashboard.png", "/collections/digits/dashboard/", is_curator=True, height=900),
    Shot("pictures/tree.png", "/nouns/", first=open_the_tree, height=900),
    Shot("pictures/snapshot.png", "/collections/digits/snapshots/1/", height=820),
    Shot("pictures/run.png", "/runs/{run}/", height=900),
    Shot("pictures/board.png", "/contests/digits/", height=820),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m docs_tools.screenshots", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--var", type=Path, metavar="FOLDER", help="where the demo is kept")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as thrown_away:
        os.environ |= {
            "VAR_DIR": str((options.var or Path(thrown_away)).resolve()),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright runs a loop in this thread, and nothing else does
        }
        subprocess.run([sys.executable, "manage.py", "demo", "--no-serve"], cwd=ROOT, check=True)
        take_all(options.chromium)


def take_all(chromium: str) -> None:
    """Serve the pages of the demo in VAR_DIR, without workers, and take every picture."""
    import django
    from playwright.sync_api import sync_playwright

    from config.serve import Supervisor, commands

    django.setup()
    port = _free_port()
    served = Supervisor({"web": commands(port)["web"]})
    served.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
            for shot in SHOTS:
                take(browser, f"http://127.0.0.1:{port}", shot)
                sys.stdout.write(f"{shot.path}: {(DOCS / shot.path).stat().st_size // 1000} kB\n")
            browser.close()
    finally:
        served.stop()


def take(browser: "Browser", home: str, shot: Shot) -> None:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": shot.height}, color_scheme="light", reduced_motion="reduce"
    )
    if shot.is_curator:
        name, value = _curators_session()
        context.add_cookies([{"name": name, "value": value, "url": home}])
    page = context.new_page()
    _wait_until_served(page, home)
    page.goto(home + shot.address.format(run=_latest_run()), wait_until="networkidle")
    shot.first(page)
    page.screenshot(path=DOCS / shot.path)
    context.close()
    reduce(DOCS / shot.path)


def reduce(path: Path) -> None:
    """Keep a picture's commonest colours, which pages of words and lines do not miss."""
    with Image.open(path) as picture:
        fewer = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    fewer.save(path, optimize=True)


def _curators_session() -> tuple[str, str]:
    from django.conf import settings
    from django.test import Client

    from demo.story import make_login

    client = Client()
    client.force_login(make_login(os.urandom(16).hex()))
    return settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value


def _latest_run() -> int:
    from training.models import Run

    return Run.objects.filter(status="finished").latest("pk").pk


def _wait_until_served(page: "Page", home: str) -> None:
    from playwright.sync_api import Error

    for _second in range(60):
        try:
            page.goto(f"{home}/healthz/")
            return
        except Error:
            page.wait_for_timeout(1000)
    raise SystemExit(f"Expected the site at {home} within 60 s; it does not answer.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
