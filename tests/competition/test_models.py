from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from competition import tasks
from competition.models import (
    LOST_AFTER,
    MOST_ATTEMPTS,
    Contest,
    Metric,
    Part,
    Phase,
    Score,
    Submission,
    SubmissionRefusedError,
)
from tests.factories import make_phase, make_run, make_snapshot, make_user

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def submit(phase, author=None, method="guessing"):
    return Submission.objects.submit(
        phase, author or make_user(), method, ContentFile(b"image", name="p.csv")
    )


def move(phase, opens, closes=None):
    """Let the phase open and close so long from now."""
    now = timezone.now()
    phase.opens_at, phase.closes_at = now + opens, None if closes is None else now + closes
    phase.save()
    return phase


def let_time_pass(submission, wait=LOST_AFTER):
    Submission.objects.filter(pk=submission.pk).update(heartbeat_at=timezone.now() - wait)


def make_score(submission, part=Part.PUBLIC, metric=Metric.TOP1, **fields):
    fields = {"truth_digest": "ab", "scorer_version": 1, **fields}
    return Score(
        submission=submission, metric=metric, part=part, value=0.5, low=0.4, high=0.6, n_images=4, taxonomy_version=1,
        **fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("opens", "closes", "is_open"),
    [(-DAY, None, True), (-DAY, DAY, True), (DAY, None, False), (-2 * DAY, -DAY, False)],
)
def test_a_phase_is_open_from_its_start_to_its_end(phase, opens, closes, is_open):
    assert move(phase, opens, closes).is_open is is_open


def test_a_contest_is_in_its_latest_phase_that_has_begun(phase):
    contest = phase.contest
    begun = Phase.objects.create(contest=contest, name="Second", opens_at=timezone.now() - DAY / 2)
    Phase.objects.create(contest=contest, name="Third", opens_at=timezone.now() + DAY)

    assert contest.phase == begun


def test_a_contest_before_its_first_phase_names_that(phase):
    move(phase, DAY)
    Phase.objects.create(contest=phase.contest, name="Second", opens_at=timezone.now() + 2 * DAY)

    assert phase.contest.phase == phase


def test_a_contest_may_have_no_phase_yet(snapshot):
    assert Contest.objects.create(slug="a", name="A", year=2026, snapshot=snapshot).phase is None


@pytest.mark.parametrize(("share", "is_good"), [(0, False), (0.01, True), (1, True), (1.01, False)])
def test_the_public_share_lies_above_zero_and_is_at_most_one(phase, share, is_good):
    phase.public_share = share
    if is_good:
        phase.save()
        return

    with pytest.raises(IntegrityError, match="competition_public_share_range"), transaction.atomic():
        phase.save()


def test_a_phase_closes_after_it_opens(phase):
    move(phase, -DAY, DAY)

    with pytest.raises(IntegrityError, match="competition_phase_closes"), transaction.atomic():
        move(phase, DAY, -DAY)


@pytest.mark.parametrize(
    ("closes", "share", "part"),
    [(None, 0.5, "public"), (DAY, 0.5, "public"), (-DAY, 0.5, "private"), (-DAY, 1, "public")],
)
def test_the_private_part_shows_once_the_phase_has_closed(phase, closes, share, part):
    phase.public_share = share

    assert move(phase, -2 * DAY, closes).shown_part == part


def test_predictions_are_queued(phase):
    author = make_user()

    submission = submit(phase, author, "a network")

    assert (submission.author, submission.method, submission.status) == (author, "a network", "queued")
    assert not submission.is_baseline


def submit_under(token, phase, author, text=b"guesses"):
    return Submission.objects.submit(phase, author, "a guess", ContentFile(text, name="a.csv"), token=token)


def test_the_same_token_is_the_same_submission(snapshot):
    phase, author = make_phase(snapshot, limit=2), make_user()
    first = submit_under("a", phase, author)

    assert submit_under("a", phase, author) == first
    assert submit_under("b", phase, author) != first


@pytest.mark.parametrize("other", [b"another", b"of another length"])
def test_a_token_under_which_another_file_was_handed_in_is_refused(phase, other):
    author = make_user()
    first = submit_under("a", phase, author)

    with pytest.raises(SubmissionRefusedError, match=f"found that of {first}, which has another file"):
        submit_under("a", phase, author, other)

    submit_under("b", phase, author, other)


def test_a_token_is_one_authors(phase):
    assert submit_under("a", phase, make_user()) != submit_under("a", phase, make_user())


def test_what_was_handed_in_is_found_by_its_token_after_the_end(phase):
    author = make_user()
    first = submit_under("a", phase, author)
    Contest.objects.update(takes_late=False)
    closed = Phase.objects.get(pk=move(phase, -2 * DAY, -DAY).pk)

    assert submit_under("a", closed, author) == first
    with pytest.raises(SubmissionRefusedError, match="is not open"):
        submit_under("b", closed, author)


def test_a_token_of_another_contest_is_refused(phase, snapshot):
    author, other = make_user(), make_phase(snapshot)
    first = submit_under("a", phase, author)

    with pytest.raises(SubmissionRefusedError, match=f"Expected a token of its own .* Submission {first.pk}"):
        submit_under("a", other, author)

    submit_under("b", other, author)


def test_the_database_keeps_a_token_once(phase):
    author = make_user()
    submit_under("a", phase, author)
    other = submit_under("", phase, author)

    with pytest.raises(IntegrityError), transaction.atomic():
        Submission.objects.filter(pk=other.pk).update(token="a")

    submit_under("", phase, author)


def test_files_of_one_name_are_kept_apart(phase):
    first, second = (
        Submission.objects.submit(phase, make_user(), "guessing", ContentFile(data, name="predictions.csv"))
        for data in (b"mine", b"theirs")
    )

    kept = [Submission.objects.get(pk=each.pk).file.open("rb") for each in (first, second)]

    with kept[0], kept[1]:
        assert [file.read() for file in kept] == [b"mine", b"theirs"]


@pytest.mark.parametrize(("opens", "closes"), [(DAY, None), (-2 * DAY, -DAY)])
def test_a_phase_that_is_not_open_takes_nothing(phase, opens, closes):
    submit(phase)
    Contest.objects.update(takes_late=False)
    phase.contest.refresh_from_db()

    with pytest.raises(SubmissionRefusedError, match="is not open"):
        submit(move(phase, opens, closes))

    assert Submission.objects.count() == 1


def test_an_author_may_submit_so_often_a_day(snapshot):
    phase, author = make_phase(snapshot, limit=2), make_user()
    submit(phase, author)
    submit(phase, author)

    with pytest.raises(
        SubmissionRefusedError, match="Expected at most 2 entries a day of one team; the next may come"
    ):
        submit(phase, author)

    assert Submission.objects.count() == 2


def test_the_limit_says_when_to_come_again(snapshot):
    phase, author = make_phase(snapshot, limit=1), make_user()
    first = submit(phase, author)

    with pytest.raises(SubmissionRefusedError, match=f"{first.created_at + DAY:%Y-%m-%d %H:%M} UTC"):
        submit(phase, author)


def test_the_limit_is_one_persons_in_one_phase(snapshot):
    phase, other_phase, author = make_phase(snapshot, limit=1), make_phase(snapshot), make_user()
    submit(phase, author)

    submit(phase)
    submit(other_phase, author)

    assert Submission.objects.count() == 3


def test_a_day_later_there_is_room_again(snapshot):
    phase, author = make_phase(snapshot, limit=1), make_user()
    first = submit(phase, author)
    Submission.objects.filter(pk=first.pk).update(created_at=timezone.now() - DAY)

    assert submit(phase, author)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_submission_that_failed_gives_its_place_back(snapshot, status):
    phase, author = make_phase(snapshot, limit=1), make_user()
    first = submit(phase, author)
    Submission.objects.filter(pk=first.pk).update(status=status, error="why")

    assert submit(phase, author)


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_moment_cannot_pass_the_limit(snapshot):
    phase, author = make_phase(snapshot, limit=1), make_user()
    n_requests = 4
    together = Barrier(n_requests)

    def request(_number):
        together.wait()
        try:
            return submit(phase, author)
        except SubmissionRefusedError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(n_requests) as requests:
        answers = list(requests.map(request, range(n_requests)))

    assert sum(isinstance(answer, Submission) for answer in answers) == 1
    assert Submission.objects.count() == 1


def test_the_oldest_queued_submission_is_claimed_first(phase):
    first, _second = submit(phase), submit(phase)

    claimed = Submission.objects.claim_next()

    assert claimed == first
    assert (claimed.status, claimed.attempt) == ("running", 1)
    assert claimed.heartbeat_at


def test_nothing_is_claimed_when_nothing_is_queued(phase):
    submission = submit(phase)
    assert Submission.objects.claim_next() == submission

    assert Submission.objects.claim_next() is None


@pytest.mark.django_db(transaction=True)
def test_two_workers_cannot_claim_the_same_submission(phase):
    submission = submit(phase)
    n_workers = 4
    together = Barrier(n_workers)

    def worker(_number):
        together.wait()
        try:
            return Submission.objects.claim_next()
        finally:
            connection.close()

    with ThreadPoolExecutor(n_workers) as workers:
        claimed = [found for found in workers.map(worker, range(n_workers)) if found]

    assert claimed == [submission]
    assert claimed[0].attempt == 1


def test_a_submission_without_a_heartbeat_is_queued_again(phase):
    submission = submit(phase)
    Submission.objects.claim_next()
    assert not Submission.objects.lost()

    let_time_pass(submission)

    assert Submission.objects.lost().requeue() == 1
    assert Submission.objects.claim_next().attempt == 2


def test_a_submission_whose_scoring_died_three_times_fails_with_a_sentence(phase):
    submission = submit(phase)
    for _ in range(MOST_ATTEMPTS):
        let_time_pass(Submission.objects.claim_next())
        n_queued = Submission.objects.lost().requeue()

    submission.refresh_from_db()
    assert n_queued == 0
    assert submission.status == "failed"
    assert submission.error.startswith("Scoring it stopped 3 times without a word")


def test_a_submission_is_scored_with_its_scores(phase):
    submit(phase)
    claimed = Submission.objects.claim_next()

    claimed.finish([make_score(claimed)])

    claimed.refresh_from_db()
    assert claimed.is_scored
    assert claimed.scores.count() == 1


def test_an_attempt_that_another_has_replaced_keeps_no_scores(phase):
    submit(phase)
    old = Submission.objects.claim_next()
    old.mine().requeue()
    new = Submission.objects.claim_next()

    old.finish([make_score(old)])
    old.fail("why")

    assert not Score.objects.exists()
    assert new.mine().exists()


def test_a_score_is_kept_once(phase):
    score = make_score(submit(phase))
    score.save()

    with pytest.raises(IntegrityError), transaction.atomic():
        make_score(score.submission).save()

    make_score(score.submission, metric=Metric.TOP5).save()


def test_a_failure_has_a_reason(phase):
    submission = submit(phase)
    Submission.objects.update(status="failed", error="why")

    with pytest.raises(IntegrityError, match="competition_failure_has_a_reason"), transaction.atomic():
        Submission.objects.filter(pk=submission.pk).update(error="")


def test_somebody_or_some_run_submits(phase):
    submit(phase)

    with pytest.raises(IntegrityError, match="competition_somebody_submits"), transaction.atomic():
        Submission.objects.update(author=None)


def test_a_run_enters_a_phase_once(phase, snapshot):
    run = make_run(snapshot)
    Submission.objects.create(phase=phase, run=run, method="a run")

    with pytest.raises(IntegrityError), transaction.atomic():
        Submission.objects.create(phase=phase, run=run, method="a run")

    Submission.objects.create(phase=make_phase(snapshot), run=run, method="a run")


def test_an_author_sees_their_own_and_every_baseline(phase, snapshot):
    author = make_user()
    mine, theirs = submit(phase, author), submit(phase)
    baseline = Submission.objects.create(phase=phase, run=make_run(snapshot), method="a run")

    assert set(Submission.objects.visible_to(author)) == {mine, baseline}
    assert set(Submission.objects.visible_to(make_user(is_staff=True))) == {mine, theirs, baseline}


def values_of(submission):
    return {score.part: score.value for score in Submission.objects.get(pk=submission.pk).shown_scores()}


def test_an_author_reads_what_is_told_until_the_end_and_then_all(snapshot):
    submission = submit(make_phase(snapshot, public_share=0.5))
    digest = snapshot.digest
    for part, told in ((Part.PUBLIC, 0.75), (Part.PRIVATE, None)):
        Score.objects.bulk_create([make_score(submission, part, told=told, truth_digest=digest)])
    [shown] = submission.shown_scores()
    assert (shown.part, shown.value, shown.low, shown.high) == ("public", 0.75, None, None)

    move(submission.phase, -2 * DAY, -DAY)

    private, public = submission.shown_scores()
    assert (private.part, private.value) == ("private", 0.5)
    assert (public.part, public.value, public.low, public.high) == ("public", 0.5, 0.4, 0.6)


def test_of_a_score_that_is_no_new_best_nothing_is_told_until_the_end(phase, snapshot):
    submission = submit(phase)
    make_score(submission, told=None, truth_digest=snapshot.digest).save()

    assert values_of(submission) == {"public": None}

    move(phase, -2 * DAY, -DAY)
    assert values_of(submission) == {"public": 0.5}


def test_scores_by_other_labels_or_another_scorer_wait_until_they_count(phase, snapshot):
    submission, other = submit(phase), make_snapshot()
    make_score(submission, told=0.5, truth_digest=snapshot.digest).save()
    make_score(submission, told=0.1, truth_digest=other.digest).save()
    make_score(submission, told=0.2, truth_digest=snapshot.digest, scorer_version=2).save()
    assert values_of(submission) == {"public": 0.5}

    Contest.objects.update(scorer_version=2)
    assert values_of(submission) == {"public": 0.2}

    Contest.objects.update(scorer_version=1, truth=other)
    assert values_of(submission) == {"public": 0.1}


def test_the_sweep_scores_what_was_lost(phase, predictions):
    submission = Submission.objects.submit(phase, make_user(), "guessing", predictions())
    Submission.objects.claim_next()
    tasks.sweep_submissions()
    submission.refresh_from_db()
    assert submission.status == "running"

    let_time_pass(submission)
    tasks.sweep_submissions()

    submission.refresh_from_db()
    assert submission.status == "scored"


def test_guests_hand_in_nothing(phase):
    guest = User.objects.create_guest()

    with pytest.raises(SubmissionRefusedError, match="Sign up first"):
        Submission.objects.submit(phase, guest, "a guess", ContentFile(b"", name="a.csv"))


def test_a_phase_whose_limit_is_none_takes_no_entries(phase):
    phase.limit = 0
    phase.save()

    with pytest.raises(SubmissionRefusedError, match="takes no entries now"):
        Submission.objects.submit(phase, make_user(), "a guess", ContentFile(b"", name="a.csv"))
