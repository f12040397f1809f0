import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import make_synset

pytestmark = pytest.mark.django_db

NOUNS = reverse("taxonomy:synsets")


def n_queries(client, url, **query):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url, query).status_code == 200
    return len(queries)


def test_the_list_begins_with_the_roots(client):
    dog = make_synset("dog", make_synset("animal"))

    page = client.get(NOUNS).content.decode()

    assert ">animal</a>" in page
    assert dog.get_absolute_url() not in page


def test_an_empty_tree_says_so(client):
    assert "The tree is empty" in client.get(NOUNS).content.decode()


def test_a_search_lists_what_begins_so(client):
    dog, cat = make_synset("dog"), make_synset("cat")

    page = client.get(NOUNS, {"q": "do"}).content.decode()

    assert dog.get_absolute_url() in page
    assert cat.get_absolute_url() not in page


def test_a_search_that_finds_nothing_says_so(client):
    assert "No noun here goes by that name" in client.get(NOUNS, {"q": "zebra"}).content.decode()


def test_what_was_searched_for_is_shown_as_text(client):
    page = client.get(NOUNS, {"q": "<script>alert(1)</script>"}).content.decode()

    assert "<script>alert" not in page


def test_a_search_of_spaces_shows_the_roots(client):
    make_synset("animal")

    assert [s.name for s in client.get(NOUNS, {"q": "  "}).context["roots"]] == ["animal"]


@pytest.mark.parametrize("query", [{}, {"q": "noun"}])
def test_the_list_asks_as_much_for_many_nouns_as_for_few(client, query):
    make_synset("noun 0")
    few = n_queries(client, NOUNS, **query)

    for number in range(1, 4):
        make_synset(f"noun {number}")

    assert n_queries(client, NOUNS, **query) == few


def test_a_nouns_page_shows_what_is_around_it(client):
    animal = make_synset("animal")
    pet, canine = make_synset("pet", animal), make_synset("canine", animal)
    dog = make_synset("dog", pet, canine)

    context = client.get(pet.get_absolute_url()).context

    assert context["paths"] == [[animal]]
    assert list(context["hyponyms"]) == [dog]
    assert dog.get_absolute_url() in client.get(pet.get_absolute_url()).content.decode()


def test_a_nouns_page_shows_every_path_down_to_it(client):
    animal = make_synset("animal")
    pet, canine = make_synset("pet", animal), make_synset("canine", animal)

    page = client.get(make_synset("dog", pet, canine).get_absolute_url()).content.decode()

    assert page.count(f'href="{animal.get_absolute_url()}"') == 2


def test_a_nouns_page_asks_as_much_for_many_hyponyms_as_for_few(client):
    animal = make_synset("animal")
    make_synset("dog", animal)
    few = n_queries(client, animal.get_absolute_url())

    for number in range(3):
        make_synset(f"cat {number}", animal)

    assert n_queries(client, animal.get_absolute_url()) == few


def test_a_noun_that_is_not_there_is_not_found(client):
    make_synset("dog")

    assert client.get(reverse("taxonomy:synset", args=["n00000000"])).status_code == 404
