"""Addresses, lost passwords and second factors: what django-allauth does with this site's settings and forms."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from accounts import tasks
from accounts.models import User
from tests.accounts.second_factors import code_of, recovery_codes, switch_on
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PASSWORD, OTHER = "systema naturae", "species plantarum"
ADDRESS = "carl@example.org"
ACCOUNT, SIGN_IN, SIGN_UP = "/account/", "/sign-in/", "/sign-up/"
LOST = "/account/password/lost/"


@pytest.fixture
def person():
    person = User.objects.create_user("linnaeus", password=PASSWORD, email=ADDRESS)
    EmailAddress.objects.create(user=person, email=ADDRESS, verified=True, primary=True)
    return person


def sign_up(client, name="linnaeus", **more):
    return client.post(SIGN_UP, {"username": name, "password1": PASSWORD, "password2": PASSWORD, **more})


def sign_in(client, password=PASSWORD):
    return client.post(SIGN_IN, {"login": "linnaeus", "password": password})


def is_signed_in(client):
    return client.get(ACCOUNT).status_code == 200


def link_in(mail):
    return re.search(r"http://testserver(/\S+)", mail.body)[1]


# --- Signing up ---------------------------------------------------------------------------------------------


def test_an_address_given_at_the_sign_up_is_confirmed_by_the_link_sent_there(client, mailoutbox):
    sign_up(client, email=ADDRESS)
    [mail] = mailoutbox
    assert mail.to == [ADDRESS]
    assert not EmailAddress.objects.get().verified

    assert client.get(link_in(mail)).status_code == 200
    assert not EmailAddress.objects.get().verified  # programs that look for viruses follow links too
    assert client.post(link_in(mail))["Location"] == ACCOUNT

    assert EmailAddress.objects.get().verified


def test_an_account_without_an_address_works_and_is_told_what_it_lacks(client, mailoutbox):
    sign_up(client)

    assert mailoutbox == []
    assert "a lost password cannot be reset" in client.get(ACCOUNT).content.decode()


def test_signing_up_tells_nobody_whose_address_is_here(client, person, mailoutbox):
    with_theirs = sign_up(client, "ada", email=ADDRESS)
    with_another = sign_up(Client(), "bea", email="bea@example.org")

    assert (with_theirs.status_code, with_theirs["Location"]) == (302, with_another["Location"])
    client.post(link_in(mailoutbox[0]))
    assert [row.user for row in EmailAddress.objects.filter(email=ADDRESS, verified=True)] == [person]


def test_pages_say_where_the_site_sends_no_mail(client, settings):
    for sends, said in ((True, False), (False, True)):
        settings.SENDS_MAIL = sends
        for address in (SIGN_UP, LOST):
            assert ("sends no mail at present" in client.get(address).content.decode()) == said


def test_a_mail_goes_out_while_the_broker_is_away(client, mailoutbox, monkeypatch):
    def away(*args):
        raise OperationalError("nobody listens")

    monkeypatch.setattr(tasks.send_mail, "delay", away)

    sign_up(client, email=ADDRESS)

    assert len(mailoutbox) == 1


def test_a_sign_in_leads_back_to_where_one_wanted_to_go(client, person):
    response = client.post(SIGN_IN, {"login": "linnaeus", "password": PASSWORD, "next": "/board/"})
    assert response["Location"] == "/board/"

    response = Client().post(SIGN_IN, {"login": "linnaeus", "password": PASSWORD, "next": "//example.org/"})
    assert response["Location"] == "/"


# --- Passwords ----------------------------------------------------------------------------------------------


def choose_by(client, link, password):
    form = client.get(link)["Location"]
    return client.post(form, {"password1": password, "password2": password})


def test_a_lost_password_is_reset_by_the_link_once(client, person, mailoutbox):
    client.post(LOST, {"email": ADDRESS})
    link = link_in(mailoutbox[0])

    choose_by(client, link, OTHER)

    assert sign_in(Client()).status_code == 200
    assert sign_in(Client(), OTHER).status_code == 302
    assert "Have a new link sent" in client.get(link, follow=True).content.decode()


def test_asking_for_a_link_tells_nobody_who_is_here(person, mailoutbox):
    known, unknown = (
        Client().post(LOST, {"email": each}, follow=True) for each in (ADDRESS, "no@example.org")
    )

    token = re.compile(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")\w+')
    assert known.redirect_chain == unknown.redirect_chain
    assert token.sub("", known.content.decode()) == token.sub("", unknown.content.decode())
    assert [mail.to for mail in mailoutbox] == [[ADDRESS], ["no@example.org"]]


def test_a_changed_password_ends_sessions_elsewhere(client, person, mailoutbox):
    phone = Client()
    sign_in(client)
    sign_in(phone)

    client.post("/account/password/", {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER})

    assert (is_signed_in(client), is_signed_in(phone)) == (True, False)
    assert "password has been changed" in mailoutbox[0].body


def test_a_password_is_changed_by_whoever_knows_it(client, person):
    sign_in(client)

    refused = client.post(
        "/account/password/", {"oldpassword": OTHER, "password1": OTHER, "password2": OTHER}
    )

    assert "oldpassword" in refused.context["form"].errors
    assert sign_in(Client()).status_code == 302


def test_a_new_address_takes_the_old_ones_place_once_it_is_confirmed(client, person, mailoutbox):
    sign_in(client)
    assert client.post("/account/email/", {"email": "new@example.org", "action_add": "1"})[
        "Location"
    ].startswith("/account/confirm/")  # the session alone does not do: it might be a browser left open

    client.post("/account/confirm/?next=/account/email/", {"password": PASSWORD})
    person.refresh_from_db()
    assert person.email == ADDRESS
    client.post(link_in(next(mail for mail in mailoutbox if mail.to == ["new@example.org"])))

    person.refresh_from_db()
    assert person.email == EmailAddress.objects.get().email == "new@example.org"


@pytest.mark.parametrize(
    "name",
    ["account_email", "account_change_password", "mfa_index", "mfa_activate_totp", "account_reauthenticate"],
)
def test_a_guest_is_led_to_the_sign_up(client, name):
    assert client.get(reverse(name))["Location"].startswith(SIGN_IN)
    client.force_login(User.objects.create_guest())

    assert client.get(reverse(name))["Location"] == SIGN_UP
    assert client.post(reverse(name))["Location"] == SIGN_UP


# --- The second factor --------------------------------------------------------------------------------------


def test_a_second_factor_is_switched_on_by_its_first_code_and_off_again(
    client, person, mailoutbox, django_capture_on_commit_callbacks
):
    on, off = reverse("mfa_activate_totp"), reverse("mfa_deactivate_totp")
    sign_in(client)
    assert client.get(on)["Location"].startswith("/account/confirm/")
    client.post(f"/account/confirm/?next={on}", {"password": PASSWORD})
    form = client.get(on).context["form"]

    assert "code" in client.post(on, {"code": "000000"}).context["form"].errors
    with django_capture_on_commit_callbacks(execute=True):
        page = client.post(on, {"code": code_of(form.secret)}, follow=True).content.decode()

    assert all(code in page for code in recovery_codes(person))
    client.post(off)
    assert not person.authenticator_set.exists()
    assert len(mailoutbox) == 2


def test_the_key_is_drawn_without_a_style_or_another_host(client, person):
    sign_in(client)
    on = reverse("mfa_activate_totp")
    client.post(f"/account/confirm/?next={on}", {"password": PASSWORD})

    page = client.get(on).content.decode()

    [drawing] = re.findall(r"<svg width.*?</svg>", page, re.DOTALL)
    assert "style" not in drawing
    assert "href" not in drawing
    assert "data:" not in page


def test_a_password_alone_does_not_pass_a_second_factor(client, person):
    key = switch_on(person)

    assert sign_in(client)["Location"] == "/sign-in/code/"
    assert not is_signed_in(client)
    client.post("/sign-in/code/", {"code": "000000"})
    assert not is_signed_in(client)

    client.post("/sign-in/code/", {"code": code_of(key)})

    assert is_signed_in(client)


def test_a_recovery_code_lets_in_once(client, person):
    switch_on(person)
    code = recovery_codes(person)[0]

    for browser, expected in ((client, True), (Client(), False)):
        sign_in(browser)
        browser.post("/sign-in/code/", {"code": code})
        assert is_signed_in(browser) == expected


def test_the_door_of_the_administration_asks_for_the_second_factor_too(client, person):
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    key = switch_on(person)
    door = client.get("/admin/", follow=True).redirect_chain[-1][0]

    inside = client.post(door, {"login": "linnaeus", "password": PASSWORD})
    assert inside["Location"].startswith("/sign-in/code/")
    assert client.get("/admin/").status_code == 302

    assert client.post(inside["Location"], {"code": code_of(key)})["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_staff_see_no_key_of_a_second_factor(client, person):
    key = switch_on(person)
    client.force_login(make_user(is_staff=True, is_superuser=True))
    row = person.authenticator_set.get(type="totp")

    page = client.get(reverse("admin:mfa_authenticator_change", args=[row.pk])).content.decode()

    assert "linnaeus" in page
    assert key not in page


# --- Limits -------------------------------------------------------------------------------------------------


@pytest.fixture
def two_an_hour(settings):
    settings.FLOOD_LIMITS = settings.FLOOD_LIMITS | {"sign_ins": (2, 0), "mails": (2, 2)}
    cache.clear()
    yield
    cache.clear()


def test_codes_are_tried_only_so_often_wherever_they_come_from(person, two_an_hour):
    key = switch_on(person)

    def attempt(address, code):
        browser = Client(REMOTE_ADDR=address)
        sign_in(browser)
        return browser.post("/sign-in/code/", {"code": code}).status_code

    assert [attempt(f"10.0.0.{n}", "000000") for n in range(2)] == [200, 200]
    assert attempt("10.0.0.9", code_of(key)) == 429


def test_somebody_signed_in_guesses_the_password_only_so_often(client, person, two_an_hour):
    sign_in(client)
    change = {"oldpassword": "a guess", "password1": OTHER, "password2": OTHER}

    assert client.post("/account/password/", change).status_code == 200
    assert client.post("/account/password/", change).status_code == 429
    assert client.post("/account/confirm/", {"password": PASSWORD}).status_code == 429


def test_one_address_gets_only_so_many_mails_whoever_asks(two_an_hour, mailoutbox):
    def ask(n, email):
        return Client(REMOTE_ADDR=f"10.0.0.{n}").post(LOST, {"email": email}).status_code

    assert [ask(n, ADDRESS) for n in range(3)] == [302, 302, 429]
    assert ask(4, "another@example.org") == 302
    assert len(mailoutbox) == 3


def test_one_asker_has_only_so_many_mails_sent(client, two_an_hour, mailoutbox):
    asked = [client.post(LOST, {"email": f"{n}@example.org"}).status_code for n in range(3)]

    assert asked == [302, 302, 429]
    assert len(mailoutbox) == 2
