"""What a team can learn of hidden labels by what it is told; the same by figures: benchmarks/attacking.py."""

import numpy as np
import pytest

from benchmarks.attacking import Ladder, attack, lag, majority, tell_all, turned

SEEDS = range(40)


def mean_gain(board, weigh):
    return np.mean([attack(board(), weigh, seed) for seed in SEEDS])


@pytest.mark.parametrize("weigh", [majority, turned])
def test_a_vote_of_random_entries_learns_little_of_the_ladder(weigh):
    assert mean_gain(lambda: Ladder().tell, weigh) < 0.03


@pytest.mark.parametrize("weigh", [majority, turned])
def test_it_learns_a_lot_where_every_score_is_told(weigh):
    assert mean_gain(lambda: tell_all, weigh) > 0.08


def test_random_entries_are_seldom_told_to_be_better():
    n_told = 0
    for seed in SEEDS:
        rng, ladder = np.random.default_rng(seed), Ladder()
        n_told += sum(ladder.tell(rng.random(1000) < 0.5) is not None for _ in range(200))

    # The first of each 200, and of the others one in 740 at most.
    assert len(SEEDS) <= n_told < len(SEEDS) * (1 + 199 / 740)


@pytest.mark.parametrize(("n_images", "points"), [(1000, 3.0), (10_000, 1.0), (50_000, 0.4)])
def test_who_gets_better_and_better_is_told_with_little_delay(n_images, points):
    behind = np.concatenate([lag(n_images, seed) for seed in range(5)])

    # 40 entries, each better by 0.5 points.
    assert behind.max() < points / 100
