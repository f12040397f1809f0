"""How long a volunteer waits in Chromium when a round trip takes 300 ms. Prints one JSON object a line.

    python -m benchmarks.browser [--chromium /usr/bin/chromium]

The site runs as in benchmarks.handout, on SQLite in a folder that is thrown away. The pages are used as a volunteer
does: two clicks from the home page to a first vote, then 200 votes by key, a key press each 300 ms, each timed from
the press until the frame after the next picture was put in its place; then 30 votes without a connection, which comes
back. Then 10 grids of 48 pictures are sent by Enter, one each five seconds, each timed until the frame after every
picture of the next one was decoded in its place.
"""

import argparse
import io
import os
import statistics
import tempfile
import time
from typing import TYPE_CHECKING, Any

import django

from benchmarks.reporting import report

if TYPE_CHECKING:
    from labeling.models import Collection

N_VOTES, N_OFFLINE, ROUND_TRIP_MS = 200, 30, 300
SPARE = 50  # pictures beyond those that are answered
N_GRIDS, GRID = 10, 48

ANSWER = """
async (n) => {
  const waits = [];
  const picture = () => document.querySelector("#card .frame img");
  for (let i = 0; i < n; i++) {
    await new Promise((next) => setTimeout(next, 300));
    const before = picture();
    const pressed = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: String(1 + (i % 2)) }));
    while (picture() === before) {
      if (performance.now() - pressed > 10000) throw new Error(`No picture follows the ${i + 1}th.`);
      await new Promise((next) => setTimeout(next, 0));
    }
    await new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
    waits.push(performance.now() - pressed);
  }
  return waits;
}
"""

SEND = """
async (n) => {
  const waits = [];
  const pictures = () => [...document.querySelectorAll("#verify .tile img")];
  for (let i = 0; i < n; i++) {
    await new Promise((next) => setTimeout(next, 5000));
    const before = pictures()[0];
    const pressed = performance.now();
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    while (!pictures().length || pictures()[0] === before) {
      if (performance.now() - pressed > 10000) throw new Error(`No grid follows the ${i + 1}th.`);
      await new Promise((next) => setTimeout(next, 0));
    }
    await Promise.all(pictures().map((picture) => picture.decode()));
    await new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
    waits.push(performance.now() - pressed);
  }
  return waits;
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.browser", description=__doc__.splitlines()[0])
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "VAR_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "a benchmark's",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright runs a loop in this thread, and nothing else does
            "DEBUG": "1",  # static files from where they lie
        }
        django.setup()
        _measure(options.chromium)


def _measure(chromium: str) -> None:
    from django.core.management import call_command
    from django.db import connection

    from benchmarks.staging import running_server

    call_command("migrate", verbosity=0)
    _make_collections()
    connection.close()
    with running_server() as port:
        _use(chromium, f"http://127.0.0.1:{port}/")


def _make_collections() -> None:
    from benchmarks.staging import make_nouns
    from labeling.models import Collection
    from taxonomy.models import Synset

    wnids = make_nouns()
    root = Synset.objects.get(wnid="b00000000")
    choose = Collection.objects.create(slug="photos", name="Photos", root=root, gold_share=0)
    choose.set_classes(Synset.objects.filter(wnid__in=wnids[:2]))
    add_photos(choose, N_VOTES + N_OFFLINE + SPARE)
    kind = Collection.Kind.VERIFY
    verify = Collection.objects.create(slug="grids", name="Grids", root=root, gold_share=0, kind=kind)
    verify.set_classes(Synset.objects.filter(wnid=wnids[0]))
    add_photos(verify, (N_GRIDS + 2) * GRID)


def add_photos(collection: "Collection", count: int) -> None:
    import numpy as np
    from PIL import Image

    from labeling.intake import IncomingPicture, add_pictures

    rng = np.random.default_rng(collection.pk)

    def photo() -> bytes:
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        return file.getvalue()

    incoming = (IncomingPicture(f"{i}.jpg", photo()) for i in range(count))
    add_pictures(collection, incoming, source="a benchmark")


def _use(chromium: str, home: str) -> None:
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=quiet)
        page = browser.new_page()
        network = page.context.new_cdp_session(page)
        conditions = {
            "offline": False,
            "latency": ROUND_TRIP_MS,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        }
        network.send("Network.emulateNetworkConditions", conditions)
        report("browser", chromium=browser.version)
        page.goto(home)
        page.locator("main form[action*=photos] button").first.click()
        page.wait_for_selector("#card .choice")
        page.wait_for_timeout(3000)
        # Clicks: the one above, and one on a noun.
        _report_waits("the next picture", page.evaluate(ANSWER, N_VOTES), clicks_to_a_first_vote=2)
        _wait_for_votes(N_VOTES)
        network.send("Network.emulateNetworkConditions", conditions | {"offline": True})
        n_offline = len(_answer_offline(page))
        network.send("Network.emulateNetworkConditions", conditions)
        report(
            "votes kept after the connection came back",
            given=n_offline,
            **_wait_for_votes(N_VOTES + n_offline),
        )
        pass_quizzes()
        page.goto(f"{home}collections/grids/label/")
        page.wait_for_selector("#verify .tile")
        _report_waits("the next grid", page.evaluate(SEND, N_GRIDS), pictures=GRID)
        browser.close()


def pass_quizzes() -> None:
    """Spare the volunteer who is at work the quiz before the first grid."""
    from accounts.models import User
    from labeling import quiz
    from labeling.models import Collection

    collection = Collection.objects.get(slug="grids")
    for user in User.objects.all():
        for noun in collection.ordered_classes():
            quiz.pass_(collection, user, noun)


def _answer_offline(page: Any) -> list[float]:
    """Answer what is at hand without a connection, up to 30; pictures that are not here cannot come."""
    waits: list[float] = []
    while len(waits) < N_OFFLINE:
        page.wait_for_timeout(300)
        if page.locator("#card[aria-busy=true]").count():
            break
        page.keyboard.press("1")
        waits.append(0.0)
    return waits


def _report_waits(what: str, waits: list[float], **figures: int) -> None:
    report(
        f"from a key press to {what}",
        **figures,
        times=len(waits),
        median_ms=statistics.median(waits),
        p95_ms=statistics.quantiles(waits, n=20)[18],
        slowest_ms=max(waits),
    )


def _wait_for_votes(n: int) -> dict[str, int]:
    from labeling.models import Vote

    ends = time.monotonic() + 60
    while Vote.objects.count() < n and time.monotonic() < ends:
        time.sleep(0.2)
    votes = Vote.objects.all()
    return {
        "kept": votes.count() - N_VOTES,
        "twice": votes.count() - votes.values("question").distinct().count(),
    }


if __name__ == "__main__":
    main()
