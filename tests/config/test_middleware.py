import pytest
from django.urls import reverse

from tests.factories import make_user

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
