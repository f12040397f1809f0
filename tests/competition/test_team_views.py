"""The page of a team, and its buttons."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from competition.models import Contest, Invitation, MergeOffer, Submission, Team
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def contest(phase) -> Contest:
    return phase.contest


@pytest.fixture
def captain(client):
    captain = make_user()
    client.force_login(captain)
    return captain


@pytest.fixture
def team(contest, captain) -> Team:
    return Team.objects.enter(contest, captain)


def page(client, contest):
    return client.get(reverse("competition:team", args=[contest.slug])).content.decode()


def press(client, name, /, *args, **said):
    """Press a button and follow to the page that comes of it."""
    return client.post(reverse(f"competition:{name}", args=args), said, follow=True)


def others(contest):
    return Team.objects.enter(contest, make_user())


def test_a_team_is_for_those_who_are_signed_in(client, contest):
    response = client.get(reverse("competition:team", args=[contest.slug]))

    assert response["Location"].startswith(reverse("accounts:sign-in"))


def test_somebody_enters_alone_and_is_captain(client, contest, captain):
    assert "You are in no team of this contest yet" in page(client, contest)

    found = press(client, "enter", contest.slug).content.decode()

    assert Team.objects.get().captain == captain
    assert "captain" in found


def test_a_guest_is_told_to_sign_up(client, contest):
    client.post(reverse("labeling:start", args=[contest.snapshot.collection.slug]))

    found = press(client, "enter", contest.slug).content.decode()

    assert "Sign up first" in found
    assert not Team.objects.exists()


def test_somebody_is_invited_joins_and_leaves(client, contest, team):
    friend = make_user()
    assert friend.username in press(client, "invite", contest.slug, username=friend.username).content.decode()
    invitation = Invitation.objects.get()
    client.force_login(friend)
    assert f"Join {team}" in page(client, contest)

    found = press(client, "answer-invitation", invitation.pk).content.decode()
    assert f"You are in the team {team} now." in found
    assert team.memberships.count() == 2

    found = press(client, "leave-team", contest.slug).content.decode()
    assert f"You have left the team {team}." in found
    assert team.memberships.count() == 1


@pytest.mark.parametrize("name", ["nobody", "a\0b", ""])
def test_somebody_who_is_not_there_is_not_invited(client, contest, team, name):
    response = press(client, "invite", contest.slug, username=name)

    assert response.context["invite"].errors["username"]
    assert not Invitation.objects.exists()


def test_an_invitation_is_declined_or_taken_back(client, contest, team, captain):
    friend = make_user()
    for who in (friend, captain):
        invitation = team.invite(friend, by=captain)
        client.force_login(who)

        press(client, "answer-invitation", invitation.pk, decline=1)

        assert not Invitation.objects.exists()
        assert team.memberships.count() == 1


def test_an_invitation_is_nobody_elses(client, contest, team, captain):
    invitation = team.invite(make_user(), by=captain)
    client.force_login(make_user())

    assert press(client, "answer-invitation", invitation.pk).status_code == 404
    assert Invitation.objects.exists()


def test_a_refusal_is_said_in_the_form_that_asked(client, contest, team):
    other = others(contest)

    response = press(client, "rename-team", contest.slug, name=other.name)

    assert "Another team of this contest has this name" in str(response.context["rename"].errors)
    press(client, "rename-team", contest.slug, name="The Linnaeans")
    team.refresh_from_db()
    assert team.name == "The Linnaeans"


def test_a_captain_removes_a_member_and_a_member_does_not(client, contest, team, captain):
    member, other = make_user(), make_user()
    for each in (member, other):
        team.invite(each, by=captain).accept()
    client.force_login(member)
    assert "Expected the captain" in press(client, "remove-member", contest.slug, other.pk).content.decode()
    client.force_login(captain)

    press(client, "remove-member", contest.slug, other.pk)

    assert {each.user for each in team.memberships.all()} == {captain, member}


def test_two_teams_merge(client, contest, team, captain):
    other = others(contest)
    press(client, "offer-merge", contest.slug, into=other.name.upper())
    assert f"You have offered to go over into <b>{other}</b>" in page(client, contest)
    client.force_login(other.captain)
    assert f"<b>{team}</b> offers to go over into your team" in page(client, contest)

    found = press(client, "answer-offer", MergeOffer.objects.get().pk).content.decode()

    assert f"{team} has gone over into {other}." in found
    assert Team.objects.of(contest, captain) == other


def test_an_offer_is_declined(client, contest, team, captain):
    other = others(contest)
    offer = team.offer_merge(other, by=captain)
    client.force_login(other.captain)

    press(client, "answer-offer", offer.pk, decline=1)

    assert not MergeOffer.objects.exists()
    assert Team.objects.of(contest, captain) == team


def test_an_offer_is_the_two_captains(client, contest, team, captain):
    offer = team.offer_merge(others(contest), by=captain)
    client.force_login(make_user())

    assert press(client, "answer-offer", offer.pk).status_code == 404
    assert MergeOffer.objects.exists()


def test_an_offer_to_nobody_is_refused_in_the_form(client, contest, team):
    response = press(client, "offer-merge", contest.slug, into="nobody")

    assert "Expected the name of a team of this contest; found “nobody”." in str(
        response.context["offer"].errors
    )


@pytest.mark.parametrize("name", ["rename-team", "invite", "offer-merge", "leave-team"])
def test_who_is_in_no_team_has_none_to_change(client, contest, captain, name):
    assert press(client, name, contest.slug).status_code == 404


def test_a_team_page_asks_as_much_for_many_as_for_one(client, contest, phase, team, captain, predictions):
    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            page(client, contest)
        return len(queries)

    def grow():
        member = make_user()
        Team.objects.get(pk=team.pk).invite(member, by=captain).accept()
        Submission.objects.submit(phase, member, "guessing", predictions())
        others(contest).offer_merge(Team.objects.get(pk=team.pk), by=Team.objects.last().captain)

    Contest.objects.update(most_members=20)
    grow()
    few = n_queries()

    for _ in range(3):
        grow()

    assert n_queries() == few
