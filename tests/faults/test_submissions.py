"""Entries under fire: workers are killed while they score, and many hand in at the same moment."""

import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from competition.models import (
    LOST_AFTER,
    Attempt,
    Membership,
    Phase,
    Score,
    Submission,
    SubmissionRefusedError,
    Team,
)
from competition.tasks import score_queued
from labeling.splits import TEST
from tests.factories import make_phase, make_snapshot, make_user
from tests.faults.conftest import ignore_missing, kill_group, wait_until
from training import minding

N_TEAMS, LIMIT = 40, 5
TO_END_S = 1
KILLS_OF_FIRST = 6  # then the worker itself is killed, with all its processes


@pytest.fixture
def snapshot(transactional_db):
    return make_snapshot(n_questions=20)


def right_answers(snapshot) -> bytes:
    test = [row for row in snapshot.rows() if row.split == TEST]
    return "".join(["image,guess_1\n", *(f"{row.sha256},{row.wnid}\n" for row in test)]).encode()


def submit(phase, author, data):
    return Submission.objects.submit(phase, author, "guessing", ContentFile(data, name="p.csv"))


def begin(start_worker):
    """Start a worker of four processes, and return it once it scores."""
    worker = start_worker("--queues", "celery", concurrency=4)
    for _ in range(4):
        score_queued.delay()
    wait_for_attempts(1)
    return worker


def wait_for_attempts(n):
    """Wait until workers have taken so many more entries, or all."""
    wanted = Attempt.objects.count() + n
    queued = Submission.objects.queued()
    wait_until(lambda: Attempt.objects.count() >= wanted or not queued.all().exists(), "workers took entries")


def kill_one(worker, chance) -> None:
    """Kill a process that scores, as a machine does that is out of memory; its worker starts another."""
    if pids := [pid for pid in minding.descendants(worker.pid) if minding.parent_of(pid) == worker.pid]:
        with ignore_missing():
            os.kill(chance.choice(pids), signal.SIGKILL)


def queue_again() -> None:
    """Let the time pass after which a worker counts as dead. It passes for those too that live: what they hold is
    given to others, and they may keep nothing of it.
    """
    Submission.objects.running().update(heartbeat_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    Submission.objects.lost().requeue()


def test_every_entry_ends_once_while_workers_are_killed_at_random(snapshot, start_worker):
    phase, data, chance = make_phase(snapshot, limit=LIMIT), right_answers(snapshot), random.Random(8)
    authors = [make_user() for _ in range(N_TEAMS)]
    for author in authors * LIMIT:
        submit(phase, author, data)
    worker = begin(start_worker)
    n_kills = 0

    while Submission.objects.unfinished().exists():
        wait_for_attempts(chance.randint(1, 4))
        if not Submission.objects.queued().exists():
            time.sleep(TO_END_S)  # what is still running may end, or its worker is dead
            queue_again()
            score_queued.delay()
            continue
        kill_one(worker, chance)
        score_queued.delay()
        n_kills += 1
        if n_kills % 4 == 0:
            queue_again()
        if n_kills == KILLS_OF_FIRST:
            kill_group(worker)
            worker = begin(start_worker)

    lost = Attempt.objects.filter(outcome="lost").count()
    assert lost, "No worker was killed while it scored."
    by_state = Counter(Submission.objects.values_list("status", flat=True))
    assert set(by_state) <= {"scored", "failed"}
    assert sum(by_state.values()) == N_TEAMS * LIMIT
    assert by_state["scored"] > by_state["failed"]
    _assert_each_ended_once()
    _assert_quotas_are_exact(phase, authors, data)


def _assert_each_ended_once() -> None:
    for submission in Submission.objects.prefetch_related("attempts", "scores"):
        outcomes = [attempt.outcome for attempt in submission.attempts.all()]
        last = "scored" if submission.is_scored else "lost"
        assert outcomes == ["lost"] * (submission.attempt - 1) + [last]
        assert bool(submission.error) is not submission.is_scored
        assert bool(submission.scores.all()) is submission.is_scored
    per_entry = Counter(Score.objects.values_list("submission", "metric", "part"))
    assert set(per_entry.values()) == {1}
    assert set(Score.objects.filter(metric="top1_error").values_list("value", flat=True)) == {0.0}


def _assert_quotas_are_exact(phase: Phase, authors: list, data: bytes) -> None:
    """What failed gave its place back, and nothing else did."""
    for author in authors:
        n_failed = Submission.objects.filter(author=author, status="failed").count()
        assert Submission.objects.places(phase, author).n_left == n_failed
        for _ in range(n_failed):
            submit(phase, author, data)
        with pytest.raises(SubmissionRefusedError, match=f"at most {LIMIT} entries a day"):
            submit(phase, author, data)


def test_many_who_hand_in_at_the_same_moment_never_pass_the_limit(snapshot):
    # Each has a connection of its own; SQLite lets one write at a time, and the others wait for so long.
    n_requests = 64 if connection.vendor == "postgresql" else 16
    phase, n_members = make_phase(snapshot, limit=LIMIT), 4
    teams = [Team.objects.enter(phase.contest, make_user()) for _ in range(2)]
    members = [
        Membership.objects.create(contest=phase.contest, team=team, user=make_user()).user
        for team in teams
        for _ in range(n_members)
    ]
    together = Barrier(n_requests)

    def request(number):
        together.wait()
        try:
            return submit(phase, members[number % len(members)], b"image")
        except SubmissionRefusedError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(n_requests) as requests:
        answers = list(requests.map(request, range(n_requests)))

    assert sum(isinstance(answer, Submission) for answer in answers) == len(teams) * LIMIT
    assert [team.submissions.count() for team in teams] == [LIMIT, LIMIT]


def test_a_form_that_is_sent_many_times_at_the_same_moment_enters_once(snapshot):
    phase, author, n_requests = make_phase(snapshot, limit=LIMIT), make_user(), 8
    together = Barrier(n_requests)

    def request(_number):
        together.wait()
        try:
            file = ContentFile(b"image", name="p.csv")
            return Submission.objects.submit(phase, author, "guessing", file, token="a form").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(n_requests) as requests:
        found = set(requests.map(request, range(n_requests)))

    assert found == {Submission.objects.get().pk}
