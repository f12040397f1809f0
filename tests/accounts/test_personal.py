import json
from io import StringIO

import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts import personal
from accounts.models import ApiToken, User
from labeling import aggregation
from labeling.models import Lease, Skill, Vote
from tests.factories import make_collection, make_lease, make_user, make_vote

pytestmark = pytest.mark.django_db

PASSWORD = "systema naturae"


@pytest.fixture
def person():
    """Somebody of whom something of most kinds is kept."""
    person = make_user(password=PASSWORD, email="carl@example.org", first_name="Carl", board_name="Linnaeus")
    collection = make_collection(n_questions=3, owner=person)
    make_vote(collection, collection.ordered_classes()[0], person)
    make_lease(collection, person)
    ApiToken.objects.create(user=person, name="a script")
    return person


def exported(client):
    response = client.get(reverse("accounts:export"))
    return json.loads(b"".join(response.streaming_content))


def forget_by_page(client, **fields):
    return client.post(reverse("accounts:forget"), fields)


def test_an_export_holds_the_account_and_what_hangs_on_it(client, person):
    client.force_login(person)

    data = exported(client)

    assert (data["account"]["username"], data["account"]["email"]) == (person.username, "carl@example.org")
    assert [token["name"] for token in data["tokens"]] == ["a script"]
    [vote] = data["votes"]
    assert (vote["noun"], vote["picture"]) == ("cat", Vote.objects.get().question.image.sha256)
    assert len(data["leases"]) == len(data["collections"]) == 1


def test_an_export_holds_nothing_of_others(client, person):
    client.force_login(make_user())

    data = exported(client)

    assert not any(data[kept.name] for kept in personal.everything())


def test_an_export_does_not_move_with_whether_votes_on_test_pictures_are_right(client, person):
    collection = make_collection(n_questions=2, splits=("test",), min_votes=1, max_votes=3)
    cat, dog = collection.ordered_classes()
    client.force_login(person)
    first, second = (make_vote(collection, cat, person).question for _ in range(2))

    def export_where_others_say(*nouns):
        for question, noun in zip((first, second), nouns, strict=True):
            for annotator in others:
                Vote.objects.update_or_create(
                    question=question,
                    annotator=annotator,
                    defaults={"synset": noun, "answer": "present", "taxonomy_version": 0},
                )
        collection.questions.update(n_votes=3)
        aggregation.refit(collection)
        return exported(client) | {"exported_at": "now"}

    others = [make_user(), make_user()]
    told = export_where_others_say(cat, cat)
    believed = Skill.objects.get(annotator=person, collection=collection).right
    assert export_where_others_say(dog, dog) == told
    assert Skill.objects.get(annotator=person, collection=collection).right != believed
    assert [skill["collection"] for skill in told["skills"]] == [collection.slug]


def test_an_export_of_more_rows_than_are_written_at_once_is_whole(client, person, monkeypatch):
    monkeypatch.setattr(personal, "BATCH", 2)
    for _ in range(4):
        ApiToken.objects.create(user=person, name="another")
    client.force_login(person)

    assert len(exported(client)["tokens"]) == 5


def test_an_export_tells_no_tokens_secret(client, person):
    _token, secret = ApiToken.objects.create(user=person, name="a script")
    client.force_login(person)

    assert secret not in json.dumps(exported(client))


@pytest.mark.parametrize("name", ["accounts:export", "accounts:forget"])
def test_strangers_are_led_to_the_sign_in(client, name):
    assert client.get(reverse(name)).status_code == 302


def test_every_app_that_keeps_something_about_people_says_so():
    fields = {
        f"{field.model._meta.app_label}.personal.KEPT"
        for field in User._meta.related_objects
        if field.model._meta.app_label in {"taxonomy", "labeling", "datasets", "training", "competition"}
    }

    assert fields <= {*settings.PERSONAL_DATA}


def test_forgetting_erases_who_it_was_and_keeps_the_votes(person):
    personal.forget(person)

    left = User.objects.get(pk=person.pk)
    assert "carl" not in json.dumps([str(value) for value in left.__dict__.values()]).lower()
    assert (left.kind, left.board_name, left.is_active) == ("forgotten", "", False)
    assert str(left) == "somebody who left"
    assert Vote.objects.get().annotator == left
    assert not ApiToken.objects.exists()


def test_forgetting_gives_places_back(person):
    question = Lease.objects.get().question
    before = question.open_places

    personal.forget(person)

    question.refresh_from_db()
    assert (question.open_places, Lease.objects.count()) == (before + 1, 0)


def test_a_collection_of_somebody_forgotten_has_no_owner(person):
    collection = person.collection_set.get()

    personal.forget(person)

    collection.refresh_from_db()
    assert collection.owner is None


def test_nobody_signs_in_as_somebody_forgotten(person):
    assert authenticate(username=person.username, password=PASSWORD)
    username = person.username

    personal.forget(person)

    assert authenticate(username=username, password=PASSWORD) is None
    assert authenticate(username=User.objects.get(pk=person.pk).username, password=PASSWORD) is None


def test_forgetting_ends_sessions_on_other_devices(person):
    phone = Client()
    phone.force_login(person)
    assert phone.get(reverse("accounts:account")).status_code == 200

    personal.forget(person)

    assert phone.get(reverse("accounts:account")).status_code == 302


def test_the_page_says_in_numbers_what_goes_and_what_stays(client, person):
    client.force_login(person)

    context = client.get(reverse("accounts:forget")).context

    assert context["goes"] == [
        "1 token for programs",
        "1 picture on loan to you",
        "the note of 1 day on which you labelled",
    ]
    assert context["stays"] == ["1 vote", "1 collection, without an owner"]


def test_a_person_confirms_by_their_password(client, person):
    client.force_login(person)

    refused = forget_by_page(client, password="something else")
    person.refresh_from_db()
    assert (refused.status_code, person.kind) == (200, "person")

    forget_by_page(client, password=PASSWORD)
    person.refresh_from_db()
    assert person.kind == "forgotten"


def test_a_guest_is_forgotten_and_signed_out(client):
    guest = User.objects.create_guest()
    vote = make_vote(make_collection(n_questions=1), None, guest)
    client.force_login(guest)

    forget_by_page(client)

    vote.annotator.refresh_from_db()
    assert vote.annotator.kind == "forgotten"
    assert client.get(reverse("accounts:account")).status_code == 302


def test_looking_at_the_page_forgets_nobody(client, person):
    client.force_login(person)

    client.get(reverse("accounts:forget"))

    assert User.objects.get(pk=person.pk).kind == "person"


def test_a_superuser_who_is_forgotten_is_none_any_more():
    boss = make_user(is_staff=True, is_superuser=True)

    personal.forget(boss)

    boss.refresh_from_db()
    assert (boss.is_staff, boss.is_superuser) == (False, False)


def test_the_command_forgets_by_username(person):
    out = StringIO()

    call_command("forget", person.username, stdout=out)

    assert User.objects.get(pk=person.pk).kind == "forgotten"
    assert "1 vote" in out.getvalue()


def test_the_command_writes_what_the_page_gives(person):
    out = StringIO()

    call_command("export_account", person.username, stdout=out)

    written = json.loads(out.getvalue())
    shown = json.loads("".join(personal.export(person)))
    assert written.pop("exported_at") <= shown.pop("exported_at")
    assert written == shown
    assert written["account"]["username"] == person.username


@pytest.mark.parametrize("command", ["forget", "export_account"])
def test_the_commands_refuse_a_name_that_nobody_has(command):
    with pytest.raises(CommandError, match="nobody"):
        call_command(command, "nobody")
