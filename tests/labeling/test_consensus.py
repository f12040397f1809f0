import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.consensus import (
    TOLERANCE,
    Decision,
    Parameters,
    Policy,
    Start,
    Votes,
    decide,
    fit,
    majority,
    posterior,
    update,
)


def make_votes(*rows):
    """Votes from (item, annotator, label) rows."""
    return Votes(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)


def make_crowd(rng, skills, n_items, n_classes, votes_each):
    """Simulate: each annotator votes on random items, errs with 1 - skill, and every mistake is alike."""
    truth = rng.integers(0, n_classes, n_items)
    annotator = np.repeat(np.arange(len(skills)), votes_each)
    item = np.concatenate([rng.choice(n_items, votes_each, replace=False) for _ in skills])
    slip = rng.integers(1, n_classes, len(item))
    label = np.where(rng.random(len(item)) < skills[annotator], truth[item], (truth[item] + slip) % n_classes)
    return truth, Votes(item, annotator, label)


def join(first, second):
    """Two crowds' votes on the same items; the second's annotators are numbered after the first's."""
    return Votes(
        np.append(first.item, second.item),
        np.append(first.annotator, second.annotator + first.annotator.max() + 1),
        np.append(first.label, second.label),
    )


@st.composite
def votes_and_sizes(draw):
    n_items, n_classes = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    row = st.tuples(st.integers(0, n_items - 1), st.integers(0, 4), st.integers(0, n_classes - 1))
    return make_votes(*draw(st.lists(row, max_size=40))), n_items, n_classes


# posterior: the online speed


def test_two_votes_worked_by_hand():
    labels, skills = np.array([1, 0]), np.array([0.9, 0.6])

    result = posterior(labels, skills, Parameters.start(2))

    # 0.5*0.1*0.6 = 0.03 for class 0 against 0.5*0.9*0.4 = 0.18 for class 1: the careful one outweighs.
    np.testing.assert_allclose(result, [1 / 7, 6 / 7])


def test_shared_confusion_worked_by_hand():
    confusion = np.array([[0, 0.75, 0.25], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    parameters = Parameters(np.array([0.5, 0.3, 0.2]), confusion, (3.0, 1.0))

    result = posterior(np.array([1]), np.array([0.8]), parameters)

    # 0.5*0.2*0.75 = 0.075, 0.3*0.8 = 0.24, 0.2*0.2*0.5 = 0.02; together 0.335.
    np.testing.assert_allclose(result, np.array([0.075, 0.24, 0.02]) / 0.335)


def test_without_votes_the_posterior_is_the_prior():
    parameters = replace(Parameters.start(3), prior=np.array([0.5, 0.3, 0.2]))

    result = posterior(np.array([], dtype=np.int64), np.array([]), parameters)

    np.testing.assert_allclose(result, [0.5, 0.3, 0.2])


def test_equal_votes_for_two_classes_leave_them_equal():
    result = posterior(np.array([0, 2]), np.array([0.8, 0.8]), Parameters.start(3))

    assert result[0] == result[2] > result[1]


def test_an_adversarys_vote_counts_against_what_it_says():
    result = posterior(np.array([0]), np.array([0.1]), Parameters.start(2))

    np.testing.assert_allclose(result, [0.1, 0.9])


def test_a_vote_at_chance_changes_nothing():
    result = posterior(np.array([3]), np.array([0.1]), Parameters.start(10))

    np.testing.assert_allclose(result, np.full(10, 0.1))


def test_ten_thousand_votes_do_not_underflow():
    labels = np.repeat([0, 1], [4_999, 5_001])

    result = posterior(labels, np.full(10_000, 0.9), Parameters.start(2))

    # Two votes more for class 1: odds of 9 squared.
    np.testing.assert_allclose(result, [1 / 82, 81 / 82])


@pytest.mark.parametrize("skill", [0.0, 1.0, -0.5, np.nan])
def test_a_skill_that_would_veto_a_class_is_refused(skill):
    with pytest.raises(ValueError, match="skills: expected above 0 and below 1"):
        posterior(np.array([0]), np.array([skill]), Parameters.start(2))


def test_a_label_beyond_the_classes_is_refused():
    with pytest.raises(ValueError, match="labels: expected 0 to 1; found 2 at index 0"):
        posterior(np.array([2]), np.array([0.9]), Parameters.start(2))


def test_a_missing_skill_is_refused():
    with pytest.raises(ValueError, match="expected one skill for each label"):
        posterior(np.array([0, 1]), np.array([0.9]), Parameters.start(2))


# fit: every vote at once


def test_online_equals_batch():
    _, votes = make_crowd(np.random.default_rng(1), np.linspace(0.2, 0.95, 30), 50, 4, votes_each=20)

    result = fit(votes, 60, 4)

    for item in range(60):  # the last ten have no votes
        online = update(result, votes.where(votes.item == item))
        assert online.argmax() == result.label[item]
        np.testing.assert_allclose(online.max(), result.confidence[item], rtol=1e-6)
        np.testing.assert_allclose(online, result.posterior(item), rtol=1e-9)


@pytest.mark.parametrize("n_blocks", [1, 7, 100])
def test_any_number_of_blocks_gives_one_answer(monkeypatch, n_blocks):
    _, votes = make_crowd(np.random.default_rng(2), np.linspace(0.2, 0.95, 30), 50, 4, votes_each=20)
    whole = fit(votes, 50, 4)

    monkeypatch.setattr("labeling.expectation.N_BLOCKS", n_blocks)
    monkeypatch.setattr("labeling.expectation.FEW_VOTES", 0)
    parts = fit(votes, 50, 4)

    np.testing.assert_array_equal(parts.label, whole.label)
    np.testing.assert_allclose(parts.confidence, whole.confidence, rtol=1e-5)
    np.testing.assert_allclose(parts.parameters.confusion, whole.parameters.confusion, rtol=1e-5)


def test_the_log_likelihood_is_that_of_the_votes():
    result = fit(make_votes((0, 0, 1)), 1, 2)

    by_hand = np.log(result.parameters.prior @ result.confusion(0)[:, 1])
    np.testing.assert_allclose(result.log_likelihood, by_hand)


def test_a_fit_without_votes_is_the_prior():
    result = fit(make_votes(), 3, 4)

    np.testing.assert_array_equal(result.label, [0, 0, 0])
    np.testing.assert_allclose(result.confidence, 0.25)
    np.testing.assert_allclose(result.posterior(2), 0.25)
    assert result.skill.shape == (0, 2)
    assert result.log_likelihood == 0


def test_a_fit_of_nothing_is_empty():
    result = fit(make_votes(), 0, 2)

    assert result.label.shape == result.confidence.shape == (0,)


def test_one_vote_is_believed_but_not_for_certain():
    result = fit(make_votes((0, 0, 1)), 1, 3)

    assert result.label[0] == 1
    assert 0.5 < result.confidence[0] < 0.95


def test_few_votes_make_nobody_certain():
    everyone_agrees = make_votes(*[(i, a, 0) for i in range(5) for a in range(3)])

    result = fit(everyone_agrees, 5, 2)

    assert (result.mean_skill < 0.99).all()


def test_a_tie_between_equals_goes_to_the_lowest_label_at_even_odds():
    result = fit(make_votes((0, 0, 2), (0, 1, 1)), 1, 3)

    assert result.label[0] == 1
    np.testing.assert_allclose(result.posterior(0)[1], result.posterior(0)[2])


def test_a_careful_annotator_wins_a_tie_against_a_careless_one():
    # Annotators 0 to 4 agree on everything, 5 errs on two items of three; 0 and 5 alone see the last item.
    rows = [(i, a, i % 3) for i in range(30) for a in range(5)]
    rows += [(i, 5, (i + (i % 9 >= 3)) % 3) for i in range(30)]

    result = fit(make_votes(*rows, (30, 0, 2), (30, 5, 0)), 31, 3)

    assert result.mean_skill[0] > 0.9 > 0.5 > result.mean_skill[5]
    assert result.label[30] == 2


def test_an_adversary_is_found_and_read_backwards():
    rng = np.random.default_rng(3)
    truth, votes = make_crowd(rng, np.array([0.9] * 5 + [0.02]), 200, 2, votes_each=200)
    lone = Votes(np.append(votes.item, 200), np.append(votes.annotator, 5), np.append(votes.label, 0))

    result = fit(lone, 201, 2)

    assert result.mean_skill[5] < 0.1
    assert result.label[200] == 1
    assert (result.label[:200] == truth).mean() > 0.98


def test_ten_thousand_constant_clickers_do_not_beat_fifty_careful_people():
    # Five careful votes an item drown among fifty from people who each click one class of their own, always.
    rng = np.random.default_rng(4)
    truth, careful = make_crowd(rng, np.full(50, 0.95), 1_000, 10, votes_each=100)
    clicker = np.repeat(np.arange(10_000), 5)
    spam = Votes(rng.integers(0, 1_000, 50_000), clicker, rng.integers(0, 10, 10_000)[clicker])
    votes = join(careful, spam)

    result = fit(votes, 1_000, 10)

    assert (majority(votes, 1_000, 10)[0] == truth).mean() < 0.7
    assert (result.label == truth).mean() > 0.9
    assert result.mean_skill[:50].min() > 0.8
    assert result.mean_skill[50:].mean() < 0.4
    assert result.parameters.accuracy.mean() < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_a_mixed_crowd_is_read_better_than_by_majority(seed):
    rng = np.random.default_rng(seed)
    truth, votes = make_crowd(rng, rng.beta(3, 2, 100), 1_000, 5, votes_each=50)

    right = (fit(votes, 1_000, 5).label == truth).mean()

    assert right > (majority(votes, 1_000, 5)[0] == truth).mean() + 0.02


@pytest.mark.parametrize("seed", range(3))
def test_confidence_is_honest_where_the_model_holds(seed):
    rng = np.random.default_rng(seed)
    truth, votes = make_crowd(rng, rng.beta(8, 2, 100), 2_000, 5, votes_each=60)

    result = fit(votes, 2_000, 5)

    assert abs(result.confidence.mean() - (result.label == truth).mean()) < 0.02


def test_what_people_confuse_is_learnt():
    # Truth 0 is mistaken for 1 alone, never for 2.
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 2_000)
    item, annotator = np.repeat(np.arange(2_000), 5), np.tile(np.arange(5), 2_000)
    mistake = np.array([1, 2, 0])[truth[item]]
    votes = Votes(item, annotator, np.where(rng.random(10_000) < 0.8, truth[item], mistake))

    confusion = fit(votes, 2_000, 3).parameters.confusion

    assert confusion[0, 1] > 0.8 > 0.2 > confusion[0, 2]


def test_a_single_class_divides_by_nothing():
    result = fit(make_votes((0, 0, 0), (1, 0, 0)), 3, 1)

    np.testing.assert_array_equal(result.confidence, [1, 1, 1])
    assert np.isfinite(result.skill).all()
    assert posterior(np.array([0]), np.array([0.9]), result.parameters).tolist() == [1.0]


def test_a_warm_start_ends_in_the_same_place():
    _, votes = make_crowd(np.random.default_rng(6), np.linspace(0.4, 0.95, 40), 200, 4, votes_each=50)
    cold = fit(votes, 200, 4)

    warm = fit(votes, 200, 4, start=cold.start)

    np.testing.assert_array_equal(warm.label, cold.label)
    np.testing.assert_allclose(warm.confidence, cold.confidence, atol=0.01)
    assert warm.n_iterations < cold.n_iterations / 2


def test_a_fit_tells_how_far_it_still_moves():
    _, votes = make_crowd(np.random.default_rng(6), np.linspace(0.4, 0.95, 40), 200, 4, votes_each=50)
    seen = []

    found = fit(votes, 200, 4, watch=lambda n, moved: seen.append((n, moved)))

    assert [n for n, _moved in seen] == list(range(1, found.n_iterations + 1))
    assert seen[0][1] > seen[-1][1]
    assert seen[-1][1] <= TOLERANCE


@pytest.mark.parametrize(
    ("skill", "own", "message"),
    [
        (np.ones((2, 3)), {}, "expected .n, 2. numbers above 0; found shape .2, 3."),
        (np.zeros((2, 2)), {}, "a minimum of 0.0"),
        (np.ones((2, 2)), {1: np.eye(3)}, "expected shape .2, 2.; found .3, 3. of annotator 1"),
    ],
)
def test_a_start_that_cannot_be_is_refused(skill, own, message):
    with pytest.raises(ValueError, match=message):
        Start(Parameters.start(2), skill, own)


def test_a_start_may_know_fewer_and_more_annotators_than_vote():
    start = Start(
        Parameters.start(2), np.array([[9.0, 1.0], [1.0, 9.0], [5.0, 5.0]]), {2: np.full((2, 2), 0.5)}
    )
    one = fit(make_votes((0, 0, 0), (0, 1, 1)), 1, 2, start=start)
    many = fit(make_votes((0, 0, 0), (0, 7, 1)), 1, 2, start=start)

    assert one.label[0] == 0
    assert many.skill.shape == (8, 2)


def test_a_start_of_other_classes_is_refused():
    with pytest.raises(ValueError, match="start: expected 3 classes; found 2"):
        fit(make_votes((0, 0, 0)), 1, 3, start=Start(Parameters.start(2)))


@pytest.mark.parametrize("function", [fit, majority])
def test_a_vote_beyond_the_items_or_classes_is_refused(function):
    votes = make_votes((0, 0, 0), (1, 0, 2))

    function(votes, 2, 3)

    with pytest.raises(ValueError, match=r"Votes.item: expected 0 to 0; found 1 at index 1"):
        function(votes, 1, 3)
    with pytest.raises(ValueError, match=r"Votes.label: expected 0 to 1; found 2 at index 1"):
        function(votes, 2, 2)


def test_a_posterior_of_no_item_is_refused():
    with pytest.raises(ValueError, match="item: expected 0 to 0; found -1"):
        fit(make_votes((0, 0, 0)), 1, 2).posterior(-1)


def test_weighing_single_questions_does_without_the_compiler():
    # A web worker weighs them; the compiler would cost it half a second at its start, and 60 MiB.
    code = (
        "import sys; from labeling import consensus as c; import numpy as np;"
        "c.posterior(np.array([1]), np.array([0.9]), c.Parameters.start(3)); sys.exit('numba' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Laws


@settings(max_examples=60, deadline=None)
@given(votes_and_sizes())
def test_posteriors_skills_and_parameters_are_proper(case):
    votes, n_items, n_classes = case

    result = fit(votes, n_items, n_classes)

    for item in range(n_items):
        row = result.posterior(item)
        np.testing.assert_allclose(row.sum(), 1)
        np.testing.assert_allclose(row.max(), result.confidence[item])
    np.testing.assert_allclose(result.parameters.prior.sum(), 1)
    np.testing.assert_allclose(result.parameters.confusion.sum(axis=1), n_classes > 1)
    assert (result.skill > 0).all()
    # Pseudo-counts are the prior's and one for each vote.
    cast = np.bincount(votes.annotator) if len(votes) else np.zeros(0)
    np.testing.assert_allclose(result.skill.sum(axis=1), cast + sum(result.parameters.skill_prior))


@settings(max_examples=60, deadline=None)
@given(votes_and_sizes(), st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter_to_the_bit(case, random):
    votes, n_items, n_classes = case
    order = np.array(random.sample(range(len(votes)), len(votes)), dtype=np.int64)
    shuffled = Votes(votes.item[order], votes.annotator[order], votes.label[order])

    first, second = fit(votes, n_items, n_classes), fit(shuffled, n_items, n_classes)

    np.testing.assert_array_equal(first.confidence, second.confidence)
    np.testing.assert_array_equal(first.label, second.label)
    np.testing.assert_array_equal(first.skill, second.skill)


@settings(max_examples=60, deadline=None)
@given(votes_and_sizes(), st.randoms(use_true_random=False))
def test_renaming_the_classes_renames_the_answer(case, random):
    votes, n_items, n_classes = case
    new_name = np.array(random.sample(range(n_classes), n_classes), dtype=np.int64)
    renamed = replace(votes, label=new_name[votes.label])

    before, after = fit(votes, n_items, n_classes), fit(renamed, n_items, n_classes)

    for item in range(n_items):
        np.testing.assert_allclose(after.posterior(item)[new_name], before.posterior(item), atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(votes_and_sizes())
def test_majority_equals_counting(case):
    votes, n_items, n_classes = case

    label, share = majority(votes, n_items, n_classes)

    for item in range(n_items):
        counts = np.bincount(votes.label[votes.item == item], minlength=n_classes)
        assert label[item] == counts.argmax()
        assert share[item] == pytest.approx(counts.max() / max(counts.sum(), 1))


# majority


def test_majority_and_its_share():
    label, share = majority(make_votes((0, 0, 2), (0, 1, 2), (0, 2, 1)), 1, 3)

    assert label.tolist() == [2]
    np.testing.assert_allclose(share, [2 / 3])


def test_majority_gives_a_tie_to_the_lowest_label_and_no_votes_a_share_of_nothing():
    label, share = majority(make_votes((1, 0, 2), (1, 1, 1)), 3, 3)

    assert label.tolist() == [0, 1, 0]
    assert share.tolist() == [0, 0.5, 0]


# decide


@pytest.mark.parametrize(
    ("confidence", "n_named", "n_votes", "decision"),
    [
        (0.95, 1, 1, Decision.ASK_AGAIN),
        (0.95, 2, 2, Decision.SETTLED),
        (0.94, 2, 2, Decision.ASK_AGAIN),
        (0.94, 5, 5, Decision.UNDECIDED),
        (0.95, 5, 5, Decision.SETTLED),
        # "Cannot tell" settles nothing, however likely the prior makes a class, and counts towards giving up.
        (0.99, 1, 3, Decision.ASK_AGAIN),
        (0.99, 0, 5, Decision.UNDECIDED),
    ],
)
def test_a_question_settles_is_asked_again_or_is_given_up(confidence, n_named, n_votes, decision):
    policy = Policy(target_confidence=0.95, min_votes=2, max_votes=5)

    assert decide(confidence, n_named, n_votes, policy) is decision


@pytest.mark.parametrize("target", [0.0, 1.0, 1.5])
def test_a_target_that_no_question_reaches_or_misses_is_refused(target):
    with pytest.raises(ValueError, match="target_confidence: expected above 0 and below 1"):
        Policy(target, 1, 2)


@pytest.mark.parametrize(("least", "most"), [(0, 2), (3, 2)])
def test_votes_that_do_not_fit_together_are_refused(least, most):
    with pytest.raises(ValueError, match="expected 1 <= min_votes <= max_votes"):
        Policy(0.9, least, most)


# Votes and Parameters


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match=r"Votes.label: expected 2, as in item; found 1"):
        Votes(np.array([0, 1]), np.array([0, 1]), np.array([0]))


def test_a_negative_number_is_refused_with_its_place():
    with pytest.raises(ValueError, match=r"Votes.annotator: expected 0 or more; found -1 at index 1"):
        make_votes((0, 0, 0), (0, -1, 0))


def test_a_column_of_another_type_is_refused():
    with pytest.raises(ValueError, match=r"Votes.label: expected whole numbers .* found float64"):
        Votes(np.array([0]), np.array([0]), np.array([0.0]))


def test_parameters_survive_json_to_seven_digits_and_then_exactly():
    rng = np.random.default_rng(7)
    _, votes = make_crowd(rng, np.full(10, 0.8), 50, 4, votes_each=20)
    parameters = fit(votes, 50, 4).parameters

    again = Parameters.from_json(parameters.to_json())

    np.testing.assert_array_equal(again.prior, parameters.prior)
    np.testing.assert_array_equal(again.accuracy, parameters.accuracy)
    np.testing.assert_allclose(again.confusion, parameters.confusion, rtol=1e-7)
    assert again.skill_prior == parameters.skill_prior
    assert again.to_json() == parameters.to_json()


def test_parameters_of_old_have_the_confusion_as_lists():
    confusion = [[0.0, 0.25, 0.75], [0.5, 0.0, 0.5], [0.125, 0.875, 0.0]]

    found = Parameters.from_json(Parameters.start(3).to_json() | {"confusion": confusion})

    assert found.confusion.tolist() == confusion


def test_the_start_believes_newcomers_to_be_mostly_right():
    start = Parameters.start(10)

    np.testing.assert_allclose(start.prior, 0.1)
    np.testing.assert_allclose(start.confusion.sum(axis=1), 1)
    assert start.newcomer_skill == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"prior": [0.5, 0.6]}, "prior: expected all above 0 and a sum of 1"),
        ({"prior": [1.0, 0.0]}, "prior: expected all above 0"),
        ({"prior": []}, "prior: expected shape"),
        ({"confusion": [[0.0, 1.0]]}, r"confusion: expected shape \(2, 2\); found \(1, 2\)"),
        ({"confusion": [[0.0, 1.0], [0.5, 0.5]]}, "0 on the diagonal; found 0.5 in row 1"),
        ({"confusion": [[0.0, 1.0], [0.9, 0.0]]}, "found sum 0.9 .* in row 1"),
        ({"skill_prior": [1.0, 0.0]}, "skill_prior: expected two finite numbers above 0"),
    ],
)
def test_improper_parameters_are_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        Parameters.from_json(Parameters.start(2).to_json() | wrong)


def test_there_is_no_start_without_classes():
    with pytest.raises(ValueError, match="n_classes: expected 1 or more; found 0"):
        Parameters.start(0)


def test_the_course_of_an_item_ends_at_its_posterior_whoever_could_not_tell():
    rng = np.random.default_rng(5)
    votes = Votes(np.repeat(np.arange(20), 5), np.tile(np.arange(5), 20), rng.integers(0, 3, 100))
    n_unsure = np.arange(20) % 3
    found = fit(votes, 20, 3, n_unsure=n_unsure)
    mine = votes.item == 7

    course = found.course(7, np.append(votes.annotator[mine], 0), np.append(votes.label[mine], -1))

    assert n_unsure[7] == 1
    np.testing.assert_allclose(course[-1], found.posterior(7))
    np.testing.assert_allclose(course.sum(axis=1), 1)
