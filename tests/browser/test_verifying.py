"""A grid in a browser: by keyboard alone, by mouse, without a connection and without JavaScript; and its quiz."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from labeling.models import GRID, Collection, Lease, QuizPass, Vote
from tests.browser.steps import eventually, sign_in, tab_to
from tests.browser.test_labelling import forgive
from tests.factories import make_user
from tests.labeling.grids import make_examples, make_verifying

LOOK_MS = 700  # static/verify.js sends no grid that has been shown for less
A_WHILE_MS = 20_000  # longer than verify.js ever waits before it tries again
PHONE = {"width": 320, "height": 640}


@pytest.fixture
def volunteer(live_server) -> User:
    return make_user()


@pytest.fixture
def page(page: Page) -> Page:
    """A page whose clock runs by itself and can be moved on."""
    page.clock.install()
    return page


def start(page: Page, live_server, volunteer: User, n_pictures: int, **fields) -> Collection:
    """Open the grid of a collection whose quizzes this volunteer has passed."""
    collection = make_verifying(n_pictures, known_to=volunteer, **fields)
    sign_in(page, live_server, volunteer)
    page.goto(f"{collection.get_absolute_url()}label/")
    return collection


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tile(page: Page, number: int) -> Locator:
    """The box of a picture, counted from 1."""
    return page.get_by_role("checkbox", name=re.compile(rf"^Picture {number} shows"))


def ticked(page: Page) -> list[int]:
    boxes = page.locator(".tile [name=present]").evaluate_all("boxes => boxes.map((box) => box.checked)")
    return [number for number, is_ticked in enumerate(boxes, start=1) if is_ticked]


def pictures(page: Page) -> list[str]:
    return page.locator(".tile img").evaluate_all("images => images.map((image) => image.src)")


def send(page: Page) -> None:
    page.clock.fast_forward(LOOK_MS)
    press(page, "Enter")


def answers() -> list[str]:
    return sorted(Vote.objects.values_list("answer", flat=True))


def wait_for_the_grid_ahead(n_leases: int, page: Page) -> None:
    eventually(page, Lease.objects.count, n_leases)
    page.wait_for_timeout(100)  # its answer is on the way


# --- By keyboard -------------------------------------------------------------------------------------------


def test_a_grid_is_judged_and_sent_by_keyboard_alone(page, live_server, volunteer):
    start(page, live_server, volunteer, 12)
    expect(tile(page, 1)).to_be_focused()

    press(page, "Space", "ArrowRight", "u", "End", "Space")

    expect(page.get_by_role("button", name="Send 12 answers: 2 cat, 1 unsure")).to_be_visible()
    send(page)
    eventually(page, answers, ["absent"] * 9 + ["cannot_tell"] + ["present"] * 2)
    expect(page.locator("#count")).to_have_text("12")


def test_arrows_move_by_the_columns_that_there_are(page, live_server, volunteer):
    page.set_viewport_size({"width": 1440, "height": 900})
    start(page, live_server, volunteer, 20)  # eight beside each other: the last row has four

    press(page, "ArrowDown", "ArrowRight")
    expect(tile(page, 10)).to_be_focused()
    press(page, "ArrowUp")
    expect(tile(page, 2)).to_be_focused()
    press(page, "ArrowUp")
    expect(tile(page, 2)).to_be_focused()
    press(page, "End", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown")
    expect(tile(page, 20)).to_be_focused()
    press(page, "ArrowDown")
    expect(tile(page, 20)).to_be_focused()
    press(page, "Home")
    expect(tile(page, 1)).to_be_focused()


def test_shift_and_arrows_tick_a_range_and_leave_what_was_ticked_before(page, live_server, volunteer):
    start(page, live_server, volunteer, 12)
    press(page, "End", "Space", "Home")

    press(page, "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowLeft")

    assert ticked(page) == [1, 2, 3, 12]


def test_shift_and_a_click_tick_a_range(page, live_server, volunteer):
    start(page, live_server, volunteer, 12)
    page.locator(".tile .shows").nth(2).click()

    page.locator(".tile .shows").nth(5).click(modifiers=["Shift"])

    assert ticked(page) == [3, 4, 5, 6]


def test_one_key_ticks_all_and_none_but_what_one_is_unsure_of(page, live_server, volunteer):
    start(page, live_server, volunteer, 4)

    press(page, "?", "a")
    assert ticked(page) == [2, 3, 4]
    expect(page.get_by_role("status").first).to_have_text("3 ticked, 1 unsure.")
    press(page, "a")
    assert ticked(page) == []


def test_a_tick_and_unsure_exclude_each_other(page, live_server, volunteer):
    start(page, live_server, volunteer, 2)
    unsure = page.get_by_role("checkbox", name="Picture 1: I cannot tell")

    press(page, "Space", "u")
    expect(tile(page, 1)).not_to_be_checked()
    expect(unsure).to_be_checked()
    press(page, "Space")
    expect(tile(page, 1)).to_be_checked()
    expect(unsure).not_to_be_checked()


def test_one_looks_closer_goes_on_to_the_next_and_comes_back_by_keys(page, live_server, volunteer):
    start(page, live_server, volunteer, 4)
    closer = page.get_by_role("dialog")

    press(page, "z", "ArrowRight")
    expect(closer.get_by_text("Picture 2 of 4")).to_be_visible()
    expect(page.locator("#look-picture")).to_have_js_property("naturalWidth", 8)
    press(page, "Space")
    expect(closer.get_by_text("Ticked: it shows it")).to_be_visible()
    press(page, "Escape")

    expect(closer).not_to_be_visible()
    expect(tile(page, 2)).to_be_focused()
    assert ticked(page) == [2]


def test_the_examples_are_one_key_away(page, live_server, volunteer):
    collection = start(page, live_server, volunteer, 20)
    make_examples(collection, [True, False])
    page.reload()
    example = page.get_by_role("img", name="A picture that only seems to show cat")
    expect(example).not_to_be_visible()

    press(page, "e")

    expect(example).to_be_visible()


def test_the_picture_in_focus_can_be_reported(page, live_server, volunteer):
    start(page, live_server, volunteer, 4)

    press(page, "ArrowRight")

    sha256 = pictures(page)[1].split("/")[4]
    report = page.get_by_role("link", name="Report the picture in focus")
    expect(report).to_have_attribute("href", re.compile(f"/pictures/{sha256}/report/"))


# --- Sending -----------------------------------------------------------------------------------------------


def test_the_next_grid_is_there_without_a_request_for_its_pictures(page, live_server, volunteer):
    start(page, live_server, volunteer, 2 * GRID)
    first = pictures(page)
    wait_for_the_grid_ahead(2 * GRID, page)
    page.wait_for_load_state("networkidle")
    fetched = []
    page.on("request", lambda request: fetched.append(request.url) if "/pictures/" in request.url else None)

    send(page)

    expect(tile(page, 1)).to_be_focused()
    assert set(pictures(page)).isdisjoint(first)
    assert fetched == []
    eventually(page, Vote.objects.count, GRID)


def test_enter_pressed_twice_at_once_sends_one_grid(page, live_server, volunteer):
    start(page, live_server, volunteer, 2 * GRID)
    wait_for_the_grid_ahead(2 * GRID, page)
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)  # both presses fall within LOOK_MS

    press(page, "Enter", "Enter")

    page.clock.resume()
    page.clock.fast_forward(A_WHILE_MS)
    eventually(page, Vote.objects.count, GRID)
    expect(page.locator("#count")).to_have_text(str(GRID))


def test_a_button_pressed_twice_sends_one_grid(page, live_server, volunteer):
    start(page, live_server, volunteer, GRID + 5)
    wait_for_the_grid_ahead(GRID + 5, page)
    page.clock.fast_forward(LOOK_MS)

    page.get_by_role("button", name="Send").dblclick()

    eventually(page, Vote.objects.count, GRID)
    expect(page.get_by_role("button", name="Send 5 answers")).to_be_visible()


def test_answers_given_without_a_connection_arrive_once_each_when_it_is_back(
    page, live_server, volunteer, complaints
):
    start(page, live_server, volunteer, GRID + 5)
    wait_for_the_grid_ahead(GRID + 5, page)
    page.context.set_offline(True)
    press(page, "Space")
    send(page)
    expect(page.get_by_role("button", name="Send 5 answers")).to_be_visible()
    send(page)
    expect(page.get_by_text("The connection is lost.")).to_be_visible()
    assert Vote.objects.count() == 0

    page.context.set_offline(False)

    eventually(page, Vote.objects.values("question").distinct().count, GRID + 5)
    page.wait_for_url("**/label/?noun=*")
    expect(page.get_by_role("heading", name="dog")).to_be_visible()
    assert Vote.objects.filter(answer="present").count() == 1
    assert Vote.objects.count() == GRID + 5
    assert page.evaluate("localStorage.length") == 0
    forgive(complaints, "net::ERR_INTERNET_DISCONNECTED")


def test_a_page_that_is_loaded_again_shows_the_same_grid_with_its_ticks(page, live_server, volunteer):
    start(page, live_server, volunteer, 2 * GRID)
    wait_for_the_grid_ahead(2 * GRID, page)
    first = pictures(page)
    press(page, "Space", "End", "Space")

    page.reload()

    assert pictures(page) == first
    assert ticked(page) == [1, GRID]


def test_after_loading_again_the_grid_ahead_is_still_on_loan(page, live_server, volunteer):
    start(page, live_server, volunteer, 2 * GRID)
    wait_for_the_grid_ahead(2 * GRID, page)

    page.reload()
    page.wait_for_load_state("networkidle")
    wait_for_the_grid_ahead(2 * GRID, page)
    for n_sent in (GRID, 2 * GRID):
        page.clock.fast_forward(LOOK_MS)
        press(page, "Enter")
        eventually(page, Vote.objects.count, n_sent)


def test_leaving_the_page_gives_the_grid_ahead_back(page, live_server, volunteer):
    start(page, live_server, volunteer, 2 * GRID)
    wait_for_the_grid_ahead(2 * GRID, page)

    page.goto("about:blank")

    eventually(page, Lease.objects.count, GRID)


def test_pictures_whose_loan_ran_out_are_told_kindly(page, live_server, volunteer):
    start(page, live_server, volunteer, 5)
    page.wait_for_load_state("networkidle")
    Lease.objects.all().delete()

    send(page)

    expect(page.get_by_text("open for too long and went to others")).to_be_visible()
    expect(page.locator("#count")).to_have_text("0")
    eventually(page, Lease.objects.count, 5)
    assert not Vote.objects.exists()


def test_behind_a_noun_comes_the_next_and_in_the_end_an_honest_word(page, live_server, volunteer):
    start(page, live_server, volunteer, 3)

    send(page)
    expect(page.get_by_role("heading", name="dog")).to_be_visible()
    expect(page.get_by_role("heading", name="cat")).not_to_be_visible()
    send(page)

    expect(page.get_by_role("heading", name="Nothing is left for you here")).to_be_visible()
    expect(page.get_by_text("You have judged 6 pictures")).to_be_visible()


def test_another_noun_is_one_press_away(page, live_server, volunteer):
    start(page, live_server, volunteer, 3)

    page.get_by_role("button", name="Another noun").click()

    expect(page.get_by_role("heading", name="dog")).to_be_visible()
    assert not Vote.objects.exists()


# --- The quiz ----------------------------------------------------------------------------------------------


def key_of(page: Page, meaning: str) -> str:
    """Go from a noun's meaning to the questions about it; return the key of this meaning there."""
    expect(page.locator("#ask")).to_be_focused()  # a page takes its autofocus only when it is first painted
    press(page, "Enter")
    page.wait_for_url("**/?ask")
    texts = page.locator("#quiz fieldset").first.locator("label").all_inner_texts()
    return str(next(number for number, text in enumerate(texts, start=1) if meaning in text))


def test_a_newcomer_passes_the_quiz_by_keys_and_sees_the_grid(page):
    collection = make_verifying(20)
    make_examples(collection, [True])
    page.goto(collection.get_absolute_url())
    page.get_by_role("button", name="Look over pictures").click()
    expect(page.get_by_role("heading", name="cat")).to_be_visible()

    press(page, key_of(page, "what cat means"), "1", "Enter")

    expect(tile(page, 1)).to_be_focused()
    assert QuizPass.objects.get().annotator == User.objects.get()


def test_a_wrong_answer_is_explained_and_can_be_tried_again(page, live_server, volunteer):
    collection = make_verifying(1)
    sign_in(page, live_server, volunteer)
    page.goto(f"{collection.get_absolute_url()}label/")

    press(page, key_of(page, "what dog means"), "Enter")
    expect(page.get_by_role("alert")).to_contain_text("What you chose is the meaning of dog")
    press(page, key_of(page, "what cat means"), "Enter")

    expect(tile(page, 1)).to_be_focused()


# --- Without JavaScript, and on a phone --------------------------------------------------------------------


def test_without_javascript_the_quiz_and_a_grid_can_be_answered(open_page):
    page = open_page(java_script_enabled=False)
    collection = make_verifying(3)
    page.goto(collection.get_absolute_url())
    page.get_by_role("button", name="Look over pictures").click()
    page.get_by_role("link", name="Ask me about it").click()
    page.get_by_role("radio", name="what cat means").check()
    page.get_by_role("button", name="Check my answers").click()

    tile(page, 1).check(force=True)
    page.get_by_role("checkbox", name="Picture 2: I cannot tell").check(force=True)
    page.get_by_role("button", name="Send 3 answers").click()

    expect(page.get_by_text("3 answers are kept.")).to_be_visible()
    assert answers() == ["absent", "cannot_tell", "present"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [320, 768, 1440])
def test_no_page_of_verifying_scrolls_sideways(open_page, live_server, volunteer, width_px, scheme):
    page = open_page(viewport={"width": width_px, "height": 640}, color_scheme=scheme)
    collection = make_verifying(20)
    make_examples(collection, [True, False])
    sign_in(page, live_server, volunteer)
    quiz = f"{collection.get_absolute_url()}quiz/{collection.ordered_classes()[0].wnid}/"

    for address in (quiz, f"{quiz}?ask", f"{collection.get_absolute_url()}label/?noun=known"):
        if address.endswith("known"):
            QuizPass.objects.create(
                annotator=volunteer, collection=collection, synset=collection.ordered_classes()[0]
            )
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == width_px
    expect(tile(page, 1)).to_be_visible()


def test_on_a_phone_two_pictures_stand_beside_each_other_and_a_touch_ticks(open_page, live_server, volunteer):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    start(page, live_server, volunteer, 4)

    page.locator(".tile .shows").nth(1).tap()

    first, second, third = (page.locator(".tile").nth(n).bounding_box() for n in range(3))
    assert first["y"] == second["y"] < third["y"]
    assert first["width"] >= 130
    assert ticked(page) == [2]


def test_the_way_to_the_send_button_is_one_step_behind_the_grid(page, live_server, volunteer):
    start(page, live_server, volunteer, 30)

    press(page, "Tab")

    expect(page.get_by_role("button", name="Send 30 answers")).to_be_focused()
    press(page, "Shift+Tab")
    expect(tile(page, 1)).to_be_focused()
    tab_to(page.get_by_role("button", name="Another noun"))
