"""Two teams become one, together within the limits or not at all."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from competition.models import (
    Contest,
    MergeOffer,
    Phase,
    Submission,
    SubmissionRefusedError,
    Team,
    TeamRefusedError,
)
from tests.factories import make_phase, make_user

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def two(phase):
    """Two teams of one person each."""
    return [Team.objects.enter(phase.contest, make_user()) for _ in range(2)]


def submit(phase, author):
    phase = Phase.objects.get(pk=phase.pk)
    return Submission.objects.submit(phase, author, "guessing", ContentFile(b"image", name="p.csv"))


def merge(team, into):
    return team.offer_merge(into, by=team.captain).accept(by=into.captain)


def test_people_and_entries_go_over(phase, two):
    team, into = two
    submit(phase, team.captain)

    assert merge(team, into) == into

    team.refresh_from_db()
    assert team.merged_into == into
    assert {each.user for each in into.memberships.all()} == {team.captain, into.captain}
    assert (into.submissions.count(), team.submissions.count()) == (1, 0)
    assert list(Team.objects.standing()) == [into]
    assert into.captain == two[1].captain


def test_a_merged_team_has_one_limit(phase, two):
    team, into = two
    Phase.objects.update(limit=2)
    submit(phase, team.captain)
    merge(team, into)
    submit(phase, into.captain)

    for member in (team.captain, into.captain):
        with pytest.raises(SubmissionRefusedError, match="at most 2 entries a day of one team"):
            submit(phase, member)


def test_two_teams_that_are_together_above_the_limit_wait(phase, two):
    team, into = two
    Phase.objects.update(limit=2)
    first = submit(phase, team.captain)
    for team_ in (team, into):
        submit(phase, team_.captain)
    when = first.created_at + phase.window

    with pytest.raises(TeamRefusedError, match=f"found 3. They may merge from {when:%Y-%m-%d %H:%M} UTC on"):
        team.offer_merge(into, by=team.captain)
    assert not MergeOffer.objects.exists()

    Submission.objects.filter(pk=first.pk).update(created_at=timezone.now() - phase.window)
    merge(team, into)
    assert into.submissions.count() == 3


def test_the_limits_are_looked_at_again_when_an_offer_is_accepted(phase, two):
    team, into = two
    Phase.objects.update(limit=1)
    submit(phase, team.captain)
    offer = team.offer_merge(into, by=team.captain)
    entry = submit(phase, into.captain)

    with pytest.raises(TeamRefusedError, match="Expected at most 1 entries of both teams"):
        offer.accept(by=into.captain)

    entry.delete()
    offer.accept(by=into.captain)


def test_a_phase_that_is_not_open_hinders_nobody(phase, two):
    team, into = two
    Phase.objects.update(limit=1)
    for each in two:
        submit(phase, each.captain)
    Phase.objects.update(closes_at=timezone.now() - timedelta(seconds=1))
    now = timezone.now()
    Phase.objects.create(contest=phase.contest, name="Next", opens_at=now + HOUR)

    merge(team, into)

    assert into.submissions.count() == 2


def test_together_they_have_as_many_people_as_one_team_may(phase, two):
    team, into = two
    Contest.objects.update(most_members=1)
    with pytest.raises(
        TeamRefusedError, match=f"at most 1 people in one team; found 1 in {into}, and 1 more"
    ):
        team.offer_merge(into, by=team.captain)

    Contest.objects.update(most_members=2)
    merge(team, Team.objects.get(pk=into.pk))


def test_the_two_captains_alone_decide(two):
    team, into = two
    member = make_user()
    into.invite(member, by=into.captain).accept()
    with pytest.raises(TeamRefusedError, match=f"Expected the captain of {team}"):
        team.offer_merge(into, by=into.captain)
    offer = team.offer_merge(into, by=team.captain)
    for other in (team.captain, member):
        with pytest.raises(TeamRefusedError, match=f"Expected the captain of {into}"):
            offer.accept(by=other)

    offer.accept(by=into.captain)


def test_either_captain_drops_an_offer(two):
    team, into = two
    with pytest.raises(TeamRefusedError, match="Expected the captain"):
        team.offer_merge(into, by=team.captain).decline(by=make_user())

    for each in two:
        team.offer_merge(into, by=team.captain).decline(by=each.captain)

        assert not MergeOffer.objects.exists()


def test_an_offer_that_was_taken_back_is_not_accepted(two):
    team, into = two
    offer = team.offer_merge(into, by=team.captain)
    MergeOffer.objects.get().decline(by=team.captain)

    with pytest.raises(TeamRefusedError, match="was taken back"):
        offer.accept(by=into.captain)

    merge(team, into)


def test_a_team_merges_with_another_of_its_contest(snapshot, two):
    team, into = two
    elsewhere = Team.objects.enter(make_phase(snapshot).contest, make_user())
    for other, why in ((team, "Expected another team than"), (elsewhere, "Expected another team of")):
        with pytest.raises(TeamRefusedError, match=why):
            team.offer_merge(other, by=team.captain)

    merge(team, into)


def test_a_team_that_has_gone_over_does_nothing_more(phase, two):
    team, into = two
    third = Team.objects.enter(phase.contest, make_user())
    offer = third.offer_merge(team, by=third.captain)
    merge(team, into)

    with pytest.raises(TeamRefusedError, match=f"has gone over into {into}"):
        team.invite(make_user(), by=team.captain)
    with pytest.raises(TeamRefusedError):
        offer.accept(by=team.captain)

    merge(into, third)
    assert set(Team.objects.filter(merged_into=third)) == {team, into}


def test_a_merged_choice_has_as_many_entries_as_one_team_may_choose(phase, two):
    team, into = two
    Phase.objects.update(n_chosen=1)
    theirs, ours = (submit(phase, each.captain) for each in two)
    Submission.objects.update(is_chosen=True)

    merge(team, into)

    assert list(Submission.objects.filter(is_chosen=True)) == [ours]
    assert theirs.phase.submissions.count() == 2


def test_a_merged_choice_within_the_limit_stays(phase, two):
    team, into = two
    Phase.objects.update(n_chosen=2)
    for each in two:
        submit(phase, each.captain)
    Submission.objects.update(is_chosen=True)

    merge(team, into)

    assert Submission.objects.filter(is_chosen=True, team=into).count() == 2


def test_nobody_merges_after_the_end(two):
    team, into = two
    offer = team.offer_merge(into, by=team.captain)
    Phase.objects.update(closes_at=timezone.now() - HOUR)

    with pytest.raises(TeamRefusedError, match="is over"):
        MergeOffer.objects.get(pk=offer.pk).accept(by=into.captain)


@pytest.mark.django_db(transaction=True)
def test_two_teams_that_accept_each_other_at_the_same_moment_become_one(two):
    team, into = two
    offers = [
        team.offer_merge(into, by=team.captain), into.offer_merge(team, by=into.captain)
    ]  # fmt: skip
    together = Barrier(2)

    def accept(offer):
        together.wait()
        try:
            return MergeOffer.objects.get(pk=offer.pk).accept(by=offer.into.captain)
        except (TeamRefusedError, MergeOffer.DoesNotExist):
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as requests:
        answers = list(requests.map(accept, offers))

    assert sorted(answer is None for answer in answers) == [False, True]
    assert Team.objects.standing().get().memberships.count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_handed_in_while_teams_merge_counts_for_the_one_that_stays(phase, two):
    team, into = two
    Phase.objects.update(limit=2)
    offer = team.offer_merge(into, by=team.captain)
    together = Barrier(4)

    def act(number):
        together.wait()
        try:
            if number == 0:
                return MergeOffer.objects.get(pk=offer.pk).accept(by=into.captain)
            return submit(phase, team.captain)
        except (TeamRefusedError, SubmissionRefusedError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as requests:
        list(requests.map(act, range(4)))

    assert Submission.objects.count() == 2
    assert not Submission.objects.filter(team__merged_into__isnull=False).exists()
