"""Naming pictures in a browser: by key, by mouse, without a connection and without JavaScript."""

import pytest
from playwright.sync_api import Page, expect
from rest_framework.response import Response

from accounts.models import User
from labeling.api import VotesView
from labeling.models import Lease, Question, Vote
from tests.browser.steps import eventually, start_labelling
from tests.factories import make_collection

LOOK_MS = 200  # static/label.js takes no answer to a picture that has been shown for less
N_READY = 6  # pictures that label.js holds ready behind the one on show
COUNT_DECODED = """
window.nDecoded = 0;
const decode = HTMLImageElement.prototype.decode;
HTMLImageElement.prototype.decode = async function () { await decode.call(this); window.nDecoded += 1; };
"""
A_WHILE_MS = 20_000  # longer than label.js ever waits before it tries again


@pytest.fixture
def page(page: Page) -> Page:
    """A page whose clock runs by itself and can be moved on, and which counts the pictures held ready."""
    page.clock.install()
    page.add_init_script(COUNT_DECODED)
    return page


def answer(page: Page, *keys: str) -> list[str]:
    """Press each key, each on a picture that has been looked at; return the SHA-256 of these pictures."""
    pictures = []
    for key in keys:
        expect(page.locator("#card:not([aria-busy=true])")).to_be_visible()
        n_answered = int(page.locator("#count").inner_text())
        pictures.append(shown_picture(page))
        page.clock.fast_forward(LOOK_MS)
        page.keyboard.press(key)
        expect(page.locator("#count")).to_have_text(str(n_answered + 1))
    return pictures


def votes_by_picture() -> list[tuple[str, str]]:
    return sorted(Vote.objects.values_list("question__image__sha256", "synset__name"))


def wait_until_pictures_are_ready(page: Page) -> None:
    eventually(page, lambda: page.evaluate("nDecoded"), N_READY)


def shown_picture(page: Page) -> str:
    """Return the SHA-256 of the picture on show."""
    return page.locator("#card .frame img").get_attribute("src").split("/")[2]


def break_voting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer votes with an error: what the browser sends while a page closes cannot be cut off in the browser."""
    monkeypatch.setattr(VotesView, "post", lambda _view, _request: Response(status=503))


def forgive(complaints: list[str], error: str) -> None:
    """Forget what the browser says of requests that the test itself has made fail."""
    complaints[:] = [complaint for complaint in complaints if error not in complaint]


def test_one_button_on_the_home_page_leads_a_stranger_to_a_picture(page):
    make_collection(n_questions=3)
    page.goto("/")

    page.get_by_role("button", name="Name a picture", exact=True).click()

    picture = page.get_by_role("img", name="The picture to name")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 8)
    assert User.objects.get().is_guest


def test_two_clicks_on_the_home_page_are_a_first_vote(page):
    make_collection(n_questions=3)
    page.goto("/")

    page.get_by_role("button", name="Name a picture", exact=True).click()
    expect(page.locator("#zoom")).to_be_visible()  # the module has taken over
    page.clock.fast_forward(LOOK_MS)
    page.get_by_role("button", name="dog").click()

    eventually(page, lambda: list(Vote.objects.values_list("synset__name", flat=True)), ["dog"])


def test_one_key_casts_a_vote(page):
    collection = make_collection(n_questions=3)
    start_labelling(page, collection)

    answer(page, "2")

    eventually(page, Vote.objects.count, 1)
    vote = Vote.objects.get()
    assert (vote.synset, vote.annotator) == (collection.ordered_classes()[1], User.objects.get())
    assert vote.seconds >= LOOK_MS / 1000


def test_five_pictures_are_answered_in_a_row_by_keys(page):
    start_labelling(page, make_collection(n_questions=10))

    pictures = answer(page, "1", "2", "1", "2", "1")

    expect(page.get_by_text("Named by you: 5")).to_be_visible()
    assert len(set(pictures)) == 5
    names = ["cat", "dog", "cat", "dog", "cat"]
    eventually(page, votes_by_picture, sorted(zip(pictures, names, strict=True)))


def test_pictures_are_asked_for_several_at_a_time(page):
    """One request for new pictures with each answer would be as much work for the server as the answers are."""
    collection = make_collection(n_questions=40)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    start_labelling(page, collection)
    n_answers = 12
    answer(page, *["1"] * n_answers)

    # With each answer one more is held, so the first few are asked for by fewer than eight.
    assert 1 <= sum(url.endswith("/leases/") for url in asked) <= n_answers // 2


def test_a_click_casts_a_vote(page):
    start_labelling(page, make_collection(n_questions=3))
    page.clock.fast_forward(LOOK_MS)

    page.get_by_role("button", name="dog").click()

    eventually(page, lambda: list(Vote.objects.values_list("synset__name", flat=True)), ["dog"])


def test_the_key_c_says_that_one_cannot_tell(page):
    start_labelling(page, make_collection(n_questions=3))

    answer(page, "c")

    eventually(page, lambda: list(Vote.objects.values_list("answer", "synset")), [("cannot_tell", None)])


def test_a_key_pressed_twice_at_once_casts_one_vote(page):
    start_labelling(page, make_collection(n_questions=10))
    wait_until_pictures_are_ready(page)
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)  # both presses fall within LOOK_MS

    page.keyboard.press("1")
    page.keyboard.press("1")

    page.clock.resume()
    page.clock.fast_forward(A_WHILE_MS)
    eventually(page, Vote.objects.count, 1)
    expect(page.locator("#count")).to_have_text("1")


def test_the_next_picture_shows_without_a_request_when_the_connection_is_gone(page, complaints):
    start_labelling(page, make_collection(n_questions=10))
    wait_until_pictures_are_ready(page)
    first = shown_picture(page)
    fetched = []
    page.on("request", lambda request: fetched.append(request.url) if "/pictures/" in request.url else None)

    page.context.set_offline(True)
    answer(page, "1")

    expect(page.locator("#card .frame img")).to_have_js_property("naturalWidth", 8)
    assert shown_picture(page) != first
    assert fetched == []
    forgive(complaints, "net::ERR_INTERNET_DISCONNECTED")


def test_answers_given_without_a_connection_arrive_once_each_when_it_is_back(page, complaints):
    start_labelling(page, make_collection(n_questions=10))
    wait_until_pictures_are_ready(page)
    page.context.set_offline(True)
    answer(page, "1", "2", "c")
    page.clock.fast_forward(A_WHILE_MS)
    expect(page.get_by_text("The connection is lost.")).to_be_visible()
    assert Vote.objects.count() == 0

    page.context.set_offline(False)

    eventually(page, Vote.objects.values("question").distinct().count, 3)
    expect(page.get_by_text("The connection is lost.")).not_to_be_visible()
    assert Vote.objects.count() == 3
    assert page.evaluate("localStorage.length") == 0
    forgive(complaints, "net::ERR_INTERNET_DISCONNECTED")


def test_answers_that_wait_survive_a_reload(page, complaints, monkeypatch):
    start_labelling(page, make_collection(n_questions=10))
    wait_until_pictures_are_ready(page)
    with monkeypatch.context() as ill:
        break_voting(ill)
        pictures = answer(page, "1", "2")
        page.reload()
        assert Vote.objects.count() == 0

    page.clock.fast_forward(A_WHILE_MS)

    eventually(page, votes_by_picture, sorted(zip(pictures, ["cat", "dog"], strict=True)))
    forgive(complaints, "status of 503")


def test_a_picture_whose_answer_waits_is_not_shown_again_after_a_reload(page, complaints, monkeypatch):
    start_labelling(page, make_collection(n_questions=10))
    wait_until_pictures_are_ready(page)
    break_voting(monkeypatch)
    answered = answer(page, "1", "2", "1")

    page.reload()

    assert set(answer(page, "1", "2", "1")).isdisjoint(answered)
    forgive(complaints, "status of 503")


def test_a_volunteer_who_has_answered_everything_is_told_so(page):
    collection = make_collection(n_questions=2)
    start_labelling(page, collection)

    answer(page, "1", "1")
    page.clock.fast_forward(A_WHILE_MS)

    expect(page.get_by_role("heading", name="Nothing is left for you here")).to_be_focused()
    expect(page.get_by_text("You have been asked everything that is open here.")).to_be_visible()
    assert Vote.objects.count() == 2


def test_coming_back_to_a_collection_that_one_has_finished_says_so(page):
    collection = make_collection(n_questions=1)
    start_labelling(page, collection)
    answer(page, "1")
    eventually(page, Vote.objects.count, 1)

    page.goto(f"{collection.get_absolute_url()}label/")

    expect(page.get_by_role("heading", name="Nothing is left for you here")).to_be_visible()
    expect(page.get_by_text("You have named 1 picture in this collection.")).to_be_visible()


def test_without_javascript_a_vote_brings_the_next_picture(open_page):
    page = open_page(java_script_enabled=False)
    start_labelling(page, make_collection(n_questions=3))
    first = shown_picture(page)

    page.get_by_role("button", name="cat").click()

    expect(page.get_by_text("Named by you: 1")).to_be_visible()
    assert shown_picture(page) != first
    assert list(Vote.objects.values_list("synset__name", flat=True)) == ["cat"]


def test_without_javascript_one_can_say_that_one_cannot_tell(open_page):
    page = open_page(java_script_enabled=False)
    start_labelling(page, make_collection(n_questions=3))

    page.get_by_role("button", name="I cannot tell").click()

    expect(page.get_by_text("Named by you: 1")).to_be_visible()
    assert list(Vote.objects.values_list("answer", "synset")) == [("cannot_tell", None)]


def test_the_last_answer_is_taken_back_before_it_leaves_and_after(page):
    collection = make_collection(n_questions=8, min_votes=1)
    start_labelling(page, collection)
    wait_until_pictures_are_ready(page)
    [first] = answer(page, "1")

    page.keyboard.press("u")  # it has not left yet
    expect(page.locator("#count")).to_have_text("0")
    assert shown_picture(page) == first
    answer(page, "2")
    page.clock.fast_forward(A_WHILE_MS)
    eventually(page, lambda: [name for _sha256, name in votes_by_picture()], ["dog"])

    page.keyboard.press("u")  # the server has it by now

    eventually(page, votes_by_picture, [])
    expect(page.locator("#count")).to_have_text("0")
    assert shown_picture(page) == first
    answer(page, "1")
    page.clock.fast_forward(A_WHILE_MS)
    eventually(page, votes_by_picture, [(first, "cat")])


def test_a_skipped_picture_is_no_vote_and_goes_to_others(page):
    collection = make_collection(n_questions=8, min_votes=1)
    start_labelling(page, collection)
    wait_until_pictures_are_ready(page)
    skipped = shown_picture(page)

    page.clock.fast_forward(LOOK_MS)
    page.keyboard.press("s")
    answer(page, "n")
    page.clock.fast_forward(A_WHILE_MS)

    eventually(page, lambda: list(Vote.objects.values_list("answer", flat=True)), ["none_of_these"])
    assert Question.objects.get(image__sha256=skipped).open_places == 1


def test_among_many_nouns_one_is_found_by_typing(page):
    names = (*(f"kind {number} of bird" for number in range(12)), "zebra")
    collection = make_collection(n_questions=8, names=names)
    start_labelling(page, collection)
    wait_until_pictures_are_ready(page)

    page.keyboard.press("/")
    page.keyboard.type("zeb")
    expect(page.locator("#choices .choice:visible")).to_have_count(1)
    page.clock.fast_forward(LOOK_MS)
    page.keyboard.press("Enter")
    page.clock.fast_forward(A_WHILE_MS)

    eventually(page, lambda: list(Vote.objects.values_list("synset__name", flat=True)), ["zebra"])
    expect(page.locator("#choices .choice:visible")).to_have_count(13)


@pytest.mark.parametrize("width_px", [320, 768, 1440])
def test_the_picture_stays_in_view_beside_what_the_nouns_mean(page, width_px):
    page.set_viewport_size({"width": width_px, "height": 600})
    start_labelling(page, make_collection(3, [f"noun {i}" for i in range(10)]))

    page.keyboard.press("m")
    page.get_by_text("Report this picture").evaluate("link => link.scrollIntoView({ block: 'start' })")

    assert page.evaluate("scrollY") > 0
    expect(page.get_by_role("img", name="The picture to name")).to_be_in_viewport(ratio=0.9)


def test_a_page_that_is_loaded_again_keeps_its_picture(page):
    collection = make_collection(n_questions=8, min_votes=1)
    start_labelling(page, collection)
    wait_until_pictures_are_ready(page)
    before = shown_picture(page)

    page.reload()
    wait_until_pictures_are_ready(page)
    [answered] = answer(page, "1")
    page.clock.fast_forward(A_WHILE_MS)

    assert answered == before
    eventually(page, lambda: [sha256 for sha256, _noun in votes_by_picture()], [before])


def test_leaving_the_page_gives_the_pictures_back(page):
    collection = make_collection(n_questions=8, min_votes=1)
    start_labelling(page, collection)
    wait_until_pictures_are_ready(page)
    assert Lease.objects.exists()

    page.goto("about:blank")

    eventually(page, Lease.objects.count, 0)
