from datetime import timedelta

import pytest
from django.utils import timezone

from competition import rescoring, tasks
from competition.models import ClassTally, Contest, Rescoring, Score, Standing, Submission
from competition.models.queue import LOST_AFTER
from competition.predictions import PredictionsError
from competition.rescoring import RescoringRefusedError, rescore_waiting, start, start_due
from competition.scoring import SCORER_VERSION, score_queued
from labeling.models import Image
from labeling.splits import TEST
from tests.factories import make_phase, make_snapshot, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def enter(phase, predictions):
    """Hand in and score guesses of which so many are wrong."""

    def enter(n_wrong=0, author=None):
        submission = Submission.objects.submit(phase, author or make_user(), "guessing", predictions(n_wrong))
        score_queued()
        submission.refresh_from_db()
        return submission

    return enter


def shown(submission):
    """Return the errors that count today, by part."""
    fresh = Submission.objects.get(pk=submission.pk)
    return [score.value for score in fresh.counting_scores() if score.metric == "top1_error"]


def killed(*_args):
    raise SystemExit


def let_time_pass():
    Rescoring.objects.update(heartbeat_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))


def test_new_labels_give_new_scores_beside_the_old(enter, phase, later):
    right, wrong = enter(0), enter(1)  # wrong about the very picture whose label was wrong

    start(phase.contest, later, "A label was wrong.", make_user())
    assert rescore_waiting() == 1

    assert (shown(right), shown(wrong)) == ([0.25], [0])
    assert right.scores.filter(metric="top1_error").count() == 2
    assert ClassTally.objects.filter(submission=right, truth_digest=later.digest).exists()


def test_the_contest_counts_by_the_new_labels_from_then_on(enter, phase, later):
    enter()
    begun = start(phase.contest, later, "A label was wrong.", make_user())

    rescore_waiting()

    begun.refresh_from_db()
    contest = Contest.objects.get()
    assert (contest.labels, contest.scorer_version) == (later, SCORER_VERSION)
    assert (begun.status, begun.ended_at is None) == ("switched", False)
    assert shown(enter()) == [0.25]


def test_it_says_what_moved(enter, phase, later):
    right, wrong = enter(0), enter(1)
    enter(2)
    begun = start(phase.contest, later, "A label was wrong.", make_user())

    rescore_waiting()

    begun.refresh_from_db()
    moved = {each["submission"]: (each["before"]["value"], each["after"]["value"]) for each in begun.moved}
    assert moved[right.pk] == (0, pytest.approx(0.2, abs=0.1))  # as told: four pictures support steps of 0.2
    assert moved[wrong.pk] == (pytest.approx(0.2, abs=0.1), 0)


def test_nothing_is_shown_before_all_entries_have_their_scores(enter, phase, later, monkeypatch):
    entries = [enter(0), enter(1)]
    before = list(Standing.objects.values_list("submission", "rank", "metrics"))
    start(phase.contest, later, "A label was wrong.", make_user())
    with monkeypatch.context() as patched:
        patched.setattr(rescoring.standings, "rebuild", killed)
        with pytest.raises(SystemExit):
            rescore_waiting()

    assert Score.objects.filter(truth_digest=later.digest).exists()
    assert [shown(entry) for entry in entries] == [[0], [0.25]]
    assert list(Standing.objects.values_list("submission", "rank", "metrics")) == before
    assert Contest.objects.get().truth is None


def test_another_worker_goes_on_where_one_was_killed(enter, phase, later, monkeypatch):
    entries = [enter(0), enter(1), enter(2)]
    measured = []
    measure = rescoring.scores_of

    def killed_at_the_second(submission, *args):
        if len(measured) == 1:
            raise SystemExit
        measured.append(submission)
        return measure(submission, *args)

    start(phase.contest, later, "A label was wrong.", make_user())
    with monkeypatch.context() as patched:
        patched.setattr(rescoring, "scores_of", killed_at_the_second)
        with pytest.raises(SystemExit):
            rescore_waiting()
    assert rescore_waiting() == 0  # it may still be at it

    let_time_pass()
    monkeypatch.setattr(rescoring, "scores_of", lambda *args: measured.append(args[0]) or measure(*args))
    tasks.sweep_submissions()

    assert [each.pk for each in measured] == [entry.pk for entry in entries]
    assert Rescoring.objects.get().status == "switched"
    assert shown(entries[0]) == [0.25]


def test_an_entry_that_is_scored_meanwhile_is_scored_by_both(enter, phase, later, monkeypatch):
    enter(0)
    late = []
    measure = rescoring.scores_of

    def entered_meanwhile(*args):
        if not late:
            late.append(enter(1))
        return measure(*args)

    monkeypatch.setattr(rescoring, "scores_of", entered_meanwhile)
    start(phase.contest, later, "A label was wrong.", make_user())

    rescore_waiting()

    assert shown(late[0]) == [0]
    assert late[0].scores.filter(metric="top1_error").count() == 2


def test_what_teams_are_told_is_found_anew_in_the_order_of_their_entries(enter, phase, later):
    author = make_user()
    first, second = enter(0, author), enter(1, author)

    start(phase.contest, later, "A label was wrong.", make_user())
    rescore_waiting()

    told = Score.objects.filter(truth_digest=later.digest, metric="top1_error")
    assert told.get(submission=first).told is not None
    assert told.get(submission=second).told is None  # better by one picture of four: that shows nothing


def test_one_contest_is_scored_anew_once_at_a_time(enter, phase, snapshot, later):
    start(phase.contest, later, "A label was wrong.", make_user())

    with pytest.raises(RescoringRefusedError, match="being scored anew already"):
        start(phase.contest, later, "Again.", make_user())

    start(make_phase(snapshot).contest, later, "A label was wrong.", make_user())


def test_labels_of_another_collection_are_refused(phase, later):
    with pytest.raises(RescoringRefusedError, match="which is of another collection"):
        start(phase.contest, make_snapshot(n_questions=10), "Why not.", make_user())

    assert start(phase.contest, later, "A label was wrong.", make_user())


def test_labels_that_say_nothing_of_the_test_pictures_are_refused(phase, snapshot, later):
    for row in snapshot.rows():
        if row.split == TEST:
            Image.objects.get(sha256=row.sha256).withdraw()

    with pytest.raises(
        RescoringRefusedError, match="Expected labels of the contest's test pictures; found none"
    ):
        start(phase.contest, later, "Why not.", make_user())


def make_old(*submissions):
    """Have them scored by the first scorer, which kept no answers."""
    Score.objects.update(scorer_version=1)
    ClassTally.objects.all().delete()
    Submission.objects.filter(pk__in=[each.pk for each in submissions]).update(answers="")
    Contest.objects.update(scorer_version=1)


def test_a_newer_scorer_scores_every_contest_anew_by_itself(enter, phase):
    entry = enter(1)
    make_old(entry)

    tasks.sweep_submissions()

    entry.refresh_from_db()
    assert (Contest.objects.get().scorer_version, Rescoring.objects.get().status) == (
        SCORER_VERSION,
        "switched",
    )
    assert entry.answers
    assert entry.scores.filter(metric="top1_error").count() == 2
    assert start_due() == 0


def test_until_then_the_older_scores_are_shown(enter, phase):
    entry = enter(1)
    make_old(entry)

    assert start_due() == 1

    assert shown(entry) == [0.25]
    assert start_due() == 0  # it waits


def test_what_failed_is_not_tried_again_by_itself(enter, phase):
    make_old(enter(1))
    start_due()
    Rescoring.objects.get().fail("why")
    assert start_due() == 0

    Rescoring.objects.all().delete()

    assert start_due() == 1


def test_an_entry_whose_file_can_no_longer_be_read_is_left_out(enter, phase, monkeypatch):
    bad, good = enter(1), enter(2)
    make_old(bad, good)
    read = rescoring.answers_of

    def refuse_the_first(submission, truth):
        if submission.pk == bad.pk:
            raise PredictionsError("Line 2: expected something else.")
        return read(submission, truth)

    monkeypatch.setattr(rescoring, "answers_of", refuse_the_first)

    tasks.sweep_submissions()

    assert (shown(bad), shown(good)) == ([], [0.5])


def test_what_nobody_foresaw_fails_it_with_a_sentence_and_is_raised(enter, phase, later, monkeypatch):
    def broken(*_args):
        raise ZeroDivisionError

    entry = enter(0)
    begun = start(phase.contest, later, "A label was wrong.", make_user())
    monkeypatch.setattr(rescoring, "scores_of", broken)

    with pytest.raises(ZeroDivisionError):
        rescore_waiting()

    begun.refresh_from_db()
    assert begun.status == "failed"
    assert begun.error.startswith("Something went wrong")
    assert shown(entry) == [0]


def test_what_kills_its_workers_again_and_again_fails_with_a_sentence(enter, phase, later, monkeypatch):
    enter(0)
    start(phase.contest, later, "A label was wrong.", make_user())
    monkeypatch.setattr(rescoring, "scores_of", killed)
    for _ in range(3):
        with pytest.raises(SystemExit):
            rescore_waiting()
        let_time_pass()

    assert rescore_waiting() == 0

    found = Rescoring.objects.get()
    assert (found.status, found.error) == ("failed", "It stopped 3 times at the same entry without a word.")


def test_an_entry_without_a_picture_that_counts_holds_nobody_up(enter, phase, snapshot, later):
    enter(0)
    start(phase.contest, later, "A label was wrong.", make_user())
    for row in snapshot.rows():
        if row.split == TEST:
            Image.objects.get(sha256=row.sha256).withdraw()

    assert rescore_waiting() == 1
    assert Rescoring.objects.get().status == "switched"
