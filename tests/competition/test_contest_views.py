from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from competition import standings
from competition.models import Contest, Membership, Phase, Submission, Team
from tests.competition.boards import make_board, make_entry
from tests.factories import make_phase, make_user

pytestmark = pytest.mark.django_db

CONTESTS = reverse("competition:contests")


@pytest.fixture
def author(client):
    author = make_user()
    client.force_login(author)
    return author


def text(client, url):
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def page_of(client, phase, query=""):
    return text(client, phase.contest.get_absolute_url() + query)


def n_queries(client, url):
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


# --- All contests --------------------------------------------------------------------------------------------------


def test_everybody_sees_every_contest(client, phase, snapshot):
    contests = [phase.contest, make_phase(snapshot).contest]

    page = text(client, CONTESTS)

    assert all(contest.get_absolute_url() in page for contest in contests)


def test_a_site_without_contests_says_so(client):
    assert "No contest has been called yet" in text(client, CONTESTS)


def test_contests_are_listed_by_whether_one_can_enter_them(client, snapshot):
    now = timezone.now()
    contests = [
        make_phase(snapshot, closes_at=now + timedelta(days=3, minutes=1)).contest,
        make_phase(snapshot, opens_at=now + timedelta(days=5, minutes=1)).contest,
        make_phase(snapshot, closes_at=now - timedelta(hours=1)).contest,
    ]

    response = client.get(CONTESTS)

    listed = [[each["contest"] for each in found] for _words, found in response.context["listed"]]
    assert listed == [[contest] for contest in contests]
    assert "Closes in 3\u00a0days" in response.content.decode()
    assert "Opens in 5\u00a0days" in response.content.decode()


def test_a_contest_is_listed_with_its_least_told_error_and_its_teams(client, snapshot):
    make_board(snapshot, n_entries=0)
    assert "Least" not in text(client, CONTESTS)

    phase = make_phase(snapshot)
    Team.objects.enter(phase.contest, make_user())  # has handed in nothing
    for n_wrong in (2, 1):
        make_entry(phase, n_wrong)
    standings.rebuild(phase.contest)

    page = text(client, CONTESTS)
    assert "Least top-1 error so far: <b>20.0\u00a0%</b>" in page
    assert "2 teams" in page


def test_the_list_asks_as_much_for_many_contests_as_for_one(client, snapshot):
    make_board(snapshot)
    few = n_queries(client, CONTESTS)

    for _ in range(3):
        make_board(snapshot)

    assert n_queries(client, CONTESTS) == few


# --- One contest ---------------------------------------------------------------------------------------------------


def test_everybody_sees_who_leads(client, snapshot):
    page = page_of(client, make_board(snapshot))

    assert "20.0\u00a0%" in page
    assert "The whole leaderboard: 3 entries" in page


def test_a_contest_that_nobody_has_entered_says_so(client, phase):
    assert "Nobody has entered yet" in page_of(client, phase)


def test_a_contest_without_a_phase_has_a_page(client, snapshot):
    contest = Contest.objects.create(slug="next", name="Next", year=2027, snapshot=snapshot)

    assert "Its dates will stand here" in text(client, contest.get_absolute_url())


def test_a_contest_that_is_not_there_is_not_found(client):
    assert client.get(reverse("competition:contest", args=["birds"])).status_code == 404


def test_a_contest_says_its_rules_and_prizes_as_text(client, phase):
    Contest.objects.update(rules="No <b>peeking</b>.", prizes="A cake.")

    page = page_of(client, phase)

    assert "No &lt;b&gt;peeking&lt;/b&gt;." in page
    assert "A cake." in page


def test_limits_are_said_in_words(client, snapshot):
    phase = make_phase(snapshot, limit=1, window_hours=168, failure_limit=7, public_share=0.5, n_chosen=2)

    page = page_of(client, phase)

    assert "A team may hand in 1 entry in 168 hours." in page
    assert "Those that fail or are cancelled do not count, up to 7." in page
    assert "For the private part a team chooses 2 entries." in page


def test_a_phase_says_how_long_it_is_open(client, snapshot):
    phase = make_phase(snapshot, closes_at=timezone.now() + timedelta(days=2, minutes=1))
    assert "It closes in 2\u00a0days." in page_of(client, phase)

    Phase.objects.update(closes_at=timezone.now() - timedelta(hours=1))

    assert "It closes in" not in page_of(client, phase)


def test_a_contest_is_entered_by_a_button_where_that_may_be(client, snapshot):
    phase = make_phase(snapshot)
    address = reverse("competition:submit", args=[phase.contest.slug])
    assert "Enter it</a>" in page_of(client, phase)

    Phase.objects.update(closes_at=timezone.now() - timedelta(hours=1))
    assert "Enter it, unranked" in page_of(client, phase)

    Contest.objects.update(takes_late=False)
    assert address not in page_of(client, phase)


def test_ones_team_stands_there_with_its_entries(client, author, snapshot):
    phase = make_board(snapshot)
    assert "You are in no team of this contest" in page_of(client, phase)
    theirs, other = Submission.objects.order_by("pk")[:2]

    Membership.objects.create(contest=phase.contest, team=theirs.team, user=author)

    page = page_of(client, phase)
    assert theirs.get_absolute_url() in page
    assert f'href="{other.get_absolute_url()}"' not in page


def test_visitors_have_no_team(client, snapshot):
    assert "Your team" not in page_of(client, make_board(snapshot))


def test_a_contests_page_asks_as_much_for_many_entries_as_for_one(client, author, snapshot):
    phase = make_phase(snapshot)
    team = Team.objects.enter(phase.contest, author)
    make_entry(phase, 1, team=team, n_parameters=10)
    standings.rebuild(phase.contest)
    few = n_queries(client, phase.contest.get_absolute_url())

    for n_wrong in (1, 2, 3):
        make_entry(phase, n_wrong, n_parameters=10)
        make_entry(phase, n_wrong, team=team)
    standings.rebuild(phase.contest)

    assert n_queries(client, phase.contest.get_absolute_url()) == few


# --- Charts --------------------------------------------------------------------------------------------------------


def make_year(snapshot, year, n_wrong, **fields):
    phase = make_phase(snapshot, closes_at=timezone.now() - timedelta(hours=1))
    Contest.objects.filter(pk=phase.contest_id).update(year=year, **fields)
    make_entry(phase, n_wrong)
    standings.rebuild(phase.contest)
    return phase


def test_errors_are_drawn_over_the_years(client, snapshot):
    first = make_year(snapshot, 2010, 3)
    make_year(snapshot, 2011, 1, human_error=0.1)

    drawn = client.get(first.contest.get_absolute_url()).context["over_years"]

    assert [(each.contest.year, each.error) for each in drawn.years] == [(2010, 0.75), (2011, 0.25)]
    assert drawn.has_human
    assert "People" in page_of(client, first)


def test_contests_that_rank_by_another_metric_are_no_years_of_it(client, snapshot):
    first = make_year(snapshot, 2010, 3, human_error=0.1)
    make_year(snapshot, 2011, 1, ranked_by="top5_error")

    assert len(client.get(first.contest.get_absolute_url()).context["over_years"].years) == 1


@pytest.mark.parametrize(("human_error", "is_drawn"), [(None, False), (0.1, True)])
def test_a_year_alone_is_drawn_only_beside_what_people_err(client, snapshot, human_error, is_drawn):
    first = make_year(snapshot, 2010, 3, human_error=human_error)

    assert bool(client.get(first.contest.get_absolute_url()).context["over_years"]) == is_drawn


def test_a_contest_that_goes_on_is_drawn_by_what_was_told(client, snapshot):
    phase = make_board(snapshot, n_entries=2)
    Submission.objects.order_by("pk").first().standings.all().delete()
    standings.Standing.objects.update(place=1)
    Contest.objects.update(human_error=0.1)

    [year] = client.get(phase.contest.get_absolute_url()).context["over_years"].years

    assert year.error == 0.2


def test_errors_are_drawn_against_costs_that_are_known(client, snapshot):
    phase = make_board(snapshot, n_entries=1)
    assert client.get(phase.contest.get_absolute_url()).context["against_cost"] is None
    make_entry(phase, 1, n_multiply_adds=10**9, method="large", pictures_per_second=100.0)
    make_entry(phase, 2, n_multiply_adds=10**6, method="small")
    make_entry(phase, 3, n_multiply_adds=10**8, method="beaten")
    standings.rebuild(phase.contest)

    drawn = client.get(phase.contest.get_absolute_url()).context["against_cost"]

    assert [each.standing.submission.method for each in drawn.front] == ["small", "large"]
    assert [name for name, _words in drawn.choices] == ["multiply-adds", "seconds"]


def test_another_cost_is_drawn_when_it_is_asked_for(client, snapshot):
    phase = make_phase(snapshot)
    make_entry(phase, 1, n_multiply_adds=10**9, pictures_per_second=50.0)
    standings.rebuild(phase.contest)

    [point] = client.get(f"{phase.contest.get_absolute_url()}?cost=seconds").context["against_cost"].points

    assert point.cost == 0.02
    assert "0.02" in page_of(client, phase, "?cost=seconds")


def test_a_cost_that_there_is_not_is_passed_over(client, snapshot):
    phase = make_phase(snapshot)
    make_entry(phase, 1, n_parameters=10)
    standings.rebuild(phase.contest)

    assert (
        client.get(f"{phase.contest.get_absolute_url()}?cost=beauty").context["against_cost"].cost
        == "parameters"
    )
