"""Handing out, leases and votes."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.models import (
    LEASE_TIME,
    Collection,
    CollectionClass,
    Figures,
    Image,
    Lease,
    LeaseExpiredError,
    NotAClassError,
    Question,
    Refit,
    Skill,
    Vote,
    Walk,
)
from tests.factories import make_collection, make_lease, make_question, make_synset, make_user, make_vote

pytestmark = pytest.mark.django_db


def hand_out(collection: Collection, annotator, count: int = 1) -> list[Lease]:
    return Lease.objects.hand_out(collection, annotator, count)


def expire(*leases: Lease) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Lease.objects.filter(pk__in=[lease.pk for lease in leases]).update(expires_at=past)


def places(collection: Collection) -> list[int]:
    return list(collection.questions.order_by("position").values_list("open_places", flat=True))


# --- Handing out ----------------------------------------------------------------------------------------


def test_a_lease_takes_one_place():
    collection = make_collection(n_questions=1, min_votes=2)

    [lease] = hand_out(collection, make_user())

    assert lease.question.state == "open"
    assert lease.question.open_places == 1
    assert abs(lease.expires_at - timezone.now() - LEASE_TIME) < timedelta(seconds=10)


def test_no_more_leases_than_places_are_handed_out():
    collection = make_collection(n_questions=1, min_votes=2)

    handed = [len(hand_out(collection, make_user())) for _ in range(3)]

    assert handed == [1, 1, 0]


def test_nobody_is_asked_the_same_question_twice_even_when_nothing_else_is_left():
    collection = make_collection(n_questions=2, min_votes=3)
    annotator = make_user()
    for lease in hand_out(collection, annotator, 2):
        lease.cast(None)

    assert hand_out(collection, annotator) == []
    assert len(hand_out(collection, make_user(), 2)) == 2


def test_asking_again_is_answered_with_the_leases_held():
    collection = make_collection(n_questions=5)
    annotator = make_user()
    first = hand_out(collection, annotator, 2)

    again = hand_out(collection, annotator, 3)

    assert again[:2] == first
    assert len(again) == 3


def test_asking_again_renews_the_leases_held():
    lease = make_lease()
    soon = timezone.now() + timedelta(seconds=5)
    Lease.objects.update(expires_at=soon)

    [renewed] = hand_out(lease.question.collection, lease.annotator)

    assert renewed.expires_at > soon


def test_started_questions_are_handed_out_before_waiting_ones(monkeypatch):
    monkeypatch.setattr("labeling.models.questions.FEED_SIZE", 2)
    collection = make_collection(n_questions=6, min_votes=2)
    first = {lease.question_id for lease in hand_out(collection, make_user(), 2)}

    second = {lease.question_id for lease in hand_out(collection, make_user(), 2)}

    assert second == first
    assert collection.questions.filter(state="waiting").count() == 4


def test_the_feeder_opens_questions_in_the_order_of_their_positions(monkeypatch):
    monkeypatch.setattr("labeling.models.questions.FEED_SIZE", 3)
    collection = make_collection(n_questions=6, min_votes=2)

    Question.objects.feed(collection)

    assert places(collection) == [2, 2, 2, 0, 0, 0]


def test_a_place_that_opens_behind_an_annotator_is_found_by_walking_on_from_the_start():
    collection = make_collection(n_questions=3, min_votes=1)
    others = hand_out(collection, make_user(), 1)
    annotator = make_user()
    assert len(hand_out(collection, annotator, 3)) == 2

    expire(*others)
    Lease.objects.expired().release()

    assert len(hand_out(collection, annotator, 3)) == 3


def test_a_closed_collection_hands_out_nothing_new():
    collection = make_collection(n_questions=1, is_open=False)

    assert hand_out(collection, make_user()) == []


def test_questions_that_come_later_are_handed_out_too():
    collection = make_collection(n_questions=1, min_votes=1)
    annotator = make_user()
    hand_out(collection, annotator)[0].cast(None)

    later = make_question(collection)

    assert [lease.question for lease in hand_out(collection, annotator)] == [later]


@pytest.mark.parametrize("count", [1, 20])
def test_the_number_of_queries_does_not_grow_with_the_collection(count):
    def n_queries(n_questions: int) -> int:
        collection = make_collection(n_questions=n_questions, gold_share=0)
        annotator = make_user()
        hand_out(collection, annotator)
        with CaptureQueriesContext(connection) as queries:
            hand_out(collection, annotator, count)
        return len(queries)

    assert n_queries(25) == n_queries(100)


# --- Leases that end without a vote -----------------------------------------------------------------------


def test_an_expired_lease_gives_its_place_back():
    collection = make_collection(n_questions=1, min_votes=1)
    expire(make_lease(collection))

    assert Lease.objects.expired().release() == 1
    assert places(collection) == [1]


def test_a_running_lease_keeps_its_place():
    collection = make_collection(n_questions=1, min_votes=1)
    make_lease(collection)

    assert Lease.objects.expired().release() == 0
    assert places(collection) == [0]


def test_whoever_let_a_lease_expire_may_have_the_question_again():
    lease = make_lease()
    expire(lease)

    [again] = hand_out(lease.question.collection, lease.annotator)

    assert again.question == lease.question
    assert again.pk != lease.pk


def test_the_place_of_a_settled_question_is_not_given_back():
    collection = make_collection(n_questions=1, min_votes=1, target_confidence=0.6)
    lease = make_lease(collection)
    Question.objects.update(state="settled", open_places=0)
    expire(lease)

    Lease.objects.expired().release()

    assert places(collection) == [0]


# --- Votes ------------------------------------------------------------------------------------------------


def test_a_vote_keeps_what_was_said_and_on_which_lease():
    lease = make_lease()
    cat = lease.question.collection.ordered_classes()[0]

    vote = lease.cast(cat, seconds=2.5)

    assert (vote.synset, vote.answer, vote.seconds) == (cat, "present", 2.5)
    assert (vote.lease_number, vote.is_imported) == (lease.pk, False)
    assert vote.taxonomy_version > 0
    assert not Lease.objects.exists()


def test_cannot_tell_names_no_noun():
    vote = make_lease().cast(None)

    assert (vote.synset, vote.answer) == (None, "cannot_tell")


def test_a_vote_on_an_expired_lease_is_refused_and_nothing_changes():
    lease = make_lease()
    expire(lease)

    with pytest.raises(LeaseExpiredError, match=f"lease {lease.pk} ran out at"):
        lease.cast(None)

    assert not Vote.objects.exists()
    assert Question.objects.get().n_votes == 0


def test_a_lease_cannot_be_voted_on_twice():
    lease = make_lease()
    again = Lease.objects.get(pk=lease.pk)
    lease.cast(None)

    with pytest.raises(LeaseExpiredError):
        again.cast(None)

    assert Vote.objects.count() == 1


def test_a_noun_that_is_no_class_is_refused_and_the_lease_stays():
    lease = make_lease()

    with pytest.raises(NotAClassError, match="found stone"):
        lease.cast(make_synset("stone"))

    assert Lease.objects.get() == lease


def test_the_database_refuses_a_second_vote_of_one_annotator():
    vote = make_lease().cast(None)

    with pytest.raises(IntegrityError), transaction.atomic():
        Vote.objects.create(
            question=vote.question, annotator=vote.annotator, answer="cannot_tell", taxonomy_version=1
        )


def test_the_database_refuses_a_vote_that_sees_nothing_in_particular():
    question = make_question()

    with pytest.raises(IntegrityError), transaction.atomic():
        Vote.objects.create(question=question, annotator=make_user(), answer="present", taxonomy_version=1)


# --- What becomes of a question --------------------------------------------------------------------------


def test_agreement_settles_a_question():
    collection = make_collection(n_questions=1, min_votes=2, target_confidence=0.95)
    cat = collection.ordered_classes()[0]

    make_vote(collection, cat)
    make_vote(collection, cat)

    question = Question.objects.get()
    assert (question.state, question.label, question.n_votes, question.open_places) == ("settled", cat, 2, 0)
    # Two classes, both voters right 85 times in 100: 0.85² / (0.85² + 0.15²).
    assert question.confidence == pytest.approx(0.7225 / 0.745)


def test_disagreement_asks_one_more_person():
    collection = make_collection(n_questions=1, min_votes=2)
    cat, dog = collection.ordered_classes()

    make_vote(collection, cat)
    make_vote(collection, dog)

    question = Question.objects.get()
    assert (question.state, question.open_places) == ("open", 1)
    assert question.confidence == pytest.approx(0.5)


def test_nobody_more_is_asked_while_somebody_is_on_the_way():
    collection = make_collection(n_questions=1, min_votes=2)
    cat, dog = collection.ordered_classes()
    first, second = make_lease(collection), make_lease(collection)

    first.cast(cat)
    assert places(collection) == [0]
    second.cast(dog)

    assert places(collection) == [1]


def test_a_question_is_given_up_after_the_most_votes():
    collection = make_collection(n_questions=1, min_votes=1, max_votes=2)

    make_vote(collection, None)
    make_vote(collection, None)

    question = Question.objects.get()
    assert (question.state, question.open_places, question.n_votes) == ("undecided", 0, 2)


def test_cannot_tell_moves_no_class():
    collection = make_collection(n_questions=1)

    make_vote(collection, None)

    assert Question.objects.get().confidence == pytest.approx(0.5)


def test_cannot_tell_never_settles_a_question_by_its_prior():
    collection = make_collection(n_questions=1, names=("cat",), min_votes=1, max_votes=3)

    make_vote(collection, None)
    make_vote(collection, None)

    question = Question.objects.get()
    assert (question.confidence, question.state) == (1, "open")


def test_a_vote_for_a_noun_that_is_a_class_no_longer_says_nothing():
    collection = make_collection(n_questions=1, min_votes=2, names=("cat", "dog", "emu"))
    cat, _dog, emu = collection.ordered_classes()
    make_vote(collection, emu)
    collection.collectionclass_set.filter(synset=emu).delete()

    make_vote(collection, cat)

    question = Question.objects.get()
    assert (question.label, question.n_votes, question.state) == (cat, 2, "open")


def test_a_withdrawn_picture_is_not_asked_about():
    collection = make_collection(n_questions=1)
    Image.objects.update(withdrawn_at=timezone.now())

    assert hand_out(collection, make_user()) == []


def test_a_question_that_waits_for_nobody_is_opened_again():
    collection = make_collection(n_questions=1, min_votes=1)
    make_lease(collection)
    Lease.objects.all().delete()  # as when an annotator is deleted

    assert Question.objects.reopen_forgotten() == 1
    assert len(hand_out(collection, make_user())) == 1


def test_a_question_that_somebody_is_on_the_way_to_is_left_alone():
    make_lease(make_collection(n_questions=1, min_votes=1))

    assert Question.objects.reopen_forgotten() == 0


def test_a_late_vote_that_disagrees_opens_a_settled_question_again():
    collection = make_collection(n_questions=1, min_votes=1, target_confidence=0.8)
    Question.objects.feed(collection)
    Question.objects.update(open_places=2)
    cat, dog = collection.ordered_classes()
    first, late = make_lease(collection), make_lease(collection)
    first.cast(cat)
    assert Question.objects.get().state == "settled"

    late.cast(dog)

    question = Question.objects.get()
    assert (question.state, question.open_places) == ("open", 1)


def test_a_vote_takes_as_many_queries_on_a_large_collection_as_on_a_small_one():
    def n_queries(n_questions: int) -> int:
        collection = make_collection(n_questions=n_questions)
        lease = make_lease(collection)
        with CaptureQueriesContext(connection) as queries:
            lease.cast(collection.ordered_classes()[0])
        return len(queries)

    assert n_queries(1) == n_queries(50)


# --- Collections -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"target_confidence": 0.5},
        {"target_confidence": 1},
        {"min_votes": 0},
        {"min_votes": 5, "max_votes": 4},
    ],
)
def test_the_database_refuses_a_policy_that_no_question_could_follow(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_collection(**fields)


def test_the_database_refuses_open_places_on_a_question_that_is_not_open():
    question = make_question()

    with pytest.raises(IntegrityError), transaction.atomic():
        Question.objects.filter(pk=question.pk).update(open_places=1)


def test_classes_keep_their_order():
    collection = make_collection(names=("zebra", "ape", "cat"))

    assert [synset.name for synset in collection.ordered_classes()] == ["zebra", "ape", "cat"]


def test_counts_tell_every_state():
    collection = make_collection(n_questions=3, min_votes=1, target_confidence=0.8)
    make_vote(collection, collection.ordered_classes()[0])
    Question.objects.filter(state="open").update(state="waiting", open_places=0)

    assert collection.questions.counts() == {
        "n_questions": 3,
        "n_votes": 1,
        "n_waiting": 2,
        "n_open": 0,
        "n_settled": 1,
        "n_absent": 0,
        "n_decided": 1,
        "n_undecided": 0,
    }


def test_accuracy_is_over_settled_questions_with_a_known_answer():
    collection = make_collection(n_questions=4)
    cat, dog = collection.ordered_classes()
    right, wrong, unknown, unsettled = collection.questions.order_by("pk")
    for question, label, truth in ((right, cat, cat), (wrong, cat, dog), (unknown, cat, None)):
        Question.objects.filter(pk=question.pk).update(state="settled", label=label, truth=truth)
    Question.objects.filter(pk=unsettled.pk).update(truth=cat)

    assert collection.questions.accuracy() == 0.5


def test_without_known_answers_there_is_no_accuracy():
    assert make_collection(n_questions=1).questions.accuracy() is None


def test_a_collection_has_grown_after_ten_votes():
    collection = make_collection(n_questions=12, min_votes=1)
    [annotator] = [make_user()]
    for lease in hand_out(collection, annotator, 9):
        lease.cast(None)
    assert Refit.objects.due_by_growth() == []

    hand_out(collection, annotator)[0].cast(None)

    assert Refit.objects.due_by_growth() == [collection]


def test_of_a_large_collection_growth_is_read_from_what_was_counted(monkeypatch):
    collection = make_collection(n_questions=2, min_votes=1)
    make_vote(collection, None)
    Figures.objects.create(collection=collection, n_votes=10, counted_at=timezone.now())
    assert Refit.objects.due_by_growth() == []  # so few are added up

    monkeypatch.setattr("labeling.models.refits.LIVE", 9)

    assert Refit.objects.due_by_growth() == [collection]


# --- What the database refuses ---------------------------------------------------------------------------


def test_the_database_refuses_a_second_lease_of_one_annotator_on_a_question():
    lease = make_lease()
    again = {"question": lease.question, "expires_at": lease.expires_at}
    Lease.objects.create(annotator=make_user(), **again)

    with pytest.raises(IntegrityError), transaction.atomic():
        Lease.objects.create(annotator=lease.annotator, **again)


def test_the_database_refuses_to_ask_about_a_picture_twice_in_one_collection():
    question = make_question()
    Question.objects.create(collection=make_collection(), image=question.image, position=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        Question.objects.create(collection=question.collection, image=question.image, position=1)


def test_the_database_refuses_to_lend_a_place_that_is_not_there():
    question = make_question()
    Question.objects.filter(pk=question.pk).update(state="open", open_places=0)

    with pytest.raises(IntegrityError), transaction.atomic():
        Question.objects.filter(pk=question.pk).update(open_places=-1)


@pytest.mark.parametrize(("name", "position"), [("cat", 2), ("stone", 0)])
def test_the_database_refuses_a_class_twice_and_a_place_twice(name, position):
    collection = make_collection(names=("cat", "dog"))
    synset = collection.classes.filter(name=name).first() or make_synset(name)
    CollectionClass.objects.create(collection=collection, synset=make_synset("ape"), position=3)

    with pytest.raises(IntegrityError), transaction.atomic():
        CollectionClass.objects.create(collection=collection, synset=synset, position=position)


def test_the_database_refuses_a_vote_that_cannot_tell_and_names_a_noun():
    collection = make_collection(n_questions=1)
    fields = {"question": collection.questions.get(), "annotator": make_user(), "taxonomy_version": 1}

    with pytest.raises(IntegrityError), transaction.atomic():
        Vote.objects.create(answer="cannot_tell", synset=collection.ordered_classes()[0], **fields)


def test_the_database_refuses_two_votes_on_one_lease():
    vote = make_lease().cast(None)
    fields = {"question": vote.question, "answer": "cannot_tell", "taxonomy_version": 1}
    Vote.objects.create(annotator=make_user(), lease_number=vote.lease_number + 1, **fields)

    with pytest.raises(IntegrityError), transaction.atomic():
        Vote.objects.create(annotator=make_user(), lease_number=vote.lease_number, **fields)


@pytest.mark.parametrize(("right", "wrong"), [(0, 1), (1, 0), (-1, 1)])
def test_the_database_refuses_a_skill_that_would_be_certain(right, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        Skill.objects.create(collection=make_collection(), annotator=make_user(), right=right, wrong=wrong)


def test_the_database_refuses_a_second_skill_and_a_second_walk_of_one_annotator():
    both = {"collection": make_collection(), "annotator": make_user()}
    Skill.objects.create(right=3, wrong=1, **both)
    Walk.objects.create(**both)

    with pytest.raises(IntegrityError), transaction.atomic():
        Skill.objects.create(right=3, wrong=1, **both)
    with pytest.raises(IntegrityError), transaction.atomic():
        Walk.objects.create(**both)


# --- Laws -------------------------------------------------------------------------------------------------


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "cat", "dog", "cannot tell", "leave", "sweep"]), st.integers(0, 3)),
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS, min_votes=st.integers(1, 3), more=st.integers(0, 2))
def test_whatever_happens_nothing_is_oversold_and_every_vote_is_counted(steps, min_votes, more):
    collection = make_collection(n_questions=3, min_votes=min_votes, max_votes=min_votes + more)
    answers = dict(zip(["cat", "dog", "cannot tell"], [*collection.ordered_classes(), None], strict=True))
    people = [make_user() for _ in range(4)]

    for step, number in steps:
        mine = Lease.objects.held_by(people[number]).filter(question__collection=collection)
        if step == "ask":
            hand_out(collection, people[number], 2)
        elif step == "leave":
            expire(*mine)
        elif step == "sweep":
            Lease.objects.expired().release()
        elif lease := mine.first():
            lease.cast(answers[step])

    for question in collection.questions.all():
        n_on_the_way = question.leases.count() + question.open_places
        assert question.n_votes == question.votes.count() <= collection.max_votes
        assert question.n_votes + n_on_the_way <= collection.max_votes
        assert (question.state == "open") == (question.open_places > 0 or question.leases.exists())
        assert not question.votes.filter(annotator__in=question.leases.values("annotator")).exists()
