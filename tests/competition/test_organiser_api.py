import pytest

from competition.models import Contest, Rescoring, Submission
from competition.scoring import score_queued
from tests.factories import make_snapshot, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def organiser(phase, client):
    organiser = make_user()
    Contest.objects.update(organiser=organiser)
    return organiser


@pytest.fixture
def entry(phase, predictions) -> Submission:
    entry = Submission.objects.submit(phase, make_user(), "guessing", predictions())
    score_queued()
    return entry


def entries(phase):
    return f"/api/contests/{phase.contest.slug}/entries/"


def rescorings(phase):
    return f"/api/contests/{phase.contest.slug}/rescorings/"


def make_rescoring(phase, **fields):
    usual = {"truth": phase.contest.snapshot, "scorer_version": 1, "reason": "Better labels."}
    return Rescoring.objects.create(contest=phase.contest, **{**usual, **fields})


def test_the_organiser_sees_every_entry_with_the_log_of_every_attempt(client, phase, organiser, entry):
    entry.attempts.update(log="all went well")
    client.force_login(organiser)

    [said] = client.get(entries(phase)).json()["results"]

    assert (said["id"], said["team"], said["status"]) == (entry.pk, entry.team.name, "scored")
    assert [(attempt["number"], attempt["log"]) for attempt in said["attempts"]] == [(1, "all went well")]


def test_nobody_else_does(client, phase, organiser, entry):
    assert client.get(entries(phase)).status_code == 401
    client.force_login(entry.author)

    response = client.get(entries(phase))

    assert response.status_code == 403
    assert response.json()["detail"] == "Only the organiser of the contest and staff do that."


def test_a_list_of_entries_asks_as_much_for_many_as_for_one(
    client, phase, organiser, entry, predictions, django_assert_num_queries, django_assert_max_num_queries
):
    client.force_login(organiser)
    with django_assert_max_num_queries(20) as few:
        client.get(entries(phase))

    for _time in range(3):
        Submission.objects.submit(phase, make_user(), "guessing", predictions())
    score_queued()

    with django_assert_num_queries(len(few)):
        assert client.get(entries(phase)).json()["count"] == 4


def test_entries_are_chosen_by_status(client, phase, organiser, entry):
    client.force_login(organiser)

    assert client.get(f"{entries(phase)}?status=failed").json()["results"] == []
    assert len(client.get(f"{entries(phase)}?status=scored").json()["results"]) == 1


def test_what_moved_is_told_to_everybody_once_it_is_shown(client, phase):
    rescoring = make_rescoring(phase)
    assert client.get(rescorings(phase)).json()["results"] == []

    Rescoring.objects.filter(pk=rescoring.pk).update(status="switched")

    [said] = client.get(rescorings(phase)).json()["results"]
    assert (said["reason"], said["truth"], said["moved"]) == ("Better labels.", phase.contest.snapshot_id, [])


def test_the_organiser_sees_it_before(client, phase, organiser):
    make_rescoring(phase)
    client.force_login(organiser)

    assert [said["status"] for said in client.get(rescorings(phase)).json()["results"]] == ["running"]


def test_the_organiser_has_entries_scored_anew(client, phase, organiser):
    client.force_login(organiser)

    response = client.post(
        rescorings(phase), {"truth": phase.contest.snapshot_id, "reason": "Better labels."}
    )

    assert response.status_code == 201
    assert Rescoring.objects.get().author == organiser


def test_nobody_else_has(client, phase, organiser, entry):
    client.force_login(entry.author)

    response = client.post(
        rescorings(phase), {"truth": phase.contest.snapshot_id, "reason": "Better labels."}
    )

    assert response.status_code == 403
    assert not Rescoring.objects.exists()


def test_labels_of_another_collection_are_refused_with_a_sentence(client, phase, organiser):
    client.force_login(organiser)

    response = client.post(rescorings(phase), {"truth": make_snapshot().pk, "reason": "Better labels."})

    assert response.status_code == 400
    assert "of another collection" in response.content.decode()
