import gzip
import re

import pytest
from django.urls import reverse

from tests.factories import make_snapshot, make_user

pytestmark = pytest.mark.django_db

PART = reverse("labeling:touched-votes")
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/account/?tab=votes"}


def test_a_part_of_a_page_that_needs_a_sign_in_leads_the_whole_page_there_and_back(client):
    response = client.get(PART, headers=HTMX)

    assert response.status_code == 200
    assert response["HX-Redirect"] == f"{reverse('accounts:sign-in')}?next=%2Faccount%2F%3Ftab%3Dvotes"
    assert not response.content


def test_a_whole_page_that_needs_a_sign_in_is_led_there_as_ever(client):
    response = client.get(PART)

    assert response.status_code == 302
    assert "HX-Redirect" not in response


def test_a_part_of_a_page_is_shown_to_whoever_is_signed_in(client):
    client.force_login(make_user())

    response = client.get(PART, headers=HTMX)

    assert "HX-Redirect" not in response
    assert response.content


# --- Compressed pages --------------------------------------------------------------------------------------------


def test_a_page_is_compressed_for_whoever_takes_that(client):
    plain = client.get("/sign-in/")
    small = client.get("/sign-in/", headers={"Accept-Encoding": "gzip, br"})

    assert "Content-Encoding" not in plain
    assert small["Content-Encoding"] == "gzip"
    assert int(small["Content-Length"]) == len(small.content) < len(plain.content) / 2
    assert without_tokens(gzip.decompress(small.content)) == without_tokens(plain.content)
    assert "Accept-Encoding" in plain["Vary"]
    assert "Accept-Encoding" in small["Vary"]


def test_what_is_no_page_is_sent_as_it_is(client):
    collection = make_snapshot().collection
    picture = collection.questions.examples().first().image

    for address in (reverse("labeling:picture", args=[picture.sha256]), reverse("snapshot-list")):
        response = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200
        assert "Content-Encoding" not in response
        response.getvalue()  # a file is closed at its end


def test_how_long_a_compressed_page_is_says_nothing_of_its_token(client):
    """Both are what keeps BREACH away: the token is another one each time, and so is the length of the same words."""
    pages = [client.get("/sign-in/", headers={"Accept-Encoding": "gzip"}).content for _ask in range(20)]

    assert len({TOKEN.search(gzip.decompress(page))[0] for page in pages}) == len(pages)
    assert len({len(page) for page in pages}) > 1


TOKEN = re.compile(rb"[A-Za-z0-9]{64}")


def without_tokens(page):
    return TOKEN.sub(b"token", page)
