import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from competition import standings
from competition.models import Contest, Membership, Metric, Phase, Rescoring, Standing, Submission, Team
from tests.competition.boards import make_board, make_entry
from tests.factories import make_run, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def phase(snapshot) -> Phase:
    return make_board(snapshot)


def address(phase, name="leaderboard", query=""):
    return reverse(f"competition:{name}", args=[phase.contest.slug]) + query


def text(client, url):
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def n_queries(client, url):
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_everybody_sees_ranks_with_their_intervals_and_grades(client, phase):
    page = text(client, address(phase))

    assert "Entries are equal until shown different" in page
    assert page.count("<b>1=</b>") == 3
    assert "1–3" in page
    assert "as good as people" not in page  # nobody has measured these


def test_every_measure_sorts(client, phase):
    assert 'href="?sort=top5_error"' in text(client, address(phase))

    page = text(client, address(phase, query="?sort=top5_error"))

    assert 'aria-sort="ascending"' in page
    assert "1=" not in page


def test_ones_own_team_is_marked(client, phase):
    user, team = make_user(), Team.objects.earliest("pk")
    client.force_login(user)
    assert "your team" not in text(client, address(phase))

    Membership.objects.create(contest=phase.contest, team=team, user=user)

    assert text(client, address(phase)).count("your team") == 1


def test_baselines_are_marked(client, phase, snapshot):
    make_entry(phase, 2, run=make_run(snapshot), method="a perceptron")
    standings.rebuild(phase.contest)

    page = text(client, address(phase))

    assert page.count('<tr class="baseline">') == 1


def test_names_are_shown_as_text(client, phase):
    Submission.objects.update(method="<script>alert(1)</script>")
    Team.objects.filter(pk=Team.objects.earliest("pk").pk).update(name="<b>bold</b>")

    page = text(client, address(phase))

    assert "<script>alert" not in page
    assert "<b>bold" not in page


def test_what_people_err_is_said_and_drawn(client, phase):
    assert 'class="people"' not in text(client, address(phase))

    Contest.objects.update(human_error=0.1)

    page = text(client, address(phase))
    assert page.count('class="people"') == 3
    assert "what people err: 10.0\u00a0%" in page
    assert "as good as people" in page


def test_a_search_that_finds_nobody_says_so(client, phase):
    assert "has “emu” in its name" in text(client, address(phase, query="?q=emu"))


def test_a_noun_with_few_pictures_says_so(client, phase, snapshot):
    assert "Too few test pictures" in text(client, address(phase, query=f"?below={snapshot.classes[0]}"))
    assert "is called “unicorn”" in text(client, address(phase, query="?below=unicorn"))


def test_an_empty_board_says_what_will_be_there(client, snapshot):
    phase = make_board(snapshot, n_entries=0)

    assert "Nobody has entered yet" in text(client, address(phase))


def test_a_contest_that_has_just_ended_says_that_it_is_being_ranked(client, snapshot):
    phase = make_board(snapshot, public_share=0.5)
    phase.closes_at = timezone.now()
    phase.save()
    assert "are being ranked" in text(client, address(phase))

    standings.rebuild_old()

    page = text(client, address(phase))
    assert "are being ranked" not in page
    assert "Private part, which decides" in page


def test_the_exact_error_is_nowhere_while_the_contest_goes_on(client, phase):
    # One of four is told as 0.2 and two as 0.4; a quarter is not a multiple of the step.
    for name in ("leaderboard", "leaderboard-json", "leaderboard-csv", "contest"):
        page = text(client, address(phase, name))
        assert "25.0" not in page
        assert "0.25" not in page


def test_the_board_of_many_asks_as_much_as_that_of_few(client, snapshot):
    client.force_login(make_user())
    phase = make_board(snapshot, n_entries=1)
    few = {query: n_queries(client, address(phase, query=query)) for query in ("", "?sort=top5_error")}

    for n_wrong in (1, 2, 3):
        make_entry(phase, n_wrong)
    standings.rebuild(phase.contest)

    assert {query: n_queries(client, address(phase, query=query)) for query in few} == few


def test_what_moved_when_entries_were_scored_anew_is_said(client, phase, snapshot):
    first, second, _third = Standing.objects.order_by("place")
    assert "Scored anew" not in text(client, address(phase))

    Rescoring.objects.create(
        contest=phase.contest,
        truth=snapshot,
        scorer_version=1,
        status="switched",
        ended_at=timezone.now(),
        reason="Labels were corrected.",
        moved=[
            {
                "submission": first.submission_id,
                "before": {"value": 0.4, "rank": 2},
                "after": {"value": 0.0, "rank": 1},
            },
            {
                "submission": second.submission_id,
                "before": {"value": 0.2, "rank": 1},
                "after": {"value": 0.2, "rank": 1},
            },
        ],
    )

    page = text(client, address(phase))
    assert "Labels were corrected." in page
    assert "1 entry moved" in page
    assert "40.0&nbsp;%" in page


def test_a_rescoring_that_runs_is_not_told(client, phase, snapshot):
    Rescoring.objects.create(contest=phase.contest, truth=snapshot, scorer_version=1, reason="Secret so far.")

    assert "Secret so far" not in text(client, address(phase))


# --- Files ---------------------------------------------------------------------------------------------------------


def rows_of(client, url):
    return list(csv.DictReader(io.StringIO(text(client, url))))


def test_the_board_is_a_table_for_programs(client, phase):
    rows = rows_of(client, address(phase, "leaderboard-csv"))

    assert [row["top1_error"] for row in rows] == ["0.0", "0.2", "0.4"]
    assert [(row["rank"], row["rank_low"], row["rank_high"]) for row in rows] == 3 * [("1", "1", "3")]


def test_the_table_has_what_was_asked_for(client, phase):
    entry = make_entry(phase, 0, method="owl vision")
    standings.rebuild(phase.contest)

    [row] = rows_of(client, address(phase, "leaderboard-csv", "?q=owl"))

    assert row["submission"] == str(entry.pk)


@pytest.mark.parametrize("first", ["=", "+", "-", "@"])
def test_no_cell_is_taken_for_a_formula(client, phase, first):
    Submission.objects.update(method=f"{first}HYPERLINK(1)")
    Team.objects.filter(pk=Team.objects.earliest("pk").pk).update(name=f"{first}1")

    row, *_others = rows_of(client, address(phase, "leaderboard-csv"))

    assert row["method"] == f"'{first}HYPERLINK(1)"
    assert row["team"] == f"'{first}1"


def test_a_cell_that_is_no_formula_stays_as_it_is(client, phase):
    Submission.objects.update(method="a = b")

    assert rows_of(client, address(phase, "leaderboard-csv"))[0]["method"] == "a = b"


def test_an_empty_board_is_an_empty_table(client, snapshot):
    phase = make_board(snapshot, n_entries=0)

    assert rows_of(client, address(phase, "leaderboard-csv")) == []


def test_the_board_is_json_for_programs(client, phase):
    told = client.get(address(phase, "leaderboard-json")).json()

    assert (told["contest"], told["part"], told["is_over"]) == (phase.contest.slug, "public", False)
    assert [each["metrics"][Metric.TOP1]["value"] for each in told["entries"]] == [0.0, 0.2, 0.4]


@pytest.mark.parametrize("name", ["leaderboard", "leaderboard-csv", "leaderboard-json"])
def test_a_contest_that_is_not_there_is_not_found(client, name):
    assert client.get(reverse(f"competition:{name}", args=["birds"])).status_code == 404
