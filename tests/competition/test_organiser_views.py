"""What the organiser sees, and nobody else."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from competition.models import Contest, Device, Rescoring, Submission
from tests.factories import make_phase, make_snapshot, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def organiser(client, phase):
    organiser = make_user()
    Contest.objects.filter(pk=phase.contest_id).update(organiser=organiser)
    client.force_login(organiser)
    return organiser


def organise(contest, asked=""):
    return reverse("competition:organise", args=[contest.slug]) + asked


def attempts(submission):
    return reverse("competition:organise-entry", args=[submission.pk])


def failed(phase, file, error="Line 1 is bad.", log="Traceback: line 1 of 4"):
    submission = Submission.objects.submit(phase, make_user(), "guessing", file)
    Submission.objects.claim_next().fail(error, log)
    return submission


def test_the_organiser_sees_every_entry_and_its_whole_log(client, organiser, phase, predictions):
    submission = failed(phase, predictions())

    assert attempts(submission) in client.get(organise(phase.contest)).content.decode()
    page = client.get(attempts(submission)).content.decode()
    assert "Traceback: line 1 of 4" in page
    assert "Line 1 is bad." in page


def test_an_author_sees_no_log(client, phase, predictions):
    submission = failed(phase, predictions())
    client.force_login(submission.author)

    page = client.get(submission.get_absolute_url()).content.decode()

    assert "Line 1 is bad." in page
    assert "Traceback" not in page
    assert client.get(attempts(submission)).status_code == 404
    assert client.get(organise(phase.contest)).status_code == 403


def test_the_organiser_of_another_contest_may_not(client, organiser, phase, snapshot, predictions):
    other = make_phase(snapshot)
    submission = failed(other, predictions())

    assert client.get(organise(other.contest)).status_code == 403
    assert client.get(attempts(submission)).status_code == 404
    client.force_login(make_user(is_staff=True))
    assert client.get(organise(other.contest)).status_code == 200
    assert client.get(attempts(submission)).status_code == 200


def test_the_contests_page_leads_its_organiser_there_and_nobody_else(client, organiser, phase):
    page = phase.contest.get_absolute_url()

    assert organise(phase.contest) in client.get(page).content.decode()
    client.force_login(make_user())
    assert organise(phase.contest) not in client.get(page).content.decode()


def test_entries_of_one_state_are_listed_alone(client, organiser, phase, predictions):
    submission = failed(phase, predictions())
    waiting = Submission.objects.submit(phase, make_user(), "waiting", predictions())

    found = client.get(organise(phase.contest, "?state=queued")).context

    assert list(found["page"]) == [waiting]
    assert set(client.get(organise(phase.contest, "?state=odd")).context["page"]) == {submission, waiting}
    assert ("failed", "failed", 1) in found["states"]


def test_the_page_asks_as_much_for_many_entries_as_for_one(client, organiser, phase, predictions):
    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            client.get(organise(phase.contest))
        return len(queries)

    failed(phase, predictions())
    few = n_queries()

    for number in range(3):
        failed(phase, predictions())
        for user in (make_user(), make_user()):
            Device.objects.note(phase.contest, f"browser {number}", user)

    assert n_queries() == few


# --- Scoring anew -------------------------------------------------------------------------------------------------


def score_anew(client, contest, truth, reason="Labels were corrected."):
    url = reverse("competition:score-anew", args=[contest.slug])
    return client.post(url, {"truth": truth.pk, "reason": reason})


def test_the_organiser_has_all_entries_scored_anew(client, organiser, phase, snapshot):
    response = score_anew(client, phase.contest, snapshot)

    assert response["Location"] == organise(phase.contest)
    rescoring = Rescoring.objects.get()
    assert (rescoring.truth, rescoring.reason) == (snapshot, "Labels were corrected.")
    assert rescoring.author == organiser
    assert "Labels were corrected." in client.get(organise(phase.contest)).content.decode()


def test_nobody_else_has(client, phase, snapshot):
    client.force_login(make_user())

    assert score_anew(client, phase.contest, snapshot).status_code == 403
    assert not Rescoring.objects.exists()


def test_what_cannot_be_scored_anew_is_said_in_the_form(client, organiser, phase, snapshot):
    for truth, reason in ((make_snapshot(), "why"), (snapshot, "")):
        assert score_anew(client, phase.contest, truth, reason).context["form"].errors
    score_anew(client, phase.contest, snapshot)

    response = score_anew(client, phase.contest, snapshot)

    assert "being scored anew already" in str(response.context["form"].errors)
    assert Rescoring.objects.count() == 1


# --- Many accounts from one browser -----------------------------------------------------------------------------


def hand_in(client, contest, file):
    url = reverse("competition:submit", args=[contest.slug])
    assert client.post(url, {"method": "guessing", "file": file}).status_code == 302


def test_one_browser_that_hands_in_as_two_people_is_a_note(client, organiser, phase, predictions):
    browser, people = Client(), [make_user(), make_user()]
    for person in people:
        browser.force_login(person)
        hand_in(browser, phase.contest, predictions())

    [devices] = client.get(organise(phase.contest)).context["shared"]

    assert [device.user for device in devices] == people


def test_two_browsers_of_two_people_are_none(client, organiser, phase, predictions):
    for person in (make_user(), make_user()):
        browser = Client()
        browser.force_login(person)
        for _ in range(2):
            hand_in(browser, phase.contest, predictions())

    assert client.get(organise(phase.contest)).context["shared"] == []
    assert Device.objects.count() == 2


def test_a_browser_has_another_mark_in_each_contest(client, organiser, phase, snapshot, predictions):
    browser = Client()
    browser.force_login(make_user())
    for each in (phase, make_phase(snapshot)):
        hand_in(browser, each.contest, predictions())

    assert len(set(Device.objects.values_list("mark", flat=True))) == 2
    cookie = browser.cookies["device"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_cookie_that_was_made_up_is_not_believed(client, organiser, phase, predictions):
    for person in (make_user(), make_user()):
        browser = Client()
        browser.cookies["device"] = "mine"
        browser.force_login(person)
        hand_in(browser, phase.contest, predictions())

    assert Device.objects.values("mark").distinct().count() == 2
