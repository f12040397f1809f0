"""The demo's steps on a few digits, and each of them again."""

import io

import numpy as np
import pytest
from PIL import Image

from demo import digits, story, volunteers
from labeling.models import Refit, Vote

pytestmark = pytest.mark.django_db
FEW = slice(0, 40)


@pytest.fixture
def collection():
    story.plant_taxonomy()
    collection = story.open_collection()
    story.take_pictures(collection, FEW, lambda scans: scans)
    return collection


def test_a_digit_is_dark_ink_on_white_paper():
    _name, data, digit = next(digits.digit_pictures())

    greys = np.asarray(Image.open(io.BytesIO(data)))

    assert digit == 0
    assert greys.shape == (8, 8)
    assert greys[0, 0] == 255
    assert greys.min() < 30


def test_every_scan_is_there():
    assert sum(1 for _ in digits.digit_pictures()) == digits.N_PICTURES


def test_the_classes_are_in_the_order_of_the_keys(collection):
    assert [synset.name for synset in collection.ordered_classes()] == [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "zero",
    ]  # fmt: skip


def test_the_digits_hang_from_wordnets_line(collection):
    [path] = collection.root.hypernym_paths()

    assert [synset.name for synset in path] == [
        "entity", "abstraction", "measure", "definite quantity", "number", "integer",
    ]  # fmt: skip


def test_simulated_volunteers_settle_every_question_and_are_mostly_right(collection):
    n_cast = volunteers.label_everything(
        collection, volunteers.recruit(), story.known_answers(collection), lambda n: None
    )

    counts = collection.questions.counts()
    assert counts["n_votes"] == n_cast == Vote.objects.count()
    assert counts["n_settled"] + counts["n_undecided"] == 40
    assert collection.questions.accuracy() >= 0.9


def test_volunteers_are_named_as_simulated_with_their_reliability():
    crowd = volunteers.recruit()

    assert len(crowd) == 30
    assert all(volunteer.user.is_simulated for volunteer in crowd)
    assert crowd[0].user.display_name == "volunteer-01-right-80-in-100 (simulated)"
    assert crowd[-1].reliability == pytest.approx(0.95)


def test_a_demo_that_was_killed_while_it_learnt_keeps_the_next_one_from_nothing(collection):
    volunteers.label_everything(
        collection, volunteers.recruit(), story.known_answers(collection), lambda n: None
    )
    Refit.objects.claim(Refit.objects.enqueue(collection, Refit.Cause.ASKED).pk)

    assert story.settle(collection).n_settled > 0


def test_every_step_done_again_does_nothing(collection):
    crowd, truth = volunteers.recruit(), story.known_answers(collection)
    volunteers.label_everything(collection, crowd, truth, lambda n: None)
    story.settle(collection)
    snapshot = story.freeze_once(collection)
    contest = story.open_contest(snapshot)
    runs = story.queue_runs(snapshot)

    assert story.plant_taxonomy() == 0
    assert story.take_pictures(story.open_collection(), FEW, lambda scans: scans) == 0
    assert volunteers.label_everything(collection, volunteers.recruit(), truth, lambda n: None) == 0
    assert story.freeze_once(collection) == snapshot
    assert story.open_contest(snapshot) == contest
    assert [run.pk for run in story.queue_runs(snapshot)] == [run.pk for run in runs]


def test_a_failed_run_ends_the_demo_with_its_reason(collection):
    volunteers.label_everything(
        collection, volunteers.recruit(), story.known_answers(collection), lambda n: None
    )
    snapshot = story.freeze_once(collection)
    [run, *_others] = story.queue_runs(snapshot)
    type(run).objects.filter(pk=run.pk).update(status="failed", error="No memory was left.")

    with pytest.raises(story.RunFailedError, match="No memory was left"):
        story.is_scored(story.open_contest(snapshot), [run])
