import pytest
from django.core.files.base import ContentFile

from competition.models import Score, Submission
from competition.scoring import SCORER_VERSION, score_queued
from labeling.models import Image
from labeling.splits import TEST
from tests.factories import (
    make_phase,
    make_snapshot,
    make_user,
)

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
    assert values(submission) == {"top1_error": error, "top5_error": error, "hierarchical_error": error}


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

    assert values(submission) == {"top1_error": n_dogs / 4, "top5_error": 0, "hierarchical_error": 0}


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
    assert snapshot.manifest.name not in submission.error


def test_scoring_is_done_when_nothing_is_queued(phase, predictions):
    hand_in(phase, predictions())

    assert [score_queued(), score_queued()] == [1, 0]
    assert Score.objects.count() == 3
