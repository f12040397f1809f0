import pytest

from labeling import aggregation, tallying
from labeling.models import Narrowing, Question
from labeling.tallying import tally, tally_if_changed
from taxonomy.models import Tally
from tests.factories import make_collection, make_synset, make_vote

pytestmark = pytest.mark.django_db


def counts():
    """Return (pictures, labels) at each noun by its name."""
    rows = Tally.objects.values_list("synset__name", "n_pictures", "n_labels")
    return {name: (n_pictures, n_labels) for name, n_pictures, n_labels in rows}


@pytest.fixture
def tree():
    """A pet and a canine are animals; a dog is both; a cat is a pet."""
    animal = make_synset("animal")
    pet, canine = make_synset("pet", animal), make_synset("canine", animal)
    return {
        s.name: s for s in (animal, pet, canine, make_synset("dog", pet, canine), make_synset("cat", pet))
    }


def settle(collection, *synsets):
    """Give the collection's first questions these labels."""
    for question, synset in zip(collection.questions.order_by("image"), synsets, strict=False):
        Question.objects.filter(pk=question.pk).update(state="settled", label=synset, confidence=1)


def test_a_picture_counts_once_at_each_noun_above_however_many_paths_lead_there(tree):
    settle(make_collection(2), tree["dog"], tree["cat"])

    tally()

    assert counts() == {"animal": (2, 2), "pet": (2, 2), "canine": (1, 1), "dog": (1, 1), "cat": (1, 1)}


def test_a_picture_with_labels_in_two_collections_counts_once_where_they_meet(tree):
    first = make_collection(1)
    second = make_collection()
    Question.objects.create(collection=second, image=first.questions.get().image, position=1)
    settle(first, tree["dog"])
    settle(second, tree["cat"])

    tally()

    assert counts() == {"animal": (1, 2), "pet": (1, 2), "canine": (1, 1), "dog": (1, 1), "cat": (1, 1)}


@pytest.mark.parametrize("n_collections", [2, 3])
def test_a_picture_with_the_same_label_everywhere_counts_once(tree, n_collections):
    first = make_collection(1)
    settle(first, tree["dog"])
    for _ in range(n_collections - 1):
        other = make_collection()
        Question.objects.create(collection=other, image=first.questions.get().image, position=1)
        settle(other, tree["dog"])

    tally()

    assert counts() == dict.fromkeys(("animal", "pet", "canine", "dog"), (1, n_collections))


def test_a_picture_that_is_being_narrowed_counts_at_the_noun_it_is_known_to_show(tree):
    first, second = make_collection(1), make_collection()
    Question.objects.create(collection=second, image=first.questions.get().image, position=1)
    settle(first, tree["dog"])
    settle(second, tree["cat"])
    narrowing = Narrowing.objects.create(collection=second, noun=tree["pet"], stands_at=tree["pet"])
    second.questions.update(state="open", narrowing=narrowing, label=tree["pet"])

    tally()

    assert counts() == {"animal": (1, 2), "pet": (1, 2), "canine": (1, 1), "dog": (1, 1)}


def test_what_is_not_settled_does_not_count(tree):
    settle(make_collection(2), tree["dog"])
    Question.objects.update(state="open")

    tally()

    assert counts() == {}


def test_counting_anew_replaces_what_was_counted(tree):
    collection = make_collection(1)
    settle(collection, tree["dog"])
    tally()
    settle(collection, tree["cat"])

    tally()

    assert counts() == {"animal": (1, 1), "pet": (1, 1), "cat": (1, 1)}


def test_nothing_is_counted_again_until_something_has_happened(monkeypatch, tree):
    tallying.cache.delete(tallying.LAST)
    assert tally_if_changed()
    assert not tally_if_changed()
    aggregation.refit(make_collection())
    assert tally_if_changed()
    assert not tally_if_changed()

    collection = make_collection(1)
    make_vote(collection, collection.ordered_classes()[0])

    assert tally_if_changed()


def test_a_count_that_took_long_is_not_made_again_at_once(monkeypatch, tree):
    tallying.cache.delete_many([tallying.LAST, tallying.RESTING])
    monkeypatch.setattr(tallying, "SHORT_S", -1)
    monkeypatch.setattr(tallying, "REST", 1_000_000)
    collection = make_collection(2)
    assert tally_if_changed()
    make_vote(collection, None)
    assert not tally_if_changed()

    aggregation.refit(collection)  # its labels are other ones all at once

    assert tally_if_changed()
    tallying.cache.delete(tallying.RESTING)
