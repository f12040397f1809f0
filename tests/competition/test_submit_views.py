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


def hand_in(client, contest, file, method="guessing", **said):
    url = reverse("competition:submit", args=[contest.slug])
    said |= {"method": method, "file": file} if file else {"method": method}
    return client.post(url, said)


def broker_is_down():
    raise OperationalError("nobody listens")


def enter(phase, file, author=None):
    """Hand in and score."""
    submission = Submission.objects.submit(phase, author or make_user(), "guessing", file)
    score_queued()
    return submission


def state(submission):
    return reverse("competition:submission-state", args=[submission.pk])


def press(client, name, submission, **said):
    return client.post(reverse(f"competition:{name}", args=[submission.pk]), said)


def join(user, submission):
    team = submission.team
    team.invite(user, by=team.captain).accept()


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
    submission.refresh_from_db()
    assert submission.is_scored


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


# --- Handing in -----------------------------------------------------------------------------------------------------


def test_the_same_form_sent_twice_enters_once(client, author, phase, predictions):
    page = client.get(reverse("competition:submit", args=[phase.contest.slug]))
    token = page.context["form"]["token"].value()

    first, second = (hand_in(client, phase.contest, predictions(), token=token) for _ in range(2))

    assert first["Location"] == second["Location"] == Submission.objects.get().get_absolute_url()


def test_each_form_has_a_token_of_its_own(client, author, phase):
    url = reverse("competition:submit", args=[phase.contest.slug])

    tokens = {client.get(url).context["form"]["token"].value() for _ in range(2)}

    assert len(tokens) == 2
    assert "no-store" in client.get(url)["Cache-Control"]  # who goes back gets a new one


@pytest.mark.parametrize(
    ("kind", "name", "entered"),
    [
        ("guesses", "p.CSV", "guesses"),
        ("guesses", "p.npy", "guesses"),
        ("network", "p.onnx", "onnx"),
        ("network", "p.safetensors", "weights"),
        ("network", "p.csv", None),
        ("guesses", "p.onnx", None),
        ("guesses", "p.zip", None),
    ],
)
def test_a_files_name_says_what_it_is(client, author, phase, kind, name, entered):
    response = hand_in(client, phase.contest, SimpleUploadedFile(name, b"image"), kind=kind)

    if entered:
        assert Submission.objects.get().kind == entered
    else:
        [error] = response.context["form"].errors["file"]
        assert error.startswith("Expected a file whose name ends in")
        assert error.endswith(f"found “{name}”.")


def test_a_contest_of_guesses_takes_no_network(client, author, phase):
    Contest.objects.update(takes_models=False)

    response = hand_in(client, phase.contest, SimpleUploadedFile("p.onnx", b"image"), kind="network")

    assert "Expected a file whose name ends in .csv, .jsonl, .npy" in response.content.decode()
    hand_in(client, phase.contest, SimpleUploadedFile("p.csv", b"image"))
    assert Submission.objects.get().kind == "guesses"


def test_a_card_is_handed_in_with_an_entry(client, author, phase, predictions):
    said = {
        "card-description": "Two layers.",
        "card-training_hours": "1.5",
        "card-code_url": "example.org/code",
    }

    hand_in(client, phase.contest, predictions(), **said)

    card = Submission.objects.get().card
    assert (card.description, card.training_hours) == ("Two layers.", 1.5)
    assert card.code_url == "https://example.org/code"


def test_an_entry_without_a_card_has_none(client, author, phase, predictions):
    hand_in(client, phase.contest, predictions())

    assert not hasattr(Submission.objects.get(), "card")


def test_a_bad_card_enters_nothing(client, author, phase, predictions):
    response = hand_in(client, phase.contest, predictions(), **{"card-training_hours": "-1"})

    assert "Hours of training are 0 or more." in response.content.decode()
    assert not Submission.objects.exists()


def test_the_form_says_how_many_places_are_left_and_when_the_next_is_free(client, author, phase, predictions):
    Phase.objects.update(limit=1)
    url = reverse("competition:submit", args=[phase.contest.slug])
    assert "1 entry is left to your team within 24 hours." in client.get(url).content.decode()

    hand_in(client, phase.contest, predictions())

    page = client.get(url).content.decode()
    assert "No entry is left to your team now. The next place is free at" in page


# --- What becomes of it ---------------------------------------------------------------------------------------------


def test_an_entry_that_waits_says_its_place(client, author, phase, predictions):
    first, second = (Submission.objects.submit(phase, author, "guessing", predictions()) for _ in range(2))

    assert "next in the queue" in client.get(state(first)).content.decode()
    assert "number <b>2</b> in the queue" in client.get(state(second)).content.decode()


@pytest.mark.parametrize(("age_s", "wait_s"), [(0, 1), (60, 3), (3600, 15)])
def test_a_page_asks_less_often_the_longer_it_waits(client, author, phase, predictions, age_s, wait_s):
    submission = Submission.objects.submit(phase, author, "guessing", predictions())
    Submission.objects.update(created_at=timezone.now() - timedelta(seconds=age_s))

    assert f'hx-trigger="every {wait_s}s"' in client.get(state(submission)).content.decode()


def test_an_author_reads_what_is_told_and_never_the_exact_error(client, author, phase, predictions):
    submission = enter(phase, predictions(1), author)
    submission.scores.update(told=None)
    page = client.get(submission.get_absolute_url()).content.decode()
    assert "No better than your best so far." in page
    assert "25.0" not in page

    submission.scores.filter(metric="top1_error").update(told=0.3)

    page = client.get(submission.get_absolute_url()).content.decode()
    assert "30.0&nbsp;%" in page
    assert "25.0" not in page
    assert "No better" not in page


def test_everybody_of_a_team_sees_its_entries_and_others_do_not(client, phase, predictions):
    submission, member = enter(phase, predictions()), make_user()
    client.force_login(member)
    assert client.get(submission.get_absolute_url()).status_code == 404

    join(member, submission)

    assert client.get(submission.get_absolute_url()).status_code == 200


def test_a_team_cancels_its_entry_and_has_its_place_back(client, author, phase, predictions):
    Phase.objects.update(limit=1)
    submission = Submission.objects.submit(Phase.objects.get(), author, "guessing", predictions())

    press(client, "cancel", submission)

    submission.refresh_from_db()
    assert submission.status == "cancelled"
    hand_in(client, phase.contest, predictions())
    assert Submission.objects.queued().count() == 1


def test_what_was_scored_is_not_cancelled(client, author, phase, predictions):
    submission = enter(phase, predictions(), author)

    press(client, "cancel", submission)

    submission.refresh_from_db()
    assert submission.is_scored


@pytest.mark.parametrize("name", ["cancel", "choose"])
def test_nobody_else_touches_an_entry(client, author, phase, predictions, name):
    theirs = Submission.objects.submit(phase, make_user(), "guessing", predictions())

    assert press(client, name, theirs).status_code == 404
    assert client.get(reverse("competition:submission-file", args=[theirs.pk])).status_code == 404
    assert client.get(reverse("competition:edit-card", args=[theirs.pk])).status_code == 404
    theirs.refresh_from_db()
    assert (theirs.status, theirs.is_chosen) == ("queued", False)


def test_an_organiser_cancels_any_entry(client, author, phase, predictions):
    Contest.objects.update(organiser=author)
    theirs = Submission.objects.submit(phase, make_user(), "guessing", predictions())

    press(client, "cancel", theirs)

    theirs.refresh_from_db()
    assert theirs.status == "cancelled"
    assert press(client, "choose", theirs).status_code == 404


def test_a_team_takes_its_file_along(client, author, phase, predictions):
    submission = Submission.objects.submit(phase, author, "guessing", predictions(1))

    response = client.get(reverse("competition:submission-file", args=[submission.pk]))

    assert b"".join(response.streaming_content) == predictions(1).read()
    assert response["Content-Disposition"] == f'attachment; filename="entry-{submission.pk}.csv"'


# --- Choosing and describing ----------------------------------------------------------------------------------------


def test_a_team_chooses_so_many_entries_for_the_end(client, author, phase, predictions):
    Phase.objects.update(n_chosen=1)
    first, second = (enter(phase, predictions(), author) for _ in range(2))
    press(client, "choose", first)

    refused = client.post(reverse("competition:choose", args=[second.pk]), follow=True)

    assert "Expected at most 1 chosen entries" in refused.content.decode()
    assert list(Submission.objects.filter(is_chosen=True)) == [first]
    press(client, "choose", first, give_up=1)
    press(client, "choose", second)
    assert list(Submission.objects.filter(is_chosen=True)) == [second]


@pytest.mark.parametrize(
    ("change", "why"), [({"status": "queued"}, "scored in time"), ({"is_late": True}, "scored in time")]
)
def test_what_was_not_scored_in_time_is_not_chosen(client, author, phase, predictions, change, why):
    submission = enter(phase, predictions(), author)
    Submission.objects.update(**change)

    page = client.post(reverse("competition:choose", args=[submission.pk]), follow=True)

    assert why in page.content.decode()
    assert not Submission.objects.filter(is_chosen=True).exists()


def test_nothing_is_chosen_after_the_end(client, author, phase, predictions):
    submission = enter(phase, predictions(), author)
    Phase.objects.update(closes_at=timezone.now() - timedelta(hours=1))

    page = client.post(reverse("competition:choose", args=[submission.pk]), follow=True)

    assert "is over" in page.content.decode()
    assert not Submission.objects.filter(is_chosen=True).exists()


def test_a_team_writes_the_card_of_its_entry_and_everybody_reads_it_on_the_board(
    client, author, phase, predictions
):
    submission = Submission.objects.submit(phase, author, "guessing", predictions())
    edit, card = (reverse(f"competition:{name}", args=[submission.pk]) for name in ("edit-card", "card"))
    for text in ("Two layers.", "Three layers.\n<script>"):
        client.post(edit, {"description": text, "paper_url": "https://example.org/paper"})
    client.logout()
    assert client.get(card).status_code == 404

    score_queued()

    page = client.get(card).content.decode()
    assert "Three layers." in page
    assert "&lt;script&gt;" in page
    assert 'href="https://example.org/paper" rel="nofollow ugc noopener"' in page


def test_a_link_that_is_none_is_refused(client, author, phase, predictions):
    submission = enter(phase, predictions(), author)

    response = client.post(
        reverse("competition:edit-card", args=[submission.pk]), {"paper_url": "javascript:alert(1)"}
    )

    assert list(response.context["form"].errors) == ["paper_url"]
    assert not hasattr(Submission.objects.get(), "card")


def test_the_example_of_a_file_names_nouns_of_the_contest(client, author, phase):
    page = client.get(reverse("competition:submit", args=[phase.contest.slug])).content.decode()

    first, second = phase.contest.snapshot.classes[:2]
    assert f"…,{first},{second}\n60303ae22b998861…,{second},</pre>" in page
