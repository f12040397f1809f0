from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from competition.models import Contest, Submission, Team
from competition.run_entry import open_to
from tests.competition.test_entering import describe, make_finished_run
from tests.factories import make_phase, make_snapshot, make_user
from training.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def author():
    return make_user()


@pytest.fixture
def run(snapshot, author):
    run = make_finished_run(snapshot, n_wrong=1)
    Run.objects.filter(pk=run.pk).update(author=author)
    return Run.objects.get(pk=run.pk)


@pytest.fixture
def press(client, phase):
    """Press the button on the page of a run."""

    def press(user, run, contest=None):
        client.force_login(user)
        path = reverse("competition:enter-run", args=[run.pk, (contest or phase.contest).slug])
        return client.post(path, follow=True)

    return press


def offered(client, user, run):
    if user:
        client.force_login(user)
    page = client.get(reverse("training:run", args=[run.pk])).content.decode()
    return "/enter/" in page


def test_one_click_enters_a_run_for_its_authors_team(
    phase, run, author, press, django_capture_on_commit_callbacks
):
    describe(run)

    with django_capture_on_commit_callbacks(execute=True):
        press(author, run)

    entry = Submission.objects.get(run=run)
    assert (entry.team, entry.author, entry.phase) == (Team.objects.of(phase.contest, author), author, phase)
    assert (entry.status, entry.is_baseline) == ("scored", False)
    assert (entry.n_parameters, entry.n_multiply_adds) == (50, 42)
    assert entry.scores.get(metric="top1_error", part="public").value == 0.25


def test_two_clicks_make_one_entry(run, author, press):
    press(author, run)
    press(author, run)

    assert Submission.objects.filter(run=run).count() == 1


def test_what_was_cancelled_may_come_again(run, author, press):
    press(author, run)
    Submission.objects.cancel()

    press(author, run)

    assert sorted(Submission.objects.filter(run=run).values_list("status", flat=True)) == [
        "cancelled",
        "queued",
    ]


def test_a_run_of_somebody_else_is_not_entered(run, press):
    assert press(make_user(), run).status_code == 403
    assert not Submission.objects.filter(run=run).exists()


def test_who_runs_the_contest_enters_any_run(phase, run, press):
    organiser = make_user()
    Contest.objects.filter(pk=phase.contest.pk).update(organiser=organiser)

    press(organiser, run)

    assert Submission.objects.get(run=run).author == organiser


def test_a_run_on_another_snapshot_is_refused_with_a_sentence(run, author, press):
    other = make_phase(make_snapshot(n_questions=10)).contest

    page = press(author, run, other).content.decode()

    assert "was trained on" in page
    assert not Submission.objects.filter(run=run).exists()


def test_a_run_that_has_not_finished_is_refused_with_a_sentence(run, author, press):
    Run.objects.filter(pk=run.pk).update(status="running")

    assert "Expected a finished run" in press(author, run).content.decode()


def test_the_limit_is_one_for_runs_and_files(phase, run, author, press):
    type(phase).objects.filter(pk=phase.pk).update(limit=0)

    assert "takes no entries now" in press(author, run).content.decode()


def test_the_button_is_for_those_who_may_press_it(client, phase, run, author):
    assert not offered(client, None, run)
    assert not offered(client, make_user(), run)
    assert offered(client, author, run)


@pytest.mark.parametrize("what", ["closed", "unfinished"])
def test_the_button_is_there_while_it_leads_somewhere(client, phase, run, author, what):
    if what == "closed":
        moment = timezone.now()
        type(phase).objects.update(opens_at=moment - timedelta(days=2), closes_at=moment - timedelta(days=1))
    else:
        Run.objects.filter(pk=run.pk).update(status="running")

    assert not offered(client, author, run)


def test_the_button_costs_two_queries_for_any_number_of_contests(run, author, django_assert_max_num_queries):
    for _ in range(3):
        make_phase(run.snapshot)

    with django_assert_max_num_queries(2):
        assert len(open_to(run, author)) == 3


# --- By program ------------------------------------------------------------------------------------------


def ask(client, user, run, contest):
    client.force_login(user)
    return client.post(f"/api/runs/{run.pk}/enter/", {"contest": contest.slug}, "application/json")


def test_a_program_enters_a_run(client, phase, run, author):
    answer = ask(client, author, run, phase.contest)

    assert answer.status_code == 201
    assert answer.json()["id"] == Submission.objects.get(run=run).pk


def test_a_program_is_refused_as_a_person_is(client, phase, run, author):
    assert ask(client, make_user(), run, phase.contest).status_code == 403
    assert ask(client, author, run, make_phase(make_snapshot(n_questions=10)).contest).status_code == 400
    client.logout()
    assert client.post(f"/api/runs/{run.pk}/enter/").status_code in (401, 403)
