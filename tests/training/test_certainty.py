import numpy as np
import pytest

from training.certainty import fit_temperature, loss, softmax


def test_probabilities_sum_to_one_and_follow_the_logits():
    found = softmax(np.log(np.array([[1.0, 2.0, 5.0]])))

    np.testing.assert_allclose(found, [[1 / 8, 2 / 8, 5 / 8]])


def test_a_temperature_of_two_takes_the_root_of_the_odds():
    [one, other] = softmax(np.array([np.log(9.0), 0.0]), temperature=2)

    assert one / other == pytest.approx(3)


def test_huge_logits_do_no_harm():
    np.testing.assert_allclose(softmax(np.array([1000.0, 0.0])), [1, 0])


def test_the_loss_of_even_odds_is_the_logarithm_of_their_number():
    assert loss(np.zeros((3, 4)), np.array([0, 1, 2])) == pytest.approx(np.log(4))


def test_the_temperature_undoes_what_made_a_network_too_sure():
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(20_000, 5)) * 2
    labels = np.array([rng.choice(5, p=softmax(row)) for row in honest])

    assert fit_temperature(3 * honest, labels) == pytest.approx(3, rel=0.05)
    assert fit_temperature(honest, labels) == pytest.approx(1, rel=0.05)


def test_without_pictures_nothing_is_changed():
    assert fit_temperature(np.zeros((0, 5)), np.zeros(0, np.int64)) == 1
