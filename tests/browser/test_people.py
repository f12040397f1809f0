"""What people do besides naming pictures: reporting, talking, choosing a name, having themselves forgotten."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from labeling.models import Comment, Image, Report
from tests.browser.steps import sign_in, start_labelling
from tests.factories import make_collection, make_question, make_settled_collection, make_user

PASSWORD = "systema naturae"


@pytest.fixture
def picture(live_server) -> Image:
    """A settled picture of the training split."""
    return make_settled_collection(n_questions=10).questions.examples().first().image


def test_a_stranger_reports_a_picture_from_its_plate_without_javascript(open_page, picture):
    page = open_page(java_script_enabled=False)
    page.goto(picture.questions.get().collection.get_absolute_url())
    page.locator(f'a[href="{picture.get_about_url()}"]').click()

    page.get_by_role("link", name="Report it").click()
    page.get_by_label("What is wrong").select_option("private")
    page.get_by_label("In your words").fill("That is me.")
    page.get_by_role("button", name="Report it").click()

    expect(page.get_by_role("status")).to_contain_text("Thank you.")
    assert Report.objects.get().reporter == User.objects.get(kind="guest")


def test_an_owner_withdraws_a_picture_by_keyboard_and_puts_it_back(page, live_server, picture):
    collection = picture.questions.get().collection
    collection.owner = make_user()
    collection.save()
    collection.reports.create(image=picture, reporter=make_user(), reason="mine")
    sign_in(page, live_server, collection.owner)
    page.goto(f"{collection.get_absolute_url()}reports/")

    page.locator("summary", has_text="Withdraw it").press("Enter")
    expect(page.get_by_text("It leaves 1 collection.")).to_be_visible()
    page.get_by_role("button", name="Withdraw this picture").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Withdrawn.")
    assert not Image.objects.shown().filter(pk=picture.pk).exists()

    page.get_by_role("button", name="Put it back").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Put back")
    assert Image.objects.shown().filter(pk=picture.pk).exists()


def test_what_is_said_on_a_nouns_page_shows_there(page, live_server, picture):
    noun = picture.questions.get().label
    sign_in(page, live_server, make_user())
    page.goto(noun.get_absolute_url())

    page.get_by_label("Comment").fill("<i>Is</i> it?")
    page.get_by_role("button", name="Say it").click()

    expect(page.get_by_text("<i>Is</i> it?")).to_be_visible()
    assert Comment.objects.get().synset == noun


def test_what_is_said_about_a_picture_is_taken_back_without_javascript(open_page, live_server, picture):
    page = open_page(java_script_enabled=False)
    sign_in(page, live_server, make_user())
    page.goto(picture.get_about_url())
    page.get_by_label("Comment").fill("A fine one.")
    page.get_by_role("button", name="Say it").click()
    expect(page.get_by_text("A fine one.")).to_be_visible()

    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete my comment").click()

    expect(page.get_by_text("Nobody has said anything yet.")).to_be_visible()


def test_a_name_on_the_board_is_chosen_on_the_account_page(page, live_server):
    question = make_question(split="train")
    cat = question.collection.ordered_classes()[0]
    me = make_user()
    question.votes.create(annotator=me, synset=cat, answer="present", taxonomy_version=1)
    question.collection.questions.update(state="settled", label=cat, confidence=0.99)
    sign_in(page, live_server, me)
    page.goto("/account/")

    page.get_by_label("Name on boards").fill("Carl L.")
    page.get_by_role("button", name="Keep this name").click()
    page.goto("/board/")

    expect(page.get_by_role("rowheader", name="Carl L.")).to_be_visible()


def test_a_guest_has_themselves_forgotten_without_javascript(open_page):
    page = open_page(java_script_enabled=False)
    start_labelling(page, make_collection(n_questions=2))
    page.get_by_role("button", name="cat").click()
    expect(page.get_by_text("Named by you: 1")).to_be_visible()
    page.goto("/")
    page.get_by_role("link", name="Your votes and data").click()

    page.get_by_role("link", name="Have yourself forgotten").click()
    expect(page.get_by_text("1 vote", exact=True)).to_be_visible()
    page.get_by_role("button", name="Forget me").click()

    expect(page.get_by_role("status")).to_contain_text("You are forgotten here.")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert User.objects.get().kind == "forgotten"
