"""What pages and programs are told of refits, and the button that starts one."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from labeling.models import Refit
from labeling.models.refits import SILENT_AFTER
from tests.factories import make_collection, make_user, make_vote
from tests.labeling.organisers import make_organiser

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/collections/x/quality/?page=2"}
PAGES = ["dashboard", "quality"]


@pytest.fixture
def organiser(client):
    user = make_organiser()
    client.force_login(user)
    return user


@pytest.fixture
def collection(organiser):
    collection = make_collection(n_questions=2, min_votes=2, owner=organiser)
    make_vote(collection, collection.ordered_classes()[0])
    return collection


def page(client, name, collection) -> str:
    return client.get(reverse(f"labeling:{name}", args=[collection.slug])).content.decode()


def part(client, collection) -> str:
    return client.get(reverse("labeling:refit", args=[collection.slug]), **HTMX).content.decode()


def press(client, collection, **how):
    return client.post(reverse("labeling:refit", args=[collection.slug]), **how)


def running(collection, **fields) -> Refit:
    now = timezone.now()
    known = {"state": "learning", "attempt": 1, "started_at": now, "heartbeat_at": now}
    return Refit.objects.create(collection=collection, cause="asked", **{**known, **fields})


def finished(collection, **fields) -> Refit:
    now = timezone.now()
    known = {"state": "finished", "n_votes": 12345, "n_iterations": 17, "finished_at": now}
    return running(collection, **{**known, "started_at": now - timedelta(seconds=6.5), **fields})


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_that_nothing_was_learnt_yet_and_offers_it(client, collection, name):
    told = page(client, name, collection)

    assert "How reliable each annotator is" in told
    assert "Learn again now" in told
    assert "every 2s" not in told


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_how_far_a_refit_is_and_asks_again(client, collection, name):
    running(collection, n_votes=500, n_iterations=12, moved=0.031, is_anew=False)

    told = page(client, name, collection)

    assert 'hx-trigger="every 2s"' in told
    assert "iteration <b>12</b>" in told
    assert "from 500 votes" in told
    assert "going on from what was learnt before" in told
    assert "3.1&nbsp;%" in told
    assert "Learn again now" not in told


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_last_refit_took(client, collection, name):
    finished(collection)

    told = page(client, name, collection)

    assert "<dd>12,345</dd>" in told
    assert "<dd>17</dd>" in told
    assert "<dd>6.5</dd>" in told
    assert "It began with the votes alone." in told


def test_a_page_says_why_the_last_refit_failed(client, collection):
    finished(collection, state="failed", error="It broke off 3 times.")

    told = page(client, "dashboard", collection)

    assert "It broke off 3 times." in told
    assert "Learn again now" in told


def test_a_page_says_once_nothing_was_heard_of_a_refit_for_long(client, collection):
    refit = running(collection)
    assert "Nothing was heard of it since" not in page(client, "dashboard", collection)

    Refit.objects.filter(pk=refit.pk).update(heartbeat_at=timezone.now() - SILENT_AFTER)

    assert "Nothing was heard of it since" in page(client, "dashboard", collection)


def test_what_waits_for_a_worker_is_told_though_an_earlier_one_ended(client, collection):
    finished(collection)
    Refit.objects.enqueue(collection, Refit.Cause.GROWTH)

    told = page(client, "dashboard", collection)

    assert "waiting for a worker" in told
    assert "12,345" not in told


def test_pressing_the_button_refits_anew(client, collection, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        response = press(client, collection)

    assert response.url == reverse("labeling:dashboard", args=[collection.slug]) + "#refit"
    refit = Refit.objects.get()
    assert (refit.state, refit.cause, refit.is_anew, refit.n_votes) == ("finished", "asked", True, 1)
    assert refit.fit == collection.fits.get()


def test_pressing_it_twice_starts_one(client, collection):
    press(client, collection)
    press(client, collection)

    assert Refit.objects.get().state == "waiting"


def test_pressing_it_while_one_runs_starts_no_other(client, collection, django_capture_on_commit_callbacks):
    refit = running(collection)

    with django_capture_on_commit_callbacks(execute=True):
        told = press(client, collection, **HTMX).content.decode()

    assert Refit.objects.get() == refit
    assert not collection.fits.exists()
    assert "learning" in told


def test_by_htmx_the_button_answers_with_the_part_and_leads_the_keyboard_to_it(client, collection):
    told = press(client, collection, **HTMX).content.decode()

    assert told.lstrip().startswith("<section")
    assert "waiting for a worker" in told
    assert "autofocus" in told


def test_the_part_that_is_asked_for_again_stops_and_leads_to_the_page_once_it_has_ended(client, collection):
    refit = running(collection)
    assert "Show the page anew" not in part(client, collection)

    Refit.objects.filter(pk=refit.pk).update(state="finished", finished_at=timezone.now(), n_votes=3)

    told = part(client, collection)
    assert 'href="/collections/x/quality/?page=2"' in told
    assert "every 2s" not in told


def test_without_htmx_the_part_is_the_dashboard(client, collection):
    response = client.get(reverse("labeling:refit", args=[collection.slug]))

    assert response.url == reverse("labeling:dashboard", args=[collection.slug]) + "#refit"


def test_others_find_neither_the_part_nor_the_button(client, collection):
    client.force_login(make_user())

    assert client.get(reverse("labeling:refit", args=[collection.slug])).status_code == 404
    assert press(client, collection).status_code == 404
    assert not Refit.objects.exists()


# --- The API ----------------------------------------------------------------------------------------------


def address(collection) -> str:
    return reverse("collection-refit", args=[collection.slug])


def test_a_program_asks_how_far_a_refit_is(client, collection):
    finished(collection)
    running(collection, n_votes=20, n_iterations=3, moved=0.25)

    told = client.get(address(collection)).json()

    current, last = told["current"], told["last"]
    assert (current["state"], current["n_iterations"], current["moved"]) == ("learning", 3, 0.25)
    assert (last["state"], last["n_votes"], last["took_s"]) == ("finished", 12345, 6.5)
    assert told["ends_below"] == 0.001


def test_a_program_is_told_that_there_was_none(client, collection):
    told = client.get(address(collection)).json()

    assert (told["current"], told["last"]) == (None, None)


def test_a_program_starts_one_and_no_second(client, collection):
    first, second = (client.post(address(collection)) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["current"] == second.json()["current"]
    assert first.json()["current"]["state"] == "waiting"
    assert Refit.objects.count() == 1


def test_programs_of_others_do_not_find_it(client, collection):
    client.force_login(make_user())

    assert client.get(address(collection)).status_code == 404
    assert client.post(address(collection)).status_code == 404
    assert not Refit.objects.exists()


def test_programs_have_to_say_who_they_are(client, collection):
    client.logout()

    assert client.post(address(collection)).status_code in (401, 403)


def test_staff_may_start_one_of_any_collection(client, collection):
    client.force_login(make_user(is_staff=True))

    assert client.post(address(collection)).status_code == 202
