import numpy as np
import pytest

from training.faithfulness import N_ORDERS, N_STEPS, Deletion, area, delete, random_orders

GRAY = 0.5
ROW = np.arange(8)[:, None] * np.ones((1, 8))


def make_picture(size_px=8):
    """White, so that every pixel can be told from gray."""
    return np.ones((3, size_px, size_px), np.float32)


def by_upper_half(pictures):
    """Say the share of the upper half that is not gray: only pixels there matter."""
    half = pictures.shape[-1] // 2
    return (pictures[:, 0, :half] != GRAY).mean(axis=(1, 2))


def tried(map_, answer=by_upper_half, size_px=8):
    picture = make_picture(size_px)
    return delete(
        answer, picture, GRAY, map_.astype(np.float32), random_orders(answer, picture, GRAY, seed=0)
    )


def test_a_map_that_marks_what_matters_falls_first():
    found = tried(-ROW)

    # 64 squares in 20 steps: half of them are gone after step 10, and they are all that matters.
    np.testing.assert_allclose(found.marked[:3], [1, 1 - 3 / 32, 1 - 6 / 32])
    assert found.marked[10:].max() == 0
    assert found.weakest[:11].min() == 1
    assert found.area == pytest.approx(0.25, abs=0.01)
    assert found.area_weakest == pytest.approx(0.75, abs=0.01)
    assert found.verdict == "holds"


def test_random_squares_fall_evenly():
    found = tried(-ROW)

    assert found.at_random.shape == (N_ORDERS, N_STEPS + 1)
    assert found.area_at_random == pytest.approx(0.5, abs=0.03)
    # What is lost: 0.75 on the mean over all steps against 0.5.
    assert found.times == pytest.approx(1.5, abs=0.1)


def test_a_map_that_marks_what_does_not_matter_fails():
    found = tried(ROW)

    assert found.verdict == "fails"
    assert found.times < 1


def test_a_map_that_says_nothing_of_an_even_answer_does_not_hold():
    def everywhere(pictures):
        return (pictures[:, 0] != GRAY).mean(axis=(1, 2))

    assert tried(np.zeros((8, 8)), everywhere).verdict in ("weak", "fails")


def test_where_nothing_falls_nothing_is_known():
    found = tried(-ROW, lambda pictures: np.full(len(pictures), 0.3))

    assert (found.verdict, found.times) == ("untested", None)


def test_better_than_the_mean_and_worse_than_some_is_weak():
    lots = np.stack([np.linspace(1, 0, 21), np.linspace(1, 0.4, 21)]).astype(np.float32)

    found = Deletion(np.linspace(1, 0.1, 21, dtype=np.float32), lots[1], lots)

    assert found.verdict == "weak"


def test_pixels_go_in_squares_that_cover_the_picture():
    seen = []

    def answer(pictures):
        seen.append(pictures)
        return np.zeros(len(pictures))

    tried(np.zeros((28, 28)), answer, size_px=28)

    n_gray = (seen[-1][:, 0] == GRAY).sum(axis=(1, 2))
    assert (n_gray[0], n_gray[-1]) == (0, 28 * 28)
    assert (np.diff(n_gray) > 0).all()
    # 3 of 64 squares of 3 or 4 pixels a side.
    assert 3 * 9 <= n_gray[1] <= 3 * 16


def test_the_same_seed_gives_the_same_orders():
    one, again, other = (random_orders(by_upper_half, make_picture(), GRAY, seed) for seed in (1, 1, 2))

    assert (one == again).all()
    assert (one != other).any()


def test_the_picture_is_not_changed():
    picture = make_picture()

    delete(by_upper_half, picture, GRAY, ROW.astype(np.float32), np.zeros((1, 21), np.float32))

    assert (picture == 1).all()


def test_area_is_that_below_straight_lines():
    assert area(np.array([1, 0.5, 0], np.float32)) == pytest.approx(0.5)
    assert area(np.array([1, 0, 0], np.float32)) == pytest.approx(0.25)
