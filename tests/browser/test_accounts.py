"""Signing up, in and out, and tokens for programs, in a browser."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from labeling.models import Vote
from tests.browser.steps import sign_in, start_labelling
from tests.factories import make_collection, make_user

PASSWORD = "systema naturae"


@pytest.fixture
def account(page: Page, live_server) -> Page:
    """The account page of somebody who is signed in."""
    sign_in(page, live_server, make_user())
    page.goto("/account/")
    return page


def fill_sign_up(page: Page, name: str = "linnaeus", repeated: str = PASSWORD) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password (again)").fill(repeated)
    page.get_by_role("button", name="Sign up").click()


def fill_sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def make_token(page: Page) -> str:
    """Make a token on the account page and copy it."""
    page.get_by_label("What the token is for").fill("a script")
    page.get_by_role("button", name="Make a token").click()
    return page.get_by_text("Your new token").locator("xpath=..").locator("code").inner_text()


def test_a_guest_who_keeps_their_votes_owns_them_under_a_name(open_page):
    page = open_page(
        java_script_enabled=False
    )  # so that the vote is in the database when the next picture shows
    start_labelling(page, make_collection(n_questions=3))
    page.get_by_role("button", name="cat").click()
    expect(page.get_by_text("Named by you: 1")).to_be_visible()

    page.get_by_role("link", name="Keep my votes").click()
    fill_sign_up(page)

    expect(page.get_by_text("Welcome. Your votes so far are yours.")).to_be_visible()
    page.get_by_role("link", name="linnaeus").click()
    expect(page.get_by_text("You have named 1 picture.")).to_be_visible()
    assert Vote.objects.get().annotator == User.objects.get(username="linnaeus", kind="person")


def test_a_password_repeated_wrongly_is_said_beside_its_field(page):
    page.goto("/sign-up/")

    fill_sign_up(page, repeated="systema natura")

    expect(page.get_by_text("You must type the same password each time.")).to_be_visible()
    expect(page.get_by_label("Password (again)")).to_have_attribute("aria-invalid", "true")
    assert not User.objects.exists()


def test_one_signs_in_and_out_again(page):
    User.objects.create_user("linnaeus", password=PASSWORD)
    fill_sign_in(page, "linnaeus")
    expect(page.get_by_role("link", name="linnaeus")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_role("link", name="linnaeus")).not_to_be_visible()


def test_a_wrong_password_says_so_and_signs_nobody_in(page):
    User.objects.create_user("linnaeus", password=PASSWORD)

    fill_sign_in(page, "linnaeus", "species plantarum")

    expect(page.get_by_role("alert")).to_contain_text(
        "The username and/or password you specified are not correct."
    )
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_new_token_is_shown_once(account):
    secret = make_token(account)
    assert secret in account.content()

    account.reload()

    expect(account.get_by_role("heading", name="a script")).to_be_visible()
    assert secret not in account.content()


def test_a_token_labels_through_the_api(account, open_page):
    collection = make_collection(n_questions=1)
    token = {"Authorization": f"Token {make_token(account)}"}
    program = open_page().request  # no cookies: the token alone says who it is

    lent = program.post(f"/api/collections/{collection.slug}/leases/", headers=token, data={"count": 1})
    [lease] = lent.json()["leases"]
    vote = {"lease": lease["id"], "synset": collection.ordered_classes()[0].wnid}
    cast = program.post("/api/votes/", headers=token, data={"votes": [vote]})

    assert [result["status"] for result in cast.json()["results"]] == ["recorded"]
    assert Vote.objects.get().annotator == User.objects.get()


def test_a_token_reads_what_is_its_owners_alone(account, open_page):
    token = {"Authorization": f"Token {make_token(account)}"}
    program = open_page().request

    assert program.get("/api/submissions/").status == 401
    assert program.get("/api/submissions/", headers=token).json()["results"] == []


def test_a_revoked_token_no_longer_works(account, open_page):
    token = {"Authorization": f"Token {make_token(account)}"}

    account.locator("summary", has_text="Revoke").click()
    account.get_by_role("button", name="Revoke this token").click()

    expect(account.get_by_text("The token no longer works.")).to_be_visible()
    assert open_page().request.get("/api/submissions/", headers=token).status == 401
