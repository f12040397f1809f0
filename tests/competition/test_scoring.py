from threading import Event

import numpy as np
import pytest
from django.core.files.base import ContentFile

from competition import kept, scoring, tasks
from competition.answers import Answers
from competition.ladder import rounded
from competition.models import ClassTally, Contest, Score, Standing, Submission
from competition.scoring import SCORER_VERSION, score_queued
from competition.truth import truth_of
from config.storage import private_storage
from labeling.models import Image
from labeling.splits import TEST
from tests.factories import make_phase, make_run, make_snapshot, make_user

pytestmark = pytest.mark.django_db


def hand_in(phase, file, method="guessing"):
    if isinstance(file, str | bytes):
        file = ContentFile(file, name="predictions.csv")
    return Submission.objects.submit(phase, make_user(), method, file)


def values(submission, part="public"):
    return dict(submission.scores.filter(part=part).values_list("metric", "value"))


@pytest.mark.parametrize(("n_wrong", "error"), [(0, 0.0), (1, 0.25), (4, 1.0)])
def test_the_error_is_the_share_of_wrong_pictures(phase, predictions, n_wrong, error):
    submission = hand_in(phase, predictions(n_wrong))

    score_queued()

    # One guess a picture; cat and dog meet one level up, in the root.
    found = values(submission)
    severity = found.pop("mistake_severity", None)
    assert found == {"top1_error": error, "top5_error": error, "hierarchical_error": error}
    assert severity == (1 if n_wrong else None)  # of no mistakes there is none


@pytest.mark.parametrize("has_its_row", [True, False])
def test_nobody_is_measured_on_a_picture_that_was_withdrawn(phase, predictions, snapshot, has_its_row):
    wrong = next(row.sha256 for row in snapshot.rows() if row.split == TEST)  # the first is answered wrongly
    lines = predictions(n_wrong=1).read().decode().splitlines()
    Image.objects.get(sha256=wrong).withdraw()
    submission = hand_in(phase, "\n".join(line for line in lines if has_its_row or wrong not in line))

    score_queued()

    score = submission.scores.get(metric="top1_error", part="public")
    assert (score.value, score.n_images) == (0, 3)


def test_a_second_guess_counts_for_top_5_alone(phase, snapshot):
    test = [row.sha256 for row in snapshot.rows() if row.split == TEST]
    both = ",".join(snapshot.classes)
    submission = hand_in(phase, "image,guess_1,guess_2\n" + "".join(f"{sha256},{both}\n" for sha256 in test))
    n_dogs = sum(row.synset == "dog" for row in snapshot.rows() if row.split == TEST)

    score_queued()

    found = values(submission)
    assert (found["top1_error"], found["top5_error"], found["hierarchical_error"]) == (n_dogs / 4, 0, 0)


def test_a_noun_above_the_classes_costs_the_steps_from_it(phase, snapshot):
    [root] = snapshot.taxonomy["nouns"].keys() - set(snapshot.classes)
    test = [row.sha256 for row in snapshot.rows() if row.split == TEST]
    submission = hand_in(phase, "image,guess_1\n" + "".join(f"{sha256},{root}\n" for sha256 in test))

    score_queued()

    found = values(submission)
    assert (found["top1_error"], found["hierarchical_error"]) == (1, 1)  # one level above each class


def test_probabilities_are_measured_where_they_are_told(phase, snapshot):
    test = [row for row in snapshot.rows() if row.split == TEST]
    rows = "".join(f"{row.sha256},{row.wnid},0.75\n" for row in test)
    submission = hand_in(phase, f"image,guess_1,probability_1\n{rows}")

    score_queued()

    # Each right with 0.75; what is left is the other class's: 0.25² + 0.25².
    found = values(submission)
    assert (found["brier_score"], found["calibration_error"]) == pytest.approx((0.125, 0.25))


def test_what_each_picture_was_taken_for_is_kept(phase, predictions, snapshot):
    submission = hand_in(phase, predictions(1))

    score_queued()

    submission.refresh_from_db()
    first, *others = (row for row in snapshot.rows() if row.split == TEST)
    said = [snapshot.classes[place] for place in kept.read(submission).guesses[:, 0]]
    assert said[0] != first.wnid
    assert said[1:] == [row.wnid for row in others]


def test_each_class_is_counted(phase, predictions, snapshot):
    submission = hand_in(phase, predictions(1))

    score_queued()

    tally = ClassTally.objects.get(submission=submission)
    counts = np.frombuffer(tally.counts, np.int32).reshape(4, 2)
    assert (tally.part, tally.truth_digest) == ("public", snapshot.digest)
    assert counts.sum(axis=1).tolist() == [4, 1, 1, 1]
    assert counts[0].tolist() == [
        sum(row.wnid == wnid for row in snapshot.rows() if row.split == TEST) for wnid in snapshot.classes
    ]


def test_an_entry_stands_on_the_board_once_it_is_scored(phase, predictions):
    submission = hand_in(phase, predictions(1))

    score_queued()

    assert Standing.objects.get(part="public").submission == submission


def test_a_score_says_what_it_was_measured_on(phase, predictions, snapshot):
    submission = hand_in(phase, predictions())

    score_queued()

    submission.refresh_from_db()
    score = submission.scores.get(metric="top1_error")
    assert (submission.status, submission.error) == ("scored", "")
    assert (score.n_images, score.truth_digest) == (4, snapshot.digest)
    assert (score.taxonomy_version, score.scorer_version) == (snapshot.taxonomy_version, SCORER_VERSION)


def test_a_score_lies_in_its_interval(phase, predictions):
    submission = hand_in(phase, predictions(2))

    score_queued()

    score = submission.scores.get(metric="top1_error")
    assert 0 <= score.low < score.value == 0.5 < score.high <= 1


def test_equal_predictions_get_equal_scores(phase, predictions):
    first, second = hand_in(phase, predictions(2)), hand_in(phase, predictions(2))

    assert score_queued() == 2

    columns = ("metric", "part", "value", "low", "high")
    assert set(first.scores.values_list(*columns)) == set(second.scores.values_list(*columns))


def told(submission, part="public"):
    return dict(submission.scores.filter(part=part).values_list("metric", "told"))


def test_a_team_is_told_of_its_first_entry_rounded():
    snapshot = make_snapshot(n_questions=50)
    phase = make_phase(snapshot, public_share=0.5)
    test = [row.sha256 for row in snapshot.rows() if row.split == TEST]
    lines = "".join(f"{sha256},{snapshot.classes[0]}\n" for sha256 in test)
    submission = hand_in(phase, f"image,guess_1\n{lines}")

    score_queued()

    score = submission.scores.get(metric="top1_error", part="public")
    assert score.told == rounded(score.value, score.n_images)  # how many fall into the part is chance
    assert None not in told(submission).values()
    assert set(told(submission, "private").values()) <= {None}


def test_a_team_is_told_nothing_of_an_entry_that_is_no_new_best(phase, predictions):
    author = make_user()
    entries = [Submission.objects.submit(phase, author, "m", predictions(n)) for n in (1, 2, 1)]

    score_queued()

    assert told(entries[0])["top1_error"] is not None
    assert [set(told(entry).values()) for entry in entries[1:]] == [{None}, {None}]


def test_a_team_is_told_of_a_new_best():
    snapshot = make_snapshot(n_questions=100, names=("cat", "dog"))
    phase, author = make_phase(snapshot), make_user()
    test = [row for row in snapshot.rows() if row.split == TEST]  # 20: four standard errors apart
    wrong = "".join(f"{row.sha256},{next(c for c in snapshot.classes if c != row.wnid)}\n" for row in test)
    right = "".join(f"{row.sha256},{row.wnid}\n" for row in test)
    first, second = (
        Submission.objects.submit(phase, author, "m", ContentFile(f"image,guess_1\n{rows}", "p.csv"))
        for rows in (wrong, right)
    )

    score_queued()

    assert (told(first)["top1_error"], told(second)["top1_error"]) == (1, 0)


def test_each_team_is_told_of_its_own_first(phase, predictions):
    first, second = hand_in(phase, predictions(1)), hand_in(phase, predictions(2))

    score_queued()

    assert None not in {*told(first).values(), *told(second).values()}


def test_a_baseline_is_always_told(phase, snapshot, predictions):
    make = Submission.objects.create
    first = make(phase=phase, run=make_run(snapshot), method="m", file=predictions(1))
    second = make(phase=phase, run=make_run(snapshot, "mlp"), method="m", file=predictions(2))

    score_queued()

    assert None not in {*told(first).values(), *told(second).values()}


def test_a_late_entry_is_no_teams_best(phase, predictions):
    submission = hand_in(phase, predictions(1))
    Submission.objects.update(is_late=True)

    score_queued()

    assert submission.scores.get(metric="top1_error").value == 0.25
    assert set(told(submission).values()) == {None}


def test_the_parts_share_the_test_pictures():
    snapshot = make_snapshot(n_questions=50)
    test = [row.sha256 for row in snapshot.rows() if row.split == TEST]
    lines = "".join(f"{sha256},{snapshot.classes[0]}\n" for sha256 in test)
    submission = hand_in(make_phase(snapshot, public_share=0.5), f"image,guess_1\n{lines}")

    score_queued()

    n_images = dict(submission.scores.filter(metric="top1_error").values_list("part", "n_images"))
    assert sum(n_images.values()) == 10


def test_a_picture_is_in_the_same_part_for_everybody():
    snapshot = make_snapshot(n_questions=50)
    phase = make_phase(snapshot, public_share=0.5)
    test = [row.sha256 for row in snapshot.rows() if row.split == TEST]
    lines = [f"{sha256},{snapshot.classes[0]}\n" for sha256 in test]
    submissions = [hand_in(phase, "image,guess_1\n" + "".join(each)) for each in (lines, lines[::-1])]

    score_queued()

    columns = ("metric", "part", "value", "n_images")
    first, second = (set(submission.scores.values_list(*columns)) for submission in submissions)
    assert first == second


def test_a_file_that_cannot_be_scored_fails_with_its_line(phase):
    submission = hand_in(phase, "image,guess_1\nabc,n02084071\n")

    score_queued()

    submission.refresh_from_db()
    assert submission.status == "failed"
    assert submission.error.startswith("Line 2: expected the SHA-256 of a test picture")
    assert not Score.objects.exists()


def test_predictions_for_training_pictures_are_refused(phase, snapshot):
    row = next(row for row in snapshot.rows() if row.split != TEST)
    submission = hand_in(phase, f"image,guess_1\n{row.sha256},{row.wnid}\n")

    score_queued()

    submission.refresh_from_db()
    assert "expected the SHA-256 of a test picture" in submission.error


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"\xff\xfe", b"image,guess_1\n\x00,\n", b" "])
def test_a_file_of_anything_fails_with_a_sentence(phase, data):
    submission = hand_in(phase, data)

    score_queued()

    submission.refresh_from_db()
    assert submission.status == "failed"
    assert "expected" in submission.error.lower()
    assert submission.attempts.get().outcome == "failed"


def test_a_file_may_begin_with_a_byte_order_mark(phase, predictions):
    submission = hand_in(phase, b"\xef\xbb\xbf" + predictions().read())

    score_queued()

    assert values(submission)["top1_error"] == 0


def test_one_bad_file_does_not_stop_the_next(phase, predictions):
    bad, good = hand_in(phase, "nonsense"), hand_in(phase, predictions())

    assert score_queued() == 2

    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, good.status) == ("failed", "scored")


def test_what_nobody_foresaw_fails_the_submission_and_is_raised(phase, predictions, snapshot):
    submission = hand_in(phase, predictions())
    snapshot.manifest.storage.delete(snapshot.manifest.name)

    with pytest.raises(FileNotFoundError):
        score_queued()

    submission.refresh_from_db()
    assert submission.status == "failed"
    assert submission.error.startswith("Something went wrong on this site while scoring")


def test_an_author_is_not_told_what_went_wrong_inside(phase, predictions, snapshot):
    submission = hand_in(phase, predictions())
    snapshot.manifest.storage.delete(snapshot.manifest.name)

    with pytest.raises(FileNotFoundError):
        score_queued()

    submission.refresh_from_db()
    log = submission.attempts.get().log
    assert snapshot.manifest.name not in submission.error
    assert "FileNotFoundError" in log
    assert snapshot.manifest.name not in log  # a message may hold anything, a hidden label too


def test_scoring_is_done_when_nothing_is_queued(phase, predictions):
    hand_in(phase, predictions())

    assert [score_queued(), score_queued()] == [1, 0]
    assert Score.objects.count() == 3


def test_an_attempt_that_lost_its_submission_keeps_nothing(phase, predictions):
    submission = hand_in(phase, predictions())
    claimed = Submission.objects.claim_next()
    Submission.objects.filter(pk=submission.pk).cancel()

    scoring.score(claimed)

    submission.refresh_from_db()
    assert (submission.status, submission.answers.name) == ("cancelled", "")
    assert not Score.objects.exists()
    assert not ClassTally.objects.exists()
    assert not private_storage().exists(f"submissions/{submission.pk}/answers-1.npz")


def test_what_a_dead_worker_stored_goes_when_the_next_has_scored(phase, predictions):
    submission = hand_in(phase, predictions())
    name = kept.keep(Submission.objects.claim_next(), Answers(np.zeros((4, 5), np.int32)))
    Submission.objects.running().requeue()

    score_queued()

    submission.refresh_from_db()
    assert submission.attempt == 2
    assert len(kept.read(submission)) == 4
    assert not private_storage().exists(name)


def test_labels_that_came_to_count_while_it_was_scored_are_those_it_is_scored_by(
    phase, predictions, later, monkeypatch
):
    submission = hand_in(phase, predictions())
    measure = scoring.scores_of

    def switched_meanwhile(*args):
        Contest.objects.update(truth=later)
        return measure(*args)

    monkeypatch.setattr(scoring, "scores_of", switched_meanwhile)

    score_queued()

    score = submission.scores.get(metric="top1_error")
    assert (score.truth_digest, score.value) == (later.digest, 0.25)


def test_the_first_score_says_whose_scores_count(phase, predictions):
    hand_in(phase, predictions())

    score_queued()

    assert Contest.objects.get().scorer_version == SCORER_VERSION


def test_a_board_that_a_dead_worker_left_old_is_made_by_the_next_sweep(phase, predictions, monkeypatch):
    def killed(_contest):
        raise SystemExit

    hand_in(phase, predictions())
    with monkeypatch.context() as patched:
        patched.setattr(scoring.standings, "rebuild", killed)
        with pytest.raises(SystemExit):
            score_queued()
    assert not Standing.objects.exists()

    tasks.sweep_submissions()

    assert Standing.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_says_that_it_lives_while_it_scores(phase, predictions, monkeypatch):
    hand_in(phase, predictions())
    claimed = Submission.objects.claim_next()
    Submission.objects.update(heartbeat_at=phase.opens_at)
    has_beaten = Event()
    monkeypatch.setattr("competition.beating.BEAT_EVERY_S", 0.001)
    beat = claimed.beat

    def seen():
        is_mine = beat()
        has_beaten.set()
        return is_mine

    monkeypatch.setattr(claimed, "beat", seen)
    monkeypatch.setattr(scoring, "truth_of", lambda contest: has_beaten.wait(60) and truth_of(contest))

    scoring.score(claimed)

    claimed.refresh_from_db()
    assert claimed.heartbeat_at > phase.opens_at
    assert claimed.status == "scored"
