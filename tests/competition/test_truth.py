import numpy as np
import pytest

from competition.models import Contest, Part
from competition.models.contests import new_salt
from competition.truth import NO_LABEL, test_images, truth_of
from labeling.models import Image, Question
from labeling.splits import TEST
from tests.factories import freeze_all, make_phase

pytestmark = pytest.mark.django_db
images_of = test_images  # under another name, so that pytest does not take it for a test
del test_images


def label_of(phase, image):
    truth = truth_of(phase.contest)
    return truth.labels[truth.images.index(image)]


def test_test_pictures_stand_in_the_order_of_their_hashes(snapshot):
    images = images_of(snapshot)

    assert images == sorted(images)
    assert set(images) == {row.sha256 for row in snapshot.rows() if row.split == TEST}


def test_labels_are_places_among_the_contests_classes(phase, snapshot):
    truth = truth_of(phase.contest)

    wnids = {row.sha256: row.wnid for row in snapshot.rows()}
    assert [snapshot.classes[label] for label in truth.labels] == [wnids[image] for image in truth.images]


def test_a_withdrawn_picture_does_not_count(phase, snapshot):
    gone, *others = images_of(snapshot)
    assert label_of(phase, gone) != NO_LABEL

    Image.objects.get(sha256=gone).withdraw()

    assert label_of(phase, gone) == NO_LABEL
    assert all(label_of(phase, image) != NO_LABEL for image in others)


def test_labels_of_a_later_snapshot_count_once_the_contest_stands_on_it(phase, snapshot):
    image = images_of(snapshot)[0]
    question = snapshot.collection.questions.get(image__sha256=image)
    before = label_of(phase, image)
    other = next(each for each in snapshot.collection.ordered_classes() if each.pk != question.label_id)
    Question.objects.filter(pk=question.pk).update(label=other)
    later = freeze_all(snapshot.collection)
    assert label_of(phase, image) == before

    Contest.objects.update(truth=later)
    phase.contest.refresh_from_db()

    assert snapshot.classes[label_of(phase, image)] == other.wnid


def test_each_picture_that_counts_is_in_one_part(snapshot):
    phase = make_phase(snapshot, public_share=0.5)

    truth = truth_of(phase.contest)

    assert not (truth.counts(phase, Part.PUBLIC) & truth.counts(phase, Part.PRIVATE)).any()
    assert (truth.counts(phase, Part.PUBLIC) | truth.counts(phase, Part.PRIVATE)).all()


def test_without_a_private_share_every_picture_is_public(phase):
    assert np.all(truth_of(phase.contest).counts(phase, Part.PUBLIC))


def test_only_the_site_can_tell_which_part_a_picture_is_in(snapshot):
    phase = make_phase(snapshot, public_share=0.5)
    known = truth_of(phase.contest).counts(phase, Part.PUBLIC)

    parts = set()
    for salt in ("a", "b", "c", "d", "e"):
        phase.contest.salt = salt
        parts.add(truth_of(phase.contest).counts(phase, Part.PUBLIC).tobytes())

    assert len(parts | {known.tobytes()}) > 1
    assert new_salt() != new_salt()
