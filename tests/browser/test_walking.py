"""Naming a picture among many nouns: by walking down to one, and by searching for it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from labeling.models import Example, Vote, VotingDay
from labeling.splits import TRAIN
from tests.browser.steps import eventually, sign_in, start_labelling, tab_to
from tests.browser.test_accessibility import findings
from tests.factories import make_collection, make_user
from tests.labeling.walks import make_zoo, noun

pytestmark = pytest.mark.django_db(transaction=True)

LOOKED_MS = 300  # longer than the page takes a press for an accident


@pytest.fixture
def zoo():
    return make_zoo()


def names(page: Page) -> list[str]:
    return page.locator("#choices .choice > span").evaluate_all(
        "each => each.map((x) => x.firstChild.textContent)"
    )


def expect_level(page: Page, question: str, *found: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(question)
    assert names(page) == list(found)


def begin(page: Page, collection) -> None:
    start_labelling(page, collection)
    expect(page.locator("#zoom")).to_be_visible()  # the module has taken over
    page.wait_for_timeout(LOOKED_MS)


def voted() -> list[str]:
    return list(Vote.objects.order_by("pk").values_list("synset__name", flat=True))


def test_keys_alone_lead_down_to_a_class_and_the_next_picture_begins_at_the_top(page, zoo):
    begin(page, zoo)
    expect_level(page, "What is in this picture?", "bird", "canine", "pet", "snail")

    page.keyboard.press("2")
    expect_level(page, "Which kind of canine is this?", "dog", "fox", "wolf")
    page.keyboard.press("1")
    expect_level(page, "Which kind of dog is this?", "corgi", "husky", "poodle")
    expect(page.get_by_role("navigation", name="Where you are among the nouns")).to_contain_text("canine")
    page.keyboard.press("2")

    expect_level(page, "What is in this picture?", "bird", "canine", "pet", "snail")
    eventually(page, voted, ["husky"])


def test_an_inner_noun_is_an_answer_by_one_key(page, zoo):
    begin(page, zoo)
    page.keyboard.press("2")
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="Some kind of dog, I cannot say which")).to_be_visible()

    page.keyboard.press("i")

    eventually(page, voted, ["dog"])
    expect(page.get_by_text("Last answer: Some kind of dog")).to_be_visible()
    expect(page.locator("#whole")).to_be_hidden()


def test_escape_and_backspace_go_up_and_at_the_top_do_nothing(page, zoo):
    begin(page, zoo)
    page.keyboard.press("2")
    page.keyboard.press("1")

    page.keyboard.press("Backspace")
    expect_level(page, "Which kind of canine is this?", "dog", "fox", "wolf")
    page.keyboard.press("Escape")
    expect_level(page, "What is in this picture?", "bird", "canine", "pet", "snail")
    page.keyboard.press("Escape")
    expect_level(page, "What is in this picture?", "bird", "canine", "pet", "snail")
    assert voted() == []


def test_none_of_these_is_no_answer_among_the_kinds_of_one_noun(page, zoo):
    begin(page, zoo)
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="None of these")).to_be_hidden()
    page.keyboard.press("n")

    page.keyboard.press("Escape")
    page.keyboard.press("n")

    eventually(page, lambda: list(Vote.objects.values_list("answer", flat=True)), ["none_of_these"])


def test_a_noun_with_two_hypernyms_is_found_along_both(page, zoo):
    begin(page, zoo)
    page.keyboard.press("3")
    expect_level(page, "Which kind of pet is this?", "cat", "goldfish", "husky")

    page.keyboard.press("3")

    eventually(page, voted, ["husky"])


def test_a_search_finds_an_inner_noun_and_leads_to_its_kinds(page, zoo):
    begin(page, zoo)
    page.keyboard.press("/")
    page.keyboard.type("dog")
    expect(page.locator("#choices .choice")).to_have_count(1)

    page.keyboard.press("Enter")

    expect_level(page, "Which kind of dog is this?", "corgi", "husky", "poodle")
    page.keyboard.press("i")
    eventually(page, voted, ["dog"])


def test_many_nouns_at_one_level_have_keys_ten_at_a_time(page):
    begin(page, make_collection(n_questions=8, names=tuple(f"bird {i:02}" for i in range(12))))
    with_keys = page.locator("#choices [data-key]")
    expect(with_keys).to_have_count(10)

    page.keyboard.press(".")
    expect(with_keys).to_have_count(2)
    page.keyboard.press("2")

    eventually(page, voted, ["bird 11"])
    expect(with_keys).to_have_count(10)  # of the next picture from the first on


def test_among_the_found_one_cannot_say_none_of_these(page, zoo):
    begin(page, zoo)
    page.keyboard.press("/")
    page.keyboard.type("wren")

    expect(page.get_by_role("button", name="None of these")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="None of these")).to_be_visible()


def test_the_tab_key_leads_down_as_well_and_the_focus_goes_along(page, zoo):
    begin(page, zoo)
    tab_to(page.get_by_role("link", name="bird"))

    page.keyboard.press("Enter")

    expect_level(page, "Which kind of bird is this?", "macaw", "owl", "robin", "wren")
    expect(page.get_by_role("button", name="macaw")).to_be_focused()
    page.keyboard.press("Enter")
    eventually(page, voted, ["macaw"])


def test_a_press_goes_down_and_the_line_above_goes_back(page, zoo):
    begin(page, zoo)
    page.get_by_role("link", name="canine").click()
    page.get_by_role("link", name="dog", exact=False).first.click()

    page.get_by_role("navigation", name="Where you are").get_by_role("link", name="canine").click()

    expect_level(page, "Which kind of canine is this?", "dog", "fox", "wolf")
    assert "?" not in page.url  # nothing was loaded for it


def test_taking_an_answer_back_begins_at_the_top(page, zoo):
    begin(page, zoo)
    page.keyboard.press("4")
    eventually(page, voted, ["snail"])
    page.keyboard.press("1")

    page.keyboard.press("u")

    expect_level(page, "What is in this picture?", "bird", "canine", "pet", "snail")
    eventually(page, voted, [])


def test_the_page_with_a_level_of_the_server_goes_on_from_there(page, zoo):
    begin(page, zoo)
    address = f"{zoo.get_absolute_url()}label/?at={noun('canine').wnid}.{noun('dog').wnid}"
    page.goto(address)
    expect(page.locator("#zoom")).to_be_visible()
    expect_level(page, "Which kind of dog is this?", "corgi", "husky", "poodle")

    page.keyboard.press("Escape")

    expect_level(page, "Which kind of canine is this?", "dog", "fox", "wolf")


def test_without_javascript_links_lead_down_to_an_answer(open_page, zoo):
    page = open_page(java_script_enabled=False)
    start_labelling(page, zoo)
    page.get_by_role("link", name="canine").click()
    page.locator("#choices").get_by_role("link", name="dog").click()

    page.get_by_role("button", name="Some kind of dog, I cannot say which").click()

    expect(page.get_by_text("Named by you: 1")).to_be_visible()
    assert voted() == ["dog"]


# --- What nouns mean, and the days in a row -----------------------------------------------------------------


def test_one_key_shows_what_the_nouns_on_show_mean_with_pictures(page, zoo):
    image = zoo.questions.filter(image__split=TRAIN).first().image
    Example.objects.choose(zoo, noun("husky"), image, is_good=False, note="it has curls")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/meanings/" in request.url else None)
    begin(page, zoo)
    assert asked == []  # before anybody wants to know

    page.keyboard.press("m")
    expect(page.get_by_text("what pet means")).to_be_visible()
    page.keyboard.press("3")

    expect(page.get_by_text("what husky means")).to_be_visible()
    picture = page.get_by_role("img", name="A picture that only seems to show husky: it has curls")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("naturalWidth", 8)
    page.keyboard.press("Escape")
    expect(page.get_by_text("what snail means")).to_be_visible()
    assert len(asked) == 2  # what was told once is kept


@pytest.mark.parametrize("keys", ["2", "21m", "/"])
def test_axe_finds_nothing_below_the_top_in_the_meanings_or_in_a_search(page, zoo, keys):
    begin(page, zoo)
    for key in keys:
        page.keyboard.press(key)
    if keys == "/":
        page.keyboard.type("dog")
        expect(page.locator("#choices .choice")).to_have_count(1)
    if "m" in keys:
        expect(page.get_by_text("what poodle means")).to_be_visible()

    assert list(findings(page)) == []


def test_the_first_answer_of_a_day_is_one_more_day_in_a_row(page, zoo, served):
    annotator = make_user()
    VotingDay.objects.create(annotator=annotator, day=timezone.now().date() - timedelta(1))
    sign_in(page, served, annotator)
    begin(page, zoo)
    expect(page.get_by_text("in a row")).to_have_count(0)

    page.keyboard.press("4")

    expect(page.get_by_text("2 days in a row")).to_be_visible()
    eventually(page, VotingDay.objects.count, 2)
