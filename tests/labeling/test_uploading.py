"""Pictures through the API, and through the page's form as a browser without JavaScript sends it.

What is left to a worker is in test_intakes.py.
"""

import pytest
from django.urls import reverse

from labeling.models import Collection, Image
from tests.factories import make_collection, make_photograph, make_picture, make_user
from tests.labeling.uploads import send, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user()


@pytest.fixture
def collection(owner) -> Collection:
    return make_collection(owner=owner)


@pytest.fixture
def signed_in(client, owner):
    client.force_login(owner)
    return client


def page(collection: Collection) -> str:
    return reverse("labeling:pictures", args=[collection.slug])


# By the API


def test_each_file_is_answered_for_and_the_good_ones_go_in(signed_in, collection):
    response = send(
        signed_in,
        collection,
        upload("a.png", make_picture(1)),
        upload("notes.txt", b"buy milk"),
        upload("again.png", make_picture(1)),
        source="a trip",
        licence="CC0",
        credit="Ada",
    )

    image = Image.objects.get()
    report = response.json()
    assert (report["n_added"], report["n_there"], report["n_refused"]) == (1, 1, 1)
    assert [(file["name"], file["status"]) for file in report["files"]] == [
        ("a.png", "added"), ("notes.txt", "refused"), ("again.png", "there"),
    ]  # fmt: skip
    assert report["files"][0] == {
        "name": "a.png", "status": "added", "detail": "", "sha256": image.sha256, "near": [],
    }  # fmt: skip
    assert report["files"][1]["detail"].startswith("Expected a JPEG, PNG or WebP picture")
    assert (image.source, image.licence, image.credit) == ("a trip", "CC0", "Ada")


def test_a_near_duplicate_is_named(signed_in, collection):
    send(signed_in, collection, upload("a.jpg", make_photograph(1, (400, 300))))
    first = Image.objects.get()

    response = send(signed_in, collection, upload("b.jpg", make_photograph(1, (300, 225))))

    assert response.json()["files"][0]["near"] == [first.sha256]


def test_an_empty_file_is_refused_in_the_report(signed_in, collection):
    response = send(signed_in, collection, upload("empty.png", b""))

    assert response.status_code == 200
    assert response.json()["files"][0]["status"] == "refused"


def test_a_request_without_files_is_refused(signed_in, collection):
    response = send(signed_in, collection)

    assert response.status_code == 400
    assert "files" in response.json()


def test_the_staff_add_pictures_to_every_collection(client, collection):
    client.force_login(make_user(is_staff=True))

    assert send(client, collection, upload("a.png", make_picture())).status_code == 200


def test_others_may_not(client, collection):
    client.force_login(make_user())

    response = send(client, collection, upload("a.png", make_picture()))

    assert response.status_code == 403
    assert response.json()["detail"] == "Only the owner of a collection and the staff add pictures to it."
    assert not Image.objects.exists()


def test_nobody_owns_a_collection_without_an_owner(client):
    collection = make_collection()

    assert send(client, collection, upload("a.png", make_picture())).status_code == 401
    assert page(collection) not in client.get(collection.get_absolute_url()).content.decode()


def test_a_request_that_is_too_large_is_refused_unread(signed_in, collection, settings):
    settings.UPLOAD_MAX_MIB = 1
    response = send(signed_in, collection, upload("a.png", make_picture() + bytes(2**20)))

    assert response.status_code == 413
    assert response.json()["detail"] == "Expected at most 1 MiB; found 1.0 MiB."
    assert send(signed_in, collection, upload("a.png", make_picture() + bytes(2**19))).status_code == 200


# By the page


def test_the_form_takes_many_files_and_the_page_says_what_became_of_them(signed_in, collection):
    files = [upload("a.png", make_picture()), upload("notes.txt", b"buy milk")]

    response = signed_in.post(page(collection), {"files": files, "source": "a trip"})

    text = response.content.decode()
    assert "1 added, 0 there already, 1 refused." in text
    assert "notes.txt" in text
    assert "The collection has <b>1</b> picture." in text
    assert Image.objects.get().source == "a trip"


def test_a_form_without_files_says_what_it_lacks(signed_in, collection):
    response = signed_in.post(page(collection), {"source": "a trip"})

    assert response.context["form"].errors == {"files": ["This field is required."]}


def test_the_page_is_the_owners_and_the_staffs(client, collection, owner):
    assert client.get(page(collection)).status_code == 302  # to the sign-in

    statuses = []
    for user in (owner, make_user(is_staff=True), make_user()):
        client.force_login(user)
        statuses.append(client.get(page(collection)).status_code)

    assert statuses == [200, 200, 403]


def test_the_collections_page_leads_there_those_who_may(client, collection, owner):
    def leads() -> bool:
        return page(collection) in client.get(collection.get_absolute_url()).content.decode()

    assert not leads()
    client.force_login(make_user())
    assert not leads()
    client.force_login(owner)
    assert leads()
