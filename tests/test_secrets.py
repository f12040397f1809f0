"""Nothing that anybody is answered tells the label of a test picture: the labels of two are exchanged, and every
answer at every address stays the same.

See docs/decisions/0019-test-labels.md for what is secret, from whom, and what remains.
"""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import User
from labeling.models import Image
from tests.factories import make_collection, make_user
from tests.labeling.grids import make_verifying
from tests.secrecy.walking import addresses, names, walk
from tests.secrecy.world import Clock, Stage, World, undone
from tests.taxonomy.curators import make_curator

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

# Who may be told another thing, and where: whoever reads the votes in the administration anyway. To everybody else,
# owners included, every address answers the same.
MAY_DIFFER = {
    "superuser": {"labeling:why", "question-why"},
    "a program of superuser": {"question-why"},
}


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("django.utils.timezone.now", clock)
    return clock


@pytest.fixture
def world(clock) -> World:
    return World(clock)


def differing(world, **options):
    """Return who is told something else, and where, when two labels are exchanged."""
    before = walk(world, **options)
    world.exchange()
    return before.differing(walk(world, **options))


def name_of(where):
    return where.split()[0]


def may_differ(who, where):
    return name_of(where) in MAY_DIFFER.get(who, ())


def test_no_answer_tells_which_of_two_test_pictures_is_which(world):
    before = walk(world)
    world.exchange()
    after = walk(world)

    told = before.differing(after)
    assert {each for each in told if not may_differ(*each)} == set()
    assert {(who, name_of(where)) for who, where in told} == {
        (who, name) for who, allowed in MAY_DIFFER.items() for name in allowed
    }
    assert before.logged == after.logged != []
    # It was no walk past closed doors.
    answered = {(name_of(where), status) for (_who, where), (status, *_) in before.told.items()}
    assert {name for name in names() if not {(name, 200), (name, 405)} & answered} == LEADING_ELSEWHERE


# Addresses that show nothing themselves, or only to whoever has just given a password, which nobody here has. Those
# that answer with 405 take forms alone.
LEADING_ELSEWHERE = {
    "account_change_password", "account_reauthenticate", "mfa_activate_totp", "mfa_authenticate",
    "mfa_deactivate_totp", "mfa_download_recovery_codes", "mfa_generate_recovery_codes", "mfa_reauthenticate",
    "mfa_view_recovery_codes",
    "favicon", "datasets:manifest", "labeling:change-classes", "labeling:close", "labeling:grid-ahead",
    "labeling:open", "taxonomy:approve", "taxonomy:commit", "taxonomy:discard", "taxonomy:undo",
    "training:try-a-network",
}  # fmt: skip


def test_the_walk_knows_every_address(world):
    with undone():
        known = {each.name for each in addresses(world, Stage(world))}

    assert known == set(names())


def test_the_walk_finds_a_page_that_tells(world, monkeypatch):
    monkeypatch.setattr("labeling.people.TEST", "none")

    told = differing(world, who=["nobody", "voter"], where=["labeling:about", "labeling:my-votes", "home"])

    assert {(who, name_of(where)) for who, where in told} == {
        ("nobody", "labeling:about"),
        ("voter", "labeling:about"),
        ("voter", "labeling:my-votes"),
    }


def test_the_walk_finds_a_file_that_tells(world, monkeypatch):
    monkeypatch.setattr("datasets.public._SECRET", ("confidence", "n_votes"))

    told = {
        where.rpartition("/")[2] for _who, where in differing(world, who=["nobody"], where=["datasets:file"])
    }

    assert {"manifest.parquet", "manifest.csv", "folders.zip", "test.zip", "test-000000.tar"} <= told
    assert told.isdisjoint({"train.zip", "validation.zip", "train-000000.tar", "taxonomy.json", "card.json"})


def test_stored_pictures_are_named_by_their_hashes_alone(world):
    for image in Image.objects.all():
        for file in filter(None, (image.file, image.display, image.thumbnail)):
            assert re.fullmatch(
                rf"([a-z]+/)?{image.sha256[:2]}/{image.sha256}(-[a-z]+)?\.(png|jpg|webp)", file.name
            )


# --- The administration ------------------------------------------------------------------------------------------


def test_the_administration_answers_nobody_but_staff_who_may_look():
    people = {make_user(): 302, make_curator(): 302, None: 302, make_user(is_staff=True): 403}

    for user, status in people.items():
        client = Client()
        if user:
            client.force_login(user)
        for model in admin.site._registry:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            for address in (reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[1])):
                assert client.get(address).status_code == status, (user, address)


# --- Votes -------------------------------------------------------------------------------------------------------

OWN_PAGES = ("labeling:my-votes", "labeling:standing", "accounts:account", "accounts:export")
TOKEN = re.compile(rb'(csrfmiddlewaretoken" value="|X-CSRFToken": ")\w+')


def by_program(client, _collection, lease, answer):
    return post(client, "/api/votes/", {"votes": [{"lease": lease, **answer}]})


def by_page(client, collection, lease, answer):
    """Press a button, and see the page that it leads to."""
    if collection.is_verifying:
        path = reverse("labeling:cast-grid", args=[collection.slug])
        sent = {"shown": [lease], "present": [lease] if answer["answer"] == "present" else []}
    else:
        path, sent = reverse("labeling:cast-vote", args=[lease]), answer
    return TOKEN.sub(b"", client.post(path, sent, follow=True).content)


@pytest.mark.parametrize("send", [by_program, by_page])
def test_no_answer_to_a_vote_tells_whether_others_say_so_too(clock, send):
    collection = make_collection(1, splits=("test",), min_votes=3, target_confidence=0.6)
    cat, dog = ({"synset": noun.wnid} for noun in collection.ordered_classes())

    with_them, decided = told_to_a_voter(collection, send, cat, others=cat)
    against_them, decided_otherwise = told_to_a_voter(collection, send, cat, others=dog)

    assert with_them == against_them
    assert decided == ("settled", "cat") != decided_otherwise


@pytest.mark.parametrize("send", [by_program, by_page])
def test_nor_does_one_to_a_vote_on_one_noun(clock, send):
    collection = make_verifying(1, splits=("test",), min_votes=3, target_confidence=0.6)
    present, absent = {"answer": "present"}, {"answer": "absent"}

    with_them, decided = told_to_a_voter(collection, send, present, others=present)
    against_them, decided_otherwise = told_to_a_voter(collection, send, present, others=absent)

    assert with_them == against_them
    assert decided == ("settled", "cat") != decided_otherwise


def test_an_answer_to_a_vote_on_a_training_picture_does_tell(clock):
    collection = make_collection(1, splits=("train",), min_votes=3, target_confidence=0.6)
    cat, dog = ({"synset": noun.wnid} for noun in collection.ordered_classes())

    with_them, _decided = told_to_a_voter(collection, by_program, cat, others=cat)
    against_them, _decided = told_to_a_voter(collection, by_program, cat, others=dog)

    assert with_them != against_them


def told_to_a_voter(collection, send, answer, others):
    """Have two people say what `others` do of a collection's only picture, then the voter `answer`; return what the
    voter is told from there on, and what the picture was decided as. Nothing of it is left.
    """
    *two, voter = [User.objects.get_or_create(username=name)[0] for name in ("ada", "bea", "voter")]
    with undone():
        for annotator in two:
            by_program(*borrow(collection, annotator), others)
        client, collection, lease = borrow(collection, voter)
        told = [send(client, collection, lease, answer) for _ in range(2)]
        decided = collection.questions.order_by("pk").values_list("state", "label__name").first()
        pages = [*map(reverse, OWN_PAGES), Image.objects.first().get_about_url()]
        pages += [
            reverse(f"labeling:{name}", args=[collection.slug]) for name in ("label", "collection-board")
        ]
        told += [TOKEN.sub(b"", client.get(page).getvalue()) for page in pages]
        told.append(post(client, reverse("collection-leases", args=[collection.slug]), {}))
        told.append(post(client, "/api/votes/undo/", {"lease": lease}))
    return told, decided


def borrow(collection, annotator):
    """Return an annotator's client, the collection, and the number of a lease of its first noun or of any."""
    client, noun = Client(), collection.ordered_classes()[0]
    client.force_login(annotator)
    about = {"about": noun.wnid} if collection.is_verifying else {}
    answer = post(client, reverse("collection-leases", args=[collection.slug]), about)
    return client, collection, answer["leases"][0]["id"]


def post(client, path, data):
    response = client.post(path, data, content_type="application/json")
    assert response.status_code == 200, response.content
    return response.json()
