from datetime import timedelta

import pytest
from celery.schedules import crontab
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
        assert entry["options"]["expires"] <= seconds_between(entry["schedule"])


def seconds_between(schedule: int | crontab) -> int:
    if isinstance(schedule, int):
        return schedule
    # Of those by the clock there are only daily ones.
    assert (len(schedule.hour), len(schedule.minute)) == (1, 1)
    assert (len(schedule.day_of_week), len(schedule.day_of_month), len(schedule.month_of_year)) == (7, 31, 12)
    return 24 * 3600


def test_collections_are_refitted_anew_once_a_night():
    [entry] = [e for e in app.conf.beat_schedule.values() if e["task"] == "labeling.tasks.refit_nightly"]

    assert seconds_between(entry["schedule"]) == 24 * 3600


def test_the_training_queue_is_named_for_a_task_that_exists():
    app.loader.import_default_modules()

    assert set(settings.CELERY_TASK_ROUTES) <= set(app.tasks)
