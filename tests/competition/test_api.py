from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiToken
from competition.models import Contest, Phase, Score, Submission
from competition.scoring import score_queued
from tests.factories import make_phase, make_run, make_user

pytestmark = pytest.mark.django_db

CONTESTS, SUBMISSIONS = "/api/contests/", "/api/submissions/"


@pytest.fixture
def author(client):
    author = make_user()
    client.force_login(author)
    return author


def hand_in(client, contest, file, change=None):
    said = {"contest": contest.slug, "method": "guessing", "file": file, **(change or {})}
    return client.post(SUBMISSIONS, {name: value for name, value in said.items() if value is not None})


def enter(phase, file, author=None):
    """Hand in and score."""
    submission = Submission.objects.submit(phase, author or make_user(), "guessing", file)
    score_queued()
    return submission


def n_queries(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_contests_are_told_to_everybody(client, phase, snapshot):
    [contest] = client.get(CONTESTS).json()["results"]

    assert contest == client.get(f"{CONTESTS}{phase.contest.slug}/").json()
    assert (contest["slug"], contest["snapshot"]) == (phase.contest.slug, snapshot.pk)
    assert contest["ranked_by"] == "top1_error"


def test_a_contest_that_is_not_there_is_not_found(client):
    assert client.get(f"{CONTESTS}birds/leaderboard/").status_code == 404


def test_the_leaderboard_is_told_to_everybody(client, phase, snapshot, predictions):
    entry = enter(phase, predictions(1))
    baseline = Submission.objects.create(
        phase=phase, run=make_run(snapshot), method="perceptron", file=predictions()
    )
    score_queued()

    first, second = client.get(f"{CONTESTS}{phase.contest.slug}/leaderboard/").json()

    assert (first["rank"], first["submission"], first["author"]) == (1, baseline.pk, None)
    assert (second["rank"], second["submission"], second["author"]) == (2, entry.pk, str(entry.author))
    assert second["top1_error"]["value"] == 0.25
    assert set(second["top1_error"]) == {"value", "low", "high"}


@pytest.mark.parametrize("url", [CONTESTS, SUBMISSIONS])
def test_a_list_asks_as_much_for_many_as_for_one(client, author, phase, snapshot, predictions, url):
    enter(phase, predictions(), author)
    few = n_queries(client, url)

    for _ in range(3):
        enter(make_phase(snapshot), predictions(), author)

    assert client.get(url).json()["count"] == 4
    assert n_queries(client, url) == few


def test_a_leaderboard_asks_as_much_for_many_entries_as_for_one(client, phase, predictions):
    url = f"{CONTESTS}{phase.contest.slug}/leaderboard/"
    enter(phase, predictions())
    few = n_queries(client, url)

    for _ in range(3):
        enter(phase, predictions())

    assert n_queries(client, url) == few


def test_predictions_are_handed_in_and_scored(
    client, author, phase, predictions, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        response = hand_in(client, phase.contest, predictions(1))

    Score.objects.update(told=F("value"))
    said = client.get(f"{SUBMISSIONS}{response.json()['id']}/").json()
    assert response.status_code == 201
    assert (said["contest"], said["status"], said["error"]) == (phase.contest.slug, "scored", "")
    assert {score["metric"]: score["value"] for score in said["scores"]}["top1_error"] == 0.25


def test_predictions_are_handed_in_by_token(phase, predictions):
    author = make_user()
    _token, secret = ApiToken.objects.create(user=author, name="a script")
    said = {"contest": phase.contest.slug, "method": "guessing", "file": predictions()}

    response = Client().post(SUBMISSIONS, said, HTTP_AUTHORIZATION=f"Token {secret}")

    assert response.status_code == 201
    assert Submission.objects.get().author == author


def test_handing_in_is_for_those_who_are_signed_in(client, phase, predictions):
    assert hand_in(client, phase.contest, predictions()).status_code == 401
    assert client.get(SUBMISSIONS).status_code == 401
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    "change", [{"contest": "birds"}, {"method": ""}, {"method": "x" * 101}, {"file": None}]
)
def test_what_lacks_something_is_refused_by_name(client, author, phase, predictions, change):
    response = hand_in(client, phase.contest, predictions(), change)

    assert response.status_code == 400
    assert list(response.json()) == list(change)
    assert not Submission.objects.exists()


def test_nobody_decides_their_own_score(client, author, phase, predictions):
    wish = {"status": "scored", "scores": "[]", "error": "none"}

    response = hand_in(client, phase.contest, predictions(4), wish)

    submission = Submission.objects.get()
    assert response.json()["status"] == "queued"
    assert (submission.status, submission.error) == ("queued", "")


def test_the_limit_is_said_with_when_to_come_again(client, author, phase, predictions):
    Phase.objects.update(limit=1)
    assert hand_in(client, phase.contest, predictions()).status_code == 201

    response = hand_in(client, phase.contest, predictions())

    assert response.status_code == 400
    assert "the next may come at" in response.content.decode()


def test_a_contest_without_a_phase_refuses_with_a_sentence(client, author, snapshot, predictions):
    contest = Contest.objects.create(slug="next", name="Next", year=2027, snapshot=snapshot)

    response = hand_in(client, contest, predictions())

    assert response.status_code == 400
    assert "This contest has no phase yet." in response.content.decode()


def test_only_ones_own_submissions_are_told(client, author, phase, predictions):
    mine, theirs = enter(phase, predictions(), author), enter(phase, predictions())

    assert [said["id"] for said in client.get(SUBMISSIONS).json()["results"]] == [mine.pk]
    assert client.get(f"{SUBMISSIONS}{mine.pk}/").status_code == 200
    assert client.get(f"{SUBMISSIONS}{theirs.pk}/").status_code == 404


def test_a_file_that_was_handed_in_is_not_told(client, author, phase, predictions):
    submission = enter(phase, predictions(), author)

    said = client.get(f"{SUBMISSIONS}{submission.pk}/").json()

    assert "file" not in said
    assert submission.file.name not in str(said)


def test_the_private_score_is_told_once_the_phase_has_closed(client, author, phase, predictions):
    submission = enter(phase, predictions(), author)
    submission.scores.update(part="private")
    assert client.get(f"{SUBMISSIONS}{submission.pk}/").json()["scores"] == []

    Phase.objects.update(closes_at=timezone.now() - timedelta(hours=1), public_share=0.5)

    assert len(client.get(f"{SUBMISSIONS}{submission.pk}/").json()["scores"]) == 3


def test_a_submission_cannot_be_changed_or_deleted(client, author, phase, predictions):
    url = f"{SUBMISSIONS}{enter(phase, predictions(), author).pk}/"

    assert client.put(url, {}).status_code == 405
    assert client.delete(url).status_code == 405
    assert Submission.objects.count() == 1
