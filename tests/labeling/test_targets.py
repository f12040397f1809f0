"""How sure a label of each class has to be, from questions that many people answered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.targets import TRIED, Course, calibrate, settled_at, shift, shifted


def make_course(*rows):
    """rows: (item, group, confidence, agrees)."""
    item, group, confidence, agrees = zip(*rows, strict=True) if rows else ([], [], [], [])
    return Course(
        np.array(item, dtype=np.int64),
        np.array(group, dtype=np.int64),
        np.array(confidence, dtype=np.float64),
        np.array(agrees, dtype=np.bool_),
    )


def by_reading(course, n_groups, target):
    """What `settled_at` counts, by reading each question's votes one by one."""
    n, n_agree = np.zeros((2, n_groups), dtype=np.int64)
    settled = set()
    for item, group, confidence, agrees in zip(
        course.item, course.group, course.confidence, course.agrees, strict=True
    ):
        if confidence >= target and (item, group) not in settled:
            settled.add((item, group))
            n[group] += 1
            n_agree[group] += agrees
    return n, n_agree


@st.composite
def courses(draw):
    confidences = st.one_of(st.sampled_from([0.5, 0.6, 0.9, 0.98]), st.floats(0, 1))
    row = st.tuples(st.integers(0, 5), st.integers(0, 2), confidences, st.booleans())
    return make_course(*draw(st.lists(row, max_size=30)))


@given(courses(), st.lists(st.floats(0.01, 0.999), min_size=1, max_size=5, unique=True))
def test_counts_are_those_of_reading_the_votes_one_by_one(course, targets):
    tried = np.sort(np.array(targets))

    n, n_agree = settled_at(course, 3, tried)

    for place, target in enumerate(tried):
        wanted_n, wanted_agree = by_reading(course, 3, target)
        assert n[:, place].tolist() == wanted_n.tolist()
        assert n_agree[:, place].tolist() == wanted_agree.tolist()


def test_a_question_settles_at_the_first_vote_that_reaches_the_target():
    # By 0.8 it is a cat after its first vote, which is wrong; by 0.95 only after its third.
    course = make_course((0, 0, 0.9, False), (0, 0, 0.7, True), (0, 0, 0.96, True))

    n, n_agree = settled_at(course, 1, np.array([0.8, 0.95, 0.97]))

    assert n.tolist() == [[1, 1, 0]]
    assert n_agree.tolist() == [[0, 1, 0]]


def test_without_starter_questions_every_target_is_what_is_wanted():
    found = calibrate(make_course(), 3, 0.98)

    assert found.of_group.tolist() == [0.98] * 3
    assert found.common == 0.98
    assert found.n_items.tolist() == [0, 0, 0]


def many(group, n, n_wrong_early, first=0):
    """Questions that are sure to 0.95 after a vote, some of them wrongly, and rightly to 0.999 after the next."""
    rows = []
    for i in range(first, first + n):
        rows += [(i, group, 0.95, i - first >= n_wrong_early), (i, group, 0.999, True)]
    return rows


def test_a_class_that_is_often_mistaken_early_needs_a_higher_target_than_one_that_is_not():
    course = make_course(*many(0, 300, n_wrong_early=0), *many(1, 300, n_wrong_early=60, first=300))

    cat, breed = calibrate(course, 2, 0.95).of_group

    assert cat <= 0.95 < breed <= 0.999


def test_a_class_of_which_there_are_few_has_the_target_of_all():
    course = make_course(*many(0, 400, n_wrong_early=40), *many(1, 1, n_wrong_early=0, first=400))

    found = calibrate(course, 3, 0.95)

    assert found.common > 0.95
    assert found.of_group[2] == found.common
    # One question that was right says little against forty that were not.
    assert found.of_group[1] == pytest.approx(found.common, abs=0.02)


def test_the_more_questions_say_so_the_further_a_class_leaves_all():
    def of_breed(n):
        course = make_course(*many(0, 400, 0), *many(1, n, n_wrong_early=n // 4, first=400))
        return calibrate(course, 2, 0.85).of_group[1]

    assert of_breed(4) <= of_breed(40) <= of_breed(400)
    assert of_breed(4) < of_breed(400)


def test_where_labels_never_agree_often_enough_the_best_target_is_taken():
    rows = [(i, 0, 0.9, i % 2 == 0) for i in range(400)] + [(i, 0, 0.99, i % 4 > 0) for i in range(400)]

    found = calibrate(make_course(*rows), 1, 0.9999)

    assert found.of_group[0] > 0.99


@given(courses(), st.sampled_from([0.6, 0.9, 0.98, 0.999]))
def test_targets_are_among_those_that_are_tried_and_never_below_what_is_wanted(course, wanted):
    found = calibrate(course, 3, wanted)

    every = [*found.of_group, found.common]
    assert all(target == wanted or target in TRIED for target in every)
    assert min(every) >= wanted


@given(courses(), st.permutations(range(3)))
def test_classes_in_another_order_permute_the_targets(course, order):
    turned = Course(course.item, np.argsort(order)[course.group], course.confidence, course.agrees)

    found = calibrate(turned, 3, 0.9)

    assert found.of_group.tolist() == calibrate(course, 3, 0.9).of_group[order].tolist()


@given(st.floats(0.51, 0.999), st.floats(0.51, 0.999), st.floats(-3, 3))
def test_shifts_lead_from_one_probability_to_another(target, common, by):
    assert shifted(common, shift(target, common)) == pytest.approx(target)
    assert 0 < shifted(common, by) < 1
    assert shifted(common, 0.0) == common
    assert shift(common, common) == 0


@pytest.mark.parametrize(
    ("course", "wanted", "message"),
    [
        (make_course((0, 3, 0.9, True)), 0.9, "Course.group: expected 0 to 2; found 3 to 3"),
        (make_course(), 1.0, "wanted: expected above 0 and below 1; found 1.0"),
    ],
)
def test_what_is_out_of_range_is_refused(course, wanted, message):
    with pytest.raises(ValueError, match=message):
        calibrate(course, 3, wanted)


def test_a_course_of_columns_of_other_lengths_or_impossible_confidences_is_refused():
    one = np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match=r"expected columns of one length; found \[1, 1, 2, 1\]"):
        Course(one, one, np.array([0.5, 0.5]), np.array([True]))
    with pytest.raises(ValueError, match=r"Course.confidence: expected 0 to 1; found 1.5"):
        Course(one, one, np.array([1.5]), np.array([True]))
