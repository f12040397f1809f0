"""What a network says, beside what people say."""

import numpy as np
import pytest

from labeling.consensus import Parameters, Probabilities, Votes, fit
from labeling.network import Reliability


def make_crowd(seed=0, n_items=2_000, n_classes=5, votes_each=2, skill=0.8):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_items)
    item = np.repeat(np.arange(n_items), votes_each)
    annotator = rng.integers(0, 60, len(item))
    slip = rng.integers(1, n_classes, len(item)) * (rng.random(len(item)) > skill)
    return truth, Votes(item, annotator, (truth[item] + slip) % n_classes)


def make_network(truth, accuracy, sharpness=1.0, seed=1, n_classes=5):
    """A network that is as right as it says, raised to `sharpness`: above 1 it is surer than it is right."""
    rng = np.random.default_rng(seed)
    said = np.where(rng.random(len(truth)) < accuracy, truth, (truth + rng.integers(1, 5, len(truth))) % 5)
    q = np.full((len(truth), n_classes), (1 - accuracy) / (n_classes - 1))
    q[np.arange(len(truth)), said] = accuracy
    q **= sharpness
    return Probabilities(np.arange(len(truth)), q / q.sum(axis=1, keepdims=True))


def right(found, truth):
    return (found.label == truth).mean()


def test_a_good_network_is_worth_some_votes():
    truth, votes = make_crowd()

    alone = fit(votes, len(truth), 5)
    helped = fit(votes, len(truth), 5, prior=make_network(truth, 0.9))

    assert right(helped, truth) > right(alone, truth) + 0.05


def test_one_that_guesses_comes_to_nothing():
    truth, votes = make_crowd()
    rng = np.random.default_rng(2)
    guesses = Probabilities(np.arange(len(truth)), rng.dirichlet(np.full(5, 0.1), len(truth)))

    helped = fit(votes, len(truth), 5, prior=guesses)

    assert right(helped, truth) > right(fit(votes, len(truth), 5), truth) - 0.01
    network = helped.parameters.network
    assert network.ignorance > 0.7 or network.sharpness < 0.2


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_it_is_learnt_how_much_surer_it_is_than_right(sharpness):
    truth, votes = make_crowd(votes_each=4)

    found = fit(votes, len(truth), 5, prior=make_network(truth, 0.85, sharpness))

    # What it says, as it is read, is about as sure as it is right.
    log_q = make_network(truth, 0.85, sharpness).of_items(np.arange(len(truth)))[1]
    read = found.parameters.network.read(log_q, found.parameters.prior)
    assert read.max(axis=1).mean() == pytest.approx(0.85, abs=0.03)


def test_items_without_votes_are_what_it_says_and_no_surer_than_it_has_proved():
    truth, votes = make_crowd(n_items=1_000)
    network = make_network(np.append(truth, truth), 0.9, sharpness=4)

    found = fit(votes, 2_000, 5, prior=network)

    unseen = slice(1_000, 2_000)
    np.testing.assert_array_equal(found.label[unseen], network.probability[unseen].argmax(axis=1))
    assert found.confidence[unseen].mean() == pytest.approx(0.9, abs=0.04)
    np.testing.assert_allclose(found.posterior(1_500).max(), found.confidence[1_500])


def test_confidences_are_those_of_single_questions():
    truth, votes = make_crowd(n_items=200)
    found = fit(votes, 200, 5, prior=make_network(truth, 0.8))

    for item in range(0, 200, 10):
        assert found.posterior(item).max() == pytest.approx(found.confidence[item], rel=1e-6)


def test_it_may_speak_of_some_items_in_any_order():
    truth, votes = make_crowd(n_items=300)
    whole = make_network(truth, 0.9)
    some = np.random.default_rng(3).permutation(300)[:100]
    ordered = np.sort(some)

    one = fit(votes, 300, 5, prior=Probabilities(some, whole.probability[some]))
    other = fit(votes, 300, 5, prior=Probabilities(ordered, whole.probability[ordered]))

    np.testing.assert_array_equal(one.confidence, other.confidence)
    np.testing.assert_array_equal(one.label, other.label)


def test_reliability_survives_json():
    parameters = Parameters.start(2)
    learnt = Parameters.from_json(parameters.to_json() | {"network": [0.5, 0.25]})

    assert learnt.network == Reliability(0.5, 0.25)
    assert Parameters.from_json(learnt.to_json()).network == learnt.network
    document = learnt.to_json()
    del document["network"]  # as in fits of old
    assert Parameters.from_json(document).network == Reliability()


@pytest.mark.parametrize(
    ("item", "rows", "sentence"),
    [
        ([0, 0], [[1.0, 0.0], [0.5, 0.5]], "expected each item once; found one twice"),
        ([0], [[0.7, 0.7]], "expected 0 or more and a sum of 1; found a sum of 1.4 .* in row 0"),
        ([0], [[1.5, -0.5]], "a minimum of -0.5 in row 0"),
        ([0, 1], [[1.0, 0.0]], r"found \(2,\) and \(1, 2\)"),
    ],
)
def test_what_is_no_distribution_is_refused(item, rows, sentence):
    with pytest.raises(ValueError, match=sentence):
        Probabilities(np.array(item), np.array(rows))


def test_other_classes_or_items_than_the_votes_are_refused():
    votes = Votes(*np.zeros((3, 1), dtype=np.int64))

    with pytest.raises(ValueError, match="Probabilities: expected 3 classes; found 2"):
        fit(votes, 1, 3, prior=Probabilities(np.array([0]), np.array([[0.5, 0.5]])))
    with pytest.raises(ValueError, match=r"Probabilities.item: expected 0 to 0; found 1 at index 0"):
        fit(votes, 1, 2, prior=Probabilities(np.array([1]), np.array([[0.5, 0.5]])))


def held_back(network, helps):
    return Probabilities(network.item, network.probability, helps)


def test_where_it_helps_nowhere_labels_are_those_of_the_votes_and_it_is_measured_all_the_same():
    truth, votes = make_crowd(votes_each=4)
    network = held_back(make_network(truth, 0.85, sharpness=3), np.zeros(len(truth), dtype=np.bool_))

    alone, found = fit(votes, len(truth), 5), fit(votes, len(truth), 5, prior=network)

    assert found.label.tolist() == alone.label.tolist()
    assert found.confidence.tolist() == alone.confidence.tolist()
    assert found.posterior(7).tolist() == alone.posterior(7).tolist()
    read = found.parameters.network.read(network.of_items(network.item)[1], found.parameters.prior)
    assert read.max(axis=1).mean() == pytest.approx(0.85, abs=0.03)  # three times as sharp as it is right


def test_it_is_measured_where_people_stand_alone_and_not_where_it_helped():
    truth, votes = make_crowd()
    helps = np.arange(len(truth)) % 2 == 0
    # Right where it helps; elsewhere it says anything.
    q = make_network(truth, 0.95).probability.copy()
    q[~helps] = np.random.default_rng(3).dirichlet(np.full(5, 0.1), int((~helps).sum()))
    network = Probabilities(np.arange(len(truth)), q, helps)

    found = fit(votes, len(truth), 5, prior=network).parameters.network

    assert found.ignorance > 0.7 or found.sharpness < 0.2


def test_it_helps_where_it_is_told_to_and_nowhere_else():
    truth, votes = make_crowd()
    helps = np.arange(len(truth)) % 2 == 0

    alone = fit(votes, len(truth), 5)
    found = fit(votes, len(truth), 5, prior=held_back(make_network(truth, 0.9), helps))

    is_right = found.label == truth
    assert is_right[helps].mean() > (alone.label == truth)[helps].mean() + 0.05
    assert abs(is_right[~helps].mean() - (alone.label == truth)[~helps].mean()) < 0.02


def test_an_item_must_be_said_to_be_helped_or_not():
    with pytest.raises(ValueError, match=r"helps: expected \(2,\)"):
        Probabilities(np.arange(2), np.full((2, 2), 0.5), np.ones(3, dtype=np.bool_))
