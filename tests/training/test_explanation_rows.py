"""Explanations as rows: asked for once, claimed by one worker, found again when a worker dies."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests.training.explanations import a_picture, make_finished
from training.models import Explanation, TooManyWaitingError
from training.models.explanations import MOST_LOST_EXPLANATIONS, SILENT_AFTER

pytestmark = pytest.mark.django_db

PICTURE, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def run():
    return make_finished()


def ask(run, sha256=PICTURE, wnid=""):
    return Explanation.objects.ask(run, sha256, wnid)


def test_a_picture_is_asked_about_once(run):
    first = ask(run)

    assert ask(run) == first
    assert {ask(run, wnid="n1"), ask(run, OTHER), ask(make_finished(run.snapshot, "mlp"))}.isdisjoint({first})
    assert Explanation.objects.count() == 4


def test_what_is_there_is_kept_when_it_is_asked_for_again(run):
    Explanation.objects.filter(pk=ask(run).pk).update(status="finished", file="a.npz")

    assert ask(run).status == "finished"


def test_what_failed_is_tried_again(run):
    ask(run)
    claimed = Explanation.objects.claim_next()
    claimed.fail("It is broken.")

    again = ask(run)

    assert (again.pk, again.status, again.error) == (claimed.pk, "queued", "")


def test_no_more_are_taken_than_can_be_worked_out(run, monkeypatch):
    monkeypatch.setattr("training.models.explanations.MOST_WAITING", 2)
    asked = [ask(run), ask(run, OTHER)]

    with pytest.raises(TooManyWaitingError, match="Too many pictures wait"):
        ask(run, "c" * 64)

    assert [ask(run), ask(run, OTHER)] == asked
    Explanation.objects.claim_next()
    assert ask(run, "c" * 64).status == "queued"


def test_the_oldest_is_claimed_first_and_once(run):
    first, second = ask(run), ask(run, OTHER)

    claimed = [Explanation.objects.claim_next() for _ in range(3)]

    assert claimed == [first, second, None]
    assert (claimed[0].status, claimed[0].attempt) == ("running", 1)


def test_those_of_one_run_can_be_claimed_alone(run):
    other = make_finished(run.snapshot, "mlp")
    ask(run)
    theirs = ask(other)

    assert Explanation.objects.claim_next(other.pk) == theirs
    assert Explanation.objects.claim_next(other.pk) is None


def test_one_says_how_many_are_before_it(run):
    assert [ask(run, sha256 * 64).n_before for sha256 in "abc"] == [0, 1, 2]


def test_a_silent_one_is_lost_and_another_worker_takes_it(run):
    ask(run)
    dead = Explanation.objects.claim_next()
    assert not Explanation.objects.lost().exists()
    Explanation.objects.update(heartbeat_at=timezone.now() - SILENT_AFTER - timedelta(seconds=1))

    assert Explanation.objects.lost().requeue() == 1

    assert not dead.beat()
    assert not dead.finish("a.npz")
    alive = Explanation.objects.claim_next()
    assert alive.beat()
    assert alive.finish("b.npz")
    assert Explanation.objects.get().file == "b.npz"


def test_one_whose_worker_died_three_times_fails_with_a_sentence(run):
    ask(run)
    for _death in range(MOST_LOST_EXPLANATIONS):
        assert Explanation.objects.claim_next()
        Explanation.objects.running().requeue()

    failed = Explanation.objects.get()
    assert failed.status == "failed"
    assert failed.error.startswith("Its worker died 3 times")


def test_none_fails_without_a_reason(run):
    asked = ask(run)

    with pytest.raises(IntegrityError), transaction.atomic():
        Explanation.objects.filter(pk=asked.pk).update(status="failed", error="")


def test_its_page_names_the_noun_where_one_was_asked_about(run):
    assert ask(run).get_absolute_url() == f"/runs/{run.pk}/why/{PICTURE}/"
    assert ask(run, wnid="n1").get_absolute_url() == f"/runs/{run.pk}/why/{PICTURE}/?noun=n1"


def test_they_go_with_their_run(run):
    ask(run, a_picture(run))

    run.delete()

    assert not Explanation.objects.exists()
