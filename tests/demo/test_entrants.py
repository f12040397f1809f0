"""What the demo's simulated researchers hand in."""

import numpy as np
import pytest
from django.core.files.base import ContentFile

from competition.models import Submission
from competition.scoring import score_queued
from demo import entrants, story, volunteers
from tests.factories import make_run
from training.models import Run

FEW = slice(0, 120)


def test_neighbours_are_the_nearest_by_plain_distance():
    learnt = np.array([[0.0], [1], [2], [3], [4], [100]])
    labels = np.array([0, 0, 1, 1, 1, 2])

    shares = entrants.neighbours(learnt, labels, np.array([[0.0], [99]]), n_classes=3)

    assert shares.tolist() == [[0.4, 0.6, 0], [0.2, 0.6, 0.2]]


def test_fewer_neighbours_are_asked_where_fewer_are_there():
    shares = entrants.neighbours(np.array([[0.0], [1]]), np.array([1, 0]), np.array([[7.0]]), n_classes=2)

    assert shares.tolist() == [[0.5, 0.5]]


@pytest.fixture
def contest(db):
    story.plant_taxonomy()
    collection = story.open_collection()
    story.take_pictures(collection, FEW, lambda scans: scans)
    truth = story.known_answers(collection)
    volunteers.label_everything(collection, volunteers.recruit(), truth, lambda n: None)
    return story.open_contest(story.freeze_once(collection))


def test_nearest_neighbours_enter_once_and_mostly_know_digits(contest):
    entry = entrants.hand_in_neighbours(contest)

    score_queued()

    assert entrants.hand_in_neighbours(contest) == entry
    assert entry.author.is_simulated
    assert entry.scores.get(metric="top1_error", part="public").value < 0.5


def test_a_network_enters_as_the_file_that_anybody_can_download(contest):
    run = make_run(contest.snapshot)
    # It was looked up before it was trained, and finished by a worker.
    Run.objects.get(pk=run.pk).onnx.save("network.onnx", ContentFile(b"a network"))

    entry = entrants.hand_in_network(contest, run)

    with entry.file.open("rb") as file:
        assert (entry.kind, entry.run, file.read()) == (Submission.Kind.ONNX, None, b"a network")
