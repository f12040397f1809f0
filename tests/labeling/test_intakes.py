"""Uploads that are left to a worker, through the API and the pages: sending them, and seeing how far they are."""

import pytest
from django.urls import reverse

from labeling import receiving
from labeling.models import Collection, Intake
from tests.factories import make_collection, make_photograph, make_picture, make_user
from tests.labeling.uploads import send, upload, zipped

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


@pytest.fixture
def photos() -> bytes:
    return zipped({"trip/a.png": make_picture(), "b.txt": b"buy milk"})


def send_form(client, collection: Collection, *files, **about: str):
    return client.post(reverse("labeling:pictures", args=[collection.slug]), {"files": files, **about})


def make_intake(collection: Collection, sender=None, photos: bytes = b"", **fields) -> Intake:
    photos = photos or zipped({"a.png": make_picture()})
    sender = sender or collection.owner
    intake = receiving.receive(collection, [upload("photos.zip", photos)], sender, source="a test")
    Intake.objects.filter(pk=intake.pk).update(**fields)
    intake.refresh_from_db()
    return intake


# By the API


def test_an_archive_is_left_to_a_worker_and_its_address_says_how_far_it_is(signed_in, collection, photos):
    response = send(signed_in, collection, upload("photos.zip", photos), source="a trip")

    said = response.json()
    assert response.status_code == 202
    assert response["Location"] == said["url"] == f"/api/intakes/{Intake.objects.get().pk}/"
    assert (said["state"], said["name"], said["size"]) == ("waiting", "photos.zip", len(photos))
    assert (said["n_done"], said["files"]) == (0, [])

    receiving.take_in_waiting()

    said = signed_in.get(said["url"]).json()
    assert (said["state"], said["n_files"], said["n_done"]) == ("finished", 2, 2)
    assert (said["n_added"], said["n_there"], said["n_refused"]) == (1, 0, 1)
    assert [file["name"] for file in said["files"]] == ["photos.zip/b.txt"]
    assert said["files"][0]["detail"].startswith("Expected a JPEG, PNG or WebP picture")
    assert collection.questions.get().image.source == "a trip"


def test_a_worker_is_woken_once_the_upload_is_kept(
    signed_in, collection, photos, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        send(signed_in, collection, upload("photos.zip", photos))

    assert Intake.objects.get().state == "finished"


def test_as_many_pictures_as_fit_are_answered_for_at_once_and_one_more_is_left_to_a_worker(
    signed_in, collection, monkeypatch
):
    monkeypatch.setattr(receiving, "AT_ONCE_FILES", 2)
    pictures = [upload(f"{i}.png", make_picture()) for i in range(3)]

    assert send(signed_in, collection, *pictures[:2]).status_code == 200
    assert send(signed_in, collection, *pictures).status_code == 202


def test_so_many_bytes_are_answered_for_at_once_and_one_more_is_left_to_a_worker(
    signed_in, collection, monkeypatch
):
    pictures = [make_picture() for _ in range(2)]
    monkeypatch.setattr(receiving, "AT_ONCE_BYTES", sum(map(len, pictures)))

    def send_both(more: bytes = b""):
        both = upload("a.png", pictures[0]), upload("b.png", pictures[1] + more)
        return send(signed_in, collection, *both).status_code

    assert (send_both(), send_both(b"1")) == (200, 202)


def test_a_single_picture_is_answered_for_at_once_however_large(signed_in, collection, monkeypatch):
    monkeypatch.setattr(receiving, "AT_ONCE_BYTES", 1)

    assert send(signed_in, collection, upload("a.png", make_picture())).status_code == 200


def test_all_notes_come_a_page_at_a_time(signed_in, collection, monkeypatch):
    monkeypatch.setattr("labeling.serializers.MOST_NOTES", 2)
    intake = make_intake(collection, photos=zipped({f"{i}.txt": b"buy milk" for i in range(5)}))
    receiving.take_in_waiting()

    said = signed_in.get(f"/api/intakes/{intake.pk}/").json()
    page = signed_in.get(f"/api/intakes/{intake.pk}/files/?limit=3&offset=3").json()

    assert [file["name"] for file in said["files"]] == ["photos.zip/0.txt", "photos.zip/1.txt"]
    assert page["count"] == 5
    assert [file["name"] for file in page["results"]] == ["photos.zip/3.txt", "photos.zip/4.txt"]


def test_a_failed_one_says_why(signed_in, collection):
    intake = make_intake(collection, state="failed", error="The disk is full.")

    said = signed_in.get(f"/api/intakes/{intake.pk}/").json()

    assert (said["state"], said["detail"]) == ("failed", "The disk is full.")


@pytest.mark.parametrize("path", ["", "files/"])
def test_those_who_edit_the_collection_see_it_and_nobody_else(client, collection, owner, path):
    intake = make_intake(collection)

    def status(user) -> int:
        client.force_login(user)
        return client.get(f"/api/intakes/{intake.pk}/{path}").status_code

    assert client.get(f"/api/intakes/{intake.pk}/{path}").status_code == 401
    assert [status(user) for user in (owner, make_user(is_staff=True), make_user())] == [200, 200, 404]


def test_the_list_is_of_ones_own_collections_and_asks_as_often_for_many(
    signed_in, collection, django_assert_num_queries
):
    make_intake(make_collection(), make_user())
    for _ in range(3):
        make_intake(collection)
    signed_in.get("/api/intakes/")

    with django_assert_num_queries(4):  # session, user, count, rows
        said = signed_in.get("/api/intakes/").json()

    assert said["count"] == 3
    assert "files" not in said["results"][0]


# By the pages


def test_the_form_leads_to_the_uploads_page_which_asks_for_itself_until_it_is_finished(
    signed_in, collection, photos
):
    response = send_form(signed_in, collection, upload("photos.zip", photos), source="a trip")
    intake = Intake.objects.get()
    assert response.url == intake.get_absolute_url()

    text = signed_in.get(response.url).content.decode()
    assert "waiting for a worker" in text
    assert 'hx-trigger="every 2s"' in text
    assert f'<noscript><p class="more"><a href="{intake.get_absolute_url()}">Look again</a>' in text

    receiving.take_in_waiting()

    text = signed_in.get(response.url).content.decode()
    assert "finished" in text
    assert "hx-trigger" not in text
    assert "photos.zip/b.txt" in text
    assert "Expected a JPEG, PNG or WebP picture" in text


def test_what_looks_alike_in_an_upload_leads_to_deciding_about_it(signed_in, collection):
    photographs = {f"{size[0]}.jpg": make_photograph(1, size) for size in ((320, 240), (160, 120))}
    intake = make_intake(collection, photos=zipped(photographs))
    address = reverse("labeling:duplicates", args=[collection.slug])
    sentence = f'looks alike. <a href="{address}">'
    assert sentence not in signed_in.get(intake.get_absolute_url()).content.decode()

    receiving.take_in_waiting()

    assert sentence in signed_in.get(intake.get_absolute_url()).content.decode()


def test_one_under_way_shows_how_many_of_all(signed_in, collection):
    intake = make_intake(collection, state="running", n_files=5000, n_added=1200)

    text = signed_in.get(intake.get_absolute_url()).content.decode()

    assert "<b>1,200</b> of <b>5,000</b> files" in text


def test_the_part_that_changes_comes_alone_to_whom_asks_for_it(signed_in, collection):
    intake = make_intake(collection)

    response = signed_in.get(intake.get_absolute_url(), headers={"HX-Request": "true"})

    assert response.content.decode().lstrip().startswith('<div id="intake"')


def test_several_files_are_named_by_the_first(signed_in, collection, monkeypatch):
    monkeypatch.setattr(receiving, "AT_ONCE_FILES", 2)
    response = send_form(
        signed_in, collection, *(upload(f"{i}.png", make_picture()) for i in range(3)), source="a trip"
    )

    text = signed_in.get(response.url).content.decode()

    assert ">0.png</bdi></h1>" in text
    assert "And 2 more files" in text


def test_the_page_is_for_those_who_edit_the_collection(client, collection, owner):
    url = make_intake(collection).get_absolute_url()
    assert client.get(url).status_code == 302  # to the sign-in

    def status(user) -> int:
        client.force_login(user)
        return client.get(url).status_code

    assert [status(user) for user in (owner, make_user(is_staff=True), make_user())] == [200, 200, 404]


def test_earlier_uploads_are_listed_where_pictures_are_added(
    signed_in, collection, django_assert_max_num_queries
):
    url = reverse("labeling:pictures", args=[collection.slug])
    assert "Earlier uploads" not in signed_in.get(url).content.decode()
    for _ in range(5):
        intake = make_intake(collection)
    other = make_intake(make_collection(), make_user())

    with django_assert_max_num_queries(8):
        text = signed_in.get(url).content.decode()

    assert intake.get_absolute_url() in text
    assert other.get_absolute_url() not in text


def test_the_page_says_how_much_can_be_sent_at_once(signed_in, collection, settings):
    settings.UPLOAD_MAX_MIB = 2048

    text = signed_in.get(reverse("labeling:pictures", args=[collection.slug])).content.decode()

    assert "At most 2,048 MiB at once." in text
