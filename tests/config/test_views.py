import errno

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from config.outages import is_passing
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


@pytest.mark.parametrize(
    ("kind", "words"),
    [("choose", "Name a picture"), ("verify", "Look over pictures")],
)
def test_the_home_page_says_what_the_button_leads_to(client, kind, words):
    make_collection(kind=kind)

    assert f'<button class="button next large">{words}</button>' in client.get("/").text


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


def test_what_is_not_there_is_told_to_programs_in_their_words_and_to_people_on_a_page(client):
    program, person = client.get("/api/collections/pets/refit/soon/"), client.get("/nowhere/")

    assert (program.status_code, program.json()) == (404, {"detail": "Not found."})
    assert person.status_code == 404
    assert b"<h1" in person.content


@pytest.mark.parametrize("path", ["/nouns/%00/", "/nouns/?q=%00", "/api/synsets/%00/"])
def test_a_nul_in_an_address_is_refused(client, path):
    response = client.get(path)

    assert response.status_code == 400
    assert b"without NUL characters" in response.content


def test_what_refuses_a_request_before_it_is_read_does_so_in_the_readers_language(client, settings):
    settings.UPLOAD_MAX_MIB = 2048

    nul = client.get("/nouns/%00/", headers={"Accept-Language": "de"})
    large = client.post("/sign-in/", headers={"Accept-Language": "de", "Content-Length": str(3000 * 2**20)})

    assert nul.json()["detail"] == "Erwartet: eine Adresse ohne NUL-Zeichen."
    assert large.status_code == 413
    assert "2.048" in large.json()["detail"]
    assert "3.000,0" in large.json()["detail"]


def test_a_page_of_the_api_has_a_largest_size(client):
    assert client.get("/api/synsets/?limit=" + "9" * 30).status_code == 200
    assert client.get("/api/synsets/?offset=" + "9" * 30).status_code == 200


def test_a_token_that_is_not_ascii_is_refused(client):
    response = client.get("/api/synsets/", HTTP_AUTHORIZATION="Token \xff")

    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/", "/collections/", "/healthz/"])
def test_pages_to_read_are_not_written_to(client, path):
    assert client.delete(path).status_code == 405


AWAY = OperationalError("the connection was closed")
FULL = OSError(errno.ENOSPC, "No space left on device")


def break_pages(monkeypatch, error):
    """Have whatever looks up collections fail."""

    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr("labeling.models.collections.CollectionQuerySet._fetch_all", fail)


@pytest.mark.parametrize(
    ("error", "status", "said"), [(AWAY, 503, "in a moment"), (FULL, 507, "no room left")]
)
@pytest.mark.parametrize("path", ["/", "/api/collections/"])
def test_what_is_away_or_full_is_named_in_a_sentence(client, monkeypatch, path, error, status, said):
    client.raise_request_exception = False
    make_collection()
    break_pages(monkeypatch, error)

    response = client.get(path)

    assert (response.status_code, response["Retry-After"]) == (status, "5")
    assert said in (response.json()["detail"] if path != "/" else response.text)


def test_a_fault_of_the_site_is_told_as_one(client, monkeypatch):
    client.raise_request_exception = False
    break_pages(monkeypatch, KeyError("a fault"))

    response = client.get("/")

    assert response.status_code == 500
    assert "Something broke here" in response.text


def test_a_statement_that_is_wrong_is_a_fault_and_not_an_outage():
    with pytest.raises(DatabaseError) as wrong, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")

    assert not is_passing(wrong.value)
