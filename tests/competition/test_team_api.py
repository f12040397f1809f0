import pytest
from django.test import Client

from competition.models import Contest, Invitation, MergeOffer, Submission, Team
from tests.factories import make_phase, make_user

pytestmark = pytest.mark.django_db

TEAMS, INVITATIONS, OFFERS = "/api/teams/", "/api/invitations/", "/api/merge-offers/"


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def contest(phase) -> Contest:
    return phase.contest


@pytest.fixture
def captain(contest):
    return make_user()


@pytest.fixture
def mine(contest, captain) -> Team:
    return Team.objects.enter(contest, captain)


@pytest.fixture
def theirs(contest) -> Team:
    return Team.objects.enter(contest, make_user())


def post(user, path, **said):
    return signed_in(user).post(path, said, content_type="application/json")


def page(team):
    return f"{TEAMS}{team.pk}/"


def test_entering_makes_a_team_of_one(contest, captain):
    response = post(captain, TEAMS, contest=contest.slug, name="Night owls")

    said = response.json()
    assert response.status_code == 201
    assert (said["contest"], said["name"]) == (contest.slug, "Night owls")
    assert [(each["username"], each["is_captain"]) for each in said["members"]] == [(captain.username, True)]
    assert post(captain, TEAMS, contest=contest.slug).json()["id"] == said["id"]


def test_a_name_that_is_taken_is_refused(contest, captain, theirs):
    response = post(captain, TEAMS, contest=contest.slug, name=theirs.name.upper())

    assert response.status_code == 400
    assert "Another team of this contest has this name." in response.content.decode()


def test_guests_are_in_no_team(contest):
    response = post(make_user(kind="guest"), TEAMS, contest=contest.slug)

    assert response.status_code == 400
    assert "Sign up first" in response.content.decode()


def test_teams_are_for_those_who_are_signed_in_and_in_them(contest, captain, mine):
    assert Client().get(TEAMS).status_code == 401
    assert signed_in(make_user()).get(page(mine)).status_code == 404
    assert signed_in(captain).get(page(mine)).status_code == 200
    assert [each["id"] for each in signed_in(captain).get(TEAMS).json()["results"]] == [mine.pk]


def test_a_list_of_teams_asks_as_much_for_many_as_for_one(
    captain, mine, snapshot, django_assert_num_queries, django_assert_max_num_queries
):
    client = signed_in(captain)
    mine.invite(make_user(), captain)
    with django_assert_max_num_queries(20) as few:
        client.get(TEAMS)

    for _time in range(3):
        team = Team.objects.enter(make_phase(snapshot).contest, captain)
        team.invite(make_user(), captain)

    with django_assert_num_queries(len(few)):
        assert client.get(TEAMS).json()["count"] == 4


def test_the_captain_renames_it(captain, mine):
    assert post(captain, f"{page(mine)}rename/", name="Owls").json()["name"] == "Owls"


def test_another_member_does_not(captain, mine):
    member = make_user()
    mine.invite(member, captain).accept()

    response = post(member, f"{page(mine)}rename/", name="Owls")

    assert response.status_code == 400
    assert "Expected the captain" in response.content.decode()


def test_somebody_is_invited_and_accepts(captain, mine):
    somebody = make_user()
    invited = post(captain, f"{page(mine)}invite/", username=somebody.username)
    [invitation] = signed_in(somebody).get(INVITATIONS).json()["results"]

    joined = post(somebody, f"{INVITATIONS}{invitation['id']}/accept/")

    assert invited.status_code == 201
    assert (invitation["team"], invitation["inviter"]) == (mine.name, captain.username)
    assert [each["username"] for each in joined.json()["members"]] == [captain.username, somebody.username]
    assert not Invitation.objects.exists()


def test_somebody_declines(captain, mine):
    somebody = make_user()
    invitation = mine.invite(somebody, captain)

    assert post(somebody, f"{INVITATIONS}{invitation.pk}/decline/").status_code == 204

    assert mine.memberships.count() == 1
    assert not Invitation.objects.exists()


def test_nobody_accepts_for_somebody_else(captain, mine):
    invitation = mine.invite(make_user(), captain)

    assert post(make_user(), f"{INVITATIONS}{invitation.pk}/accept/").status_code == 404


def test_somebody_who_is_not_here_cannot_be_invited(captain, mine):
    response = post(captain, f"{page(mine)}invite/", username="nobody")

    assert response.status_code == 400
    assert response.json() == {"username": ["Expected somebody's username; found 'nobody'."]}


def test_a_team_that_is_full_invites_nobody(captain, mine):
    Contest.objects.update(most_members=1)

    response = post(captain, f"{page(mine)}invite/", username=make_user().username)

    assert response.status_code == 400
    assert "Expected at most 1 people in one team" in response.content.decode()


def test_invitations_are_counted_against_floods(captain, mine, settings):
    settings.FLOOD_LIMITS = {**settings.FLOOD_LIMITS, "comments": (0, 1)}

    first, second = (post(captain, f"{page(mine)}invite/", username=make_user().username) for _time in "ab")

    assert (first.status_code, second.status_code) == (201, 429)


def test_a_member_leaves_and_is_removed(captain, mine):
    one, other = make_user(), make_user()
    for each in (one, other):
        mine.invite(each, captain).accept()

    assert post(one, f"{page(mine)}leave/").status_code == 204
    said = post(captain, f"{page(mine)}remove/", username=other.username)

    assert [each["username"] for each in said.json()["members"]] == [captain.username]


def test_the_last_member_of_a_team_with_entries_stays(phase, captain, mine, predictions):
    Submission.objects.submit(phase, captain, "guessing", predictions())

    response = post(captain, f"{page(mine)}leave/")

    assert response.status_code == 400
    assert "its last member cannot leave it" in response.content.decode()


def test_a_team_goes_over_into_another(captain, mine, theirs):
    offered = post(captain, f"{page(mine)}offer-merge/", into=theirs.name)
    [offer] = signed_in(theirs.captain).get(OFFERS).json()["results"]

    merged = post(theirs.captain, f"{OFFERS}{offer['id']}/accept/")

    assert offered.status_code == 201
    assert (offer["team"], offer["into"]) == (mine.name, theirs.name)
    assert merged.json()["id"] == theirs.pk
    assert len(merged.json()["members"]) == 2


def test_an_offer_is_not_accepted_by_who_made_it(captain, mine, theirs):
    offer = mine.offer_merge(theirs, captain)

    response = post(captain, f"{OFFERS}{offer.pk}/accept/")

    assert response.status_code == 400
    assert MergeOffer.objects.exists()


def test_an_offer_is_dropped_by_either_side(captain, mine, theirs):
    for user in (captain, theirs.captain):
        offer = mine.offer_merge(theirs, captain)

        assert post(user, f"{OFFERS}{offer.pk}/decline/").status_code == 204


def test_a_team_that_is_not_there_is_named(captain, mine):
    response = post(captain, f"{page(mine)}offer-merge/", into="Nobody")

    assert response.status_code == 400
    assert "found 'Nobody'." in response.json()["into"][0]
