import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.calibration import EDGES, bins, expected_error, wilson


def found_of(*pairs, fewest=1):
    """Return the bins of pairs of a confidence and whether it was right."""
    confidence, is_right = zip(*pairs, strict=True) if pairs else ((), ())
    return bins(np.array(confidence, dtype=np.float64), np.array(is_right, dtype=np.bool_), fewest)


def test_confidences_are_put_into_bins_with_the_share_that_is_right():
    low, high = found_of((0.82, True), (0.86, False), (0.9, True), (0.94, True))

    assert (low.low, low.high, low.n, low.n_right, low.share) == (0.8, 0.9, 2, 1, 0.5)
    assert low.mean == pytest.approx(0.84)
    assert (high.low, high.high, high.n, high.share) == (0.9, 0.95, 2, 1.0)


def test_the_ends_of_the_range_are_in_a_bin():
    low, high = found_of((0.0, False), (1.0, True))

    assert (low.low, low.high, high.low, high.high) == (0.0, EDGES[0], EDGES[-1], 1.0)


def test_bins_that_hold_too_few_are_put_together():
    pairs = [
        (0.3, True),
        (0.55, False),
        (0.65, True),
        (0.75, True),
        (0.92, True),
        (0.93, True),
        (0.9999, False),
    ]

    first, second = found_of(*pairs, fewest=3)
    [only] = found_of(*pairs, fewest=8)

    assert (first.low, first.high, first.n, first.n_right, first.mean) == (0.0, 0.7, 3, 2, pytest.approx(0.5))
    assert (second.low, second.high, second.n, second.n_right) == (0.7, 1.0, 4, 3)
    assert (only.low, only.high, only.n, only.n_right) == (0.0, 1.0, 7, 5)


def test_the_expected_error_by_hand():
    # 3 at 0.85 with one right: |1/3 - 0.85|. One at 0.96 that is right: 0.04.
    found = found_of((0.85, True), (0.85, False), (0.85, False), (0.96, True))

    assert expected_error(found) == pytest.approx((3 * (0.85 - 1 / 3) + 0.04) / 4)


def test_nothing_is_measured_by_nothing():
    assert found_of() == []
    assert expected_error([]) is None


def test_confidences_that_hold_have_a_small_error():
    rng = np.random.default_rng(0)
    confidence = rng.random(100_000)

    found = bins(confidence, rng.random(100_000) < confidence)

    assert expected_error(found) < 0.01
    assert sum(each.interval[0] <= each.mean <= each.interval[1] for each in found) >= len(found) - 2


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.randoms())
def test_every_confidence_is_counted_once_in_any_order(pairs, random):
    shuffled = random.sample(pairs, len(pairs))

    found, other = found_of(*pairs), found_of(*shuffled)

    assert sum(each.n for each in found) == len(pairs)
    assert [(each.n, each.n_right) for each in found] == [(each.n, each.n_right) for each in other]
    assert 0 <= expected_error(found) <= 1


def test_an_interval_of_a_share():
    # Wilson (1927) for 8 of 10 and 0 of 10: 0.490 to 0.943, and up to z^2 / (n + z^2) = 0.278.
    assert wilson(8, 10) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(10, 10) == (pytest.approx(0.7225, abs=1e-4), 1.0)


@pytest.mark.parametrize(("n_right", "n"), [(1, 0), (0, 0), (3, 2), (-1, 2)])
def test_a_share_of_nothing_is_refused(n_right, n):
    with pytest.raises(ValueError, match=f"found {n_right} and {n}"):
        wilson(n_right, n)


def test_confidences_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"expected 0 to 1; found 0.5 to 1.5"):
        found_of((0.5, True), (1.5, True))
    with pytest.raises(ValueError, match="expected one length; found 1 and 2"):
        bins(np.array([0.5]), np.array([True, False]))
