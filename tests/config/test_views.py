import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import make_collection, make_settled_collection, make_user, make_vote

pytestmark = pytest.mark.django_db


def test_an_empty_site_has_a_home_page_that_says_what_will_be_there(client):
    response = client.get("/")

    assert response.status_code == 200
    assert b"No collection is open just now" in response.content


def test_the_home_page_offers_one_button_to_start(client):
    collection = make_collection(n_questions=1)

    page = client.get("/").content.decode()

    assert f'action="/collections/{collection.slug}/start/"' in page


def test_the_home_page_names_simulated_volunteers(client):
    collection = make_collection(n_questions=1)
    annotator = make_user()
    type(annotator).objects.filter(pk=annotator.pk).update(kind="simulated")
    make_vote(collection, collection.ordered_classes()[0], annotator)

    page = client.get("/").content.decode()

    assert "(1 of them simulated)" in page


def test_the_home_page_takes_as_many_queries_for_few_pictures_as_for_many(client):
    make_settled_collection(n_questions=10)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/")
    make_settled_collection(n_questions=60)

    with CaptureQueriesContext(connection) as many:
        client.get("/")

    assert len(many) <= len(few) + 2  # one more collection is listed, with its root


def test_health_says_ok(client):
    assert client.get("/healthz/").json() == {"status": "ok"}


def test_the_schema_and_its_page_are_served(client):
    assert client.get("/api/schema/").status_code == 200
    assert client.get("/api/docs/").status_code == 200
