from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competition.intervals import interval_of_equals
from competition.ranking import bootstrap_means, rank
from training.paired import holm, mcnemar


def entry(n_wrong, n=40, start=0):
    """An entry that is wrong on the pictures from `start` on."""
    return np.isin(np.arange(n), np.arange(start, start + n_wrong)).astype(np.float32)


def told(ranks):
    return [ranks.rank.tolist(), ranks.low.tolist(), ranks.high.tolist()]


@st.composite
def boards(draw):
    """Entries good and bad, some of them copies."""
    n_entries, n_images = draw(st.integers(1, 7)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    errors = rng.random(n_entries) ** 2
    values = rng.random((n_entries, n_images)) < errors[:, None]
    copies = draw(st.lists(st.integers(0, n_entries - 1), max_size=2))
    return np.vstack([values, values[copies]]).astype(np.float32)


def naive(values):
    """Ranks pair by pair, of entries none of which is a copy."""
    pairs = list(combinations(range(len(values)), 2))
    alone = [((a > b).sum(), (b > a).sum()) for a, b in ((values[i], values[j]) for i, j in pairs)]
    ps = holm([mcnemar(*each) for each in alone])
    better = {
        (i, j) if n[0] < n[1] else (j, i) for (i, j), n, p in zip(pairs, alone, ps, strict=True) if p < 0.05
    }
    low = [1 + sum((j, i) in better for j in range(len(values))) for i in range(len(values))]
    high = [len(values) - sum((i, j) in better for j in range(len(values))) for i in range(len(values))]
    means = values.mean(axis=1)
    top = [max(low[j] for j in range(len(values)) if means[j] <= means[i]) for i in range(len(values))]
    return [top, low, high]


def test_what_cannot_be_told_apart_shares_a_rank():
    # 5 against 0 pictures: p = 2 / 2^5 = 0.0625.
    assert told(rank(np.array([entry(5), entry(0)]))) == [[1, 1], [1, 1], [2, 2]]


def test_what_is_shown_better_stands_above():
    # 6 against 0: p = 2 / 2^6 = 0.03125.
    assert told(rank(np.array([entry(6), entry(0)]))) == [[2, 1], [2, 1], [2, 1]]


def test_of_three_pairs_each_has_to_show_more():
    # 7 against 0 is 0.0156, three times that 0.047; 6 against 0 would be 3 * 0.031. The best is shown better than
    # the last alone, which is shown worse than it alone.
    values = np.array([entry(0), entry(3), entry(7)])

    assert told(rank(values)) == [[1, 1, 2], [1, 1, 2], [2, 3, 3]]


def test_nobody_stands_above_an_entry_with_a_lower_error():
    # The second is wrong where the first is and on 7 pictures more, so shown worse. The third has one error more,
    # on quite other pictures, and so is not shown worse than either; it shares the second's rank.
    values = np.array([entry(8), entry(15), entry(16, start=20)])

    assert told(rank(values)) == [[1, 2, 2], [1, 2, 1], [2, 3, 3]]


def test_a_copy_makes_nobody_harder_to_tell_apart():
    ranks = rank(np.array([entry(0), entry(6), entry(0), entry(6), entry(6)]))

    # Alone the two are shown different. Both copies of the better stand above the three of the worse.
    assert told(ranks) == [[1, 3, 1, 3, 3], [1, 3, 1, 3, 3], [2, 5, 2, 5, 5]]


def test_one_entry_is_first():
    assert told(rank(np.array([entry(5)]))) == [[1], [1], [1]]


def test_no_entries_have_no_ranks():
    assert told(rank(np.zeros((0, 10), dtype=np.float32))) == [[], [], []]


def test_ranks_are_of_right_and_wrong():
    assert told(rank(np.array([[0.0, 1.0]], dtype=np.float32))) == [[1], [1], [1]]

    with pytest.raises(ValueError, match=r"found 0\.5"):
        rank(np.array([[0.5, 1.0]], dtype=np.float32))


def test_ranks_without_pictures_are_refused():
    with pytest.raises(ValueError, match="Expected at least one picture; found none"):
        rank(np.zeros((2, 0), dtype=np.float32))


@given(boards())
def test_ranks_are_those_found_pair_by_pair(values):
    values = np.unique(values, axis=0)

    assert told(rank(values)) == naive(values)


@given(boards(), st.randoms())
def test_the_order_of_entries_and_pictures_does_not_matter(values, random):
    entries = random.sample(range(len(values)), len(values))
    pictures = random.sample(range(values.shape[1]), values.shape[1])

    expected = [np.array(each)[entries].tolist() for each in told(rank(values))]

    assert told(rank(values[np.ix_(entries, pictures)])) == expected


def test_ranks_are_found_some_pictures_at_a_time(monkeypatch):
    values = np.random.default_rng(1).random((5, 200)) < np.linspace(0.1, 0.6, 5)[:, None]
    whole = told(rank(values))
    monkeypatch.setattr("competition.ranking.PICTURES_AT_ONCE", 7)

    assert told(rank(values)) == whole
    assert len(set(whole[0])) > 1


def test_ranks_of_booleans_are_those_of_numbers():
    values = np.random.default_rng(1).random((5, 200)) < np.linspace(0.1, 0.6, 5)[:, None]

    assert told(rank(values)) == told(rank(values.astype(np.float32)))


@given(boards())
def test_copies_tie(values):
    ranks = rank(np.vstack([values, values[:1]]))

    assert all(each[0] == each[-1] for each in told(ranks))


@given(boards())
def test_an_interval_contains_the_rank_and_ranks_rise_with_the_error(values):
    ranks = rank(values)
    order = values.mean(axis=1).argsort()

    assert (ranks.low >= 1).all()
    assert (ranks.low <= ranks.rank).all()
    assert (ranks.rank <= ranks.high).all()
    assert (ranks.high <= len(values)).all()
    assert (np.diff(ranks.rank[order]) >= 0).all()
    assert ranks.rank[order[0]] == 1


def test_equal_entries_are_seldom_said_to_differ():
    rng = np.random.default_rng(7)
    n_draws, n_false = 400, 0
    for _ in range(n_draws):
        hard = rng.random(300) < 0.5  # some pictures are hard for all, as they are in life
        values = rng.random((12, 300)) < np.where(hard, 0.5, 0.1)
        n_false += (rank(values.astype(np.float32)).rank > 1).any()

    # All 12 err on 0.3 of the pictures, so that every difference is a false one.
    assert 0 < n_false / n_draws < 0.05


def test_much_better_entries_are_said_to_be():
    rng = np.random.default_rng(7)
    values = rng.random((6, 1000)) < np.repeat([0.1, 0.2, 0.4], 2)[:, None]

    assert rank(values.astype(np.float32)).rank.tolist() == [1, 1, 3, 3, 5, 5]


def test_the_bootstrap_is_near_the_normals_interval():
    low, high = bootstrap_means(np.array([entry(200, 1000), entry(500, 1000)]), seed=1)

    # 0.2 +- 1.96 * sqrt(0.16 / 1000) and 0.5 +- 1.96 * sqrt(0.25 / 1000)
    np.testing.assert_allclose(low, [0.1752, 0.469], atol=0.004)
    np.testing.assert_allclose(high, [0.2248, 0.531], atol=0.004)


def test_differences_on_the_same_pictures_have_the_paired_interval():
    behind = entry(30, 1000) - entry(10, 1000)  # wrong on 20 pictures more, and never on others

    (low,), (high,) = bootstrap_means(behind[None], seed=1, span=(-1.0, 1.0))

    # 0.02 +- 1.96 * sqrt(0.02 * 0.98 / 1000); apart, of 0.03 and 0.01, they would reach from 0.0077 to 0.0323.
    np.testing.assert_allclose([low, high], [0.0113, 0.0287], atol=0.002)


def test_the_bootstrap_does_not_tell_which_pictures_are_wrong():
    values = np.random.default_rng(1).random((3, 50)).astype(np.float32)
    order = np.random.default_rng(2).permutation(50)

    np.testing.assert_array_equal(bootstrap_means(values, 1), bootstrap_means(values[:, order], 1))


def test_rows_of_equal_values_leave_room_for_others_unseen():
    low, high = bootstrap_means(np.array([entry(0), entry(40)]), seed=1)

    assert (low[0], high[0]) == interval_of_equals(0.0, 40, 0.95, (0.0, 1.0))
    assert (low[1], high[1]) == interval_of_equals(1.0, 40, 0.95, (0.0, 1.0))


def test_the_bootstrap_of_nobody_is_empty_and_without_pictures_refused():
    low, high = bootstrap_means(np.zeros((0, 5), dtype=np.float32), seed=1)
    assert low.shape == high.shape == (0,)

    with pytest.raises(ValueError, match="Expected at least one picture; found none"):
        bootstrap_means(np.zeros((5, 0), dtype=np.float32), seed=1)
