from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from config import clock
from labeling.models import Lease
from labeling.models.leases import LEASE_TIME
from labeling.tasks import release_expired_leases
from tests.factories import make_lease, make_run
from training.models import LOST_AFTER, Run

HOURS = timedelta(hours=3)


class Clocks:
    """What this process reads: the clock, which can be set, and the steady one, which goes on with it."""

    def __init__(self) -> None:
        self.now, self.steady_s = timezone.now(), 1000.0

    def pass_by(self, span: timedelta) -> None:
        self.now += span
        self.steady_s += span.total_seconds()

    def set(self, span: timedelta) -> None:
        self.now += span


@pytest.fixture
def clocks(monkeypatch) -> Clocks:
    clocks = Clocks()
    read = SimpleNamespace(time=lambda: clocks.now.timestamp(), monotonic=lambda: clocks.steady_s)
    monkeypatch.setattr(clock, "time", read)
    monkeypatch.setattr("django.utils.timezone.now", lambda: clocks.now)
    monkeypatch.setattr(clock, "_started_s", None)
    monkeypatch.setattr(clock, "_settled_s", 0.0)
    return clocks


def running(**fields) -> Run:
    return make_run(status="running", **fields)


def test_time_that_passes_is_no_jump(clocks):
    assert not clock.has_jumped()

    clocks.pass_by(HOURS)

    assert not clock.has_jumped()


@pytest.mark.parametrize("span", [HOURS, -HOURS])
def test_a_clock_that_is_set_has_jumped_for_some_minutes(clocks, span):
    assert not clock.has_jumped()

    clocks.set(span)

    assert clock.has_jumped()
    clocks.pass_by(timedelta(seconds=clock.SETTLES_S))
    assert not clock.has_jumped()


@pytest.mark.django_db
@pytest.mark.parametrize("span", [HOURS, -HOURS])
def test_a_run_that_lives_is_not_lost_when_the_clock_is_set(clocks, span):
    run = running(heartbeat_at=clocks.now)
    assert not Run.objects.lost().exists()

    clocks.set(span)
    assert not Run.objects.lost().exists()
    clocks.pass_by(timedelta(seconds=clock.SETTLES_S))
    run.beat()

    assert not Run.objects.lost().exists()


@pytest.mark.django_db
@pytest.mark.parametrize("span", [HOURS, -HOURS])
def test_a_run_whose_worker_died_is_lost_soon_though_the_clock_was_set(clocks, span):
    run = running(heartbeat_at=clocks.now)
    assert not Run.objects.lost().exists()

    clocks.set(span)
    assert not Run.objects.lost().exists()
    clocks.pass_by(timedelta(seconds=clock.SETTLES_S) + LOST_AFTER)

    assert Run.objects.lost().get() == run


@pytest.mark.django_db
def test_a_lease_is_not_held_for_hours_after_the_clock_was_set_back(clocks):
    lease = make_lease()

    clocks.set(-HOURS)
    release_expired_leases()
    assert Lease.objects.get() == lease  # whoever has it before them may still answer
    clocks.pass_by(LEASE_TIME)
    release_expired_leases()

    assert not Lease.objects.exists()
