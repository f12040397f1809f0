from dataclasses import replace

import numpy as np

from training.config import Config
from training.schedule import learning_rate, side_px

CONFIG = Config("resnet", size_px=32, epochs=10, batch_size=16, learning_rate=1.0)


def test_the_learning_rate_climbs_and_then_falls_to_zero():
    rates = [learning_rate(CONFIG, step, 100) for step in range(100)]

    # 5 of 100 steps climb; the cosine's middle, step 5 + 95 / 2, lies between steps 52 and 53.
    np.testing.assert_allclose(rates[:6], [0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    np.testing.assert_allclose((rates[52] + rates[53]) / 2, 0.5, atol=1e-9)
    assert 0 < rates[99] < 0.001


def test_a_single_step_has_the_full_learning_rate():
    assert learning_rate(CONFIG, 0, 1) == CONFIG.learning_rate


def test_in_steps_it_falls_to_a_tenth_after_half_and_after_three_quarters():
    config = replace(CONFIG, schedule="step")

    rates = [learning_rate(config, step, 100) for step in (4, 5, 49, 50, 74, 75, 99)]

    np.testing.assert_allclose(rates, [1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01])


def test_pictures_are_small_for_the_share_of_epochs_that_is_asked_for():
    config = replace(CONFIG, progressive=0.6)

    assert [side_px(config, epoch) for epoch in range(1, 11)] == [16] * 3 + [24] * 3 + [32] * 4
    assert side_px(CONFIG, 1) == 32
    assert side_px(replace(config, size_px=8), 1) == 8  # never below what a config may ask for
