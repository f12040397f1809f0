"""Many pictures asked about one noun: who is handed what."""

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.models import GRID, Collection, Lease, NotAClassError, Question, Vote, Walk
from labeling.models.questions import BLOCK
from tests.factories import make_collection, make_question, make_synset, make_user

pytestmark = pytest.mark.django_db


def make_verifying(n_pictures: int = 6, names: tuple[str, ...] = ("cat", "dog"), **fields) -> Collection:
    return make_collection(n_pictures, names, kind=Collection.Kind.VERIFY, **fields)


def answer_all(grid) -> None:
    for lease in grid.leases:
        lease.answer(Vote.Answer.PRESENT)


def abouts(grid) -> set[int]:
    return {lease.question.about_id for lease in grid.leases}


# --- Questions ---------------------------------------------------------------------------------------------


def test_a_picture_is_asked_about_once_for_each_noun():
    collection = make_verifying(1)
    cat, dog = collection.ordered_classes()

    assert set(collection.questions.values_list("about", flat=True)) == {cat.pk, dog.pk}
    question = collection.questions.first()
    with pytest.raises(IntegrityError, match=r"UNIQUE|labeling_question_once_about"):
        Question.objects.create(collection=collection, image=question.image, about=question.about, position=1)


def test_a_picture_whose_nouns_are_chosen_among_is_asked_about_once():
    question = make_question()

    with pytest.raises(IntegrityError, match=r"UNIQUE|labeling_question_once"):
        Question.objects.create(collection=question.collection, image=question.image, position=1)


def test_questions_about_one_noun_lie_together_in_the_order_of_the_classes():
    collection = make_verifying(5, names=("cat", "dog", "eel"))

    for place, noun in enumerate(collection.ordered_classes()):
        blocks = {question.position // BLOCK for question in collection.questions.filter(about=noun)}
        assert blocks == {place}
    assert 1000 * BLOCK < 2**31


def test_the_words_name_the_noun():
    collection = make_verifying(1)
    cat, _dog = collection.ordered_classes()

    assert collection.questions.get(about=cat).words == "Does this picture show “cat”?"
    assert make_question().words == "What is in this picture?"


# --- Handing out -------------------------------------------------------------------------------------------


def test_a_grid_is_about_one_noun():
    collection = make_verifying(6)
    cat, _dog = collection.ordered_classes()

    grid = Lease.objects.hand_out_grid(collection, make_user())

    assert grid.about == cat
    assert abouts(grid) == {cat.pk}
    assert len({lease.question.image_id for lease in grid.leases}) == 6


def test_asking_again_gives_the_same_leases_topped_up():
    collection = make_verifying(6)
    annotator = make_user()
    first = Lease.objects.hand_out_grid(collection, annotator, count=2)

    again = Lease.objects.hand_out_grid(collection, annotator, count=4)

    assert again.about == first.about
    assert [lease.pk for lease in again.leases[:2]] == [lease.pk for lease in first.leases]
    assert len({lease.question_id for lease in again.leases}) == 4
    assert len(Lease.objects.hand_out_grid(collection, annotator, count=3).leases) == 3


def test_the_next_noun_comes_when_one_is_answered_and_then_the_end():
    collection = make_verifying(3)
    cat, dog = collection.ordered_classes()
    annotator = make_user()

    grids = [Lease.objects.hand_out_grid(collection, annotator)]
    answer_all(grids[-1])
    grids.append(Lease.objects.hand_out_grid(collection, annotator))
    answer_all(grids[-1])
    last = Lease.objects.hand_out_grid(collection, annotator)

    assert [grid.about for grid in grids] == [cat, dog]
    assert [len(grid.leases) for grid in grids] == [3, 3]
    assert (last.about, last.leases) == (None, [])
    assert not Lease.objects.might_come(collection, annotator)


def test_another_noun_can_be_asked_for_and_what_was_held_goes_back():
    collection = make_verifying(3)
    cat, dog = collection.ordered_classes()
    annotator = make_user()
    Lease.objects.hand_out_grid(collection, annotator)

    grid = Lease.objects.hand_out_grid(collection, annotator, noun=dog)

    assert (grid.about, abouts(grid), len(grid.leases)) == (dog, {dog.pk}, 3)
    assert not Lease.objects.filter(question__about=cat).exists()
    assert set(collection.questions.filter(about=cat).values_list("open_places", flat=True)) == {2}
    back = Lease.objects.hand_out_grid(collection, annotator, noun=cat)
    assert (back.about, len(back.leases)) == (cat, 3)


def test_a_noun_that_is_no_class_is_refused():
    collection = make_verifying(1)
    eel = make_synset("eel", collection.root)

    with pytest.raises(NotAClassError, match=r"Expected a noun that Collection .* asks about; found eel"):
        Lease.objects.hand_out_grid(collection, make_user(), noun=eel)


def test_a_noun_of_which_nothing_is_left_gives_an_empty_grid():
    collection = make_verifying(2)
    cat, _dog = collection.ordered_classes()
    annotator = make_user()
    answer_all(Lease.objects.hand_out_grid(collection, annotator))

    grid = Lease.objects.hand_out_grid(collection, annotator, noun=cat)

    assert (grid.about, grid.leases) == (cat, [])


def test_a_noun_far_behind_the_window_is_opened_alone():
    collection = make_verifying(30, names=("cat", "dog", "eel"))
    eel = collection.ordered_classes()[2]

    grid = Lease.objects.hand_out_grid(collection, make_user(), noun=eel, count=5)

    assert abouts(grid) == {eel.pk}
    assert set(collection.questions.open().values_list("about", flat=True)) == {eel.pk}


def test_places_are_taken_and_not_oversold():
    collection = make_verifying(2, min_votes=2)

    grids = [Lease.objects.hand_out_grid(collection, make_user()) for _ in range(3)]

    assert [grid.about.name for grid in grids] == ["cat", "cat", "dog"]
    assert collection.questions.filter(open_places=0, state="open", about__name="cat").count() == 2


def test_leases_that_ran_out_come_again():
    collection = make_verifying(2)
    annotator = make_user()
    Lease.objects.hand_out_grid(collection, annotator)
    Lease.objects.update(expires_at=timezone.now())

    grid = Lease.objects.hand_out_grid(collection, annotator)

    assert len(grid.leases) == Lease.objects.count() == 2
    assert set(collection.questions.filter(about=grid.about).values_list("open_places", flat=True)) == {1}


def test_a_sensitive_noun_is_asked_about_by_nobody():
    collection = make_verifying(2)
    cat, dog = collection.ordered_classes()
    type(cat).objects.filter(pk=cat.pk).update(is_sensitive=True, sensitive_reason="a test")

    assert Lease.objects.hand_out_grid(collection, make_user()).about == dog


def test_a_closed_collection_hands_out_nothing_new():
    collection = make_verifying(2, is_open=False)

    assert Lease.objects.hand_out_grid(collection, make_user()).leases == []


def test_a_withdrawn_picture_is_in_no_grid():
    collection = make_verifying(2)
    collection.questions.first().image.withdraw()

    assert len(Lease.objects.hand_out_grid(collection, make_user()).leases) == 1


def test_gold_comes_about_the_same_noun(monkeypatch):
    monkeypatch.setattr("labeling.models.leases.random", lambda: 0.0)
    collection = make_verifying(4, gold_share=0.5)
    cat, dog = collection.ordered_classes()
    known = collection.questions.filter(about=dog)
    known.update(is_gold=True, truth=cat, state="absent", confidence=1)
    collection.questions.filter(about=cat, pk__lte=known.last().pk).update(truth=cat)

    grid = Lease.objects.hand_out_grid(collection, make_user(), noun=dog)

    assert (grid.about, len(grid.leases)) == (dog, 4)
    assert all(lease.question.is_gold for lease in grid.leases)


def n_queries(collection: Collection, annotator, count: int) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(Lease.objects.hand_out_grid(collection, annotator, count=count).leases) == count
    return len(queries)


def test_a_grid_of_one_and_of_many_take_the_same_queries():
    collection = make_verifying(20, gold_share=0)
    Lease.objects.hand_out_grid(collection, make_user(), count=1)
    first, second = make_user(), make_user()
    for annotator in (first, second):
        Walk.objects.create(collection=collection, annotator=annotator)

    assert n_queries(collection, first, 1) == n_queries(collection, second, 19) <= 10
    assert GRID == 48
