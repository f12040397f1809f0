from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from config.celery import app
from labeling import tasks
from labeling.models import Lease, Question
from tests.factories import make_collection, make_lease, make_vote

pytestmark = pytest.mark.django_db


def test_expired_leases_are_released_by_the_task():
    lease = make_lease()
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    tasks.release_expired_leases()

    assert not Lease.objects.exists()
    assert Question.objects.get(pk=lease.question_id).open_places == lease.question.collection.min_votes


def test_a_collection_is_refitted_once_for_its_new_votes():
    collection = make_collection(n_questions=1, min_votes=10, max_votes=20)
    for _ in range(10):
        make_vote(collection, collection.ordered_classes()[0])

    refitted = [tasks.refit_grown_collections(), tasks.refit_grown_collections()]

    assert refitted == [1, 0]


def test_every_periodic_task_exists_and_lapses_before_it_comes_again():
    app.loader.import_default_modules()

    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["expires"] <= entry["schedule"]


def test_the_training_queue_is_named_for_a_task_that_exists():
    app.loader.import_default_modules()

    assert set(settings.CELERY_TASK_ROUTES) <= set(app.tasks)
