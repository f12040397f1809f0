"""Headings, titles and the first tab stop of every page, and the pages that move by themselves."""

from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from playwright.sync_api import Page, expect

from accounts.models import ApiToken, User
from competition.models import Phase, Submission
from competition.scoring import score_queued
from labeling.models import Comment, Lease
from labeling.receiving import receive, take_in_waiting
from labeling.talking import flag, say
from tests.browser.steps import sign_in
from tests.factories import (
    make_collection,
    make_phase,
    make_picture,
    make_run,
    make_settled_collection,
    make_snapshot,
    make_user,
    make_vote,
)
from tests.labeling.uploads import zipped
from training.models import Run

A_POLL_MS = 6000  # longer than any part of a page waits before it asks for itself again


def add_epochs(run: Run, *numbers: int) -> None:
    for number in numbers:
        run.epochs.create(
            number=number,
            train_loss=2 / number,
            val_loss=2.5 / number,
            val_top1_error=0.5 / number,
            val_top5_error=0.1 / number,
            learning_rate=0.1,
            pictures_per_second=1000.0,
            seconds=1.5,
        )


def submit_all_first_class(phase: Phase, author: User) -> Submission:
    snapshot = phase.contest.snapshot
    images = [row.sha256 for row in snapshot.rows() if row.split == "test"]
    lines = ["image,guess_1\n", *(f"{image},{snapshot.classes[0]}\n" for image in images)]
    file = ContentFile("".join(lines).encode(), "guesses.csv")
    submission = Submission.objects.submit(phase, author, "always the first class", file)
    score_queued()
    return submission


@pytest.fixture
def staff(live_server) -> User:
    """Somebody to whom every part of every page is shown."""
    return make_user(is_staff=True)


@pytest.fixture
def addresses(staff: User) -> dict[str, str]:
    """Every kind of page by its name, each with something on it."""
    snapshot = make_snapshot(n_questions=20)
    collection = make_collection(n_questions=3)
    make_vote(collection, None, staff)
    ApiToken.objects.create(user=staff, name="a script with a rather long name, as people give")
    run = make_run(snapshot, status="running")
    add_epochs(run, 1, 2)
    phase = make_phase(snapshot)
    submission = submit_all_first_class(phase, staff)
    contest = phase.contest.get_absolute_url()
    noun = snapshot.collection.ordered_classes()[0]
    picture = snapshot.collection.questions.examples().first().image
    for text in ("Is it a cat?", "https://example.org/" + "x" * 90):
        comment = say(picture, staff, Comment(text=text))
        say(noun, staff, Comment(text=text))
    flag(comment, make_user())
    photos = zipped({f"{'long' * 20}.txt": b"buy milk", "a.png": make_picture()})
    intake = receive(
        snapshot.collection, [SimpleUploadedFile(f"{'long' * 20}.zip", photos)], staff, source="a trip"
    )
    take_in_waiting()
    snapshot.collection.reports.create(image=picture, reporter=make_user(), reason="mine", note="w" * 90)
    return {
        "pictures": f"{snapshot.collection.get_absolute_url()}pictures/",
        "upload": intake.get_absolute_url(),
        "home": "/",
        "collections": "/collections/",
        "collection": snapshot.collection.get_absolute_url(),
        "label": f"{collection.get_absolute_url()}label/",
        "nouns": "/nouns/",
        "found nouns": f"/nouns/?q={noun.name}",
        "noun": noun.get_absolute_url(),
        "snapshot": snapshot.get_absolute_url(),
        "runs": "/runs/",
        "run": run.get_absolute_url(),
        "contests": "/contests/",
        "contest": contest,
        "leaderboard": f"{contest}leaderboard/",
        "submit": f"{contest}submit/",
        "submission": submission.get_absolute_url(),
        "picture": picture.get_about_url(),
        "report": f"/pictures/{picture.sha256}/report/",
        "reports": f"{snapshot.collection.get_absolute_url()}reports/",
        "talk": f"/nouns/{noun.wnid}/talk/",
        "flagged": "/comments/flagged/",
        "board": "/board/",
        "collection's board": f"{snapshot.collection.get_absolute_url()}board/",
        "account": "/account/",
        "my votes": "/account/votes/",
        "forget": "/account/forget/",
        "sign in": "/sign-in/",
        "sign up": "/sign-up/",
        "404": "/nowhere/",
    }


def visit(page: Page, addresses: dict[str, str], complaints: list[str]) -> Iterator[str]:
    """Go to each page and yield its name. That the browser complains of the missing one is right."""
    for name, address in addresses.items():
        page.goto(address)
        yield name
    complaints[:] = [complaint for complaint in complaints if "/nowhere/" not in complaint]


def test_every_page_has_one_main_heading_and_a_title_of_its_own(
    page, live_server, staff, addresses, complaints
):
    sign_in(page, live_server, staff)

    found = {name: (page.locator("h1").count(), page.title()) for name in visit(page, addresses, complaints)}

    assert {name: n for name, (n, _title) in found.items() if n != 1} == {}
    assert {name: title for name, (_n, title) in found.items() if not title.endswith(" · Nestwork")} == {}
    assert len({title for _n, title in found.values()}) == len(found)


def test_the_first_tab_stop_of_every_page_is_the_skip_link_with_a_ring_around_it(
    page, live_server, staff, addresses, complaints
):
    sign_in(page, live_server, staff)

    forms = {"sign in", "sign up"}  # these begin in their first field
    others = {name: address for name, address in addresses.items() if name not in forms}
    for name in visit(page, others, complaints):
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        expect(skip, name).to_be_focused()
        expect(skip, name).to_be_in_viewport(ratio=1)
        expect(skip, name).to_have_css("outline-style", "solid")
        expect(skip, name).to_have_css("outline-width", "2px")


@pytest.mark.parametrize("address", ["/sign-in/", "/sign-up/"])
def test_a_form_for_strangers_begins_in_its_first_field_with_a_ring_around_it(page, live_server, address):
    page.goto(address)

    field = page.get_by_label("Username")
    expect(field).to_be_focused()
    expect(field).to_have_css("outline-style", "solid")


def test_the_skip_link_leads_past_the_navigation(page, live_server):
    page.goto("/")

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_the_dark_theme_is_dark_and_the_light_one_light(open_page, live_server):
    def lightness(scheme: str) -> int:
        page = open_page(color_scheme=scheme)
        page.goto("/")
        return page.evaluate(
            "Math.max(...getComputedStyle(document.documentElement).backgroundColor.match(/[0-9]+/g))"
        )

    assert lightness("light") > 200
    assert lightness("dark") < 50


def test_a_collections_progress_moves_while_votes_come_in(page, live_server):
    collection = make_collection(n_questions=5)
    page.clock.install()
    page.goto(collection.get_absolute_url())
    expect(page.locator("#progress")).to_contain_text("from 0 votes by 0 volunteers")
    for annotator in (make_user(), make_user()):
        [lease] = Lease.objects.hand_out(collection, annotator, 1)
        lease.cast(None)

    page.clock.fast_forward(A_POLL_MS)

    expect(page.locator("#progress")).to_contain_text("from 2 votes by 2 volunteers")


def test_a_nouns_page_loads_its_pictures(page, live_server):
    collection = make_settled_collection(n_questions=10)
    noun = collection.ordered_classes()[0]

    page.goto(noun.get_absolute_url())

    pictures = page.get_by_role("img", name=f"Picture labelled “{noun.name}”")
    n_shown = collection.questions.filter(label=noun, image__split="train").count()  # others may be a secret
    expect(pictures).to_have_count(n_shown)
    expect(pictures.first).to_have_js_property("naturalWidth", 8)


def test_a_noun_is_found_by_the_beginning_of_its_name(page, live_server):
    make_collection(names=("catfish", "dog"))
    page.goto("/nouns/")

    page.get_by_label("Look up a noun").fill("catf")
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="catfish")).to_be_visible()
    expect(page.get_by_role("link", name="dog")).not_to_be_visible()


def test_a_runs_curves_grow_while_it_trains_and_rest_when_it_has_ended(page, live_server):
    run = make_run(status="running")
    add_epochs(run, 1, 2)
    page.clock.install()
    page.goto(run.get_absolute_url())
    error = page.locator(".curve", has_text="Error on the validation split")
    points = error.locator("polyline").last
    expect(points).to_have_attribute("points", error_points(run, 1, 2))

    add_epochs(run, 3)
    page.clock.fast_forward(A_POLL_MS)
    expect(points).to_have_attribute("points", error_points(run, 1, 2, 3))
    expect(page.locator("#live")).to_contain_text(f"epoch 3 of {run.n_epochs}")

    Run.objects.filter(pk=run.pk).update(status="finished")
    page.clock.fast_forward(A_POLL_MS)
    expect(page.get_by_role("status")).to_have_text("finished")
    expect(page.locator("#live[hx-get]")).to_have_count(0)


def test_the_figures_of_a_run_stay_open_and_keep_the_focus_while_they_grow(page, live_server):
    run = make_run(status="running")
    page.clock.install()
    page.goto(run.get_absolute_url())
    expect(page.get_by_text("The same in figures")).not_to_be_visible()
    add_epochs(run, 1)
    page.clock.fast_forward(A_POLL_MS)
    page.get_by_text("The same in figures").click()
    figures = page.get_by_role("region", name="Figures of each epoch")
    figures.focus()

    add_epochs(run, 2)
    page.clock.fast_forward(A_POLL_MS)

    expect(figures.get_by_role("rowheader")).to_have_text(["1", "2"])
    expect(figures).to_be_focused()


def error_points(run: Run, *numbers: int) -> str:
    """Where the top-1 errors of add_epochs() lie: the first is the highest, at the top of the drawing."""
    return " ".join(f"{600 * (n - 1) / (run.n_epochs - 1):.1f},{200 * (1 - 1 / n):.1f}" for n in numbers)


def test_a_run_without_an_epoch_says_what_will_be_there(page, live_server):
    page.goto(make_run(status="queued").get_absolute_url())

    expect(page.get_by_text("After the first epoch, its loss and error are drawn here.")).to_be_visible()
