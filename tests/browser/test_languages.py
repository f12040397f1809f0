"""Pages in other languages: nothing is left in English, nothing runs out of the page from right to left or in German,
and drawings stay drawings where numbers have a comma.
"""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from competition.models import Contest, Submission, Team
from labeling.models import Collection, Example
from taxonomy.models import Lemma
from tests.browser import pseudo
from tests.browser.conftest import OpenPage
from tests.browser.test_accessibility import PAGES, WHO, World, enter, visit

pytestmark = pytest.mark.any_database
WIDTHS = (320, 768, 1440)
UNMARKED = (Path(__file__).parent / "unmarked.js").read_text()
# Words that are the same in every language.
SAME = [
    "Nestwork", "WordNet", "ImageNet", "AlexNet", "ResNet", "ONNX", "PyTorch", "API", "CSV", "JSON", "GPU", "CPU",
    "SGD", "AdamW", "Muon", "ReLU", r"\b(?:perceptron|mlp|alexnet|resnet)\b",
    r"\b(?:px|[kKMGT]i?B|ms|s|min|h|pp)\b",
    r"\b(?:[0-9a-f]{8,64}|[a-z]\d{8})\b",  # hashes, and the ids of nouns
]  # fmt: skip
# What runs out of the page: the innermost elements that reach past one of its sides and are not scrolled or cut off.
RUNS_OUT = """() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const isCut = (each) => each !== document.body && each !== root &&
        (getComputedStyle(each).overflowX !== "visible" || isCut(each.parentElement));
    const isOut = (each) => {
        const box = each.getBoundingClientRect();
        return box.width && (box.left < 0 || box.right > root.clientWidth) && !isCut(each.parentElement);
    };
    const out = [...document.body.querySelectorAll("*")].filter(isOut);
    const inner = out.filter((each) => ![...each.children].some(isOut)).slice(0, 4);
    return [`${root.scrollWidth - root.clientWidth} px`, ...inner.map((each) => each.outerHTML.slice(0, 160))];
}"""
# Numbers for machines that were written for people, as 0,5.
COMMAS = """() => {
    const numbers = ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "width", "height", "min", "max",
        "step", "offset", "stroke-dasharray", "aria-valuenow", "aria-valuemin", "aria-valuemax"];
    const isBad = (text) => text !== "any" && /[^-+0-9.eE%px ]/.test(text ?? "");
    const hasBadPair = (text) => (text ?? "").split(" ").some((pair) => pair.split(",").length > 2);
    const bad = [...document.querySelectorAll("svg, svg *, progress, meter, input[type=number]")].filter((each) =>
        numbers.some((name) => isBad(each.getAttribute(name))) ||
        (!each.closest("svg") && isBad(each.getAttribute("value"))) ||
        hasBadPair(each.getAttribute("points")));
    return bad.map((each) => `a number with a comma: ${each.outerHTML.slice(0, 160)}`);
}"""


@pytest.fixture
def world(live_server) -> World:
    return World()


@pytest.fixture
def bracketed(settings, tmp_path) -> None:
    """One language more: of brackets, from right to left."""
    pseudo.write(tmp_path)
    settings.LANGUAGES = [*settings.LANGUAGES, (pseudo.CODE, "العربية")]
    settings.LOCALE_PATHS = [tmp_path, *settings.LOCALE_PATHS]


def pages_of(page: Page, world: World, who: str) -> Iterator[str]:
    for viewer, view, rows, query in PAGES:
        if viewer == who:
            assert visit(page, world.address(view, rows) + query) == 200, (view, rows)
            yield f"{view} {rows} {query}"


def unmarked(page: Page) -> list[str]:
    """Return what stands on this page in no brackets, with where it stands."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    return [f"{where}: {text!r}" for where, text in page.evaluate(UNMARKED, [*names_of_things(), *SAME])]


def names_of_things() -> list[str]:
    """Return patterns of what people called things, which the title of a page or an option cannot mark as such."""
    names = chain(
        Collection.objects.values_list("name", flat=True),
        Contest.objects.values_list("name", flat=True),
        Team.objects.values_list("name", flat=True),
        Lemma.objects.values_list("text", flat=True),
        Submission.objects.values_list("method", flat=True),
        Example.objects.values_list("note", flat=True),
        (user.display_name for user in User.objects.all()),
    )
    return [re.escape(name) for name in sorted(set(names), key=len, reverse=True) if name]


def running_out(page: Page) -> Iterator[str]:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if out := page.evaluate(RUNS_OUT):
            yield f"{width} px: {out}"


# One walk for all of this, since the world takes longer to make than a page to look at.
def test_every_word_is_translated_no_page_runs_out_and_no_drawing_has_a_comma(
    open_page: OpenPage, live_server, bracketed, world
):
    found = []
    for who in WHO:
        page = enter(open_page, live_server, world, who, locale=pseudo.CODE)
        for name in pages_of(page, world, who):
            assert page.evaluate("document.documentElement.dir") == "rtl"
            faults = [*unmarked(page), *page.evaluate(COMMAS), *running_out(page)]
            found += [f"{who} {name}: {each}" for each in faults]
        page.context.close()
        page = enter(open_page, live_server, world, who, locale="de")
        for name in pages_of(page, world, who):
            assert page.evaluate("document.documentElement.lang") == "de"
            found += [f"{who} {name}, in German: {each}" for each in running_out(page)]
        page.context.close()
    assert not found, "\n".join(found)


def test_the_chooser_is_a_form_that_needs_no_script_and_leads_back(open_page: OpenPage, live_server):
    page = open_page(java_script_enabled=False)
    page.goto("/nouns/?q=cat")

    page.get_by_role("button", name="Deutsch").click()

    expect(page).to_have_url(re.compile(r"/nouns/\?q=cat$"))
    expect(page.get_by_role("link", name="Sammlungen")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("link", name="Collections")).to_be_visible()
