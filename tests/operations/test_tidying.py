from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from competition.models.attempts import Attempt
from config.celery import app
from config.storage import private_storage
from operations import tasks, tidying
from tests.browser.test_pages import submit_all_first_class
from tests.factories import make_collection, make_phase, make_run, make_user, make_vote
from training.models import Checkpoint

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=1000)


def make_guest(joined=LONG_AGO):
    guest = User.objects.create_guest()
    User.objects.filter(pk=guest.pk).update(date_joined=joined)
    return guest


def make_checkpoint(**fields):
    run = make_run(**fields)
    name = private_storage().save(f"checkpoints/{run.pk}", ContentFile(b"weights"))
    return Checkpoint.objects.create(run=run, epoch=1, file=name)


def test_sessions_that_ran_out_go_and_others_stay():
    Session.objects.create(session_key="old", session_data="", expire_date=LONG_AGO)
    Session.objects.create(session_key="new", session_data="", expire_date=timezone.now() + timedelta(1))

    tidying.tidy()

    assert [session.session_key for session in Session.objects.all()] == ["new"]


def test_only_guests_who_left_nothing_and_came_long_ago_go():
    gone, new, voter, person = make_guest(), make_guest(timezone.now()), make_guest(), make_user()
    make_vote(make_collection(n_questions=1), None, voter)
    User.objects.filter(pk=person.pk).update(date_joined=LONG_AGO)

    assert tidying.tidy()["guests who left nothing"] == 1

    assert {new, voter, person} <= {*User.objects.all()}
    assert not User.objects.filter(pk=gone.pk).exists()


def test_checkpoints_of_trainings_that_finished_long_ago_go_with_their_files():
    old = make_checkpoint(status="finished", finished_at=LONG_AGO)
    new = make_checkpoint(status="finished", finished_at=timezone.now(), network="mlp")
    paused = make_checkpoint(status="paused", network="alexnet")

    assert tidying.tidy()["checkpoints of finished trainings"] == 1

    assert {*Checkpoint.objects.all()} == {new, paused}
    assert not private_storage().exists(old.file.name)
    assert private_storage().exists(new.file.name)


def test_the_log_of_an_old_attempt_goes_and_what_became_of_it_stays():
    submission = submit_all_first_class(make_phase(), make_user())
    old = submission.attempts.get()
    Attempt.objects.filter(pk=old.pk).update(log="long", ended_at=LONG_AGO)

    tidying.tidy()

    old.refresh_from_db()
    assert (old.log, old.outcome) == ("", "scored")


def test_zero_days_keep_it_for_ever(settings):
    settings.KEEP_GUESTS_DAYS = 0
    guest = make_guest()

    tidying.tidy()

    assert User.objects.filter(pk=guest.pk).exists()


def test_a_dry_run_counts_and_leaves_all_as_it_is():
    make_guest()
    out = StringIO()

    call_command("tidy", "--dry-run", stdout=out)

    assert "1 guests who left nothing would go" in out.getvalue()
    assert User.objects.filter(kind="guest").count() == 1


def test_beat_has_it_done_every_night():
    assert tasks.tidy.name in {each["task"] for each in app.conf.beat_schedule.values()}
