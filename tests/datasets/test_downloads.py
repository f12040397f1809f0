"""The files of a snapshot as anybody gets them."""

import csv
import hashlib
import io
import json
import zipfile

import pytest
from django.urls import reverse

from datasets import downloads, publishing, summing
from datasets.manifest import VoteRow, digest_of, json_seal, read_rows, seal_of
from datasets.models import Edition, Snapshot
from datasets.public import public_leaf, read_public
from labeling.models import Image, Vote
from taxonomy.models import Synset
from tests.factories import freeze_all, make_settled_collection, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot():
    return freeze_all(make_settled_collection(20), with_votes=True)


def get(client, snapshot, name, **headers):
    address = reverse("datasets:file", args=[snapshot.collection.slug, snapshot.number, name])
    return client.get(address, headers=headers)


def read(client, snapshot, name):
    response = get(client, snapshot, name)
    assert response.status_code == 200, name
    return response.getvalue()


def etag_of(client, snapshot, name):
    answer = get(client, snapshot, name)
    assert answer.getvalue()  # to its end, which closes what was opened
    return answer["ETag"]


def lines(client, snapshot, name):
    return list(csv.DictReader(read(client, snapshot, name).decode().splitlines()))


def every_name(snapshot):
    entries = downloads.listing(publishing.current_edition(snapshot))
    return [*(entry.name for entry in entries), downloads.SUMS, downloads.CROISSANT]


def test_every_file_that_is_listed_can_be_downloaded_and_is_as_large_as_it_says(client, snapshot):
    for entry in downloads.listing(publishing.current_edition(snapshot)):
        data = read(client, snapshot, entry.name)

        assert len(data) == entry.n_bytes, entry.name
        if entry.sha256:
            assert hashlib.sha256(data).hexdigest() == entry.sha256, entry.name


def test_any_file_can_be_had_in_pieces(client, snapshot):
    for name in every_name(snapshot):
        whole = read(client, snapshot, name)
        half = len(whole) // 2

        first = get(client, snapshot, name, range=f"bytes=0-{half - 1}")
        rest = get(client, snapshot, name, range=f"bytes={half}-", if_range=first["ETag"])

        assert (first.status_code, rest.status_code) == (206, 206)
        assert first.getvalue() + rest.getvalue() == whole, name


def test_a_file_that_is_none_of_its_is_not_found(client, snapshot):
    for name in (
        "manifest",
        "../manifest.parquet",
        "webdataset/train-000001.tar",
        "imagefolder/val.zip",
        "x" * 300,
    ):
        assert get(client, snapshot, name).status_code == 404


def test_the_checksums_of_archives_are_listed_once_they_are_worked_out(client, snapshot):
    before = read(client, snapshot, "SHA256SUMS").decode()

    assert summing.sum_waiting() == 1

    after = dict(
        reversed(line.split("  ")) for line in read(client, snapshot, "SHA256SUMS").decode().splitlines()
    )
    assert ("folders.zip" in before, "manifest.parquet" in before) == (False, True)
    for name, sha256 in after.items():
        assert hashlib.sha256(read(client, snapshot, name)).hexdigest() == sha256, name
    assert {each["name"] for each in Edition.objects.get().archives} < after.keys()
    assert summing.sum_waiting() == 0


def test_whoever_downloads_it_can_prove_the_digest(client, snapshot):
    seal = json.loads(read(client, snapshot, "seal.json"))

    rows = list(read_public(io.BytesIO(read(client, snapshot, "manifest.parquet"))))

    assert (
        digest_of(seal) == snapshot.digest == hashlib.sha256(read(client, snapshot, "seal.json")).hexdigest()
    )
    assert seal["rows"] == seal_of(map(public_leaf, rows))
    assert seal["taxonomy"] == hashlib.sha256(read(client, snapshot, "taxonomy.json")).hexdigest()
    assert seal["card"] == hashlib.sha256(read(client, snapshot, "card.json")).hexdigest()
    assert seal["card"] == json_seal(json.loads(read(client, snapshot, "card.json")))


def test_a_picture_that_is_withdrawn_is_in_no_later_download_and_its_leaf_still_proves_the_digest(
    client, snapshot
):
    gone = {
        split: Image.objects.filter(split=split).order_by("sha256").first() for split in ("train", "test")
    }
    etag = etag_of(client, snapshot, "folders.zip")
    for image in gone.values():
        image.withdraw()

    rows = list(read_public(io.BytesIO(read(client, snapshot, "manifest.parquet"))))
    listed = {row["sha256"]: row for row in lines(client, snapshot, "withdrawn.csv")}

    assert {row["split"]: (sha256, row["reason"]) for sha256, row in listed.items()} == {
        split: (image.sha256, "withdrawn") for split, image in gone.items()
    }
    leaves = {row.sha256: public_leaf(row) for row in rows} | {
        sha256: bytes.fromhex(row["leaf"]) for sha256, row in listed.items()
    }
    assert seal_of(leaf for _sha256, leaf in sorted(leaves.items())) == snapshot.seal["rows"]
    for name in every_name(snapshot):
        if name not in ("withdrawn.csv", "votes.parquet"):
            said = read(client, snapshot, name)
            assert not any(image.sha256.encode() in said for image in gone.values()), name
    assert etag_of(client, snapshot, "folders.zip") != etag
    answer = get(client, snapshot, "folders.zip", range="bytes=9-", if_range=etag)
    assert (answer.status_code, answer.getvalue()[:2]) == (200, b"PK")  # another file: from its beginning


def test_a_picture_that_is_put_back_is_in_downloads_again(client, snapshot):
    image = Image.objects.first()
    before = read(client, snapshot, "folders.zip")
    image.withdraw()
    assert read(client, snapshot, "folders.zip") != before

    image.put_back()

    assert read(client, snapshot, "folders.zip") == before
    assert Edition.objects.count() == 2


def test_pictures_of_a_noun_that_was_marked_sensitive_are_left_out_but_for_test_pictures(client, snapshot):
    cat = snapshot.collection.ordered_classes()[0]
    Synset.objects.filter(pk=cat.pk).update(is_sensitive=True, sensitive_reason="a test")

    splits = [
        row["split"] for row in lines(client, snapshot, "manifest.csv") if row["wnid"] in (cat.wnid, "")
    ]

    assert set(splits) == {"test"}
    assert len(splits) == snapshot.card["by_split"]["test"]
    assert {row["reason"] for row in lines(client, snapshot, "withdrawn.csv")} == {"its noun is sensitive"}


def test_the_files_of_a_large_snapshot_are_made_by_a_worker(client, snapshot, monkeypatch):
    monkeypatch.setattr(publishing, "AT_ONCE", 19)
    Image.objects.first().withdraw()

    answer = get(client, snapshot, "manifest.csv")

    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert publishing.publish_missing() == 1
    assert read(client, snapshot, "manifest.csv")
    assert publishing.publish_missing() == 0


def test_an_archive_stops_where_a_pictures_file_is_another(client, snapshot):
    image = Image.objects.filter(split="train").first()
    with image.file.open("r+b") as file:
        file.write(b"\x00")

    with pytest.raises(OSError, match=image.file.name.rpartition("/")[2]):
        read(client, snapshot, "folders.zip")


def test_votes_have_pseudonyms_and_are_on_no_test_picture(client):
    collection = make_settled_collection(20)
    cat, dog = collection.ordered_classes()
    one, other = make_user(), make_user()
    for question in collection.questions.all():
        fields = {"question": question, "answer": "present", "taxonomy_version": 0}
        Vote.objects.create(annotator=one, synset=cat, seconds=1.5, **fields)
        Vote.objects.create(annotator=other, synset=dog, **fields)
    snapshot = freeze_all(collection, with_votes=True)

    votes = read_rows(VoteRow, io.BytesIO(read(client, snapshot, "votes.parquet")))

    said = {(vote.sha256, vote.annotator): (vote.wnid, vote.seconds) for vote in votes}
    told = [row.sha256 for row in snapshot.rows() if row.split != "test"]
    assert [sha256 for sha256, _annotator in said] == [sha256 for sha256 in told for _ in range(2)]
    of_one = {annotator for (_sha256, annotator), said_ in said.items() if said_ == (cat.wnid, 1.5)}
    of_other = {annotator for (_sha256, annotator), said_ in said.items() if said_ == (dog.wnid, None)}
    assert (of_one | of_other, of_one & of_other) == ({1, 2}, set())
    assert snapshot.card["agreement"]["share"] == 0.5


def votes_when_frozen(client, collection) -> bytes:
    return read(client, freeze_all(collection, with_votes=True), "votes.parquet")


def test_pseudonyms_follow_from_the_sites_key_and_not_from_labels_that_are_secret(client, settings):
    collection = make_settled_collection(20)
    cat, dog = collection.ordered_classes()
    for annotator in [make_user() for _ in range(8)]:
        for question in collection.questions.all():
            Vote.objects.create(
                question=question, annotator=annotator, synset=cat, answer="present", taxonomy_version=0
            )
    votes = votes_when_frozen(client, collection)

    collection.questions.filter(image__split="test", label=cat).update(label=dog)
    assert votes_when_frozen(client, collection) == votes  # so that no label can be tried against them
    collection.questions.filter(image__split="test", label=dog).update(confidence=0.995)
    settings.SECRET_KEY = "another"
    assert votes_when_frozen(client, collection) != votes


def test_the_zip_opens_and_has_every_picture(client, snapshot):
    archive = zipfile.ZipFile(io.BytesIO(read(client, snapshot, "folders.zip")))

    assert archive.testzip() is None
    pictures = {name.rpartition("/")[2] for name in archive.namelist() if name.endswith((".png", ".jpg"))}
    assert pictures == {row.file_name for row in Snapshot.objects.get().rows()}
