"""The states of an entry only move forward, except that one whose worker fell silent is queued again."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from competition.models import LOST_AFTER, MOST_ATTEMPTS, Attempt, Phase, Submission, SubmissionRefusedError
from tests.factories import make_user

pytestmark = pytest.mark.django_db

STATES = list(Submission.Status.values)


@pytest.fixture
def entry(phase) -> Submission:
    return submit(phase, make_user())


def submit(phase, author):
    return Submission.objects.submit(phase, author, "guessing", ContentFile(b"image", name="p.csv"))


def put(entry, state):
    """Bring an entry into a state as a worker, its team or the sweep does."""
    if state != "queued" and state != "cancelled":
        claimed = Submission.objects.claim_next()
        if state == "scored":
            claimed.finish([])
        elif state == "failed":
            claimed.fail("Line 1 is bad.")
    elif state == "cancelled":
        these(entry).cancel()
    return Submission.objects.get(pk=entry.pk)


def these(entry):
    return Submission.objects.filter(pk=entry.pk)


def outcomes(entry):
    return list(Attempt.objects.filter(submission=entry).values_list("number", "outcome"))


ACTS = {
    "claim": lambda entry: Submission.objects.claim_next(),
    "finish": lambda entry: entry.finish([]),
    "fail": lambda entry: entry.fail("why"),
    "requeue": lambda entry: these(entry).requeue(),
    "cancel": lambda entry: these(entry).cancel(),
}
MOVES = {
    ("queued", "claim"): "running",
    ("queued", "cancel"): "cancelled",
    ("running", "finish"): "scored",
    ("running", "fail"): "failed",
    ("running", "requeue"): "queued",
    ("running", "cancel"): "cancelled",
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", STATES)
def test_each_state_moves_where_it_may_and_nowhere_else(entry, state, act):
    entry = put(entry, state)

    ACTS[act](entry)

    entry.refresh_from_db()
    assert entry.status == MOVES.get((state, act), state)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("queued", []),
        ("running", [(1, "")]),
        ("scored", [(1, "scored")]),
        ("failed", [(1, "failed")]),
        ("cancelled", []),
    ],
)
def test_each_attempt_is_a_row_that_says_how_it_ended(entry, state, expected):
    assert outcomes(put(entry, state)) == expected


def test_a_lost_attempt_is_followed_by_another(entry):
    put(entry, "running")
    these(entry).requeue()
    put(entry, "scored")

    assert outcomes(entry) == [(1, "lost"), (2, "scored")]


def test_an_attempt_that_was_cancelled_is_ended(entry):
    put(entry, "running")

    these(entry).cancel()

    assert outcomes(entry) == [(1, "cancelled")]


def test_a_heartbeat_keeps_an_entry_with_its_worker(entry):
    claimed = Submission.objects.claim_next()
    these(entry).update(heartbeat_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    assert Submission.objects.lost().get() == entry

    assert claimed.beat()

    assert not Submission.objects.lost().exists()


@pytest.mark.parametrize("act", ["requeue", "cancel"])
def test_a_worker_that_lost_its_entry_hears_so_and_changes_nothing(entry, act):
    claimed = Submission.objects.claim_next()
    ACTS[act](entry)
    found = these(entry).get().status

    assert not claimed.beat()
    assert not claimed.finish([])
    claimed.fail("why")

    assert these(entry).get().status == found
    assert outcomes(entry)[0][1] in ("lost", "cancelled")


def test_the_log_of_a_failure_is_kept_beside_its_sentence(entry):
    Submission.objects.claim_next().fail("Line 1 is bad.", "all of it")

    assert these(entry).get().error == "Line 1 is bad."
    assert Attempt.objects.get().log == "all of it"


def test_an_entry_is_queued_again_twice_and_then_fails(entry):
    for number in range(1, MOST_ATTEMPTS + 1):
        assert Submission.objects.claim_next().attempt == number
        these(entry).requeue()

    assert these(entry).get().status == "failed"
    assert outcomes(entry) == [(1, "lost"), (2, "lost"), (3, "lost")]
    assert these(entry).get().error.startswith("Scoring it stopped 3 times")


def test_an_entry_that_is_queued_again_comes_before_later_ones(phase, entry):
    later = submit(phase, make_user())
    assert (entry.place_in_queue, later.place_in_queue) == (1, 2)
    Submission.objects.claim_next()
    assert later.place_in_queue == 1

    these(entry).requeue()

    assert (entry.place_in_queue, later.place_in_queue) == (1, 2)
    assert Submission.objects.claim_next() == entry


def test_what_fails_and_is_cancelled_has_a_limit_of_its_own(phase):
    Phase.objects.update(limit=1, failure_limit=2)
    phase, author = Phase.objects.get(), make_user()
    for _ in range(2):
        these(submit(phase, author)).cancel()

    with pytest.raises(
        SubmissionRefusedError, match="at most 2 entries a day that fail or are cancelled of one team"
    ):
        submit(phase, author)

    submit(phase, make_user())


def test_who_may_have_no_failure_may_have_one(phase):
    Phase.objects.update(limit=2, failure_limit=0)
    phase, author = Phase.objects.get(), make_user()

    first = submit(phase, author)

    these(first).cancel()
    with pytest.raises(SubmissionRefusedError, match="at most 1 entries a day that fail"):
        submit(phase, author)


def test_places_are_told_with_the_moment_when_the_next_is_free(phase):
    Phase.objects.update(limit=2, window_hours=3)
    phase, author = Phase.objects.get(), make_user()
    assert (
        Submission.objects.places(phase, author).n_left,
        Submission.objects.places(phase, author).next_at,
    ) == (2, None)
    first, second = (submit(phase, author) for _ in range(2))
    now = timezone.now()
    these(first).update(created_at=now - timedelta(hours=2))
    these(second).update(created_at=now - timedelta(hours=1))

    places = Submission.objects.places(phase, author)

    assert (places.n_left, places.next_at) == (0, now + timedelta(hours=1))
    assert places.free_at(2) == now + timedelta(hours=2)
    assert places.free_at(3) is None
