from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from competition import leaderboard
from competition.models import Contest, Metric, Part, Score, Submission, Team
from competition.scoring import SCORER_VERSION
from tests.factories import make_phase, make_run, make_user

pytestmark = pytest.mark.django_db


def make_entry(phase, error, *, author=None, run=None, part=Part.PUBLIC, top5=0.0, **fields):
    """Add an entry that is scored, by a new author unless told by whom."""
    author = author or (None if run else make_user())
    team = Team.objects.enter(phase.contest, author) if author else None
    submission = Submission.objects.create(
        phase=phase, author=author, team=team, run=run, method="m", status="scored"
    )
    add_scores(submission, error, part=part, top5=top5, **fields)
    return submission


def add_scores(submission, error, *, part, top5=0.0, **fields):
    snapshot = submission.phase.contest.snapshot
    for metric, value in ((Metric.TOP1, error), (Metric.TOP5, top5), (Metric.HIERARCHICAL, 1.5)):
        said = {"truth_digest": snapshot.digest, "scorer_version": SCORER_VERSION, "n_images": 4, **fields}
        said |= {"low": value / 2, "high": value * 2, "taxonomy_version": 1}
        Score.objects.create(submission=submission, metric=metric, part=part, value=value, **said)


def board(phase):
    return [(row["rank"], row["submission"]) for row in leaderboard.rows(phase.contest)]


def test_the_lowest_error_comes_first(phase):
    worse, best, middle = (make_entry(phase, error) for error in (0.5, 0.25, 0.375))

    assert board(phase) == [(1, best), (2, middle), (3, worse)]


def test_equal_errors_share_a_rank_and_the_earlier_comes_first(phase):
    first, second, third = make_entry(phase, 0.25), make_entry(phase, 0.25), make_entry(phase, 0.5)

    assert board(phase) == [(1, first), (1, second), (3, third)]


def test_an_author_is_ranked_by_their_best_entry(phase):
    author = make_user()
    make_entry(phase, 0.5, author=author)
    best = make_entry(phase, 0.25, author=author)
    other = make_entry(phase, 0.375)

    assert board(phase) == [(1, best), (2, other)]


def test_every_baseline_is_ranked(phase, snapshot):
    runs = [make_run(snapshot, network=network) for network in ("perceptron", "mlp")]
    entries = [make_entry(phase, error, run=run) for error, run in zip((0.5, 0.25), runs, strict=True)]

    assert board(phase) == [(1, entries[1]), (2, entries[0])]
    assert all(row["is_baseline"] for row in leaderboard.rows(phase.contest))


def test_a_row_tells_each_metric_with_its_interval(phase):
    entry = make_entry(phase, 0.5, top5=0.25)

    [row] = leaderboard.rows(phase.contest)

    assert row["top1_error"] == row["ranked"] == {"value": 0.5, "low": 0.25, "high": 1.0}
    assert row["top5_error"]["value"] == 0.25
    assert row["hierarchical_error"]["value"] == 1.5
    assert (row["method"], row["author"], row["n_images"]) == ("m", entry.author, 4)


def test_a_contest_may_rank_by_top_5(phase):
    Contest.objects.update(ranked_by="top5_error")
    phase.contest.refresh_from_db()
    worse, better = make_entry(phase, 0.25, top5=0.25), make_entry(phase, 0.5, top5=0.125)

    assert board(phase) == [(1, better), (2, worse)]


@pytest.mark.parametrize("status", ["queued", "running", "failed", "cancelled"])
def test_only_scored_entries_are_ranked(phase, status):
    entry = make_entry(phase, 0.5)
    assert board(phase) == [(1, entry)]

    Submission.objects.update(status=status, error="why")

    assert board(phase) == []


@pytest.mark.parametrize("change", [{"truth_digest": "old"}, {"scorer_version": SCORER_VERSION - 1}])
def test_scores_by_other_labels_or_another_scorer_are_not_ranked(phase, change):
    now = make_entry(phase, 0.5)
    make_entry(phase, 0.25, **change)

    assert board(phase) == [(1, now)]


def test_the_private_part_ranks_once_the_phase_has_closed(snapshot):
    phase = make_phase(snapshot, public_share=0.5)
    a, b = make_entry(phase, 0.25), make_entry(phase, 0.5)
    for entry, error in ((a, 0.5), (b, 0.25)):
        add_scores(entry, error, part=Part.PRIVATE)
    assert board(phase) == [(1, a), (2, b)]

    phase.closes_at = timezone.now() - timedelta(hours=1)
    phase.save()

    assert board(phase) == [(1, b), (2, a)]


def test_a_score_on_the_private_part_is_not_told_while_the_phase_is_open(snapshot):
    phase = make_phase(snapshot, public_share=0.5)
    make_entry(phase, 0.25, part=Part.PRIVATE)

    assert leaderboard.rows(phase.contest) == []


def test_entries_of_another_phase_are_not_ranked(phase, snapshot):
    make_entry(make_phase(snapshot), 0.25)

    assert board(phase) == []


def test_a_contest_without_a_phase_has_an_empty_board(snapshot):
    assert leaderboard.rows(Contest(slug="a", name="A", year=2026, snapshot=snapshot, pk=0)) == []


def test_a_board_asks_as_much_for_many_entries_as_for_one(phase):
    make_entry(phase, 0.5)
    with CaptureQueriesContext(connection) as for_one:
        board(phase)

    for _ in range(3):
        make_entry(phase, 0.5)

    with CaptureQueriesContext(connection) as for_many:
        board(phase)
    assert len(for_many) == len(for_one)


def test_the_axis_ends_at_the_widest_interval(phase):
    make_entry(phase, 0.25)
    make_entry(phase, 0.375)

    assert leaderboard.axis_max(leaderboard.rows(phase.contest)) == 0.75
    assert leaderboard.axis_max([]) == 1.0
