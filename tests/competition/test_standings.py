from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from competition import standings
from competition.models import Contest, Metric, Part, Phase, Score, Standing, Submission
from competition.telling import told_interval
from competition.truth import SCORER_VERSION, truth_of
from labeling.splits import TEST, TRAIN, VAL
from tests.competition.boards import make_entry, ranked
from tests.factories import make_phase, make_run, make_snapshot, make_user

pytestmark = pytest.mark.django_db
MOSTLY_TEST = (TRAIN, VAL, *(TEST,) * 14)


@pytest.fixture
def wide(db):
    """A snapshot with 28 test pictures."""
    return make_snapshot(n_questions=32, splits=MOSTLY_TEST)


@pytest.fixture
def phase(wide) -> Phase:
    return make_phase(wide)


def end(phase, **fields):
    phase.closes_at = timezone.now() - timedelta(hours=1)
    phase.save()
    return Contest.objects.get(pk=phase.contest_id)


def row_of(entry, part=Part.PUBLIC) -> Standing:
    return Standing.objects.get(submission=entry, part=part)


def test_entries_that_these_pictures_tell_apart_have_ranks_of_their_own(phase):
    worse, better = make_entry(phase, 20), make_entry(phase, 0)

    # Twenty against none is told apart: p = 2 / 2 ** 20.
    assert ranked(phase.contest) == [(1, better.pk), (2, worse.pk)]
    assert (row_of(worse).rank_low, row_of(worse).rank_high) == (2, 2)


def test_entries_that_they_do_not_tell_apart_share_a_rank_and_stand_by_what_is_told(phase):
    worse, better = make_entry(phase, 3), make_entry(phase, 0)

    assert ranked(phase.contest) == [(1, better.pk), (1, worse.pk)]
    assert (row_of(worse).rank_low, row_of(worse).rank_high) == (1, 2)


def test_a_team_stands_there_with_the_best_that_it_was_told_of(phase):
    first = make_entry(phase, 20)
    told = make_entry(phase, 10, team=first.team)
    make_entry(phase, 9, team=first.team, is_told=False)

    assert ranked(phase.contest) == [(1, told.pk)]


def test_every_baseline_is_ranked_by_what_is_told_of_it(phase, wide):
    perceptron, mlp = (
        make_entry(phase, n_wrong, run=make_run(wide, network=network))
        for n_wrong, network in ((20, "perceptron"), (1, "mlp"))
    )

    assert ranked(phase.contest) == [(1, mlp.pk), (2, perceptron.pk)]
    # 1 of 28 is 0.0357, and the step of 28 pictures 0.05.
    assert row_of(mlp).metrics[Metric.TOP1]["value"] == 0.05


def test_what_stands_there_while_the_contest_goes_on_follows_from_what_was_told(phase):
    entry = make_entry(phase, 5)

    ranked(phase.contest)

    exact = Score.objects.get(submission=entry, metric=Metric.TOP1)
    said = row_of(entry).metrics[Metric.TOP1]
    assert said["value"] == exact.told != exact.value
    assert (said["low"], said["high"]) == told_interval(exact.told, 28)


def test_a_metric_that_was_not_told_is_not_on_the_board(phase):
    entry = make_entry(phase, 5)
    entry.scores.filter(metric=Metric.TOP5).update(told=None)

    ranked(phase.contest)

    assert list(row_of(entry).metrics) == [Metric.TOP1]


def test_exact_values_are_told_once_the_contest_is_over(phase):
    entry = make_entry(phase, 5)

    ranked(end(phase))

    assert row_of(entry).metrics[Metric.TOP1] == {"value": 5 / 28, "low": 5 / 56, "high": 10 / 28}


def test_where_a_calibration_error_was_told_it_has_no_interval(phase):
    entry = make_entry(phase, 5)
    known = Score.objects.filter(submission=entry, metric=Metric.TOP1).values(
        "part", "n_images", "truth_digest", "taxonomy_version", "scorer_version"
    )[0]
    Score.objects.create(
        submission=entry, metric=Metric.CALIBRATION, value=0.123, low=0.1, high=0.2, told=0.1, **known
    )

    ranked(phase.contest)

    assert row_of(entry).metrics[Metric.CALIBRATION] == {"value": 0.1, "low": None, "high": None}


def test_an_entry_without_kept_answers_stands_there_without_a_rank(phase):
    old, new = make_entry(phase, 1), make_entry(phase, 2)
    Submission.objects.filter(pk=old.pk).update(answers="")

    assert ranked(phase.contest) == [(1, new.pk), (None, old.pk)]


@pytest.mark.parametrize("status", ["queued", "running", "failed", "cancelled"])
def test_only_scored_entries_stand_there(phase, status):
    entry = make_entry(phase, 1)
    assert ranked(phase.contest) == [(1, entry.pk)]

    Submission.objects.update(status=status, error="why")

    assert ranked(phase.contest) == []


def test_scores_by_other_labels_do_not_count(phase):
    make_entry(phase, 1).scores.update(truth_digest="old")
    now = make_entry(phase, 2)

    assert ranked(phase.contest) == [(1, now.pk)]


def test_a_newer_scorer_does_not_count_before_the_contest_shows_it(phase):
    entry = make_entry(phase, 5)
    Contest.objects.update(scorer_version=SCORER_VERSION)
    for score in list(entry.scores.all()):
        score.pk, score.scorer_version, score.told = None, SCORER_VERSION + 1, 0.0
        score.save()
    ranked(Contest.objects.get())
    assert row_of(entry).metrics[Metric.TOP1]["value"] == 0.2

    Contest.objects.update(scorer_version=SCORER_VERSION + 1)

    ranked(Contest.objects.get())
    assert row_of(entry).metrics[Metric.TOP1]["value"] == 0.0


def test_entries_of_another_phase_do_not_stand_on_the_board(phase, wide):
    entry = make_entry(phase, 1)
    later = Phase.objects.create(
        contest=phase.contest, name="Final", opens_at=timezone.now() - timedelta(hours=1), public_share=1
    )
    assert ranked(phase.contest) == []

    in_time = make_entry(later, 2)

    assert ranked(phase.contest) == [(1, in_time.pk)]
    assert entry.phase == phase


def test_a_contest_without_a_phase_has_an_empty_board(wide):
    contest = Contest.objects.create(slug="next", name="Next", year=2027, snapshot=wide)

    assert ranked(contest) == []


# --- The private part ---------------------------------------------------------------------------------------------


@pytest.fixture
def halves(wide) -> Phase:
    return make_phase(wide, public_share=0.5)


def places_of(phase, part, n):
    """Return the places of `n` test pictures of a part."""
    return np.flatnonzero(truth_of(phase.contest).counts(phase, part)).tolist()[:n]


def test_the_private_part_is_told_nobody_while_the_contest_goes_on(halves):
    make_entry(halves, 1)

    assert ranked(halves.contest, Part.PRIVATE) == []
    assert standings.board(halves.contest).get().part == Part.PUBLIC


def test_the_private_part_ranks_once_the_contest_is_over(halves):
    lucky = make_entry(halves, places_of(halves, Part.PRIVATE, 9))
    other = make_entry(halves, places_of(halves, Part.PUBLIC, 9))
    assert [pk for _rank, pk in ranked(halves.contest)] == [lucky.pk, other.pk]

    contest = end(halves)

    assert [pk for _rank, pk in ranked(contest)] == [other.pk, lucky.pk]
    assert [pk for _rank, pk in ranked(contest, Part.PUBLIC)] == [lucky.pk, other.pk]


def test_of_the_entries_that_a_team_chose_the_best_counts(halves):
    poor = make_entry(halves, 20, is_chosen=True)
    good = make_entry(halves, 10, team=poor.team, is_chosen=True)
    make_entry(halves, 0, team=poor.team)

    assert [pk for _rank, pk in ranked(end(halves))] == [good.pk]


def test_a_team_that_chose_none_has_as_many_of_its_best_told_ones(halves):
    Phase.objects.update(n_chosen=1)
    private = places_of(halves, Part.PRIVATE, 5)
    best = make_entry(halves, private)  # told to be without an error
    make_entry(halves, places_of(halves, Part.PUBLIC, 9), team=best.team)

    assert [pk for _rank, pk in ranked(end(Phase.objects.get()))] == [best.pk]


def test_late_entries_stand_below_without_a_rank_one_a_team(halves):
    in_time = make_entry(halves, 20)
    late = make_entry(halves, 0, is_late=True)
    make_entry(halves, 1, team=late.team, is_late=True)

    assert ranked(end(halves)) == [(1, in_time.pk), (None, late.pk)]


def test_a_contest_that_has_ended_is_ranked_by_the_sweep(halves):
    make_entry(halves, 1)
    ranked(halves.contest)
    Contest.objects.update(ranked_at=timezone.now() - timedelta(hours=2))
    end(halves)
    exact = Score.objects.get(metric=Metric.TOP1, part=Part.PRIVATE).value
    Standing.objects.all().delete()

    assert standings.rebuild_old() == 1

    assert Standing.objects.get(part=Part.PRIVATE).metrics[Metric.TOP1]["value"] == exact
    assert standings.rebuild_old() == 0


def test_an_open_contest_is_not_ranked_by_the_sweep(halves):
    make_entry(halves, 1)
    ranked(halves.contest)

    assert standings.rebuild_old() == 0


def test_a_contest_that_was_changed_in_the_administration_is_ranked_anew(client, halves):
    make_entry(halves, 1)
    Contest.objects.update(scorer_version=SCORER_VERSION)
    ranked(halves.contest)
    client.force_login(make_user(is_staff=True, is_superuser=True))
    address = reverse("admin:competition_contest_change", args=[halves.contest_id])
    changed = {
        "name": "Nest",
        "year": 2026,
        "ranked_by": "top1_error",
        "most_members": 5,
        "human_error": 0.05,
    }

    response = client.post(address, {**changed, "phases-TOTAL_FORMS": 0, "phases-INITIAL_FORMS": 0})

    assert response.status_code == 302
    assert standings.rebuild_old() == 1


# --- Making them ---------------------------------------------------------------------------------------------------


def test_ranking_twice_leaves_the_same_rows(phase):
    for n_wrong in (0, 1, 20):
        make_entry(phase, n_wrong)

    assert ranked(phase.contest) == ranked(phase.contest)
    assert Standing.objects.count() == 3


def test_what_is_scored_while_a_worker_ranks_is_on_the_board_too(phase, monkeypatch):
    first, late = make_entry(phase, 1), []
    places = standings.places

    def slow(*args):
        if not late:
            late.append(make_entry(phase, 2))
        return places(*args)

    monkeypatch.setattr("competition.standings.places", slow)

    assert [pk for _rank, pk in ranked(phase.contest)] == [first.pk, late[0].pk]


def test_a_board_is_one_query_for_any_number_of_entries(phase):
    for n_wrong in (0, 1, 20):
        make_entry(phase, n_wrong)
    ranked(phase.contest)
    board = standings.board(phase.contest)

    with CaptureQueriesContext(connection) as queries:
        assert [each.submission.team.name for each in board]

    assert len(queries) == 1


def test_the_leader_of_each_contest_is_found_in_as_many_queries_for_many_as_for_one(phase, wide):
    entry = make_entry(phase, 1)
    ranked(phase.contest)
    with CaptureQueriesContext(connection) as for_one:
        assert standings.leaders(Contest.objects.all())[phase.contest_id].submission == entry

    other = make_phase(wide)
    make_entry(other, 1)
    ranked(other.contest)

    with CaptureQueriesContext(connection) as for_two:
        assert len(standings.leaders(Contest.objects.all())) == 2
    assert len(for_two) == len(for_one)


def test_an_entry_has_the_grade_of_its_told_error(phase):
    good, poor = make_entry(phase, 0), make_entry(phase, 14)

    ranked(phase.contest)

    assert (row_of(good).grade, row_of(poor).grade) == ("A", "F")
