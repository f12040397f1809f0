import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.agreement import alpha, beta_intervals, coincidences, weighted_alpha

# Krippendorff (2011), section C: four observers, twelve units, some not observed (0).
OBSERVED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
)


def rows_of(observed):
    """Return item, label and count of a table of observers x units in which 0 is missing."""
    pairs = [(unit, label) for unit, column in enumerate(observed.T) for label in column if label]
    found, count = np.unique(np.array(pairs, dtype=np.int64).reshape(-1, 2), axis=0, return_counts=True)
    return found[:, 0], found[:, 1], count


def test_alpha_of_the_published_example():
    assert alpha(*rows_of(OBSERVED)) == pytest.approx(0.743, abs=0.0005)


def test_coincidences_of_the_published_example():
    item, label, count = rows_of(OBSERVED)

    met = coincidences(item, label - 1, count, n_labels=5)

    third = 1 / 3
    expected = [
        [7, 4 * third, third, third, 0],
        [4 * third, 10, 4 * third, third, 0],
        [third, 4 * third, 8, third, 0],
        [third, third, third, 4, 0],
        [0, 0, 0, 0, 3],
    ]
    np.testing.assert_allclose(met, expected)
    assert met.sum() == pytest.approx(40)  # the unit with one observation is left out


def test_alpha_of_two_observers_by_hand():
    # Krippendorff (2011), section A: ten units, two observers, binary; alpha is 0.095.
    observed = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]) + 1

    assert alpha(*rows_of(observed)) == pytest.approx(0.095, abs=0.0005)


def test_votes_that_all_agree_have_alpha_1():
    assert alpha(np.array([0, 1]), np.array([0, 1]), np.array([3, 2])) == 1


@pytest.mark.parametrize(
    "rows",
    [([], [], []), ([0, 1], [0, 1], [1, 1]), ([0, 1], [7, 7], [2, 5])],
    ids=["no vote", "no pair", "one label"],
)
def test_alpha_is_not_defined_without_anything_to_compare(rows):
    assert alpha(*(np.array(column, dtype=np.int64) for column in rows)) is None


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="expected one length; found 1, 2 and 1"):
        alpha(np.array([0]), np.array([0, 1]), np.array([1]))


def test_a_row_without_a_vote_is_refused():
    with pytest.raises(ValueError, match="expected 1 or more votes"):
        alpha(np.array([0]), np.array([0]), np.array([0]))


TABLES = st.integers(2, 5).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=1, max_size=6)
)


@given(TABLES)
def test_alpha_is_what_the_coincidences_say(table):
    item, label, count = rows_of(np.array(table))
    met = coincidences(item, label, count, n_labels=4)
    n, of_label = met.sum(), met.sum(axis=1)
    chance = n**2 - (of_label**2).sum()

    found = alpha(item, label, count)

    if chance < 1e-6:
        assert found is None
    else:
        assert found == pytest.approx(1 - (n - 1) * (n - np.trace(met)) / chance)


@given(TABLES, st.randoms())
def test_the_order_of_rows_does_not_matter(table, random):
    columns = rows_of(np.array(table))
    order = list(range(len(columns[0])))
    random.shuffle(order)

    shuffled = alpha(*(column[order] for column in columns))

    assert shuffled == (None if alpha(*columns) is None else pytest.approx(alpha(*columns)))


def test_ten_thousand_items_are_quick_and_near_chance_when_votes_are_dice():
    rng = np.random.default_rng(0)

    assert abs(alpha(*rows_of(rng.integers(1, 11, (3, 10_000))))) < 0.02


def test_intervals_of_a_beta_distribution():
    intervals = beta_intervals(np.array([1.0, 2.0, 1.0]), np.array([1.0, 1.0, 2.0]))

    # Of Beta(1, 1) the share below x is x itself; of Beta(2, 1) it is x squared, and Beta(1, 2) is its mirror image.
    expected = [[0.025, 0.975], [0.025**0.5, 0.975**0.5], [1 - 0.975**0.5, 1 - 0.025**0.5]]
    np.testing.assert_allclose(intervals, expected, atol=1e-3)


def test_more_votes_make_an_interval_narrower():
    few, many = beta_intervals(np.array([9.0, 9000.0]), np.array([1.0, 1000.0]))

    assert few[0] < many[0] < 0.9 < many[1] < few[1]


def test_nobody_has_no_interval():
    assert beta_intervals(np.array([]), np.array([])).shape == (0, 2)


def test_counts_that_are_no_counts_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        beta_intervals(np.array([0.0]), np.array([1.0]))


# --- Where some labels differ more than others ------------------------------------------------------------

HUSKY, MALAMUTE, TRUCK = range(3)
# Half as far between two dogs as between a dog and a truck.
APART = np.array([[0.0, 0.5, 1.0], [0.5, 0.0, 1.0], [1.0, 1.0, 0.0]])


def columns(*rows):
    return np.array(rows, dtype=np.int64).T


def test_votes_for_kin_weigh_less_against_alpha():
    # One picture is said to be either dog, the other twice a truck. Observed: husky meets malamute and the other way
    # round, 2 * 0.25. Of all pairs: 2 * (1*1*0.25 + 1*2*1 + 1*2*1) = 8.5. So 1 - 3 * 0.5 / 8.5.
    rows = columns((0, HUSKY, 1), (0, MALAMUTE, 1), (1, TRUCK, 2))

    assert weighted_alpha(*rows, APART) == pytest.approx(1 - 3 * 0.5 / 8.5)
    assert alpha(*rows) == pytest.approx(1 - 3 * 2 / 10)


def test_alpha_with_a_distance_of_the_published_example():
    # Krippendorff (2011), section D: interval and ratio data over the same table.
    rows = rows_of(OBSERVED)

    assert weighted_alpha(*rows, lambda c, k: np.abs(c - k)) == pytest.approx(0.849, abs=0.0005)
    assert weighted_alpha(*rows, lambda c, k: np.abs(c - k) / (c + k)) == pytest.approx(0.797, abs=0.0005)


@given(TABLES)
def test_with_all_labels_equally_apart_it_is_alpha(table):
    rows = rows_of(np.array(table))

    found = weighted_alpha(*rows, 1.0 - np.eye(4))

    assert found == (None if alpha(*rows) is None else pytest.approx(alpha(*rows)))
    assert weighted_alpha(*rows, lambda one, other: 7.0 * (one != other)) == (
        None if found is None else pytest.approx(found)
    )


@given(TABLES, st.randoms())
def test_the_order_of_rows_does_not_matter_to_a_weighted_alpha(table, random):
    rows = rows_of(np.array(table))
    apart = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    order = list(range(len(rows[0])))
    random.shuffle(order)

    shuffled = weighted_alpha(*(column[order] for column in rows), apart)

    found = weighted_alpha(*rows, apart)
    assert shuffled == (None if found is None else pytest.approx(found))


@given(TABLES)
def test_a_weighted_alpha_is_what_the_coincidences_say(table):
    item, label, count = rows_of(np.array(table))
    apart = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    met = coincidences(item, label, count, n_labels=4)
    n, of_label = met.sum(), met.sum(axis=1)
    chance = (np.outer(of_label, of_label) * apart**2).sum()

    found = weighted_alpha(item, label, count, apart)

    if chance < 1e-6:
        assert found is None
    else:
        assert found == pytest.approx(1 - (n - 1) * (met * apart**2).sum() / chance)


@pytest.mark.parametrize(
    "rows",
    [[], [(0, 0, 1), (1, 1, 1)], [(0, 2, 2), (1, 2, 5)]],
    ids=["no vote", "no pair", "one label"],
)
def test_a_weighted_alpha_is_not_defined_without_anything_to_compare(rows):
    assert weighted_alpha(*np.array(rows, dtype=np.int64).reshape(-1, 3).T, APART) is None


@pytest.mark.parametrize(
    ("apart", "complaint"),
    [
        (-APART, "expected 0 or more; found -1.0"),
        (APART * np.nan, "expected 0 or more; found nan"),
        (APART + 1, "expected 0 of a label from itself; found 1.0 of label 0"),
    ],
)
def test_what_is_no_distance_is_refused(apart, complaint):
    with pytest.raises(ValueError, match=complaint):
        weighted_alpha(*columns((0, HUSKY, 1), (0, TRUCK, 1)), apart)


def test_ten_thousand_items_with_a_thousand_labels_need_no_table_of_pairs():
    rng = np.random.default_rng(0)
    rows = rows_of(rng.integers(1, 1001, (3, 10_000)))

    tracemalloc.start()
    found = weighted_alpha(*rows, lambda one, other: np.abs(one - other).astype(np.float64))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert abs(found) < 0.03
    assert peak < 8e6  # some columns of 30,000 rows, and not 1,000 x 1,000
