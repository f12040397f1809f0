"""Votes for several classes at once, against sums over all that could have been seen and be true."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.coarse import Tree, deepest, likelihood
from labeling.consensus import Parameters, Policy, Votes, fall_back, fit, posterior
from labeling.expectation import Crowd, Ordered, Task, expect

HUSKY, CORGI, WOLF, CAT = range(4)
TREE = Tree.of([(HUSKY, CORGI, WOLF), (HUSKY, CORGI)])
CANINE, DOG = 4, 5
POLICY = Policy(target_confidence=0.9, min_votes=2, max_votes=4)


def make_votes(*rows):
    """Votes from (item, annotator, answer) rows."""
    return Votes(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)


def answers(*said):
    return np.array(said, dtype=np.int64)


@st.composite
def parameters(draw, n_classes=None):
    n_classes = n_classes or draw(st.integers(2, 5))
    numbers = st.floats(0.01, 1)
    prior = np.array(draw(st.lists(numbers, min_size=n_classes, max_size=n_classes)))
    confusion = np.array([draw(st.lists(numbers, min_size=n_classes, max_size=n_classes)) for _ in prior])
    np.fill_diagonal(confusion, 0)
    return Parameters(prior / prior.sum(), confusion / confusion.sum(axis=1, keepdims=True), (3.0, 1.0))


def of_class(skill, confusion, truth, seen):
    """P(somebody sees class `seen` | truth), as labeling.consensus has it."""
    return skill if seen == truth else (1 - skill) * confusion[truth, seen]


def kinds(answer, tree, n_classes):
    return [answer] if answer < n_classes else tree[answer - n_classes].tolist()


# What a vote says


def test_two_votes_for_dog_worked_by_hand():
    result = posterior(answers(DOG, DOG), np.array([0.85, 0.85]), Parameters.start(4), TREE)

    # Of a dog 0.85 + 0.15/3 = 0.9 say so, of another animal 0.15 * 2/3 = 0.1: 81 to 1 for each of two against two.
    np.testing.assert_allclose(result, [81 / 164, 81 / 164, 1 / 164, 1 / 164])


@given(parameters(), st.data())
def test_a_posterior_is_the_sum_over_all_that_voters_may_have_seen(parameters, data):
    n_classes = parameters.n_classes
    subsets = st.sets(st.integers(0, n_classes - 1), min_size=1)
    tree = Tree.of(data.draw(st.lists(subsets.map(sorted), min_size=1, max_size=3)))
    said = data.draw(st.lists(st.integers(0, n_classes + len(tree) - 1), max_size=4))
    skills = data.draw(st.lists(st.floats(0.05, 0.95), min_size=len(said), max_size=len(said)))

    result = posterior(answers(*said), np.array(skills), parameters, tree)

    joint = np.zeros(n_classes)
    for truth in range(n_classes):
        for seen in product(*(kinds(answer, tree, n_classes) for answer in said)):
            of_votes = [
                of_class(s, parameters.confusion, truth, o) for s, o in zip(skills, seen, strict=True)
            ]
            joint[truth] += parameters.prior[truth] * np.prod(of_votes)
    np.testing.assert_allclose(result, joint / joint.sum(), rtol=1e-9)


@given(parameters(), st.floats(0.05, 0.95))
def test_the_group_of_all_classes_says_nothing(parameters, skill):
    tree = Tree.of([range(parameters.n_classes)])

    result = posterior(answers(parameters.n_classes), np.array([skill]), parameters, tree)

    np.testing.assert_allclose(result, parameters.prior)


@given(parameters(), st.floats(0.01, 0.99), st.data())
def test_a_coarse_vote_is_never_stronger_than_the_best_fine_one(parameters, skill, data):
    n_classes = parameters.n_classes
    inside = sorted(data.draw(st.sets(st.integers(0, n_classes - 1), min_size=1, max_size=n_classes - 1)))
    each = np.arange(n_classes + 1)

    of_vote = likelihood(each, np.full((len(each), 1), skill), parameters.confusion, Tree.of([inside]))

    outside = [u for u in range(n_classes) if u not in inside]
    for t, u in product(inside, outside):
        coarse, fine = of_vote[n_classes, t] / of_vote[n_classes, u], of_vote[inside, t] / of_vote[inside, u]
        assert fine.min() * (1 - 1e-9) <= coarse <= fine.max() * (1 + 1e-9)


@given(st.integers(3, 8), st.data())
def test_where_mistakes_are_alike_the_broader_a_vote_the_less_it_says(n_classes, data):
    skill = data.draw(st.floats(1 / n_classes + 0.01, 0.99))
    tree = Tree.of([range(size) for size in range(1, n_classes)])
    named = np.arange(n_classes, n_classes + len(tree))

    of_vote = likelihood(named, np.full((len(named), 1), skill), Parameters.start(n_classes).confusion, tree)

    odds = of_vote[:, 0] / of_vote[:, n_classes - 1]
    assert (np.diff(odds) < 0).all()
    assert odds[0] == pytest.approx(skill * (n_classes - 1) / (1 - skill))


def test_within_a_group_where_mistakes_are_alike_a_vote_moves_nothing():
    unequal = Parameters(np.array([0.4, 0.1, 0.3, 0.2]), Parameters.start(4).confusion, (3.0, 1.0))

    result = posterior(answers(DOG), np.array([0.9]), unequal, TREE)

    assert result[HUSKY] / result[CORGI] == pytest.approx(4)


# Learning from all votes


@st.composite
def mixed_votes(draw):
    row = st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 5))
    return make_votes(*draw(st.lists(row, min_size=1, max_size=30)))


@settings(deadline=None, max_examples=30)
@given(mixed_votes())
def test_a_fit_with_groups_is_proper_and_its_posteriors_are_those_of_single_questions(votes):
    found = fit(votes, 6, 4, tree=TREE)

    assert (found.skill > 0).all()
    for item in range(6):
        belief = found.posterior(item)
        assert belief.sum() == pytest.approx(1)
        assert belief[found.label[item]] == pytest.approx(belief.max(), rel=1e-6)
        assert found.confidence[item] == pytest.approx(belief.max(), rel=1e-6)
        assert sorted(found.answers(item)) == sorted(votes.label[votes.item == item])


@settings(deadline=None, max_examples=30)
@given(mixed_votes(), st.randoms())
def test_the_order_of_votes_does_not_matter_to_the_bit(votes, random):
    shuffled = votes.where(np.array(random.sample(range(len(votes)), len(votes)), dtype=np.int64))

    one, other = fit(votes, 6, 4, tree=TREE), fit(shuffled, 6, 4, tree=TREE)

    np.testing.assert_array_equal(one.confidence, other.confidence)
    np.testing.assert_array_equal(one.skill, other.skill)


@settings(deadline=None, max_examples=30)
@given(mixed_votes())
def test_groups_of_one_class_are_votes_for_it(votes):
    alone = Tree.of([[place] for place in range(6)])
    as_groups = Votes(votes.item, votes.annotator, votes.label + 6)

    one, other = fit(votes, 6, 6), fit(as_groups, 6, 6, tree=alone)

    np.testing.assert_allclose(one.confidence, other.confidence, rtol=1e-6)
    np.testing.assert_allclose(one.skill, other.skill, rtol=1e-6)
    np.testing.assert_allclose(one.parameters.confusion, other.parameters.confusion, rtol=1e-6)


@pytest.mark.parametrize("own", [[-1, -1, -1], [0, -1, 1]])
def test_an_e_step_equals_counting_what_each_voter_may_have_seen(own):
    votes = make_votes(
        (0, 0, DOG), (0, 1, HUSKY), (0, 2, CAT), (1, 0, CANINE), (1, 1, WOLF), (2, 1, CAT), (2, 2, CAT), (2, 0, HUSKY)
    )  # fmt: skip
    confusion = np.random.default_rng(0).dirichlet(np.ones(4), size=4) * (1 - np.eye(4))
    believed = Parameters(
        np.array([0.4, 0.3, 0.2, 0.1]),
        confusion / confusion.sum(axis=1, keepdims=True),
        (3.0, 1.0),
        np.array([0.9, 0.8, 0.7, 0.6]),
    )
    rows = np.random.default_rng(1).dirichlet(np.ones(4), size=(2, 4)).transpose(0, 2, 1)
    crowd = Crowd(np.array([[3.0, 1.0], [1.0, 1.0], [4.0, 1.0]]), np.array(own), rows[: max(own) + 1])
    ordered = Ordered.of(votes, 3, 6)

    found = expect(Task.of(ordered, np.full(3, -1, np.int32), TREE, 4), crowd, believed)

    of_annotator = [
        rows[place].T if place >= 0 else believed.likelihoods(crowd.mean_skill[[a]])[0]
        for a, place in enumerate(own)
    ]
    right, said, classes, log_likelihood = np.zeros(3), np.zeros((3, 4, 4)), np.zeros(4), 0.0
    for item in range(3):
        cells = []
        mine = np.flatnonzero(votes.item == item)
        who = votes.annotator[mine]
        for truth in range(4):
            for seen in product(*(kinds(votes.label[v], TREE, 4) for v in mine)):
                of_votes = [of_annotator[a][truth, o] for a, o in zip(who, seen, strict=True)]
                cells.append((believed.prior[truth] * np.prod(of_votes), truth, seen))
        total = sum(p for p, _truth, _seen in cells)
        log_likelihood += np.log(total)
        for p, truth, seen in cells:
            classes[truth] += p / total
            for a, o in zip(who, seen, strict=True):
                right[a] += p / total * (o == truth)
                said[a, o, truth] += p / total
    np.testing.assert_allclose(found.right, right)
    np.testing.assert_allclose(found.classes, classes)
    np.testing.assert_allclose(found.log_likelihood, log_likelihood)
    shared = [a for a, place in enumerate(own) if place < 0]
    np.testing.assert_allclose(found.errors, said[shared].sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.own, said[[a for a, place in enumerate(own) if place >= 0]], atol=1e-12)


def test_the_log_likelihood_is_that_of_the_votes():
    votes = make_votes((0, 0, DOG), (0, 1, HUSKY), (1, 0, CAT), (1, 1, CANINE), (2, 1, CAT))

    found = fit(votes, 3, 4, tree=TREE)

    by_hand = 0.0
    for item in range(3):
        of_truth = found.parameters.prior.copy()
        for v in np.flatnonzero(votes.item == item):
            of_truth *= found.confusion(votes.annotator[v])[:, kinds(votes.label[v], TREE, 4)].sum(axis=1)
        by_hand += np.log(of_truth.sum())
    assert found.log_likelihood == pytest.approx(by_hand)


def test_any_number_of_blocks_gives_one_answer(monkeypatch):
    rng = np.random.default_rng(3)
    votes = Votes(rng.integers(0, 50, 400), rng.integers(0, 9, 400), rng.integers(0, 6, 400))
    whole = fit(votes, 50, 4, tree=TREE)
    monkeypatch.setattr("labeling.expectation.N_BLOCKS", 13)

    in_blocks = fit(votes, 50, 4, tree=TREE)

    np.testing.assert_allclose(in_blocks.confidence, whole.confidence, rtol=1e-6)
    np.testing.assert_allclose(in_blocks.skill, whole.skill, rtol=1e-6)


def test_who_only_answers_broadly_earns_less_trust_than_who_is_as_often_right_in_detail():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 4, 400)
    crowd = [(i, a, int(truth[i])) for i in range(400) for a in range(2)]
    fine = [(i, 2, int(truth[i])) for i in range(30) if truth[i] < CAT]
    coarse = [(i, 3, CANINE) for i in range(30) if truth[i] < CAT]

    found = fit(make_votes(*crowd, *fine, *coarse), 400, 4, tree=TREE)

    assert found.mean_skill[3] < found.mean_skill[2]
    assert found.mean_skill[3] > found.parameters.newcomer_skill - 0.05


def test_who_names_the_wrong_group_is_found_out():
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 4, 200)
    crowd = [(i, a, int(truth[i])) for i in range(200) for a in range(3)]
    wrong = [(i, 3, DOG) for i in range(200) if truth[i] in (WOLF, CAT)][:40]

    assert fit(make_votes(*crowd, *wrong), 200, 4, tree=TREE).mean_skill[3] < 0.4


# The label


def belief_after(*said, skill=0.85):
    return posterior(answers(*said), np.full(len(said), skill), Parameters.start(4), TREE)


def label_after(*said, n_votes=None, n_none=0, skill=0.85):
    belief = belief_after(*said, skill=skill)
    found = fall_back(belief, answers(*said), n_votes or len(said), POLICY, n_none, TREE, len(TREE))
    return None if found is None else found[0] + 4


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ((DOG,), None),  # fewer than are asked at least
        ((DOG, DOG), DOG),  # everybody says so
        ((DOG, CANINE), None),  # somebody else may see more
        ((DOG, DOG, CANINE), None),
        ((HUSKY, CORGI), None),
        ((HUSKY, CORGI, HUSKY, CORGI), DOG),  # nobody else is asked
        ((DOG, DOG, DOG, HUSKY), DOG),
        ((CANINE, CANINE, CANINE, DOG), CANINE),  # one voice alone does not make it a dog
        ((HUSKY, WOLF, HUSKY, WOLF), CANINE),
        ((HUSKY, CAT, CAT, HUSKY), None),  # nothing below the root holds both
    ],
)
def test_the_label_is_the_deepest_noun_that_is_sure(said, label):
    assert label_after(*said) == label


def test_who_cannot_tell_keeps_a_question_open_where_all_others_name_one_noun():
    assert label_after(DOG, DOG, n_votes=3) is None
    assert label_after(DOG, DOG, n_votes=4) == DOG


def test_a_picture_that_shows_none_of_the_nouns_shows_no_inner_noun():
    assert label_after(DOG, n_votes=4, n_none=3) is None
    assert label_after(DOG, DOG, n_votes=4, n_none=2) == DOG


def test_a_noun_below_all_that_was_said_is_no_label_however_common_it_is():
    belief = np.array([0.97, 0.01, 0.01, 0.01])

    assert deepest(belief, answers(CANINE, CANINE), TREE, 2, target=0.9, min_votes=2) == (
        0,
        pytest.approx(0.99),
    )


def test_groups_that_are_no_answers_are_no_labels():
    belief = belief_after(DOG, DOG)

    assert deepest(belief, answers(DOG, DOG), TREE, 1, target=0.9, min_votes=2)[0] + 4 == CANINE


def test_an_empty_group_is_refused():
    with pytest.raises(ValueError, match="expected classes in each group; found none in group 1"):
        Tree.of([(0, 1), ()])


def test_an_answer_beyond_the_groups_is_refused():
    with pytest.raises(ValueError, match="labels: expected 0 to 5; found 6 at index 0"):
        posterior(answers(6), np.array([0.8]), Parameters.start(4), TREE)
