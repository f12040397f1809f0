import json
from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from competition import leaderboard, standings, subtree
from competition.leaderboard import Chosen
from competition.models import Contest, Metric, Part, Phase, Standing, Team
from taxonomy.models import Synset
from tests.competition.boards import make_board, make_entry
from tests.factories import make_phase, make_run, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def phase(snapshot) -> Phase:
    """Three entries, which four test pictures do not tell apart."""
    return make_board(snapshot)


@pytest.fixture
def few(monkeypatch):
    """Let nouns with a single test picture be told of."""
    monkeypatch.setattr(subtree, "LEAST_PICTURES", 1)


def asked(query="") -> Chosen:
    return Chosen.of(QueryDict(query))


def board(phase, query="", **options):
    return leaderboard.board(Contest.objects.get(pk=phase.contest_id), asked(query), **options)


def errors(found, metric=Metric.TOP1):
    return [row.said[metric]["value"] for row in found.rows]


def test_rows_stand_in_the_order_of_the_board(phase):
    assert errors(board(phase)) == [0.0, 0.2, 0.4]


def test_rows_that_share_a_rank_are_together(phase):
    [(is_shared, rows)] = board(phase).groups

    assert is_shared
    assert [row.ranks for row in rows] == ["1–3", "1–3", "1–3"]


def test_a_rank_that_is_shared_with_rows_of_another_page_is_shared(phase):
    [(is_shared, rows)] = board(phase, number=2, a_page=2).groups

    assert is_shared
    assert len(rows) == 1


def test_a_rank_of_ones_own_is_not_shared(snapshot):
    phase = make_board(snapshot, n_entries=1)

    assert [is_shared for is_shared, _rows in board(phase).groups] == [False]


def test_the_metric_that_the_contest_ranks_by_has_the_first_column(phase):
    assert [head.metric for head in board(phase).heads] == [Metric.TOP1, Metric.TOP5]

    Contest.objects.update(ranked_by=Metric.TOP5)

    assert [head.metric for head in board(phase).heads] == [Metric.TOP5, Metric.TOP1]


def test_a_board_is_sorted_by_any_metric_and_entries_without_it_come_last(phase):
    first, second, third = Standing.objects.order_by("place")
    for standing, value in ((first, 0.5), (second, 0.25)):
        standing.metrics[Metric.BRIER] = {"value": value, "low": None, "high": None}
        standing.save()

    found = board(phase, "sort=brier_score")

    assert [row.standing for row in found.rows] == [second, first, third]
    assert [head.is_sorted for head in found.heads] == [False, False, True]
    assert [is_shared for is_shared, _rows in found.groups] == [False]


def test_a_metric_that_there_is_not_is_passed_over(phase):
    assert errors(board(phase, "sort=beauty")) == [0.0, 0.2, 0.4]


def test_entries_are_found_by_team_and_by_method(phase):
    team = Team.objects.earliest("pk")
    Team.objects.filter(pk=team.pk).update(name="The Owls")
    make_entry(phase, 0, method="owl vision")
    standings.rebuild(phase.contest)

    assert len(board(phase, "q=owl").rows) == 2
    assert len(board(phase, "q=owl+vision").rows) == 1
    assert board(phase, "q=emu").rows == []


def test_pages_have_so_many_rows_and_beyond_the_last_is_the_last(phase):
    assert errors(board(phase, a_page=2)) == [0.0, 0.2]
    assert errors(board(phase, number=2, a_page=2)) == [0.4]
    assert errors(board(phase, number=9, a_page=2)) == [0.4]
    assert errors(board(phase, number="x", a_page=2)) == [0.0, 0.2]


def test_intervals_lie_on_the_axis_of_their_column(phase):
    found = board(phase)

    widest = max(row.said[Metric.TOP1]["high"] for row in found.rows)
    assert found.heads[0].end == widest
    assert [row.cells[0].high for row in found.rows][-1] == 1000


def test_people_are_on_the_axis_where_somebody_measured_them(phase):
    assert board(phase).heads[0].human is None

    Contest.objects.update(human_error=0.1)

    head, other = board(phase).heads
    assert head.human == round(1000 * 0.1 / head.end)
    assert other.human is None
    assert board(phase).human_words == "10.0\u00a0%"


def test_an_address_keeps_what_it_asks_for():
    chosen = asked("q=owl&below=dog&sort=top5_error&part=public&page=3&then=else")

    assert chosen.query() == "part=public&sort=top5_error&below=dog&q=owl"
    assert chosen.query(sort="") == "part=public&below=dog&q=owl"


def test_a_null_is_looked_for_nowhere(phase):
    assert len(board(phase, "q=%00&below=%00").rows) == 3


# --- Of some nouns alone -------------------------------------------------------------------------------------------


def noun(snapshot, place=0):
    return snapshot.classes[place]


def test_a_board_is_about_the_pictures_of_one_noun(phase, snapshot, few):
    found = board(phase, f"below={noun(snapshot)}")

    assert found.is_below
    assert [head.metric for head in found.heads] == [Metric.TOP1, Metric.TOP5, Metric.HIERARCHICAL]
    # Pictures 0 and 1 are wrong in the last entry, of two nouns that take turns: one of two of each.
    assert errors(found) == sorted(errors(found))
    assert errors(found)[0] == 0


def test_the_whole_of_the_nouns_says_what_the_board_says(phase, snapshot, few):
    root = snapshot.collection.root

    found = board(phase, f"below={root.wnid}")

    assert found.noun.n_classes == 2
    # Of four pictures no more is told than that they are more than two, and so are rounded to thirds of one.
    assert errors(found) == [0.0, 0.2, 0.4]


def test_a_noun_is_found_by_its_name(phase, snapshot, few):
    name = Synset.objects.get(wnid=noun(snapshot)).name

    assert board(phase, f"below={name.upper()}").noun.wnid == noun(snapshot)


def test_of_few_pictures_nothing_is_told_by_noun(phase, snapshot):
    found = board(phase, f"below={noun(snapshot)}")

    assert found.noun
    assert not found.is_below
    assert errors(found) == [0.0, 0.2, 0.4]


def test_a_noun_that_there_is_not_is_said_not_to_be(phase, few):
    found = board(phase, "below=unicorn")

    assert found.noun is None
    assert len(found.rows) == 3


def test_a_noun_that_has_become_sensitive_is_on_no_page(phase, snapshot, few):
    contest = phase.contest
    assert noun(snapshot) in [each.wnid for each in subtree.offered(contest)]

    Synset.objects.filter(wnid=noun(snapshot)).update(is_sensitive=True, sensitive_reason="a test")

    assert noun(snapshot) not in [each.wnid for each in subtree.offered(contest)]
    assert board(phase, f"below={noun(snapshot)}").noun is None


def test_errors_by_noun_are_exact_once_the_contest_is_over(phase, snapshot, few):
    phase.closes_at = timezone.now() - timedelta(hours=1)
    phase.save()
    standings.rebuild(Contest.objects.get())

    assert errors(board(phase, f"below={snapshot.collection.root.wnid}")) == [0.0, 0.25, 0.5]


# --- Parts ---------------------------------------------------------------------------------------------------------


def test_the_private_part_cannot_be_asked_for_while_the_contest_goes_on(snapshot):
    phase = make_board(snapshot, public_share=0.5)

    assert board(phase, "part=private").part == Part.PUBLIC


def test_both_parts_can_be_asked_for_once_the_contest_is_over(snapshot):
    phase = make_board(snapshot, public_share=0.5, closes_at=timezone.now() - timedelta(hours=1))

    assert board(phase).part == Part.PRIVATE
    assert board(phase, "part=public").part == Part.PUBLIC


# --- For programs --------------------------------------------------------------------------------------------------


def test_rows_for_programs_tell_the_same(phase, snapshot):
    make_entry(phase, 3, run=make_run(snapshot))
    standings.rebuild(phase.contest)

    rows = leaderboard.rows(phase.contest)

    assert [row["ranked"]["value"] for row in rows] == [0.0, 0.2, 0.4, 0.8]
    assert [row["is_baseline"] for row in rows] == [False, False, False, True]
    assert json.dumps([row["metrics"] for row in rows])


def test_a_contest_without_a_phase_has_an_empty_board(snapshot):
    contest = Contest.objects.create(slug="next", name="Next", year=2027, snapshot=snapshot)

    assert leaderboard.board(contest).rows == []
    assert leaderboard.rows(contest) == []


def test_the_team_of_an_entry_is_known_on_the_board(snapshot):
    phase = make_phase(snapshot)
    entry = make_entry(phase, 1, team=Team.objects.enter(phase.contest, make_user()))
    standings.rebuild(phase.contest)

    [row] = board(phase).rows

    assert (row.team, row.pk, row.method) == (entry.team, entry.pk, "guessing")
