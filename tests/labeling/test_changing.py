"""Volunteers vote while curators change the nouns under them: nothing is lost, nothing deadlocks."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection

from labeling.models import Lease, LeaseExpiredError, NotAClassError, Question, Vote
from labeling.models.questions import QuestionQuerySet
from taxonomy import drafting
from taxonomy.models import Draft
from tests.factories import make_collection, make_user

pytestmark = pytest.mark.django_db(transaction=True)

N_VOLUNTEERS, N_QUESTIONS, N_ROUNDS = 6, 30, 3


def commit(kind, author, **arguments):
    draft = drafting.propose(kind, arguments, author=author, reason="a test")
    Draft.objects.filter(pk=draft.pk).update(state="queued")
    drafting.work_due()
    draft.refresh_from_db()
    assert draft.state == "committed", draft.error
    return draft.change


def label(collection, annotator, is_over):
    """Name pictures until the curator is done; return how many votes were acknowledged."""
    n_cast = 0
    while not is_over.is_set():
        leases = Lease.objects.hand_out(collection, annotator, 3)
        if not leases:
            is_over.wait(0.02)  # as a page does: SQLite's lock goes to whoever asks, not to who waits longest
        for lease in leases:
            choices = lease.question.offered()
            try:
                lease.cast(choices[(lease.question_id + annotator.pk) % len(choices)])
                n_cast += 1
            except (LeaseExpiredError, NotAClassError):
                Lease.objects.filter(pk=lease.pk).release()
    return n_cast


def in_thread(act):
    def run(*arguments):
        try:
            return act(*arguments)
        finally:
            connection.close()

    return run


def test_votes_go_on_while_nouns_are_merged_and_split_and_all_of_it_is_undone():
    collection = make_collection(N_QUESTIONS, names=("cat", "kitty", "dog"), min_votes=2, max_votes=20)
    _cat, kitty, dog = collection.ordered_classes()
    cat = collection.ordered_classes()[0]
    curator, is_over = make_user(), Event()
    parts = [{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}]
    with ThreadPoolExecutor(N_VOLUNTEERS) as pool:
        people = [make_user() for _ in range(N_VOLUNTEERS)]
        counts = [pool.submit(in_thread(label), collection, person, is_over) for person in people]
        try:
            for _ in range(N_ROUNDS):
                merge = commit("merge", curator, synset=kitty.wnid, target=cat.wnid)
                split = commit("split", curator, synset=dog.wnid, parts=parts, is_kept=True)
                commit("undo", curator, change=merge.pk)
                commit("undo", curator, change=split.pk)
        finally:
            is_over.set()
        n_acknowledged = sum(count.result() for count in counts)

    assert Vote.objects.count() == n_acknowledged
    assert [str(synset) for synset in collection.ordered_classes()] == ["cat", "kitty", "dog"]
    assert not Question.objects.filter(label__is_retired=True).exists()
    assert not Question.objects.exclude(narrowing=None).exists()
    for question in Question.objects.all():
        assert question.n_votes == question.votes.count()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one transaction write at a time")
def test_leases_are_given_back_while_their_questions_are_asked_otherwise(monkeypatch):
    fields = {"min_votes": 2, "max_votes": 4, "target_confidence": 0.9}
    collection = make_collection(1, names=("cat", "dog"), **fields)
    dog, curator = collection.ordered_classes()[1], make_user()
    for _ in range(2):
        [lease] = Lease.objects.hand_out(collection, make_user(), 1)
        lease.cast(dog)
    parts = [{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}]
    split = commit("split", curator, synset=dog.wnid, parts=parts, is_kept=True)
    Lease.objects.hand_out(collection, make_user(), 1)
    has_leases, is_over, opened = Event(), Event(), QuestionQuerySet.open

    def pause(questions):
        if not has_leases.is_set():  # the leases are locked, their questions not yet
            has_leases.set()
            is_over.wait(1)
        return opened(questions)

    monkeypatch.setattr(QuestionQuerySet, "open", pause)
    with ThreadPoolExecutor(1) as pool:
        n_released = pool.submit(in_thread(Lease.objects.all().release))
        has_leases.wait(10)
        commit("undo", curator, change=split.pk)
        is_over.set()

        assert n_released.result() == 1
    assert (Question.objects.get().state, Question.objects.get().open_places) == ("settled", 0)
