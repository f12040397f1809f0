"""Finding pictures that look alike among those of the database."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.models import Image

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

    assert all(f"labeling_image_band_{i}" in plan for i in range(5))
