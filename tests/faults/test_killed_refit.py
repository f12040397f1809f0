"""A worker that is killed in the middle of a refit keeps nobody out, and the refit is run by another."""

import os
import signal
from datetime import timedelta

from django.utils import timezone

from labeling import aggregation, refitting
from labeling.models import Collection, Refit, Vote
from labeling.models.refits import LOST_AFTER
from labeling.tasks import refit_grown_collections, refit_waiting
from tests.factories import make_collection, make_user
from tests.faults.conftest import kill_group, wait_until

A_WORKER = ("--queues", "celery")
N_QUESTIONS, N_PEOPLE = 400, 20


def voted() -> Collection:
    """A collection whose refit takes a worker some moments."""
    collection = make_collection(n_questions=N_QUESTIONS, min_votes=2, max_votes=30)
    cat, dog = collection.ordered_classes()
    people = [make_user() for _ in range(N_PEOPLE)]
    Vote.objects.bulk_create(
        Vote(
            question=question,
            annotator=person,
            synset=dog if (question.pk % 2 == 0) != (number % 7 == question.pk % 5) else cat,
            answer="present",
            taxonomy_version=1,
        )
        for question in collection.questions.all()
        for number, person in enumerate(people)
    )
    collection.questions.update(n_votes=N_PEOPLE, state="open")
    return collection


def labels(collection: Collection) -> list[tuple[int, str]]:
    return list(collection.questions.order_by("pk").values_list("label", "confidence", "state"))


def test_a_refit_is_run_by_another_after_its_worker_was_killed(start_worker):
    collection = voted()
    refit = Refit.objects.enqueue(collection, Refit.Cause.ASKED)
    refit_waiting.delay()
    worker = start_worker(*A_WORKER)
    wait_until(lambda: Refit.objects.running().exists(), "a worker has begun")
    os.killpg(worker.pid, signal.SIGSTOP)  # so that it cannot end before it is looked at
    assert Refit.objects.running().exists()
    kill_group(worker)

    # At once nobody else may know that it is dead, so no second one is begun.
    assert Refit.objects.enqueue(collection, Refit.Cause.ASKED) == refit
    assert refitting.refit_grown() == 0
    Refit.objects.update(heartbeat_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    refit_grown_collections.delay()
    start_worker(*A_WORKER)
    wait_until(lambda: Refit.objects.finished().exists(), "another has ended")

    refit.refresh_from_db()
    assert (refit.attempt, refit.n_lost, refit.n_votes) == (2, 1, N_QUESTIONS * N_PEOPLE)
    found = labels(collection)
    aggregation.refit(collection)
    assert labels(collection) == found
