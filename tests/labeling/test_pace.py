import pytest

from labeling.pace import HEIGHT, WIDTH, approached, bars, days_left


def test_the_highest_bar_fills_the_drawing_and_none_is_outside_it():
    drawn = bars([0, 5, 10])

    assert [bar.height for bar in drawn] == [0, HEIGHT / 2, HEIGHT]
    assert [bar.y for bar in drawn] == [HEIGHT, HEIGHT / 2, 0]
    assert drawn[-1].x + drawn[-1].width <= WIDTH


@pytest.mark.parametrize("values", [[], [0], [0, 0]])
def test_days_without_a_vote_have_flat_bars(values):
    assert [bar.height for bar in bars(values)] == [0] * len(values)


def test_the_rest_takes_as_many_votes_as_what_is_done():
    # 30 questions took 90 votes, so 100 more take 300, of which 50 are cast: 250 at 125 a day.
    assert days_left(n_left=100, n_done=30, n_votes_done=90, n_votes_left=50, votes_a_day=125) == 2


def test_every_question_that_is_left_takes_one_more_vote_at_least():
    assert days_left(n_left=100, n_done=30, n_votes_done=90, n_votes_left=900, votes_a_day=50) == 2


@pytest.mark.parametrize(("n_done", "votes_a_day"), [(19, 100), (20, 19), (0, 0)])
def test_too_little_to_go_by_is_no_forecast(n_done, votes_a_day):
    assert days_left(100, n_done, 3 * n_done, 0, votes_a_day) is None


def test_what_is_done_takes_no_day():
    assert days_left(0, 0, 0, 0, 0) == 0


def test_each_iteration_that_moves_things_a_tenth_as_much_is_a_step_as_long():
    assert [approached(moved, 0.001) for moved in (1, 0.1, 0.01, 0.001)] == pytest.approx(
        [0, 1 / 3, 2 / 3, 1]
    )


@pytest.mark.parametrize(("moved", "share"), [(None, 0), (0.0, 1), (1e-9, 1), (1.5, 0)])
def test_a_fit_is_never_before_its_beginning_nor_beyond_its_end(moved, share):
    assert approached(moved, 0.001) == share
