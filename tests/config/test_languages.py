"""Which language one is answered in, how one chooses another, and what caches are told of it."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.factories import make_collection, make_user

pytestmark = pytest.mark.django_db

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


def choose(client: Client, code: str, **sent: str):
    return client.post(reverse("set-language"), {"language": code, **sent})


def test_a_page_is_in_the_language_that_the_browser_asks_for(client):
    response = client.get("/", headers=GERMAN)

    assert '<html lang="de" dir="ltr">' in response.text
    assert response["Content-Language"] == "de"


def test_a_page_is_in_english_where_the_browser_asks_for_a_language_that_is_not_here(client):
    response = client.get("/", headers={"Accept-Language": "fr"})

    assert '<html lang="en" dir="ltr">' in response.text


def test_who_chooses_a_language_has_it_from_then_on_and_comes_back_to_the_same_page(client):
    page = "/nouns/?q=cat"

    response = choose(client, "de", next=page)

    assert response["Location"] == page
    assert '<html lang="de"' in client.get(page).text
    choose(client, "en")
    assert '<html lang="en"' in client.get(page, headers=GERMAN).text


def test_nobody_is_led_to_another_site_by_choosing_a_language(client):
    assert choose(client, "de", next="https://example.org/")["Location"] == "/"


def test_a_language_that_is_not_here_is_not_chosen(client):
    choose(client, "tlh", next="/")

    assert '<html lang="en"' in client.get("/").text


def test_every_page_offers_each_language_by_its_own_name_and_says_which_it_is_in(client):
    page = client.get("/nouns/?q=cat").text

    assert '<span lang="en" aria-current="true">English</span>' in page
    assert '<button class="plain" name="language" value="de" lang="de">Deutsch</button>' in page
    assert '<input type="hidden" name="next" value="/nouns/?q=cat">' in page


def test_the_choice_is_kept_in_a_cookie_like_the_others(client):
    choose(client, "de")

    [cookie] = client.cookies.values()
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize("address", ["/", "/nouns/", "/api/synsets/", "/api/nowhere/", "/nowhere/"])
def test_caches_are_told_that_an_answer_depends_on_the_language(address, client):
    vary = {each.strip() for each in client.get(address)["Vary"].split(",")}

    assert {"Accept-Language", "Cookie"} <= vary


def test_a_picture_is_the_same_in_every_language_to_caches(client):
    picture = make_collection(n_questions=1).questions.get().image

    response = client.get(reverse("labeling:thumbnail", args=[picture.sha256]), headers=GERMAN)
    response.close()

    assert "public" in response["Cache-Control"]
    assert "Accept-Language" not in response.get("Vary", "")
    assert "Vary" not in response
    assert "Content-Language" not in response


def test_programs_are_answered_in_the_language_that_they_ask_for(client):
    asked = [client.get("/api/nowhere/", headers=headers).json() for headers in ({}, GERMAN)]

    assert asked[0] != asked[1]


def test_a_mail_is_in_the_language_of_who_asked_for_it(client, settings):
    make_user(email="carl@example.org", password="systema naturae")

    for headers in ({}, GERMAN):
        client.post(reverse("account_reset_password"), {"email": "carl@example.org"}, headers=headers)

    assert len({each.subject for each in mail.outbox}) == 2
