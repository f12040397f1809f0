"""Finding pictures that look alike among those of the database, and what their rows say of their files."""

import random
import zlib

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Image, PictureFileError
from tests.factories import make_collection, make_picture

pytestmark = pytest.mark.django_db


def make_hashed(*hashes: int | None) -> list[Image]:
    first = Image.objects.count()
    return Image.objects.bulk_create(
        Image(sha256=f"{first + i:064x}", file="x", width=8, height=8, split="train", perceptual_hash=value)
        for i, value in enumerate(hashes)
    )


def test_near_are_those_that_differ_in_four_bits_wherever_those_lie():
    image, low, spread, _five = make_hashed(0, 0b1111, 1 | 1 << 20 | 1 << 40 | 1 << 62, 0b11111 << 58)

    assert set(Image.objects.near(image)) == {low, spread}


def test_a_picture_without_a_hash_is_near_nothing():
    plain, *_others = make_hashed(None, None, 0)

    assert not Image.objects.near(plain).exists()


def test_near_each_answers_for_many_by_one_query():
    images = make_hashed(0, 1, 0xFFFF_FFFF, 0xFFFF_FFFE)
    with CaptureQueriesContext(connection) as queries:
        found = Image.objects.near_each({image.pk: image.perceptual_hash for image in images})

    a, b, c, d = (image.pk for image in images)
    assert sorted(found) == [(a, b, 1), (b, a, 1), (c, d, 1), (d, c, 1)]
    assert len(queries) == 1


def test_near_each_of_nothing_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert Image.objects.near_each({}) == []


def test_near_pairs_names_each_pair_once_and_only_those_asked_about():
    a, b, _plain, c = make_hashed(0, 1, None, 3)

    assert set(Image.objects.near_pairs()) == {(a.pk, b.pk), (a.pk, c.pk), (b.pk, c.pk)}
    assert list(Image.objects.exclude(pk=b.pk).near_pairs()) == [(a.pk, c.pk)]


def test_no_pictures_have_no_near_pairs():
    assert list(Image.objects.near_pairs()) == []


def test_looking_for_near_ones_reads_the_indexes_and_not_every_row():
    rng = random.Random(0)
    images = make_hashed(*(rng.getrandbits(63) for _ in range(5000)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE labeling_image")
    with CaptureQueriesContext(connection) as queries:
        Image.objects.near_each({image.pk: image.perceptual_hash for image in images[:3]})

    [query] = queries
    with connection.cursor() as cursor:
        explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{explain} {query['sql']}")
        plan = str(cursor.fetchall())

    assert all(f"labeling_image_third_{i}" in plan for i in range(3))


# --- What stays -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"split": "test"}, {"sha256": "f" * 64}])
def test_the_database_refuses_to_change_what_a_picture_is_or_its_split(change):
    [image] = make_hashed(0)

    with pytest.raises(IntegrityError, match="keeps its SHA-256 and its split"), transaction.atomic():
        Image.objects.update(**change)
    assert Image.objects.get(split="train").sha256 == image.sha256


def test_a_picture_whose_row_is_written_as_it_was_may_change_in_all_else():
    [image] = make_hashed(0)

    image.credit = "Ada"
    image.save()

    assert Image.objects.filter(split="train").update(split="train") == 1
    assert Image.objects.get().credit == "Ada"


# --- The sizes of files -----------------------------------------------------------------------------------


def make_unmeasured(*pictures: bytes) -> list[Image]:
    """Take pictures in, and forget the sizes of their files, as if that had been long ago; return their rows."""
    incoming = [IncomingPicture(str(i), data) for i, data in enumerate(pictures)]
    report = add_pictures(make_collection(), incoming, source="a test")
    images = [Image.objects.get(questions=report.questions[picture.name]) for picture in incoming]
    Image.objects.update(n_bytes=None, crc32=None)
    return images


def write(image: Image, data: bytes) -> None:
    default_storage.delete(image.file.name)
    default_storage.save(image.file.name, ContentFile(data))


def sizes() -> set[tuple[int | None, int | None]]:
    return set(Image.objects.values_list("n_bytes", "crc32"))


def test_measuring_finds_the_sizes_of_pictures_that_came_before_they_were_noted():
    first, second = make_picture(), make_picture(size=(9, 20))
    make_unmeasured(first, second)

    assert Image.objects.measure() == 2
    assert sizes() == {(len(first), zlib.crc32(first)), (len(second), zlib.crc32(second))}


def test_measuring_reads_no_picture_twice():
    [image] = make_unmeasured(make_picture())
    Image.objects.measure()
    default_storage.delete(image.file.name)

    assert Image.objects.measure() == 0


def test_measuring_some_leaves_the_others():
    first, second = make_unmeasured(make_picture(), make_picture())

    assert Image.objects.filter(sha256=first.sha256).measure() == 1
    assert Image.objects.get(crc32=None) == second


def test_a_picture_that_is_asked_about_twice_is_measured_once():
    data = make_picture()
    [image] = make_unmeasured(data)
    add_pictures(make_collection(), [IncomingPicture("again", data)], source="a test")

    assert image.questions.count() == 2
    assert Image.objects.filter(questions__isnull=False).measure() == 1


@pytest.mark.parametrize("found", [b"", b"other bytes"])
def test_a_file_with_other_bytes_is_not_measured_and_the_picture_is_named(found):
    [image] = make_unmeasured(make_picture())
    write(image, found)

    with pytest.raises(
        PictureFileError, match=f"Picture {image.sha256}: expected bytes of .* {len(found)} bytes"
    ):
        Image.objects.measure()
    assert sizes() == {(None, None)}


def test_measuring_stops_at_a_missing_file_and_goes_on_once_it_is_back(monkeypatch):
    monkeypatch.setattr("labeling.models.images.MEASURED", 2)
    pictures = [make_picture() for _ in range(5)]
    images = make_unmeasured(*pictures)
    default_storage.delete(images[3].file.name)

    with pytest.raises(
        PictureFileError, match=f"Picture {images[3].sha256}: expected the file .*; found none"
    ):
        Image.objects.measure()
    assert Image.objects.exclude(crc32=None).count() == 2  # the first batch

    write(images[3], pictures[3])
    assert Image.objects.measure() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_bytes": 5, "crc32": None},
        {"n_bytes": None, "crc32": 5},
        {"n_bytes": 0, "crc32": 5},
        {"n_bytes": 5, "crc32": 2**32},
    ],
)
def test_the_database_refuses_half_a_size_and_one_that_cannot_be(wrong):
    make_hashed(0)
    Image.objects.update(n_bytes=5, crc32=2**32 - 1)

    with pytest.raises(IntegrityError, match="labeling_image_measured_whole"), transaction.atomic():
        Image.objects.update(**wrong)
