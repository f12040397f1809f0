import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from competition.models import Contest, Submission
from competition.scoring import score_queued
from tests.factories import make_phase, make_user

pytestmark = pytest.mark.django_db

CONTESTS = reverse("competition:contests")


@pytest.fixture
def author(client):
    author = make_user()
    client.force_login(author)
    return author


def enter(phase, file, author=None):
    """Hand in and score."""
    submission = Submission.objects.submit(phase, author or make_user(), "guessing", file)
    score_queued()
    return submission


def n_queries(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_everybody_sees_every_contest(client, phase, snapshot):
    contests = [phase.contest, make_phase(snapshot).contest]

    page = client.get(CONTESTS).content.decode()

    assert all(contest.get_absolute_url() in page for contest in contests)


def test_a_site_without_contests_says_so(client):
    assert "No contest has been called yet" in client.get(CONTESTS).content.decode()


def test_the_list_asks_as_much_for_many_contests_as_for_one(client, phase, snapshot):
    few = n_queries(client, CONTESTS)

    for _ in range(3):
        make_phase(snapshot)

    assert n_queries(client, CONTESTS) == few


def test_everybody_sees_the_leaderboard(client, phase, predictions):
    enter(phase, predictions(1))

    response = client.get(phase.contest.get_absolute_url())

    assert [row["top1_error"]["value"] for row in response.context["rows"]] == [0.25]
    assert "25.0&nbsp;%" in response.content.decode()


def test_a_contest_that_nobody_has_entered_says_so(client, phase):
    assert "Nobody has entered yet" in client.get(phase.contest.get_absolute_url()).content.decode()


def test_a_contest_without_a_phase_has_a_page(client, snapshot):
    contest = Contest.objects.create(slug="next", name="Next", year=2027, snapshot=snapshot)

    assert client.get(contest.get_absolute_url()).status_code == 200


def test_a_contest_that_is_not_there_is_not_found(client):
    assert client.get(reverse("competition:contest", args=["birds"])).status_code == 404


def test_a_contests_page_asks_as_much_for_many_entries_as_for_one(client, author, phase, predictions):
    url = phase.contest.get_absolute_url()
    enter(phase, predictions(), author)
    few = n_queries(client, url)

    for n_wrong in (1, 2, 3):
        enter(phase, predictions(n_wrong))
        enter(phase, predictions(n_wrong), author)

    assert n_queries(client, url) == few


def test_a_contests_page_lists_ones_own_entries(client, author, phase, predictions):
    mine, theirs = enter(phase, predictions(), author), enter(phase, predictions(1))

    assert list(client.get(phase.contest.get_absolute_url()).context["my_submissions"]) == [mine]
    client.logout()
    page = client.get(phase.contest.get_absolute_url())
    assert list(page.context["my_submissions"]) == []
    assert theirs.get_absolute_url() not in page.content.decode()
