from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiToken
from competition.models import Contest, Phase, Score, Standing, Submission, Team
from competition.scoring import score_queued
from tests.factories import make_phase, make_run, make_user

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "once"}
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


def stand(entry, **fields):
    """Put a scored entry on the public board, in place of where it stands, second among equals."""
    told = {"top1_error": {"value": 0.25, "low": 0.1, "high": 0.4}}
    usual = {"contest": entry.contest, "place": 2, "rank": 1, "rank_low": 1, "rank_high": 2, "n_images": 4}
    return Standing.objects.update_or_create(
        submission=entry,
        part=fields.pop("part", "public"),
        defaults={**usual, "metrics": told, "grade": "B", **fields},
    )[0]


def page(entry):
    return f"{SUBMISSIONS}{entry.pk}/"


def n_queries(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


# --- Contests ----------------------------------------------------------------------------------------------------


def test_contests_are_told_to_everybody(client, phase, snapshot):
    [contest] = client.get(CONTESTS).json()["results"]

    assert (contest["slug"], contest["snapshot"]) == (phase.contest.slug, snapshot.pk)
    assert (contest["ranked_by"], contest["state"]) == ("top1_error", "open")
    assert [each["limit"] for each in contest["phases"]] == [phase.limit]


def test_one_contest_is_told_with_its_rules_and_measures(client, phase):
    Contest.objects.update(rules="Be kind.")

    said = client.get(f"{CONTESTS}{phase.contest.slug}/").json()

    assert said["rules"] == "Be kind."
    assert [metric["name"] for metric in said["metrics"]][:2] == ["top1_error", "top5_error"]
    assert said["starter_kit"] == f"http://testserver/contests/{phase.contest.slug}/starter-kit/"
    assert (said["team"], said["places"]) == (None, None)


@pytest.mark.parametrize(
    ("opens", "closes", "state"), [(-1, None, "open"), (-2, -1, "past"), (1, None, "coming"), (-1, 1, "open")]
)
def test_a_contest_says_whether_it_is_open(client, phase, opens, closes, state):
    moment = timezone.now()
    Phase.objects.update(
        opens_at=moment + timedelta(days=opens),
        closes_at=moment + timedelta(days=closes) if closes else None,
    )

    assert client.get(CONTESTS).json()["results"][0]["state"] == state


def test_the_places_that_are_left_are_told_with_when_the_next_is_free(client, author, phase, predictions):
    Phase.objects.update(limit=2)
    url = f"{CONTESTS}{phase.contest.slug}/"
    enter(phase, predictions(), author)
    one_left = client.get(url).json()

    enter(phase, predictions(), author)

    none_left = client.get(url).json()["places"]
    assert one_left["team"] == Team.objects.get().pk
    assert one_left["places"] == {"left": 1, "next_at": None, "failures_left": 20, "detail": ""}
    assert none_left["left"] == 0
    assert none_left["next_at"] is not None
    assert "the next may come at" in none_left["detail"]


def test_a_contest_that_is_not_there_is_not_found(client):
    assert client.get(f"{CONTESTS}birds/leaderboard/").status_code == 404


def test_the_leaderboard_is_told_to_everybody_with_ranks_as_intervals(client, phase, predictions):
    entry = enter(phase, predictions(1))
    stand(entry)

    [row] = client.get(f"{CONTESTS}{phase.contest.slug}/leaderboard/").json()["results"]

    assert (row["submission"], row["team"], row["is_baseline"]) == (entry.pk, entry.team.name, False)
    assert [row[name] for name in ("place", "rank", "rank_low", "rank_high", "grade")] == [2, 1, 1, 2, "B"]
    assert row["metrics"] == {"top1_error": {"value": 0.25, "low": 0.1, "high": 0.4}}


def test_a_baseline_is_in_no_team(client, phase, snapshot, predictions):
    Submission.objects.create(phase=phase, run=make_run(snapshot), method="perceptron", file=predictions())
    score_queued()

    [row] = client.get(f"{CONTESTS}{phase.contest.slug}/leaderboard/").json()["results"]

    assert (row["team"], row["is_baseline"], row["rank"]) == (None, True, 1)
    assert set(row["metrics"]["top1_error"]) == {"value", "low", "high"}


def test_a_late_entry_is_on_the_board_without_a_rank(client, phase, predictions):
    stand(enter(phase, predictions()), rank=None, rank_low=None, rank_high=None)

    [row] = client.get(f"{CONTESTS}{phase.contest.slug}/leaderboard/").json()["results"]

    assert row["rank"] is None


def test_the_private_board_opens_at_the_end(client, phase, predictions):
    Phase.objects.update(public_share=0.5)
    stand(enter(phase, predictions()), part="private")
    url = f"{CONTESTS}{phase.contest.slug}/leaderboard/?part=private"
    assert client.get(url).json()["results"] == []

    Phase.objects.update(closes_at=timezone.now() - timedelta(hours=1))

    assert len(client.get(url).json()["results"]) == 1


def test_a_part_that_is_none_is_refused(client, phase):
    response = client.get(f"{CONTESTS}{phase.contest.slug}/leaderboard/?part=secret")

    assert response.status_code == 400
    assert response.json() == {"part": ["Expected public or private; found 'secret'."]}


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

    assert client.get(url).json()["count"] == 4
    assert n_queries(client, url) == few


# --- Handing in --------------------------------------------------------------------------------------------------


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


def test_what_is_sent_twice_under_one_key_enters_once(client, author, phase, predictions):
    said = {"contest": phase.contest.slug, "method": "guessing"}

    first, again = (
        client.post(SUBMISSIONS, {**said, "file": predictions()}, headers=KEY) for _time in range(2)
    )

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert Submission.objects.count() == 1


def test_without_a_key_each_is_an_entry_of_its_own(client, author, phase, predictions):
    for _time in range(2):
        assert hand_in(client, phase.contest, predictions()).status_code == 201

    assert Submission.objects.count() == 2


def test_a_key_that_is_too_long_is_refused(client, author, phase, predictions):
    said = {"contest": phase.contest.slug, "method": "guessing", "file": predictions()}

    response = client.post(SUBMISSIONS, said, headers={"Idempotency-Key": "x" * 65})

    assert response.status_code == 400
    assert "Expected at most 64 characters; found 65." in response.content.decode()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.csv", "guesses"), ("a.ONNX", "onnx"), ("a.safetensors", "weights"), ("a", "guesses")],
)
def test_the_name_of_a_file_says_what_it_is(client, author, phase, predictions, name, kind):
    file = predictions()
    file.name = name

    assert hand_in(client, phase.contest, file).json()["kind"] == kind


def test_who_says_what_a_file_is_is_believed(client, author, phase, predictions):
    response = hand_in(client, phase.contest, predictions(), {"kind": "onnx"})

    assert response.json()["kind"] == "onnx"


@pytest.mark.parametrize(
    ("network", "status"), [('{"classes": []}', 201), ("[1]", 400), ("{", 400), ('{"a": "\\u0000"}', 400)]
)
def test_what_weights_are_the_weights_of_is_an_object(client, author, phase, predictions, network, status):
    change = {"kind": "weights", "network": network}

    assert hand_in(client, phase.contest, predictions(), change).status_code == status


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


# --- Entries -----------------------------------------------------------------------------------------------------


def test_only_entries_of_ones_own_team_are_told(client, author, phase, predictions):
    mine, theirs = enter(phase, predictions(), author), enter(phase, predictions())
    mate = make_user()
    mine.team.memberships.create(contest=phase.contest, user=mate)
    ours = enter(phase, predictions(), mate)

    assert [said["id"] for said in client.get(SUBMISSIONS).json()["results"]] == [ours.pk, mine.pk]
    assert client.get(page(mine)).status_code == client.get(page(ours)).status_code == 200
    assert client.get(page(theirs)).status_code == 404


def test_entries_are_chosen_by_contest_and_status(client, author, phase, snapshot, predictions):
    one, other = enter(phase, predictions(), author), enter(make_phase(snapshot), predictions(), author)
    Submission.objects.filter(pk=other.pk).update(status="failed", error="No.")

    def found(query):
        return [said["id"] for said in client.get(f"{SUBMISSIONS}?{query}").json()["results"]]

    assert found(f"contest={phase.contest.slug}") == found("status=scored") == [one.pk]
    assert found("status=failed") == [other.pk]
    assert found("") == [other.pk, one.pk]


def test_an_entry_that_waits_says_how_many_are_before_it(client, author, phase, predictions):
    Submission.objects.submit(phase, make_user(), "before", predictions())
    mine = Submission.objects.submit(phase, author, "guessing", predictions())

    assert client.get(page(mine)).json()["place_in_queue"] == 2
    score_queued()
    assert client.get(page(mine)).json()["place_in_queue"] is None


def test_an_author_is_told_what_may_be_told_and_no_more(client, author, phase, predictions):
    entry = enter(phase, predictions(1), author)
    Score.objects.update(told=None)
    Score.objects.filter(metric="top1_error").update(told=0.3)

    said = {score["metric"]: score for score in client.get(page(entry)).json()["scores"]}

    assert (said["top1_error"]["value"], said["top1_error"]["low"]) == (0.3, None)
    assert said["top5_error"]["value"] is None


def test_an_entry_is_cancelled_and_its_place_given_back(client, author, phase, predictions):
    entry = Submission.objects.submit(phase, author, "guessing", predictions())

    response = client.post(f"{page(entry)}cancel/")

    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert client.get(f"{CONTESTS}{phase.contest.slug}/").json()["places"]["left"] == phase.limit


def test_what_has_ended_cannot_be_cancelled(client, author, phase, predictions):
    response = client.post(f"{page(enter(phase, predictions(), author))}cancel/")

    assert response.status_code == 409
    assert response.json()["detail"] == "Expected an entry of yours that has not ended; this one is scored."


def test_the_organiser_cancels_any_entry_and_others_none(client, author, phase, predictions):
    entry = Submission.objects.submit(phase, make_user(), "guessing", predictions())
    assert client.post(f"{page(entry)}cancel/").status_code == 404

    Contest.objects.update(organiser=author)

    assert client.post(f"{page(entry)}cancel/").json()["status"] == "cancelled"


def test_an_entry_is_chosen_and_given_up_again(client, author, phase, predictions):
    entry = enter(phase, predictions(), author)

    assert client.post(f"{page(entry)}choose/").json()["is_chosen"] is True
    chosen = client.post(f"{page(entry)}choose/", {"chosen": False}, content_type="application/json")
    assert chosen.json()["is_chosen"] is False


def test_more_than_a_team_may_choose_are_refused(client, author, phase, predictions):
    Phase.objects.update(n_chosen=1)
    one, other = (enter(phase, predictions(), author) for _time in range(2))
    assert client.post(f"{page(one)}choose/").status_code == 200

    response = client.post(f"{page(other)}choose/")

    assert response.status_code == 400
    assert "Expected at most 1 chosen entries" in response.content.decode()


@pytest.mark.parametrize("action", ["cancel", "choose", "card"])
def test_what_is_no_number_of_an_entry_is_not_found(client, author, action):
    url = f"{SUBMISSIONS}none/{action}/"

    response = client.get(url) if action == "card" else client.post(url)

    assert response.status_code == 404


def test_nobody_chooses_for_another_team(client, author, phase, predictions):
    assert client.post(f"{page(enter(phase, predictions()))}choose/").status_code == 404


CARD = {"description": "Crows, trained.", "hardware": "one crow", "training_hours": 3.5}


def test_a_card_is_written_by_the_team_and_read_by_everybody_on_a_board(client, author, phase, predictions):
    entry = Submission.objects.submit(phase, author, "guessing", predictions())
    written = client.put(f"{page(entry)}card/", CARD, content_type="application/json")
    assert Client().get(f"{page(entry)}card/").status_code == 404

    score_queued()

    assert written.status_code == 200
    assert Client().get(f"{page(entry)}card/").json()["description"] == "Crows, trained."


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"training_hours": -1}, "training_hours"),
        ({"training_hours": "inf"}, "training_hours"),
        ({"paper_url": "javascript:1"}, "paper_url"),
    ],
)
def test_a_card_that_cannot_be_is_refused(client, author, phase, predictions, change, field):
    url = f"{page(enter(phase, predictions(), author))}card/"

    response = client.put(url, {**CARD, **change}, content_type="application/json")

    assert response.status_code == 400
    assert list(response.json()) == [field]


def test_a_card_of_another_team_is_not_written(client, author, phase, predictions):
    url = f"{page(enter(phase, predictions()))}card/"

    assert client.put(url, CARD, content_type="application/json").status_code == 404
    assert Client().put(url, CARD, content_type="application/json").status_code == 401


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
