import pytest

from training.pacing import LEAST_S, checkpoint_interval_s


def test_the_interval_is_youngs():
    # sqrt(2 * 3 s * 86,400 s) = sqrt(518,400) s
    assert checkpoint_interval_s(3) == pytest.approx(720)


def test_a_machine_that_fails_more_often_is_saved_more_often():
    assert checkpoint_interval_s(2, between_failures_s=100) == pytest.approx(20)


@pytest.mark.parametrize("cost_s", [0, 1e-9])
def test_what_costs_nothing_is_not_saved_all_the_time(cost_s):
    assert checkpoint_interval_s(cost_s) == LEAST_S
