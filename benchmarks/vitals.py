"""What a reader with a slow phone waits for, by the Web Vitals, in Chromium. Prints one JSON object a line.

    python -m benchmarks.vitals [--turns 5] [--chromium /usr/bin/chromium]

The site runs as it is deployed, gunicorn and WhiteNoise over SQLite, in a folder that is thrown away. The processor
is throttled four times and the network is a slow 4G, both as in Lighthouse's mobile runs. Each page is opened some
times with an empty cache; medians are printed, and what of them is beyond its budget. Then a volunteer names
pictures, judges a grid, walks the tree and looks a noun up, all by key; of each the longest wait for a frame is
printed. The budgets are those that web.dev calls good: https://web.dev/articles/vitals.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING

from benchmarks.browser import add_photos, pass_quizzes
from benchmarks.reporting import report
from benchmarks.staging import a_site, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BUDGETS = {"lcp_ms": 2500, "tbt_ms": 200, "inp_ms": 200, "cls": 0.1, "bytes": 150_000}
CPU_SLOWDOWN = 4
# https://github.com/GoogleChrome/lighthouse/blob/main/core/config/constants.js, mobileSlow4G
SLOW_4G = {
    "offline": False,
    "latency": 150 * 3.75,
    "downloadThroughput": 1.6 * 1024 * 1024 / 8 * 0.9,
    "uploadThroughput": 750 * 1024 / 8 * 0.9,
}
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
N_PICTURES = 100
A_REST_MS = 1500  # as long as a quick volunteer looks at a picture
SETTLED_MS = 2000  # without a long task or a shift, after the last request

# The browser keeps these by itself; who asks late is told of what has been. Only interactions are heard as they come.
LISTEN = """
    window.waits = new Map();
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) {
            const [id, before] = [each.interactionId, waits.get(each.interactionId) ?? 0];
            if (id) waits.set(id, Math.max(before, each.duration));
        }
    }).observe({ type: "event", durationThreshold: 16 });
    window.kept = { "largest-contentful-paint": [], "layout-shift": [], longtask: [], paint: [] };
    for (const [type, entries] of Object.entries(kept)) {
        new PerformanceObserver((list) => entries.push(...list.getEntries())).observe({ type, buffered: true });
    }
"""
READ = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const files = performance.getEntriesByType("resource").filter((each) => each.initiatorType !== "img");
    const painted = kept.paint.find((each) => each.name === "first-contentful-paint")?.startTime ?? 0;
    return {
        fcp_ms: painted,
        lcp_ms: Math.max(0, ...kept["largest-contentful-paint"].map((each) => each.startTime)),
        tbt_ms: kept.longtask.filter((each) => each.startTime + each.duration > painted)
            .reduce((sum, each) => sum + Math.max(0, each.duration - 50), 0),
        cls: kept["layout-shift"].filter((each) => !each.hadRecentInput).reduce((sum, each) => sum + each.value, 0),
        bytes: [page, ...files].reduce((sum, each) => sum + each.encodedBodySize, 0),
        requests: 1 + files.length,
        elements: document.querySelectorAll("*").length,
    };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vitals", description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Playwright runs a loop in this thread, and nothing else does.
        os.environ |= {"STATIC_ROOT": folder, "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
        with a_site():
            _measure(options.chromium, options.turns)


def _measure(chromium: str, n_turns: int) -> None:
    from django.core.management import call_command
    from django.db import connection
    from playwright.sync_api import sync_playwright

    call_command("collectstatic", verbosity=0, interactive=False)
    root = _fill()
    connection.close()
    with running_server() as port, sync_playwright() as playwright:
        home = f"http://127.0.0.1:{port}"
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        report("browser", chromium=browser.version, load=os.getloadavg()[0])
        _warm_up(browser, home)
        for what, address in _pages(root):
            _open(browser, home, what, address, n_turns)
        for slug in ("photos", "thousand"):
            _label(browser, home, slug, n_turns)
        _judge(browser, home, n_turns)
        _look_up(browser, home)
        browser.close()


def _fill() -> str:
    """Make a tree of a thousand nouns, and collections of ten, of all and of one of them; return its root's wnid."""
    from labeling import tallying
    from labeling.models import Collection, Question
    from taxonomy.importing import import_synsets
    from taxonomy.models import Synset
    from taxonomy.records import Lemma, SynsetRecord

    paths = [path for depth in range(4) for path in product(range(10), repeat=depth)]
    import_synsets(
        [
            SynsetRecord(
                _wnid(path),
                (Lemma(" ".join(["thing", *map(str, path)]), 1),),
                (_wnid(path[:-1]),) if path else (),
                "what it means, in a few words",
            )
            for path in paths
        ],
        reason="a benchmark",
    )
    root = Synset.objects.get(wnid=_wnid(()))
    leaves = [_wnid(path) for path in paths if len(path) == 3]
    for slug, kind, n_classes in (
        ("photos", "choose", 10),
        ("thousand", "choose", 1000),
        ("grids", "verify", 1),
    ):
        collection = Collection.objects.create(
            slug=slug, name=slug.title(), root=root, gold_share=0, kind=kind
        )
        collection.set_classes(Synset.objects.filter(wnid__in=leaves[:n_classes]))
        add_photos(collection, N_PICTURES)
    photos = Question.objects.filter(collection__slug="photos").order_by("pk").values_list("pk", flat=True)
    Question.objects.filter(pk__in=list(photos[: N_PICTURES // 3])).update(
        state="settled", label=Synset.objects.get(wnid=leaves[0]), confidence=0.99, open_places=0
    )
    tallying.tally()
    return root.wnid


def _wnid(path: tuple[int, ...]) -> str:
    return "n" + "".join(map(str, path)).ljust(8, "x")


def _pages(root: str) -> Iterator[tuple[str, str]]:
    """Yield what a page is, and its address."""
    yield "home", "/"
    yield "collections", "/collections/"
    yield "collection", "/collections/photos/"
    yield "board", "/board/"
    yield "nouns", "/nouns/"
    yield "noun", f"/nouns/{_wnid((0, 0, 0))}/"
    yield "noun of a thousand", f"/nouns/{root}/"
    yield "sign up", "/sign-up/"


@contextmanager
def _a_phone(browser: "Browser", home: str) -> Iterator["Page"]:
    """Open a page of a new visitor, whose processor and network are slow."""
    context = browser.new_context(
        base_url=home,
        viewport={"width": 412, "height": 823},
        device_scale_factor=1.75,
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.add_init_script(LISTEN)
    slowly = context.new_cdp_session(page)
    slowly.send("Network.enable")
    slowly.send("Network.emulateNetworkConditions", SLOW_4G)
    slowly.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    yield page
    context.close()


def _warm_up(browser: "Browser", home: str) -> None:
    """Have each process of the server answer something: the first answer takes it a second."""
    with browser.new_context(base_url=home) as context:
        for _ask in range(20):
            context.request.get("/")


def _settle(page: "Page") -> dict[str, float]:
    """Wait until all is there, and return what the browser has kept of it."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLED_MS)
    found: dict[str, float] = page.evaluate(READ)
    return found


def _open(browser: "Browser", home: str, what: str, address: str, n_turns: int) -> None:
    found = []
    for _turn in range(n_turns):
        with _a_phone(browser, home) as page:
            page.goto(address)
            found.append(_settle(page))
    _tell(what, **{name: statistics.median(each[name] for each in found) for name in found[0]})


def _label(browser: "Browser", home: str, slug: str, n_turns: int) -> None:
    """Open a collection's first picture as a guest does, then name pictures by key, or walk down to a noun."""
    found = []
    for _turn in range(n_turns):
        with _a_phone(browser, home) as page:
            page.goto(f"/collections/{slug}/")
            page.get_by_role("button", name="Name a picture").click()
            page.wait_for_selector("#card .choice")
            found.append(_settle(page) | _press(page, "1" * 9))
    what = "naming one of ten" if slug == "photos" else "walking to one of a thousand"
    _tell(what, keys=9, **{name: statistics.median(each[name] for each in found) for name in found[0]})


def _judge(browser: "Browser", home: str, n_turns: int) -> None:
    """Open a grid as somebody who knows its noun, tick pictures and send it, by key."""
    found = []
    for _turn in range(n_turns):
        with _a_phone(browser, home) as page:
            page.goto("/collections/photos/")
            page.get_by_role("button", name="Name a picture").click()
            page.wait_for_selector("#card .choice")
            pass_quizzes()
            page.goto("/collections/grids/label/")
            page.wait_for_selector("#verify .tile")
            keys = ["Space", "ArrowRight", "Space", "ArrowDown", "Space", "Enter"]
            found.append(_settle(page) | _press(page, keys))
    _tell(
        "judging a grid",
        keys=6,
        **{name: statistics.median(each[name] for each in found) for name in found[0]},
    )


def _look_up(browser: "Browser", home: str) -> None:
    """Walk the tree of nouns by key, and type a noun's name."""
    with _a_phone(browser, home) as page:
        page.goto("/nouns/")
        _settle(page)
        page.get_by_role("treeitem").first.focus()
        _tell("walking the tree", **_press(page, ["ArrowRight", "ArrowDown"] * 4))
        page.get_by_label("Look up a noun").focus()
        _tell("typing a name", **_press(page, "thing 1"))


def _press(page: "Page", keys: Iterable[str]) -> dict[str, float]:
    """Press keys at a quick reader's pace, and return the longest time from one to the next frame that shows it."""
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(A_REST_MS)
    return {"inp_ms": page.evaluate("Math.max(0, ...waits.values())")}


def _tell(what: str, **figures: float) -> None:
    beyond = [name for name, most in BUDGETS.items() if figures.get(name, 0) > most]
    report(what, **figures, beyond=beyond)


if __name__ == "__main__":
    main()
