"""What a page may cost its reader, none of it a time: bytes, requests, elements, and what moves as it loads.

Chromium itself says so, in what it keeps of each page (https://www.w3.org/TR/resource-timing/). There a file that had
come before counts like one that has to come, so that this is what an empty cache costs. Bytes are those of bodies as
they were sent, pictures left out.
"""

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page

MOST = {
    "bytes": 150_000,
    "requests": 12,
    "elements": 1_500,  # beyond as many Lighthouse warns; https://developer.chrome.com/docs/lighthouse/performance/dom-size
    "shift": 0.1,  # Cumulative Layout Shift, of which this much is good: https://web.dev/articles/cls
}
# What is waited for before anything is painted: the one style sheet.
BLOCKING = ("nestwork",)

COST = """() => new Promise((resolve) => {
    const [page] = performance.getEntriesByType("navigation");
    const all = performance.getEntriesByType("resource");
    const name = (each) => new URL(each.name).pathname;
    const isPicture = (each) => ["img", "image", "icon"].includes(each.initiatorType) || /[.]svg$/.test(name(each));
    const files = all.filter((each) => !isPicture(each));
    let shift = 0;
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) if (!each.hadRecentInput) shift += each.value;
    }).observe({ type: "layout-shift", buffered: true });
    // The observer is told of what has been before the next task.
    setTimeout(() => resolve({
        bytes: [page, ...files].reduce((sum, each) => sum + each.encodedBodySize, 0),
        requests: 1 + files.length,
        elements: document.querySelectorAll("*").length,
        shift,
        blocking: files.filter((each) => each.renderBlockingStatus === "blocking").map(name),
        files: [page, ...files].map((each) => `${each.encodedBodySize} ${name(each)}`),
        unsized: [...document.images]
            .filter((each) => each.checkVisibility() && !(each.hasAttribute("width") && each.hasAttribute("height")))
            .filter((each) => getComputedStyle(each).aspectRatio === "auto")
            .map((each) => each.outerHTML.slice(0, 120)),
    }), 0);
})"""


def cost(page: Page) -> dict[str, Any]:
    """Return what this page has cost by now, as it was loaded."""
    return page.evaluate(COST)


def beyond(spent: dict[str, Any]) -> Iterator[str]:
    """Yield in words what of it is too much."""
    for what, most in MOST.items():
        if spent[what] > most:
            yield f"{what}: at most {most}, found {spent[what]:.5g}; {', '.join(spent['files'])}"
    for name in spent["blocking"]:
        if not name.rpartition("/")[2].startswith(BLOCKING):
            yield f"nothing is painted before {name} is there"
    for picture in spent["unsized"]:
        yield f"nobody knows how large it is before it is there: {picture}"
