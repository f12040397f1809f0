import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets.choosing import Choice, plan
from datasets.previewing import preview
from labeling.models import Collection
from tests.factories import freeze_all, make_collection, make_settled_collection, make_synset

pytestmark = pytest.mark.django_db


def look(collection, **chosen):
    return preview(collection, plan(collection, Choice(**chosen)))


def test_it_counts_what_a_snapshot_then_holds():
    collection = make_settled_collection(20, names=("cat", "dog", "emu"))

    shown = look(collection)

    snapshot = freeze_all(collection)
    assert {noun.wnid: noun.counts for noun in shown.nouns} == {
        wnid: tuple(counts.values()) for wnid, counts in snapshot.card["by_class"].items()
    }
    assert (shown.by_split, shown.n_images) == (snapshot.card["by_split"], snapshot.n_images)


def test_labels_that_are_not_sure_enough_are_counted_apart():
    collection = make_settled_collection(10)
    some = collection.questions.values("pk")[:3]
    collection.questions.filter(pk__in=some).update(confidence=0.9)

    assert (look(collection).n_images, look(collection).n_below) == (7, 3)
    assert (look(collection, min_confidence=0.9).n_images, look(collection, min_confidence=0.9).n_below) == (
        10,
        0,
    )


def test_withdrawn_pictures_and_open_questions_are_not_counted():
    collection = make_settled_collection(10)
    first, second = collection.questions.all()[:2]
    first.image.withdraw()
    collection.questions.filter(pk=second.pk).update(state="open")

    assert (look(collection).n_images, look(collection).n_below) == (8, 0)


def test_labels_roll_up_to_the_classes_that_were_chosen():
    collection = make_settled_collection(10)
    cat, dog = collection.ordered_classes()

    shown = look(collection, classes=(collection.root.wnid, cat.wnid))

    assert [(noun.name, noun.n_told) for noun in shown.nouns] == [(collection.root.name, 5), ("cat", 5)]
    assert shown.left_out == ()
    [only] = look(collection, classes=(dog.wnid,)).nouns
    assert (only.name, only.n_told) == ("dog", 5)


def test_what_is_in_no_class_is_counted_by_why():
    collection = make_settled_collection(10)
    cat, _dog = collection.ordered_classes()
    some = collection.questions.filter(label=cat).values("pk")[:2]
    collection.questions.filter(pk__in=some).update(label=collection.root)

    shown = look(collection, classes=(cat.wnid,))

    assert {bar.name: bar.n for bar in shown.left_out} == {"no class": 5, "too coarse": 2}
    assert (shown.n_images, shown.n_left_out) == (3, 7)


def test_nouns_without_a_picture_in_some_part_are_named():
    collection = make_settled_collection(4, splits=("train", "val"))
    collection.questions.update(label=collection.ordered_classes()[0])

    lacking = look(collection).lacking

    assert [(noun.name, noun.lacks) for noun in lacking] == [
        ("cat", ("test",)),
        ("dog", ("train", "val", "test")),
    ]


def test_nothing_settled_is_nothing():
    shown = look(make_collection(3))

    assert (shown.n_images, shown.n_below, shown.left_out) == (0, 0, ())
    assert [noun.bars for noun in shown.nouns] == [(), ()]


def test_of_one_that_verifies_each_noun_of_a_picture_is_counted():
    collection = make_collection(2, kind=Collection.Kind.VERIFY)
    for question in collection.questions.all():
        collection.questions.filter(pk=question.pk).update(
            state="settled", label=question.about, confidence=0.99, n_votes=2
        )

    assert [noun.n_told for noun in look(collection).nouns] == [2, 2]


def test_it_asks_as_much_for_many_nouns_and_pictures_as_for_few():
    few = make_settled_collection(4)
    many = make_settled_collection(20, names=("ant", "bee", "cow", "doe", "emu"))
    make_synset("fox", many.root)

    with CaptureQueriesContext(connection) as of_few:
        look(few)
    with CaptureQueriesContext(connection) as of_many:
        look(many)

    assert len(of_few) == len(of_many)
