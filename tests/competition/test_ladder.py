import numpy as np
import pytest

from competition.ladder import MARGIN, release, rounded, step

N = 100  # rounds to 0.05


def wrong(n_wrong, n=N):
    return np.repeat([1.0, 0.0], [n_wrong, n - n_wrong])


@pytest.mark.parametrize(
    ("n_images", "expected"),
    [(1, 0.5), (24, 0.1), (25, 0.1), (100, 0.05), (1000, 0.01), (10_000, 0.005), (50_000, 0.002)],
)
def test_a_step_is_at_most_the_standard_error_of_an_even_chance(n_images, expected):
    # 0.5 / sqrt(n): 0.5, 0.102, 0.1, 0.05, 0.0158, 0.005, 0.0022
    assert step(n_images) == expected


def test_a_step_grows_with_what_can_be():
    # 18 levels: 9 / sqrt(1000) = 0.285
    assert step(1000, most=18) == 0.2
    assert step(25, most=100) == 10


def test_a_step_needs_pictures_and_a_range():
    assert step(1, most=0.1) == 0.05

    with pytest.raises(ValueError, match="Expected at least one picture and a range above 0; found 0 and 1"):
        step(0)
    with pytest.raises(ValueError, match="found 1 and 0"):
        step(1, most=0)


def test_a_value_is_rounded_to_a_number_that_prints_well():
    assert [rounded(value, 1000) for value in (0.2949, 0.2951, 0.3)] == [0.29, 0.3, 0.3]


def test_the_first_entry_is_told():
    assert release(None, wrong(43), None) == 0.45


def test_the_same_entry_again_is_not_told():
    assert release(0.45, wrong(43), wrong(43)) is None


def test_a_best_that_chance_may_have_made_is_not_told():
    # All differences are for it: 9 pictures are 3 standard errors of 3, and 10 of 3.16 are more.
    assert MARGIN == 3
    assert release(0.45, wrong(34), wrong(43)) is None
    assert release(0.45, wrong(33), wrong(43)) == 0.35


def test_what_differs_both_ways_has_to_be_better_by_more():
    # 10 pictures better as before, but by 25 for it and 15 against it: 10 is below 3 * sqrt(40).
    theirs, mine = np.zeros(N), np.zeros(N)
    theirs[:25], mine[25:40] = 1, 1

    assert release(0.45, mine, theirs) is None
    assert release(0.45, wrong(0), wrong(10)) == 0.0


def test_a_best_that_looks_no_better_when_rounded_is_not_told():
    # 20 pictures, all for it, are 4.5 standard errors.
    mine, theirs = wrong(2040, 10_000), wrong(2060, 10_000)

    assert rounded(0.204, 10_000) == rounded(0.206, 10_000) == 0.205
    assert release(0.205, mine, theirs) is None
    assert release(0.21, mine, theirs) == 0.205


def test_a_worse_entry_is_not_told():
    assert release(0.45, wrong(80), wrong(43)) is None


def test_levels_of_the_taxonomy_are_told_in_steps_of_their_own():
    mine, theirs = np.full(N, 2.0), np.full(N, 5.0)

    # 9 / sqrt(100) = 0.9
    assert release(None, theirs, None, most=18) == 5.0
    assert release(5.0, mine, theirs, most=18) == 2.0


def test_a_best_needs_the_values_that_it_is_of():
    with pytest.raises(ValueError, match="Expected the best entry's values on 100 pictures; found none"):
        release(0.45, wrong(10), None)
    with pytest.raises(ValueError, match="found 99"):
        release(0.45, wrong(10), wrong(43, n=99))
    with pytest.raises(ValueError, match="Expected at least one picture"):
        release(None, wrong(0, n=0), None)
