import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from taxonomy.models import Synset
from tests.factories import make_synset, make_user

pytestmark = pytest.mark.django_db

SYNSETS = "/api/synsets/"


def n_queries(client):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(SYNSETS).status_code == 200
    return len(queries)


def test_a_noun_is_told_with_what_is_around_it(client):
    animal = make_synset("animal")
    dog = make_synset("dog", animal)
    puppy = make_synset("puppy", dog)

    said = client.get(reverse("synset-detail", args=[dog.wnid])).json()

    assert said == {
        "wnid": dog.wnid,
        "name": "dog",
        "lemmas": ["dog"],
        "gloss": "what dog means",
        "hypernyms": [animal.wnid],
        "hyponyms": [puppy.wnid],
    }


def test_a_noun_that_is_not_there_is_not_found(client):
    make_synset("dog")

    assert client.get(f"{SYNSETS}n00000000/").status_code == 404


def test_nouns_are_listed_or_searched(client):
    make_synset("dog")
    make_synset("cat")

    assert client.get(SYNSETS).json()["count"] == 2
    assert [noun["name"] for noun in client.get(SYNSETS, {"q": "DO"}).json()["results"]] == ["dog"]


def test_a_list_can_be_read_in_pages(client):
    for name in ("ant", "bee", "cat"):
        make_synset(name)

    page = client.get(SYNSETS, {"limit": 2, "offset": 2}).json()

    assert [noun["name"] for noun in page["results"]] == ["cat"]


def test_the_list_asks_as_much_for_many_nouns_as_for_few(client):
    animal = make_synset("animal")
    make_synset("dog", animal)
    few = n_queries(client)

    for number in range(3):
        make_synset(f"cat {number}", animal)

    assert n_queries(client) == few


def test_nobody_can_write_a_noun_by_program(client):
    dog = make_synset("dog")
    client.force_login(make_user(is_staff=True))

    answers = [
        client.post(SYNSETS, {"wnid": "n00000001"}).status_code,
        client.delete(reverse("synset-detail", args=[dog.wnid])).status_code,
    ]

    assert answers == [405, 405]
    assert Synset.objects.get() == dog
