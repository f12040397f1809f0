import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction

from accounts.models import ApiToken, User
from tests.factories import make_collection, make_user, make_vote

pytestmark = pytest.mark.django_db


def test_a_person_is_shown_by_their_username():
    assert str(make_user()) == User.objects.get().username


def test_a_guests_username_is_never_shown():
    guest = User.objects.create_guest()

    assert str(guest) == f"Guest {guest.pk}"


def test_two_guests_have_different_usernames():
    assert User.objects.create_guest().username != User.objects.create_guest().username


def test_a_simulated_annotator_always_says_so():
    assert str(User.objects.create_simulated("Ada")) == "Ada (simulated)"


def test_nobody_can_sign_in_as_a_guest():
    person = make_user(password="correct horse")
    guest = User.objects.create_guest()

    assert authenticate(username=person.username, password="correct horse") == person
    assert authenticate(username=guest.username, password="") is None
    assert not guest.has_usable_password()


@pytest.mark.parametrize("right", ["is_staff", "is_superuser"])
def test_only_a_person_can_be_staff(right):
    User.objects.filter(pk=make_user().pk).update(**{right: True})
    guest = User.objects.create_guest()

    with pytest.raises(IntegrityError, match="accounts_only_a_person_is_staff"), transaction.atomic():
        User.objects.filter(pk=guest.pk).update(**{right: True})


def test_a_voter_is_counted_once_however_often_they_vote():
    voter, _without_votes = make_user(), make_user()
    collection = make_collection(n_questions=2)
    cat = collection.ordered_classes()[0]
    make_vote(collection, cat, voter)
    make_vote(collection, cat, voter)
    make_vote(collection, cat, User.objects.create_simulated("Ada"))

    assert User.objects.counts_of_voters() == {"n_volunteers": 2, "n_simulated": 1}


def test_voters_can_be_counted_in_one_collection():
    here, there = make_collection(n_questions=1), make_collection(n_questions=1)
    for collection in (here, there, there):
        make_vote(collection, None, make_user())

    counts = User.objects.counts_of_voters(votes__question__collection=here)

    assert counts["n_volunteers"] == 1


def test_a_tokens_secret_is_not_kept():
    _token, secret = ApiToken.objects.create(user=make_user(), name="a script")

    kept = " ".join(map(str, ApiToken.objects.values_list().get()))

    assert secret not in kept
    assert secret[:8] in kept  # enough for its owner to tell it from another


def test_only_volunteers_have_a_name_on_boards():
    for volunteer, name in ((make_user(), "Ada"), (User.objects.create_guest(), "Grace")):
        User.objects.filter(pk=volunteer.pk).update(board_name=name)
    simulated = User.objects.create_simulated("A machine")

    with pytest.raises(IntegrityError, match="accounts_only_volunteers_on_boards"), transaction.atomic():
        User.objects.filter(pk=simulated.pk).update(board_name="Human")


def test_a_name_on_boards_is_one_persons_whatever_its_case():
    make_user(board_name="Ada")
    make_user(board_name="")
    make_user(board_name="")

    with pytest.raises(IntegrityError, match="accounts_board_name_once"), transaction.atomic():
        make_user(board_name="aDA")


def test_a_name_on_boards_has_two_characters():
    make_user(board_name="Al")

    with pytest.raises(IntegrityError, match="accounts_board_name_length"), transaction.atomic():
        make_user(board_name="A")


def test_the_forgotten_keep_no_address():
    user = make_user(email="carl@example.org")

    with pytest.raises(IntegrityError, match="accounts_the_forgotten_have_no_name"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(kind="forgotten")
