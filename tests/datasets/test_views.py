import csv

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from datasets.models import Snapshot
from labeling.models import Image
from labeling.splits import TEST, split_of
from tests.factories import (
    freeze_all,
    make_run,
    make_settled_collection,
    make_snapshot,
)

pytestmark = pytest.mark.django_db

SNAPSHOTS = "/api/snapshots/"


def url(name, snapshot):
    return reverse(f"datasets:{name}", args=[snapshot.collection.slug, snapshot.number])


def read_public_manifest(client, snapshot):
    text = client.get(url("manifest", snapshot)).getvalue().decode()
    return list(csv.DictReader(text.splitlines()))


def n_queries(client, address):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_a_snapshots_page_says_what_it_is(client):
    snapshot = make_snapshot(n_questions=10)

    response = client.get(snapshot.get_absolute_url())

    assert snapshot.digest in response.content.decode()
    assert [row[1:] for row in response.context["counts"]] == [
        tuple(snapshot.card["by_class"][wnid].values()) for wnid in snapshot.classes
    ]


@pytest.mark.parametrize("name", ["snapshot", "manifest"])
def test_a_snapshot_that_is_not_there_is_not_found(client, name):
    snapshot = make_snapshot(n_questions=10)
    assert client.get(url(name, snapshot)).status_code == 200

    snapshot.number = 2

    assert client.get(url(name, snapshot)).status_code == 404


def test_a_snapshots_page_asks_as_much_for_many_nouns_as_for_few(client):
    few = make_snapshot(n_questions=10, names=("cat", "dog"))
    many = make_snapshot(n_questions=10, names=("ant", "bee", "cow", "doe", "emu"))

    assert n_queries(client, url("snapshot", few)) == n_queries(client, url("snapshot", many))


def test_the_public_manifest_names_every_picture_and_its_split(client):
    snapshot = make_snapshot(n_questions=10)

    rows = read_public_manifest(client, snapshot)

    assert [(row["sha256"], row["file_name"], row["split"]) for row in rows] == [
        (row.sha256, row.file_name, row.split) for row in snapshot.rows()
    ]
    assert rows[0]["picture"] == reverse("labeling:picture", args=[rows[0]["sha256"]])


def test_the_public_manifest_labels_what_is_for_training_and_validation(client):
    snapshot = make_snapshot(n_questions=10)

    said = {row["sha256"]: row for row in read_public_manifest(client, snapshot) if row["split"] != "test"}

    assert len(said) == 8
    for row in snapshot.rows():
        if row.split != "test":
            public = said[row.sha256]
            assert (public["wnid"], public["synset"]) == (row.wnid, row.synset)
            assert (float(public["confidence"]), int(public["n_votes"])) == (row.confidence, row.n_votes)


def test_the_public_manifest_says_nothing_of_a_test_pictures_label(client):
    snapshot = make_snapshot(n_questions=10)
    rows = [row for row in read_public_manifest(client, snapshot) if row["split"] == "test"]

    assert len(rows) == 2
    for row in rows:
        told = {name for name, value in row.items() if value}
        assert told == {"sha256", "file_name", "picture", "split"}


def test_the_public_manifest_is_the_same_whatever_the_test_labels_are(client):
    collection = make_settled_collection(10)
    cat, dog = collection.ordered_classes()
    manifests = []
    for label in (cat, dog):
        for sha256 in collection.questions.values_list("image__sha256", flat=True):
            if split_of(sha256) == TEST:
                collection.questions.filter(image__sha256=sha256).update(label=label)
        manifests.append(read_public_manifest(client, freeze_all(collection)))

    assert Snapshot.objects.count() == 2  # the labels are others
    assert manifests[0] == manifests[1]


def test_the_page_and_the_api_name_no_picture(client):
    snapshot = make_snapshot(n_questions=10)
    pages = [url("snapshot", snapshot), SNAPSHOTS, f"{SNAPSHOTS}{snapshot.pk}/"]

    said = " ".join(client.get(page).content.decode() for page in pages)

    assert snapshot.digest in said
    assert not [row.sha256 for row in snapshot.rows() if row.sha256 in said]


def test_the_api_does_not_say_where_the_manifest_lies(client):
    snapshot = make_snapshot(n_questions=10)

    said = client.get(f"{SNAPSHOTS}{snapshot.pk}/").json()

    assert snapshot.manifest.name not in str(said)
    assert said["card"]["by_split"] == {"train": 6, "val": 2, "test": 2}
    assert (said["digest"], said["classes"]) == (snapshot.digest, snapshot.classes)


def test_the_manifest_is_not_served_as_a_picture(client):
    snapshot = make_snapshot(n_questions=10)
    picture = next(snapshot.rows()).sha256

    assert client.get(f"/pictures/{picture}/").getvalue()
    assert client.get(f"/pictures/{snapshot.manifest.name}").status_code == 404
    assert client.get(f"/pictures/{snapshot.digest}/").status_code == 404


def test_a_trainings_answers_on_the_test_pictures_are_not_told(client):
    run = make_run(make_snapshot(n_questions=10), status="finished", predictions="runs/1/predictions.npz")

    said = client.get(f"/api/runs/{run.pk}/").json()

    assert said["status"] == "finished"
    assert "predictions" not in str(said)


def test_the_list_of_snapshots_asks_as_much_for_many_as_for_one(client):
    make_snapshot(n_questions=10)
    few = n_queries(client, SNAPSHOTS)

    for _ in range(2):
        make_snapshot(n_questions=10)

    assert client.get(SNAPSHOTS).json()["count"] == 3
    assert n_queries(client, SNAPSHOTS) == few


def test_a_picture_that_was_withdrawn_since_is_marked_and_its_row_stays(client):
    snapshot = make_snapshot(n_questions=10)
    picture = next(snapshot.rows()).sha256
    assert client.get(snapshot.get_absolute_url()).context["n_withdrawn"] == 0

    Image.objects.get(sha256=picture).withdraw()

    rows = read_public_manifest(client, snapshot)
    assert [row["sha256"] for row in rows if row["withdrawn"]] == [picture]
    assert len(rows) == snapshot.n_images
    assert client.get(snapshot.get_absolute_url()).context["n_withdrawn"] == 1


def test_a_picture_that_was_withdrawn_before_marks_no_later_snapshot(client):
    collection = make_settled_collection(n_questions=10)
    collection.questions.first().image.withdraw()

    snapshot = freeze_all(collection)

    assert client.get(snapshot.get_absolute_url()).context["n_withdrawn"] == 0
