"""A contest in a browser: its leaderboard, handing in guesses, and what becomes of them."""

import csv
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db.models import F
from playwright.sync_api import Page, expect

from competition.models import Contest, Phase, Score, Submission
from competition.scoring import score_queued
from labeling.models import Question
from labeling.splits import split_of
from tests.browser.steps import sign_in
from tests.factories import freeze_all, make_phase, make_settled_collection, make_user


@pytest.fixture
def phase(live_server) -> Phase:
    """An open phase on four test pictures, two of each of two classes, all of them public."""
    collection = make_settled_collection(n_questions=20)
    test = [q for q in collection.questions.select_related("image") if split_of(q.image.sha256) == "test"]
    for question, label in zip(test, 2 * collection.ordered_classes(), strict=True):
        Question.objects.filter(pk=question.pk).update(label=label)
    return make_phase(freeze_all(collection))


@pytest.fixture
def researcher(page: Page, live_server, phase: Phase) -> Page:
    """The page of somebody who is signed in, on the form for handing in."""
    sign_in(page, live_server, make_user())
    page.goto(f"{phase.contest.get_absolute_url()}submit/")
    return page


def download_manifest(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the manifest (CSV)").click()
    return list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))


def predictions(contest: Contest, images: list[str]) -> str:
    """Guess the first class, then the second, for each picture: right at once for one half of them."""
    guesses = ",".join(contest.snapshot.classes)
    return "".join(["image,guess_1,guess_2\n", *(f"{image},{guesses}\n" for image in images)])


def hand_in(page: Page, text: str) -> None:
    page.get_by_label("Method").fill("always the first class")
    file = {"name": "guesses.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label("File", exact=True).set_input_files([file])
    page.get_by_role("button", name="Hand in").click()


def test_the_leaderboard_is_everybodys(page, phase):
    images = [row.sha256 for row in phase.contest.snapshot.rows() if row.split == "test"]
    file = ContentFile(predictions(phase.contest, images).encode(), "guesses.csv")
    Submission.objects.submit(phase, make_user(), "always the first class", file)
    score_queued()

    page.goto("/contests/")
    page.get_by_role("link", name=phase.contest.name).click()

    row = page.get_by_role("row").filter(has_text="always the first class")
    expect(row).to_contain_text("40.0 %")  # two of four, rounded to what four pictures support
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_guesses_made_from_the_public_manifest_are_scored(researcher, phase):
    rows = download_manifest(researcher)
    test = [row for row in rows if row["split"] == "test"]
    assert {row["wnid"] for row in test} == {""}  # the labels stay hidden

    hand_in(researcher, predictions(phase.contest, [row["sha256"] for row in test]))

    expect(researcher.get_by_role("status")).to_have_text("scored")
    Score.objects.update(told=F("value"))  # on so few pictures nothing exact is told
    researcher.reload()
    error = researcher.locator("dl.facts div", has_text="Top-1 error")
    expect(error).to_contain_text("50.0 %")  # the first class is the truth of two pictures of four
    expect(researcher.locator("dl.facts div", has_text="Top-5 error")).to_contain_text("0.0 %")


def test_an_entry_stands_on_the_leaderboard_and_among_ones_own(researcher, phase):
    images = [row["sha256"] for row in download_manifest(researcher) if row["split"] == "test"]
    hand_in(researcher, predictions(phase.contest, images))

    researcher.get_by_role("link", name="Where it ranks").click()

    board = researcher.locator("section", has=researcher.get_by_role("heading", name="Leaderboard"))
    expect(board.get_by_role("row").filter(has_text="always the first class")).to_be_visible()
    mine = researcher.locator("section", has=researcher.get_by_role("heading", name="Your team"))
    expect(mine.get_by_role("row").filter(has_text="always the first class")).to_contain_text("scored")


def test_a_bad_file_is_answered_with_the_line_that_is_wrong(researcher, phase):
    images = [row["sha256"] for row in download_manifest(researcher) if row["split"] == "test"]
    good = predictions(phase.contest, images)

    hand_in(
        researcher, good.replace(f"{images[1]},{phase.contest.snapshot.classes[0]}", f"{images[1]},n00000000")
    )

    sentence = "Line 3: expected the wnid of a class or of a noun above it; found 'n00000000'."
    expect(researcher.get_by_role("alert")).to_have_text(sentence)
    expect(researcher.get_by_role("status")).to_have_text("failed")
    expect(researcher.get_by_role("link", name="Hand in again")).to_be_visible()


def test_a_stranger_who_wants_to_enter_signs_in_first_and_comes_back(page, phase):
    user = make_user(password="systema naturae")
    page.goto(phase.contest.get_absolute_url())

    page.get_by_role("link", name="Enter it").click()
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill("systema naturae")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Hand in an entry")).to_be_visible()
