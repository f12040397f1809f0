"""Snapshots and freezing for programs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets import publishing
from datasets.models import Freezing
from labeling.models import Image
from tests.factories import make_collection, make_settled_collection, make_snapshot, make_user

pytestmark = pytest.mark.django_db
SNAPSHOTS = "/api/snapshots/"


@pytest.fixture
def owner(client):
    user = make_user()
    client.force_login(user)
    return user


def freezings(collection):
    return f"/api/collections/{collection.slug}/freezings/"


def post(client, collection, **fields):
    return client.post(freezings(collection), fields, content_type="application/json")


# --- Snapshots ----------------------------------------------------------------------------------------------


def test_a_snapshot_says_what_it_is(client):
    snapshot = make_snapshot(n_questions=10)

    said = client.get(f"{SNAPSHOTS}{snapshot.pk}/").json()

    assert (said["digest"], said["seal"], said["classes"]) == (
        snapshot.digest,
        snapshot.seal,
        snapshot.classes,
    )
    assert said["card"]["by_split"] == {"train": 6, "val": 2, "test": 2}
    assert said["options"] == {"min_confidence": None, "classes": None, "with_votes": False, "may_lack": True}
    assert (said["n_images"], said["n_remainder"], said["n_held_back"]) == (10, 0, 0)


def test_its_files_are_at_whole_addresses(client):
    snapshot = make_snapshot(n_questions=10)

    files = {file["name"]: file for file in client.get(f"{SNAPSHOTS}{snapshot.pk}/").json()["files"]}

    manifest, kept = files["manifest.parquet"], snapshot.editions.get().files["manifest.parquet"]
    assert manifest["url"] == f"http://testserver{snapshot.get_absolute_url()}files/manifest.parquet"
    assert (manifest["n_bytes"], manifest["sha256"]) == (kept["n_bytes"], kept["sha256"])
    assert len(client.get(manifest["url"]).getvalue()) == manifest["n_bytes"]
    assert {"folders.zip", "card.md", "imagefolder/train.zip"} <= files.keys()


def test_rows_that_are_held_back_are_counted(client):
    snapshot = make_snapshot(n_questions=10)

    Image.objects.first().withdraw()

    assert client.get(f"{SNAPSHOTS}{snapshot.pk}/").json()["n_held_back"] == 1


def test_while_a_large_snapshots_files_are_made_anew_none_is_listed(client, monkeypatch):
    snapshot = make_snapshot(n_questions=10)
    Image.objects.first().withdraw()
    monkeypatch.setattr(publishing, "AT_ONCE", 9)

    said = client.get(f"{SNAPSHOTS}{snapshot.pk}/").json()

    assert (said["n_held_back"], said["files"]) == (None, [])
    monkeypatch.setattr(publishing, "AT_ONCE", 10)
    assert client.get(f"{SNAPSHOTS}{snapshot.pk}/").json()["n_held_back"] == 1


@pytest.mark.parametrize("who", ["nobody", "stranger", "owner", "staff"])
@pytest.mark.parametrize("is_listed", [False, True])
def test_counts_of_test_pictures_by_class_are_for_those_who_edit_the_collection(client, who, is_listed):
    owner = make_user()
    snapshot = make_snapshot(n_questions=10, owner=owner)
    if who != "nobody":
        client.force_login(owner if who == "owner" else make_user(is_staff=who == "staff"))

    said = client.get(SNAPSHOTS if is_listed else f"{SNAPSHOTS}{snapshot.pk}/").json()

    by_class = (said["results"][0] if is_listed else said)["card"]["by_class"]
    is_told = who in ("owner", "staff")
    for counts in by_class.values():
        assert counts.keys() == ({"train", "val", "test"} if is_told else {"train", "val"})


def test_nothing_tells_where_files_lie_nor_what_test_labels_could_be_tried_against(client, owner):
    snapshot = make_snapshot(n_questions=10, owner=owner)

    for address in (SNAPSHOTS, f"{SNAPSHOTS}{snapshot.pk}/"):
        said = client.get(address).content.decode()
        assert snapshot.digest in said
        assert snapshot.manifest.name not in said
        assert snapshot.content not in said


def test_the_list_and_the_page_name_no_picture(client):
    snapshot = make_snapshot(n_questions=10)

    said = "".join(client.get(a).content.decode() for a in (SNAPSHOTS, f"{SNAPSHOTS}{snapshot.pk}/"))

    assert not [row.sha256 for row in snapshot.rows() if row.sha256 in said]


def test_the_list_asks_as_much_for_many_as_for_one(client):
    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(SNAPSHOTS).status_code == 200
        return len(queries)

    make_snapshot(n_questions=10)
    few = n_queries()
    for _ in range(2):
        make_snapshot(n_questions=10)

    assert client.get(SNAPSHOTS).json()["count"] == 3
    assert n_queries() == few


# --- Freezing -----------------------------------------------------------------------------------------------


def test_a_program_has_a_collection_frozen(client, owner, django_capture_on_commit_callbacks):
    collection = make_settled_collection(10, owner=owner)
    cat, _dog = collection.ordered_classes()

    with django_capture_on_commit_callbacks(execute=True):
        response = post(client, collection, min_confidence=0.9, classes=[cat.wnid], may_lack=True)

    assert response.status_code == 201
    said = response.json()
    assert (said["state"], said["cause"], said["snapshot"]) == ("waiting", "asked", None)
    assert said["options"] == {
        "min_confidence": 0.9, "classes": [cat.wnid], "with_votes": False, "may_lack": True,
    }  # fmt: skip
    ended = client.get(f"{freezings(collection)}{said['id']}/").json()
    [snapshot] = collection.snapshots.all()
    assert (ended["state"], ended["snapshot"], ended["is_new"], ended["detail"]) == (
        "finished",
        snapshot.pk,
        True,
        "",
    )
    assert snapshot.n_images == 5


def test_without_a_choice_it_is_frozen_as_the_collection_is(client, owner):
    collection = make_settled_collection(10, owner=owner)

    said = post(client, collection).json()

    assert said["options"] == {
        "min_confidence": None,
        "classes": None,
        "with_votes": False,
        "may_lack": False,
    }


def test_asking_twice_freezes_once(client, owner):
    collection = make_settled_collection(10, owner=owner)

    assert post(client, collection).json()["id"] == post(client, collection).json()["id"]
    assert Freezing.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"min_confidence": 2}, "Expected a least confidence above 0 and up to 1; found 2.0."),
        ({"classes": []}, "Expected at least one noun as a class; found none."),
        (
            {"classes": ["n99999999"]},
            "Expected the wnid of a noun of the tree as a class; found “n99999999”.",
        ),
        ({"with_votes": "perhaps"}, "Must be a valid boolean."),
    ],
)
def test_a_choice_that_cannot_be_met_is_refused_with_a_sentence(client, owner, fields, sentence):
    collection = make_settled_collection(10, owner=owner)

    response = post(client, collection, **fields)

    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert not Freezing.objects.exists()


def test_why_it_was_refused_on_the_way_is_told(client, owner, django_capture_on_commit_callbacks):
    collection = make_collection(2, owner=owner)

    with django_capture_on_commit_callbacks(execute=True):
        said = post(client, collection).json()

    ended = client.get(f"{freezings(collection)}{said['id']}/").json()
    assert ended["state"] == "failed"
    assert "found none" in ended["detail"]


@pytest.mark.parametrize("who", ["nobody", "stranger", "staff"])
def test_only_whoever_edits_a_collection_has_it_frozen(client, who):
    collection = make_settled_collection(10, owner=make_user())
    freezing = Freezing.objects.create(collection=collection, cause="asked", options={})
    if who != "nobody":
        client.force_login(make_user(is_staff=who == "staff"))

    asked, looked = post(client, collection), client.get(f"{freezings(collection)}{freezing.pk}/")

    expected = {"nobody": (401, 401), "stranger": (404, 404), "staff": (201, 200)}[who]
    assert (asked.status_code, looked.status_code) == expected
