"""Who is in a team, and what its captain may do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from accounts.models import User
from competition.models import Contest, Membership, Phase, Submission, Team, TeamRefusedError
from tests.factories import make_user

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def contest(phase) -> Contest:
    return phase.contest


@pytest.fixture
def captain() -> User:
    return make_user()


@pytest.fixture
def team(contest, captain) -> Team:
    return Team.objects.enter(contest, captain)


def join(team, user=None):
    user = user or make_user()
    team.invite(user, by=team.captain).accept()
    return user


def submit(phase, author):
    phase = Phase.objects.get(pk=phase.pk)
    return Submission.objects.submit(phase, author, "guessing", ContentFile(b"image", name="p.csv"))


def members(team):
    return set(User.objects.filter(memberships__team=team))


def end(phase):
    Phase.objects.filter(pk=phase.pk).update(closes_at=timezone.now() - HOUR)


def test_who_enters_is_captain_of_a_team_of_their_own(contest, captain):
    team = Team.objects.enter(contest, captain)

    assert (team.captain, team.name, members(team)) == (captain, captain.username, {captain})
    assert Team.objects.enter(contest, captain) == team


def test_guests_are_in_no_team(contest):
    with pytest.raises(TeamRefusedError, match="Sign up first"):
        Team.objects.enter(contest, User.objects.create_guest())

    Team.objects.enter(contest, make_user())


def test_a_name_that_is_taken_gets_a_number(contest):
    user = make_user()
    Team.objects.enter(contest, make_user()).rename(user.username.upper())

    assert Team.objects.enter(contest, user).name == f"{user.username} 2"


@pytest.mark.django_db(transaction=True)
def test_who_enters_twice_at_the_same_moment_is_in_one_team(contest, captain):
    together = Barrier(4)

    def enter(_number):
        together.wait()
        try:
            return Team.objects.enter(contest, captain).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as requests:
        teams = set(requests.map(enter, range(4)))

    assert len(teams) == Team.objects.count() == 1


# --- Names ------------------------------------------------------------------------------------------


def test_a_team_is_renamed(team):
    team.rename("  The   Linnaeans ")

    assert Team.objects.get().name == "The Linnaeans"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "cannot be blank"),
        ("   ", "cannot be blank"),
        ("x" * 61, "at most 60 characters"),
        ("a\u202eb", "a character that cannot be seen"),
        ("THE OTHERS", "Another team of this contest has this name"),
    ],
)
def test_a_name_that_is_none_is_refused(contest, team, name, why):
    Team.objects.enter(contest, make_user()).rename("The others")
    before = team.name

    with pytest.raises(TeamRefusedError, match=why):
        team.rename(name)

    assert Team.objects.get(pk=team.pk).name == before


def test_a_team_may_write_its_own_name_otherwise(team):
    team.rename("linnaeans")

    team.rename("Linnaeans")

    assert Team.objects.get().name == "Linnaeans"


# --- Joining and leaving ------------------------------------------------------------------------------------------


def test_who_is_invited_and_accepts_is_in_the_team(contest, team, captain):
    guest = make_user()
    invitation = team.invite(guest, by=captain)
    assert members(team) == {captain}

    assert invitation.accept() == team

    assert members(team) == {captain, guest}
    assert Team.objects.of(contest, guest) == team
    assert not team.invitations.exists()


def test_who_declines_is_not(team, captain):
    guest = make_user()

    team.invite(guest, by=captain).decline()

    assert members(team) == {captain}
    assert not team.invitations.exists()


def test_an_invitation_that_was_taken_back_is_not_accepted(team, captain):
    guest = make_user()
    invitation = team.invite(guest, by=captain)
    team.invitations.all().delete()

    with pytest.raises(TeamRefusedError, match="was taken back"):
        invitation.accept()

    team.invite(guest, by=captain).accept()


def test_who_is_invited_twice_has_one_invitation(team, captain):
    guest = make_user()

    assert team.invite(guest, by=captain) == team.invite(guest, by=captain)


def test_the_captain_alone_invites(team, captain):
    member = join(team)

    with pytest.raises(TeamRefusedError, match=f"Expected the captain of {team}"):
        team.invite(make_user(), by=member)

    team.invite(make_user(), by=captain)


@pytest.mark.parametrize(
    "fields", [{"is_active": False}, {"kind": User.Kind.SIMULATED}, {"kind": User.Kind.GUEST}]
)
def test_who_has_not_signed_up_is_not_invited(team, captain, fields):
    with pytest.raises(TeamRefusedError, match="Expected somebody who has signed up"):
        team.invite(make_user(**fields), by=captain)

    team.invite(make_user(), by=captain)


def test_who_is_in_the_team_is_not_invited_again(team, captain):
    member = join(team)

    with pytest.raises(TeamRefusedError, match=f"{member} is in {team} already"):
        team.invite(member, by=captain)


def test_a_team_has_so_many_members_and_invitations(team, captain):
    Contest.objects.update(most_members=3)
    member = join(team)
    invitation = team.invite(make_user(), by=captain)

    with pytest.raises(
        TeamRefusedError, match=f"at most 3 people in one team; found 2 in {team} and 1 invited, and 1 more"
    ):
        team.invite(make_user(), by=captain)

    invitation.decline()
    team.invite(make_user(), by=captain).accept()
    assert len(members(team)) == 3
    assert member in members(team)


def test_an_invitation_to_a_team_that_has_become_full_is_refused(team, captain):
    first, second = (team.invite(make_user(), by=captain) for _ in range(2))
    Contest.objects.update(most_members=2)
    first.accept()

    with pytest.raises(TeamRefusedError, match="at most 2 people"):
        second.accept()

    Contest.objects.update(most_members=3)
    second.accept()


def test_a_team_of_one_without_entries_goes_when_its_member_joins_another(contest, team, captain):
    guest = make_user()
    alone = Team.objects.enter(contest, guest)

    team.invite(guest, by=captain).accept()

    assert not Team.objects.filter(pk=alone.pk).exists()
    assert members(team) == {captain, guest}


def test_who_has_entries_or_others_in_their_team_does_not_join_another(contest, phase, team, captain):
    with_entry, with_others = make_user(), make_user()
    submit(phase, with_entry)
    join(Team.objects.enter(contest, with_others))

    for user in (with_entry, with_others):
        with pytest.raises(
            TeamRefusedError, match="already: leave it first, or have its captain offer to merge"
        ):
            team.invite(user, by=captain).accept()

    assert members(team) == {captain}


def test_whoever_has_been_in_it_longest_follows_a_captain(team, captain):
    first, second = join(team), join(team)

    team.leave(captain)

    team.refresh_from_db()
    assert team.captain == first
    assert members(team) == {first, second}


def test_a_member_who_leaves_leaves_the_captain(team, captain):
    member = join(team)

    team.leave(member)

    team.refresh_from_db()
    assert (team.captain, members(team)) == (captain, {captain})


def test_the_last_one_leaves_only_without_entries(contest, phase, team, captain):
    entry = submit(phase, captain)
    with pytest.raises(TeamRefusedError, match="has entries, so that its last member cannot leave it"):
        team.leave(captain)
    entry.delete()

    team.leave(captain)

    assert not Team.objects.exists()


def test_who_is_not_in_a_team_cannot_leave_it(team):
    join(team)

    with pytest.raises(TeamRefusedError, match="Expected somebody in"):
        team.leave(make_user())


def test_the_captain_removes_others(team, captain):
    member, other = join(team), join(team)
    with pytest.raises(TeamRefusedError, match="Expected the captain"):
        team.remove(other, by=member)
    with pytest.raises(TeamRefusedError, match="leave the team instead"):
        team.remove(captain, by=captain)

    team.remove(other, by=captain)

    assert members(team) == {captain, member}


def test_who_changes_teams_takes_along_what_the_limit_counts(contest, phase, team, captain):
    Phase.objects.update(limit=1)
    member = join(team)
    submit(phase, member)
    team.leave(member)

    with pytest.raises(ValueError, match="Expected at most 1 entries"):
        submit(phase, member)

    submit(phase, make_user())


def test_teams_stay_as_they_are_after_the_end(phase, team, captain):
    member, invitation = join(team), team.invite(make_user(), by=captain)
    end(phase)

    for act in (
        lambda: Team.objects.get().rename("Others"),
        lambda: Team.objects.get().invite(make_user(), by=captain),
        lambda: Team.objects.get().leave(member),
        lambda: Team.objects.get().remove(member, by=captain),
        lambda: type(invitation).objects.get().accept(),
    ):
        with pytest.raises(TeamRefusedError, match="is over: its teams stay as they are"):
            act()


@pytest.mark.django_db(transaction=True)
def test_two_who_accept_the_last_place_at_the_same_moment_do_not_share_it(contest, team, captain):
    invitations = [team.invite(make_user(), by=captain) for _ in range(2)]
    Contest.objects.update(most_members=2)
    together = Barrier(2)

    def accept(invitation):
        together.wait()
        try:
            return type(invitation).objects.get(pk=invitation.pk).accept()
        except TeamRefusedError:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as requests:
        answers = list(requests.map(accept, invitations))

    assert sorted(answer is None for answer in answers) == [False, True]
    assert Membership.objects.filter(team=team).count() == 2


# --- Forgetting ---------------------------------------------------------------------------------------------------


def test_a_team_of_one_with_entries_stays_without_the_name_of_who_left(phase, captain):
    entry = submit(phase, captain)

    entry.team.forget(captain)

    entry.refresh_from_db()
    assert entry.team.name == "Somebody who left"
    assert members(entry.team) == set()


def test_a_team_goes_on_without_who_had_themselves_forgotten(phase, team, captain):
    member = join(team)
    submit(phase, captain)
    end(phase)

    team.forget(captain)

    team.refresh_from_db()
    assert (team.captain, members(team), team.name) == (member, {member}, member.username)


def test_a_name_that_is_not_of_who_left_stays(team, captain):
    join(team)
    team.rename("The Linnaeans")

    team.forget(captain)

    assert Team.objects.get().name == "The Linnaeans"
