from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from competition import forms, tasks
from competition.models import Contest, Phase, Submission
from competition.scoring import score_queued
from tests.factories import make_run, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def author(client):
    author = make_user()
    client.force_login(author)
    return author


def hand_in(client, contest, file, method="guessing"):
    url = reverse("competition:submit", args=[contest.slug])
    return client.post(url, {"method": method, "file": file} if file else {"method": method})


def broker_is_down():
    raise OperationalError("nobody listens")


def enter(phase, file, author=None):
    """Hand in and score."""
    submission = Submission.objects.submit(phase, author or make_user(), "guessing", file)
    score_queued()
    return submission


def state(submission):
    return reverse("competition:submission-state", args=[submission.pk])


def n_queries(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_predictions_are_handed_in_and_scored(
    client, author, phase, predictions, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        response = hand_in(client, phase.contest, predictions(1), "a network")

    submission = Submission.objects.get()
    assert response["Location"] == submission.get_absolute_url()
    assert (submission.author, submission.method, submission.status) == (author, "a network", "scored")


def test_what_is_handed_in_while_the_broker_is_down_is_kept_for_the_sweep(
    client, author, phase, predictions, django_capture_on_commit_callbacks, monkeypatch
):
    monkeypatch.setattr("competition.submit_views.score_queued.delay", broker_is_down)

    with django_capture_on_commit_callbacks(execute=True):
        response = hand_in(client, phase.contest, predictions())

    submission = Submission.objects.get()
    assert response["Location"] == submission.get_absolute_url()
    tasks.sweep_submissions()
    assert Submission.objects.get().status == "scored"


def test_handing_in_is_for_those_who_are_signed_in(client, phase, predictions):
    response = hand_in(client, phase.contest, predictions())

    assert response["Location"].startswith(reverse("accounts:sign-in"))
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("file", "method", "field"),
    [
        (SimpleUploadedFile("p.csv", b"image,guess_1\n"), "", "method"),
        (None, "guessing", "file"),
        (SimpleUploadedFile("p.csv", b""), "guessing", "file"),
    ],
)
def test_a_form_that_lacks_something_is_shown_again(client, author, phase, file, method, field):
    response = hand_in(client, phase.contest, file, method)

    assert list(response.context["form"].errors) == [field]
    assert not Submission.objects.exists()


def test_a_file_that_no_contest_needs_is_refused(client, author, phase, predictions, monkeypatch):
    monkeypatch.setattr(forms, "MOST_BYTES", 10)

    response = hand_in(client, phase.contest, predictions())

    assert response.context["form"].errors["file"] == ["Expected at most 0 MiB; found 0."]
    assert not Submission.objects.exists()


def test_a_refusal_is_said_in_the_form(client, author, phase, predictions):
    Phase.objects.update(limit=1)
    hand_in(client, phase.contest, predictions())

    response = hand_in(client, phase.contest, predictions())

    assert "Expected at most 1 entries a day" in response.content.decode()
    assert Submission.objects.count() == 1


def test_a_closed_contest_says_so_in_the_form(client, author, phase, predictions):
    Phase.objects.update(closes_at=timezone.now() - timedelta(hours=1))
    Contest.objects.update(takes_late=False)

    response = hand_in(client, phase.contest, predictions())

    assert "is not open" in response.content.decode()
    assert not Submission.objects.exists()


def test_a_contest_without_a_phase_says_so_in_the_form(client, author, snapshot, predictions):
    contest = Contest.objects.create(slug="next", name="Next", year=2027, snapshot=snapshot)

    response = hand_in(client, contest, predictions())

    assert response.context["form"].errors
    assert not Submission.objects.exists()


def test_a_submissions_page_is_its_authors_and_the_staffs(client, author, phase, predictions):
    mine, theirs = enter(phase, predictions(), author), enter(phase, predictions())
    assert client.get(mine.get_absolute_url()).status_code == 200
    assert client.get(theirs.get_absolute_url()).status_code == 404
    assert client.get(state(theirs)).status_code == 404

    client.force_login(make_user(is_staff=True))

    assert client.get(theirs.get_absolute_url()).status_code == 200


def test_a_baselines_page_is_everybodys(client, author, phase, snapshot, predictions):
    baseline = Submission.objects.create(
        phase=phase, run=make_run(snapshot), method="perceptron", file=predictions()
    )

    page = client.get(baseline.get_absolute_url()).content.decode()

    assert "A baseline of this site" in page
    assert baseline.run.get_absolute_url() in page


@pytest.mark.parametrize(("is_done", "asks_again"), [(False, True), (True, False)])
def test_a_submissions_page_asks_for_itself_until_it_has_been_scored(
    client, author, phase, predictions, is_done, asks_again
):
    submission = Submission.objects.submit(phase, author, "guessing", predictions())
    if is_done:
        score_queued()

    for url in (submission.get_absolute_url(), state(submission)):
        assert (f'hx-get="{state(submission)}"' in client.get(url).content.decode()) is asks_again


def test_a_submission_that_failed_says_why(client, author, phase):
    submission = enter(phase, SimpleUploadedFile("p.csv", b"wnid,image\n"), author)

    page = client.get(submission.get_absolute_url()).content.decode()

    assert "Line 1: expected the header image,guess_1 to guess_5" in page


def test_an_author_does_not_see_the_private_score_while_the_phase_is_open(client, author, phase, predictions):
    submission = enter(phase, predictions(), author)
    submission.scores.update(part="private")
    assert list(client.get(submission.get_absolute_url()).context["scores"]) == []

    Phase.objects.update(closes_at=timezone.now() - timedelta(hours=1), public_share=0.5)

    assert len(client.get(submission.get_absolute_url()).context["scores"]) == 3


def test_a_method_is_shown_as_text(client, author, phase, predictions):
    submission = Submission.objects.submit(phase, author, "<script>alert(1)</script>", predictions())

    page = client.get(submission.get_absolute_url()).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
