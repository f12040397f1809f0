"""A team in a browser: inviting, joining, merging; and handing in by dropping, once."""

import pytest
from django.core.files.base import ContentFile
from playwright.sync_api import expect

from competition.models import Membership, Submission, Team
from tests.browser.steps import eventually, sign_in
from tests.factories import make_phase, make_snapshot, make_user

DROP = """(drop) => {
    const data = new DataTransfer();
    data.items.add(new File(["image"], "guesses.onnx"));
    drop.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def contest(live_server):
    return make_phase(make_snapshot(n_questions=20)).contest


def open_team(open_page, live_server, contest, user, **options):
    page = open_page(**options)
    sign_in(page, live_server, user)
    page.goto(f"{contest.get_absolute_url()}team/")
    return page


def test_two_people_become_a_team_without_javascript(open_page, live_server, contest):
    captain, friend = make_user(), make_user()
    page = open_team(open_page, live_server, contest, captain, java_script_enabled=False)
    page.get_by_role("button", name="Enter alone").click()
    page.get_by_label("Username").fill(friend.username)
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("button", name=f"Take back the invitation of {friend}")).to_be_visible()

    other = open_team(open_page, live_server, contest, friend, java_script_enabled=False)
    other.get_by_role("button", name=f"Join {captain}").click()

    expect(other.get_by_role("heading", name=captain.username, level=1)).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name=f"Remove {friend}")).to_be_visible()
    assert Membership.objects.filter(team__name=captain.username).count() == 2


def test_a_team_goes_over_into_another(open_page, live_server, contest):
    one, other = (Team.objects.enter(contest, make_user()) for _ in range(2))
    page = open_team(open_page, live_server, contest, one.captain)
    page.get_by_label("Name of the other team").fill(other.name)
    page.get_by_role("button", name="Offer to merge").click()
    expect(page.get_by_role("button", name="Take the offer back")).to_be_visible()

    answering = open_team(open_page, live_server, contest, other.captain)
    answering.get_by_role("button", name=f"Accept {one}").click()

    expect(answering.get_by_text(f"{one} has gone over into {other}.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name=other.name, level=1)).to_be_visible()


def test_a_file_is_dropped_and_its_name_says_what_it_is(page, live_server, contest):
    sign_in(page, live_server, make_user())
    page.goto(f"{contest.get_absolute_url()}submit/")

    page.locator("[data-drop]").evaluate(DROP)

    expect(page.get_by_role("radio", name="A network: this site asks it")).to_be_checked()
    assert page.get_by_label("File", exact=True).evaluate("input => input.files[0].name") == "guesses.onnx"


def test_pressing_twice_enters_once_and_going_back_enters_again(page, live_server, contest):
    sign_in(page, live_server, make_user())
    page.goto(f"{contest.get_absolute_url()}submit/")

    def fill_in(method):
        page.get_by_label("Method").fill(method)
        file = {"name": "guesses.csv", "mimeType": "text/csv", "buffer": b"image"}
        page.get_by_label("File", exact=True).set_input_files([file])

    fill_in("first")
    page.get_by_role("button", name="Hand in").dblclick()
    page.wait_for_url("**/submissions/*/")
    eventually(page, Submission.objects.count, 1)

    page.go_back()
    fill_in("second")
    page.get_by_role("button", name="Hand in").click()

    expect(page.get_by_role("heading", name="second", level=1)).to_be_visible()
    assert set(Submission.objects.values_list("method", flat=True)) == {"first", "second"}


def test_an_entry_that_waits_is_cancelled_by_keyboard(page, live_server, contest):
    author = make_user()
    entry = Submission.objects.submit(contest.phase, author, "slow", ContentFile(b"image", name="p.csv"))
    sign_in(page, live_server, author)
    page.goto(entry.get_absolute_url())
    expect(page.get_by_text("next in the queue")).to_be_visible()

    page.get_by_role("button", name="Cancel it").press("Enter")

    expect(page.locator("#state").get_by_role("status")).to_have_text("cancelled")
    entry.refresh_from_db()
    assert entry.status == "cancelled"
