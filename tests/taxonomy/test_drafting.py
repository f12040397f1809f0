"""A change on its way: drafted, previewed, approved where it is large, committed once, whatever dies between."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from taxonomy import drafting, ledger
from taxonomy.changes import ChangeRefusedError
from taxonomy.dependants import Impact, OutdatedError
from taxonomy.models import Change, Draft, Synset
from tests.factories import make_synset, make_user

pytestmark = pytest.mark.django_db


class Recorder:
    """A dependant that notes what it is called for."""

    def __init__(self, size=3):
        self.size, self.calls, self.refusal = size, [], None

    def prepare(self, draft, patch):
        self.calls.append("prepare")
        if self.refusal:
            raise ChangeRefusedError(self.refusal)
        return [Impact("labels", self.size, is_size=True), Impact("others", 100, ("cats",))]

    def switch(self, draft, change):
        self.calls.append(f"switch {change.summary}")

    def forget(self, draft):
        self.calls.append("forget")


@pytest.fixture
def dependant(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(drafting, "dependants", lambda: (recorder,))
    return recorder


@pytest.fixture
def draft(dependant):
    """A previewed draft that renames a noun."""
    return previewed()


def propose(name="hound"):
    dog = make_synset("dog")
    arguments = {"synset": dog.wnid, "name": name}
    return drafting.propose("rename", arguments, author=make_user(), reason="people say so")


def previewed():
    return worked(propose())


def worked(draft):
    drafting.work_due()
    draft.refresh_from_db()
    return draft


def test_a_draft_changes_nothing(draft):
    assert draft.state == "ready"
    assert str(draft.synset) == "dog"
    assert draft.summary == "dog is called hound"


def test_a_preview_keeps_what_dependants_count_and_how_large_that_is(draft):
    assert [(impact["what"], impact["count"]) for impact in draft.impact] == [("labels", 3), ("others", 100)]
    assert draft.size == 3


def test_what_the_tree_does_not_allow_is_not_drafted(dependant):
    with pytest.raises(ChangeRefusedError, match="is so already"):
        propose(name="dog")

    assert not Draft.objects.exists()


def test_a_committed_draft_is_a_change_that_says_who_and_why(draft, dependant):
    draft.commit()
    worked(draft)

    change = draft.change
    assert (change.author, change.reason, change.summary) == (draft.author, "people say so", draft.summary)
    assert change.impact == draft.impact
    assert Synset.objects.get().name == "hound"
    assert dependant.calls == ["prepare", "prepare", "switch dog is called hound"]


def test_a_second_press_of_commit_makes_no_second_change(draft):
    draft.commit()
    worked(draft)
    n_changes = Change.objects.count()

    draft.commit()
    worked(draft)

    assert (draft.state, Change.objects.count()) == ("committed", n_changes)


def test_a_large_change_waits_for_a_second_curator(dependant, settings):
    settings.SECOND_CURATOR_FROM = 3
    draft = previewed()
    draft.commit()
    assert worked(draft).state == "waiting"
    second = make_user()

    assert not draft.approve(draft.author)
    assert worked(draft).state == "waiting"
    assert draft.approve(second)

    assert worked(draft).state == "committed"
    assert draft.change.approver == second


def test_a_smaller_change_does_not_wait(dependant, settings):
    settings.SECOND_CURATOR_FROM = 4
    draft = previewed()

    draft.commit()

    assert worked(draft).state == "committed"


def test_a_change_that_grew_since_its_preview_waits_after_all(draft, dependant, settings):
    settings.SECOND_CURATOR_FROM = 4
    dependant.size = 4

    draft.commit()

    assert (worked(draft).state, draft.size) == ("waiting", 4)
    assert Synset.objects.get().name == "dog"


def test_the_database_refuses_an_author_who_approves(draft):
    with pytest.raises(IntegrityError, match="taxonomy_approver_is_another"), transaction.atomic():
        Draft.objects.filter(pk=draft.pk).update(approver=draft.author)


def test_a_change_that_the_tree_no_longer_allows_is_refused_with_the_sentence(draft, dependant):
    ledger.make("retire", {"synset": draft.synset.wnid}, author=None, reason="a test")

    draft.commit()
    worked(draft)

    assert draft.state == "refused"
    assert draft.error == "Expected a noun that is in the tree; found dog, which is retired."
    assert dependant.calls[-1] == "forget"


def test_what_a_dependant_cannot_follow_is_refused(dependant):
    dependant.refusal = "Expected that every collection keeps a class."

    draft = previewed()

    assert (draft.state, draft.error) == ("refused", dependant.refusal)


def test_a_discarded_draft_is_forgotten_and_never_committed(draft, dependant):
    drafting.discard(draft)
    draft.commit()

    assert worked(draft).state == "discarded"
    assert dependant.calls == ["prepare", "forget"]


def test_a_committed_draft_is_not_discarded(draft):
    draft.commit()
    worked(draft)

    drafting.discard(draft)

    assert draft.state == "committed"


def test_a_draft_whose_worker_died_is_taken_by_another(draft):
    draft.commit()
    dead = Draft.objects.claim_next()
    assert Draft.objects.claim_next() is None
    Draft.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

    assert worked(draft).state == "committed"

    drafting.work(dead)  # it was only slow, and wakes up
    assert Change.objects.filter(kind="rename").count() == 1


def test_what_fails_in_the_switch_leaves_nothing(draft, dependant, monkeypatch):
    def fail(*_args):
        raise ConnectionError

    monkeypatch.setattr(dependant, "switch", fail)
    draft.commit()

    with pytest.raises(ConnectionError):
        drafting.work_due()

    draft.refresh_from_db()
    assert (draft.state, Synset.objects.get().name) == ("queued", "dog")


def test_what_fails_again_and_again_is_given_up(draft, dependant, monkeypatch):
    def fail(*_args):
        raise ConnectionError

    monkeypatch.setattr(dependant, "prepare", fail)
    draft.commit()
    for _ in range(3):
        Draft.objects.update(claimed_until=None)
        with pytest.raises(ConnectionError):
            drafting.work_due()

    draft.refresh_from_db()
    assert draft.state == "refused"
    assert "the log says what" in draft.error
    assert drafting.work_due() == 0


def test_a_commit_that_a_dependant_finds_outdated_is_prepared_anew(draft, dependant, monkeypatch):
    switch = dependant.switch

    def refuse_once(draft, change):
        monkeypatch.setattr(dependant, "switch", switch)
        raise OutdatedError("something moved")

    monkeypatch.setattr(dependant, "switch", refuse_once)
    draft.commit()

    assert worked(draft).state == "committed"
    assert dependant.calls == ["prepare", "prepare", "prepare", "switch dog is called hound"]
    assert Change.objects.filter(kind="rename").count() == 1
