"""Many who ask for refits, and many workers, at the same moment."""

from itertools import pairwise

import pytest
from django.db.models import Count

from labeling import refitting
from labeling.models import Collection, Question, Refit, Vote
from tests.factories import make_collection, make_user
from tests.labeling.test_concurrency import come_back, label_all, together

pytestmark = pytest.mark.django_db(transaction=True)

N = 8


def test_many_who_ask_at_once_start_one_refit():
    collection = make_collection(n_questions=1)

    asked = together(lambda cause: Refit.objects.enqueue(collection, cause), [*Refit.Cause] * 4)

    assert {refit.pk for refit in asked} == {Refit.objects.get().pk}


def test_many_workers_run_each_refit_once():
    collections = [make_collection(n_questions=1) for _ in range(4)]
    for collection in collections:
        Refit.objects.enqueue(collection, Refit.Cause.ASKED)

    n_taken = together(lambda _worker: refitting.refit_waiting(), list(range(N)))

    assert sum(n_taken) == 4
    assert set(Refit.objects.values_list("state", "attempt")) == {("finished", 1)}
    assert all(collection.fits.count() == 1 for collection in collections)


def test_beat_beside_people_who_ask_never_has_two_run_at_once():
    collection = make_collection(n_questions=4, min_votes=3, max_votes=6)
    for person in [make_user() for _ in range(3)]:
        label_all(collection, person)

    def act(number: int) -> None:
        if number % 2:
            Refit.objects.enqueue(collection, Refit.Cause.ASKED)
            refitting.refit_waiting()
        else:
            refitting.refit_grown()
            refitting.refit_nightly()

    together(act, list(range(N)))

    refits = Refit.objects.order_by("started_at")
    assert {refit.state for refit in refits} == {"finished"}
    assert collection.fits.count() == len(refits)
    for before, after in pairwise(refits):
        assert before.finished_at <= after.started_at


def test_refits_that_go_on_beside_voting_lose_no_vote_and_strand_no_question():
    collection = make_collection(n_questions=8, min_votes=3, max_votes=6)
    people = [make_user() for _ in range(N)]

    def act(person) -> int:
        if person:
            return len(label_all(collection, person))
        for _ in range(3):
            Refit.objects.enqueue(Collection.objects.get(pk=collection.pk), Refit.Cause.GROWTH)
            refitting.refit_waiting()
        return 0

    n_cast = sum(together(act, [*people, None, None]))
    n_cast += sum(map(len, come_back(collection, people)))

    assert Vote.objects.count() == n_cast
    assert not Refit.objects.exclude(state="finished").exists()
    for question in Question.objects.annotate(n_counted=Count("votes")):
        assert question.n_votes == question.n_counted
        assert (question.state == "open") == (question.open_places > 0)
