"""Days on which somebody has labelled, and how many of them are in a row."""

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import personal
from labeling.models import SKIP, Answer, Lease, VotingDay
from labeling.streaks import days_in_a_row
from tests.factories import make_collection, make_user, make_vote
from tests.labeling.grids import make_verifying

TODAY = date(2026, 3, 1)
SATURDAY, FRIDAY, THURSDAY = date(2026, 2, 28), date(2026, 2, 27), date(2026, 2, 26)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], 0),
        ([TODAY], 1),
        ([TODAY, SATURDAY, FRIDAY], 3),
        ([SATURDAY, FRIDAY], 2),  # today is not over yet
        ([FRIDAY, THURSDAY], 0),  # yesterday was left out
        ([TODAY, FRIDAY], 1),
    ],
)
def test_days_follow_on_one_another_up_to_today_or_yesterday(days, expected):
    assert days_in_a_row(days, TODAY) == expected


def note_days_ago(annotator, *n_days):
    today = timezone.now().date()
    VotingDay.objects.bulk_create(VotingDay(annotator=annotator, day=today - timedelta(n)) for n in n_days)


@pytest.mark.django_db
def test_a_vote_notes_its_day_and_a_skip_does_not():
    annotator = make_user()
    collection = make_collection(n_questions=2)
    [skipped] = Lease.objects.hand_out(collection, annotator, 1)
    Lease.objects.cast(annotator, [Answer(skipped.pk, kind=SKIP)])
    assert not VotingDay.objects.exists()

    make_vote(collection, None, annotator)

    assert list(VotingDay.objects.values_list("annotator", "day")) == [(annotator.pk, timezone.now().date())]


@pytest.mark.django_db(transaction=True)
def test_only_the_first_vote_of_a_day_costs_a_statement():
    annotator = make_user()
    collection = make_collection(n_questions=2)

    with CaptureQueriesContext(connection) as first:
        make_vote(collection, None, annotator)
    with CaptureQueriesContext(connection) as second:
        make_vote(collection, None, annotator)

    assert [sum("votingday" in query["sql"] for query in each) for each in (first, second)] == [1, 0]


@pytest.mark.django_db(transaction=True)
def test_a_day_whose_votes_came_to_nothing_is_noted_by_the_next():
    annotator = make_user()
    collection = make_collection(n_questions=2)
    with transaction.atomic():
        make_vote(collection, None, annotator)
        transaction.set_rollback(True)

    make_vote(collection, None, annotator)

    assert VotingDay.objects.filter(annotator=annotator).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("ago", "words"), [((0, 1, 2), "3 days in a row"), ((1, 2), "2 days in a row")])
def test_the_page_says_how_many_days_in_a_row(client, ago, words):
    annotator = make_user()
    note_days_ago(annotator, *ago)
    client.force_login(annotator)
    collection = make_collection(n_questions=1)

    page = client.get(reverse("labeling:label", args=[collection.slug])).text

    assert f"· {words}</span>" in page


@pytest.mark.django_db
def test_the_grid_says_it_too(client):
    annotator = make_user()
    note_days_ago(annotator, 0, 1)
    client.force_login(annotator)
    collection = make_verifying(2, known_to=annotator)

    assert "· 2 days in a row" in client.get(reverse("labeling:label", args=[collection.slug])).text


@pytest.mark.django_db
def test_the_page_says_nothing_of_a_first_day(client):
    annotator = make_user()
    note_days_ago(annotator, 0, 3)
    client.force_login(annotator)
    collection = make_collection(n_questions=1)

    assert "in a row" not in client.get(reverse("labeling:label", args=[collection.slug])).text


@pytest.mark.django_db
def test_the_days_are_handed_out_and_forgotten_with_ones_data():
    annotator, other = make_user(), make_user()
    note_days_ago(annotator, 0, 1)
    note_days_ago(other, 0)

    goes, _stays = personal.told(annotator)
    exported = "".join(personal.export(annotator))
    personal.forget(annotator)

    assert "the notes of 2 days on which you labelled" in goes
    assert f'{{"labelled_on": "{timezone.now().date()}"}}' in exported
    assert list(VotingDay.objects.values_list("annotator", flat=True)) == [other.pk]
