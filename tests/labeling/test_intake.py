import hashlib

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.intake import IncomingPicture, Report, add_pictures
from labeling.models import Collection, Image, Question
from labeling.splits import split_of
from tests.factories import make_collection, make_picture

pytestmark = pytest.mark.django_db


def take(collection: Collection, *pictures: bytes | IncomingPicture, **about: str) -> Report:
    """Add pictures, named by their place from 0."""
    incoming = [
        data if isinstance(data, IncomingPicture) else IncomingPicture(str(place), data)
        for place, data in enumerate(pictures)
    ]
    return add_pictures(collection, incoming, **{"source": "a test", **about})


def test_a_picture_is_stored_under_its_hash_with_where_it_came_from():
    data = make_picture(size=(12, 9))

    take(make_collection(), data, source="a field trip", licence="CC0", credit="Ada")

    image, sha256 = Image.objects.get(), hashlib.sha256(data).hexdigest()
    assert (image.sha256, image.width, image.height) == (sha256, 12, 9)
    assert (image.source, image.licence, image.credit) == ("a field trip", "CC0", "Ada")
    with default_storage.open(image.file.name) as file:
        assert file.read() == data
    assert (image.thumbnail, image.split) == ("", split_of(sha256))


def test_a_large_pictures_thumbnail_is_stored_beside_it():
    take(make_collection(), make_picture(size=(640, 400)))

    image = Image.objects.get()
    assert image.thumbnail.name == f"{image.sha256[:2]}/{image.sha256}.small.png"
    assert default_storage.size(image.thumbnail.name) < default_storage.size(image.file.name)


def test_each_picture_is_asked_about_once_and_waits_its_turn():
    report = take(make_collection(), make_picture(), make_picture())

    assert report.n_added == 2
    assert report.questions.keys() == {"0", "1"}
    for question in Question.objects.all():
        assert (question.state, question.open_places, question.n_votes) == ("waiting", 0, 0)


def test_a_known_answer_is_kept_beside_the_question_and_is_no_label():
    collection = make_collection()
    cat = collection.ordered_classes()[0]

    take(collection, IncomingPicture("tom", make_picture(), truth=cat))

    question = Question.objects.get()
    assert (question.truth, question.label) == (cat, None)


def test_a_picture_that_is_there_is_not_added_again():
    collection, data = make_collection(), make_picture()
    first = take(collection, data)

    again = take(collection, data)

    assert (first.n_added, again.n_added) == (1, 0)
    assert again.questions == first.questions
    assert (Image.objects.count(), Question.objects.count()) == (1, 1)


def test_one_picture_under_two_names_is_one_question():
    data = make_picture()

    report = take(make_collection(), data, data)

    assert report.n_added == 1
    assert report.questions == {"0": Question.objects.get().pk, "1": Question.objects.get().pk}


def test_another_collection_asks_about_the_same_picture_anew():
    data = make_picture()
    take(make_collection(), data)

    report = take(make_collection(), data)

    assert report.n_added == 1
    assert (Image.objects.count(), Question.objects.count()) == (1, 2)


def test_a_broken_picture_is_reported_by_its_name_and_the_others_go_in():
    report = take(
        make_collection(), make_picture(), IncomingPicture("notes.txt", b"buy milk"), make_picture()
    )

    [(name, why)] = report.refused
    assert name == "notes.txt"
    assert why == "Expected a JPEG, PNG or WebP picture; found bytes that begin b'buy milk'."
    assert (report.n_added, Question.objects.count()) == (2, 2)
    assert "notes.txt" not in report.questions


def test_no_pictures_are_no_work():
    assert take(make_collection()) == Report()


def test_what_came_before_a_failing_source_is_kept_by_whole_batches(monkeypatch):
    monkeypatch.setattr("labeling.intake.BATCH", 2)
    collection, pictures = make_collection(), [make_picture() for _ in range(4)]

    def a_source_that_breaks():
        yield from (IncomingPicture(str(place), data) for place, data in enumerate(pictures[:3]))
        raise OSError("the disk was pulled out")

    with pytest.raises(OSError, match="pulled out"):
        add_pictures(collection, a_source_that_breaks(), source="a test")
    assert Question.objects.count() == 2

    assert take(collection, *pictures).n_added == 2


def test_a_batch_takes_as_many_queries_for_many_pictures_as_for_few():
    def n_queries(n_pictures: int) -> int:
        collection, pictures = make_collection(), [make_picture() for _ in range(n_pictures)]
        with CaptureQueriesContext(connection) as queries:
            take(collection, *pictures)
        return len(queries)

    assert n_queries(2) == n_queries(30)
