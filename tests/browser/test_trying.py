"""Showing a network a picture: by choosing, dropping and pasting one, and by a form without JavaScript."""

import base64

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.steps import sign_in
from tests.browser.test_accessibility import findings
from tests.factories import make_picture, make_user
from tests.training.asked import make_finished

PICTURE = {"name": "a.png", "mimeType": "image/png", "buffer": make_picture(5, (40, 30))}
# What a browser does when a file is dropped on an element, or pasted.
HAND_OVER = """([target, kind, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "a.png", { type: "image/png" }));
  const event = kind === "drop" ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
    : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
  document.querySelector(target).dispatchEvent(event);
}"""


@pytest.fixture
def run(live_server):
    return make_finished()


@pytest.fixture
def address(run):
    return reverse("training:try", args=[run.pk])


def test_without_javascript_a_picture_is_sent_by_a_button(open_page, address):
    page = open_page(java_script_enabled=False)
    page.goto(address)

    page.get_by_label("A picture").set_input_files(PICTURE)
    page.get_by_role("button", name="Ask the network").click()

    expect(page.get_by_role("heading", name="What it says")).to_be_visible()


def test_a_chosen_picture_is_answered_for_at_once(page, address):
    page.goto(address)

    page.get_by_label("A picture").set_input_files(PICTURE)

    expect(page.get_by_role("heading", name="What it says")).to_be_visible()


@pytest.mark.parametrize(("kind", "target"), [("drop", "[data-drop]"), ("paste", "body")])
def test_a_picture_can_be_dropped_and_pasted(page, address, kind, target):
    page.goto(address)

    page.evaluate(HAND_OVER, [target, kind, base64.b64encode(PICTURE["buffer"]).decode()])

    expect(page.get_by_role("heading", name="What it says")).to_be_visible()


def test_who_may_give_a_picture_away_has_time_to_tick_the_box(page, live_server, address):
    sign_in(page, live_server, make_user(is_staff=True))
    page.goto(address)

    page.get_by_label("A picture").set_input_files(PICTURE)

    expect(page.get_by_alt_text("The picture that you chose")).to_be_visible()
    page.get_by_label("Let the collection keep this picture").check()
    page.get_by_role("button", name="Ask the network").click()
    expect(page.get_by_text("people will be asked about it")).to_be_visible()


def test_the_picture_that_was_tried_can_be_looked_at_inside(page, address):
    page.goto(address)
    page.get_by_label("A picture").set_input_files(PICTURE)

    page.get_by_role("button", name="Look inside, with this picture").click()

    expect(page.get_by_role("heading", name="The picture is numbers")).to_be_visible()
    assert list(findings(page)) == []


def test_axe_finds_nothing_on_an_answer(page, address):
    page.goto(address)
    page.get_by_label("A picture").set_input_files(PICTURE)
    expect(page.get_by_role("heading", name="What it says")).to_be_visible()

    assert list(findings(page)) == []
