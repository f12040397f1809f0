import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiToken, User
from tests.factories import make_collection, make_user, make_vote

pytestmark = pytest.mark.django_db

NEW = {"username": "linnaeus", "password1": "systema naturae", "password2": "systema naturae"}


@pytest.fixture
def person(client):
    person = make_user()
    client.force_login(person)
    return person


ASKED = {"name": "a script", "scopes": ["read", "label"], "days": "90"}


def make_token(user, name="a script"):
    token, _secret = ApiToken.objects.create(user=user, name=name)
    return token


def sign_up(client, **changes):
    return client.post(reverse("accounts:sign-up"), {**NEW, **changes})


def ask_for_leases(slug, secret):
    """Do by token what only somebody may do."""
    url = reverse("collection-leases", args=[slug])
    return Client().post(url, HTTP_AUTHORIZATION=f"Token {secret}")


def test_signing_up_makes_a_person_who_is_signed_in(client):
    response = sign_up(client)

    assert response.status_code == 302
    assert client.get(reverse("accounts:account")).context["user"] == User.objects.get(
        username="linnaeus", kind="person"
    )


def test_a_guest_who_signs_up_keeps_their_votes(client):
    guest = User.objects.create_guest()
    client.force_login(guest)
    vote = make_vote(make_collection(n_questions=1), None, guest)

    sign_up(client)

    vote.annotator.refresh_from_db()
    assert (vote.annotator.username, vote.annotator.kind) == ("linnaeus", "person")


def test_a_guest_who_signs_up_is_still_signed_in(client):
    guest = User.objects.create_guest()
    client.force_login(guest)

    sign_up(client)

    assert client.get(reverse("accounts:account")).context["user"].pk == guest.pk


def test_a_person_who_signs_up_gets_another_account(client, person):
    sign_up(client)

    person.refresh_from_db()
    assert person.username != "linnaeus"
    assert User.objects.count() == 2


def test_a_name_that_is_taken_is_refused(client):
    User.objects.create_user("linnaeus")

    response = sign_up(client)

    assert "username" in response.context["form"].errors
    assert User.objects.count() == 1


def test_a_guest_whose_sign_up_is_refused_stays_a_guest(client):
    guest = User.objects.create_guest()
    client.force_login(guest)

    response = sign_up(client, password2="something else")

    assert "password2" in response.context["form"].errors
    assert User.objects.get() == guest
    assert User.objects.get().is_guest


def test_a_person_signs_in_with_their_password(client):
    User.objects.create_user("linnaeus", password="systema naturae")
    url = reverse("accounts:sign-in")

    wrong = client.post(url, {"login": "linnaeus", "password": "systema nature"})
    right = client.post(url, {"login": "linnaeus", "password": "systema naturae"})

    assert wrong.status_code == 200
    assert right.status_code == 302


def test_the_account_page_is_for_those_who_are_signed_in(client):
    url = reverse("accounts:account")
    assert client.get(url)["Location"] == f"{reverse('accounts:sign-in')}?next={url}"

    client.force_login(make_user())

    assert client.get(url).status_code == 200


def test_the_account_page_counts_votes_by_collection(client, person):
    collection = make_collection(n_questions=2)
    make_vote(collection, None, person)
    make_vote(collection, None, person)
    make_vote(make_collection(n_questions=1), None, person)

    context = client.get(reverse("accounts:account")).context

    assert context["n_votes"] == 3
    assert context["votes_by_collection"][0] == (collection.slug, collection.name, 2)


def test_the_account_page_asks_as_much_for_many_tokens_as_for_one(client, person):
    make_token(person)
    with CaptureQueriesContext(connection) as for_one:
        client.get(reverse("accounts:account"))

    for _ in range(3):
        make_token(person)

    with CaptureQueriesContext(connection) as for_many:
        client.get(reverse("accounts:account"))
    assert len(for_many) == len(for_one)


def test_a_new_tokens_secret_is_shown_once(client, person):
    shown = client.post(reverse("accounts:create-token"), ASKED, follow=True)
    secret = shown.context["new_token"]

    assert secret in shown.content.decode()
    assert secret not in client.get(reverse("accounts:account")).content.decode()


def test_a_token_needs_a_name(client, person):
    refused = client.post(reverse("accounts:create-token"), ASKED | {"name": ""})
    assert "name" in refused.context["token_form"].errors
    assert not ApiToken.objects.exists()

    client.post(reverse("accounts:create-token"), ASKED)

    assert ApiToken.objects.get().name == "a script"


def test_a_token_is_not_made_by_following_a_link(client, person):
    assert client.get(reverse("accounts:create-token")).status_code == 405
    assert not ApiToken.objects.exists()


def test_a_program_acts_for_its_user_by_token():
    collection = make_collection(n_questions=1)
    user = make_user()
    _token, secret = ApiToken.objects.create(user=user, name="a script")

    assert ask_for_leases(collection.slug, secret).status_code == 200
    assert ask_for_leases(collection.slug, "x" + secret[1:]).status_code == 401
    assert user.leases.count() == 1


def test_a_revoked_token_no_longer_works(client, person):
    collection = make_collection(n_questions=1)
    token, secret = ApiToken.objects.create(user=person, name="a script")

    client.post(reverse("accounts:revoke-token", args=[token.pk]))

    assert ask_for_leases(collection.slug, secret).status_code == 401


def test_only_ones_own_token_can_be_revoked(client, person):
    mine, theirs = make_token(person), make_token(make_user())

    assert client.post(reverse("accounts:revoke-token", args=[theirs.pk])).status_code == 404
    assert client.post(reverse("accounts:revoke-token", args=[mine.pk])).status_code == 302
    assert list(ApiToken.objects.all()) == [theirs]


def test_the_account_page_lists_only_ones_own_tokens(client, person):
    make_token(person, "mine")
    make_token(make_user(), "theirs")

    tokens = client.get(reverse("accounts:account")).context["tokens"]

    assert [token.name for token in tokens] == ["mine"]


def choose_board_name(client, name):
    return client.post(reverse("accounts:board-name"), {"board_name": name})


def test_a_name_on_boards_is_chosen_and_taken_off_again(client, person):
    choose_board_name(client, "  Carl   L. ")
    person.refresh_from_db()
    assert person.board_name == "Carl L."

    choose_board_name(client, "")
    person.refresh_from_db()
    assert person.board_name == ""


def test_a_guest_may_choose_a_name_on_boards(client):
    guest = User.objects.create_guest()
    client.force_login(guest)

    choose_board_name(client, "Passer-by")

    guest.refresh_from_db()
    assert guest.board_name == "Passer-by"


@pytest.mark.parametrize("name", ["A", "a\u202eb", "a\u200bb", "x" * 41])
def test_a_name_on_boards_is_refused_with_a_word_beside_it(client, person, name):
    response = choose_board_name(client, name)

    assert "board_name" in str(response.context["board_form"].errors) or response.context["board_form"].errors
    person.refresh_from_db()
    assert person.board_name == ""


def test_nobody_takes_anothers_name_on_boards_or_username(client, person):
    make_user(board_name="Ada")
    other = make_user()

    for name in ("ada", other.username.upper()):
        assert choose_board_name(client, name).context["board_form"].errors

    choose_board_name(client, person.username)
    person.refresh_from_db()
    assert person.board_name == person.username
