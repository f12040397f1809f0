"""What changed between two snapshots, with the causes that the ledger knows."""

import pytest

from datasets.comparing import (
    BY_CLASSES,
    BY_REFIT,
    BY_TAXONOMY,
    BY_VOTES,
    CLASS_GONE,
    LEFT_OVER,
    UNSURE,
    WITHDRAWN,
)
from datasets.rolling import SEVERAL
from datasets.side_by_side import NotComparableError, side_by_side
from labeling.splits import TEST, TRAIN
from taxonomy import drafting, ledger
from taxonomy.models import Draft, Synset
from taxonomy.models.ledger import Kind
from tests.factories import freeze_all, make_settled_collection, make_snapshot, make_user

pytestmark = pytest.mark.django_db


def change(kind, **arguments):
    """Make a change of the taxonomy all the way, labels included; return its number."""
    draft = drafting.propose(kind, arguments, author=make_user(), reason="a test")
    drafting.work_due()
    draft.refresh_from_db()
    assert draft.state == Draft.State.READY, draft.error
    draft.commit()
    drafting.work_due()
    draft.refresh_from_db()
    assert draft.state == Draft.State.COMMITTED, draft.error
    return draft.change.pk


def make(kind, **arguments):
    """Make a change of the taxonomy at once, without what depends on it; return its number."""
    return ledger.make(kind, arguments, author=None, reason="a test").pk


def labelled(collection, label, split=TRAIN):
    """Return the questions with this label, of pictures of this part."""
    return collection.questions.filter(label=label, image__split=split).order_by("pk")


def relabel(questions, label, **fields):
    collection = questions.first().collection
    keys = list(questions.values_list("pk", flat=True))
    collection.questions.filter(pk__in=keys).update(label=label, **fields)
    return len(keys)


def test_labels_that_changed_with_the_votes_and_without_are_told_apart():
    collection = make_settled_collection(20)
    cat, dog = collection.ordered_classes()
    before = freeze_all(collection)
    first, second, *_ = labelled(collection, cat)
    relabel(collection.questions.filter(pk=first.pk), dog, n_votes=5)
    relabel(collection.questions.filter(pk=second.pk), dog)

    found = side_by_side(before, freeze_all(collection)).comparison

    assert dict(found.causes) == {BY_VOTES: 1, BY_REFIT: 1}
    assert [pair[:3] for pair in found.pairs] == [(cat.wnid, dog.wnid, 2)]


def test_a_merge_is_told_by_its_number():
    collection = make_settled_collection(20, names=("cat", "dog", "puppy"))
    _cat, dog, puppy = collection.ordered_classes()
    before = freeze_all(collection)
    number = change(Kind.MERGE, synset=puppy.wnid, target=dog.wnid)

    found = side_by_side(before, freeze_all(collection))

    assert found.turned == {(puppy.wnid, dog.wnid): (number,)}
    assert [pair[:2] for pair in found.comparison.pairs] == [(puppy.wnid, dog.wnid)]
    assert set(found.comparison.causes) == {BY_TAXONOMY}


def test_the_undoing_of_a_merge_is_told_by_its_own_number():
    collection = make_settled_collection(20, names=("cat", "dog", "puppy"))
    _cat, dog, puppy = collection.ordered_classes()
    merge = change(Kind.MERGE, synset=puppy.wnid, target=dog.wnid)
    before = freeze_all(collection)
    undo = change(Kind.UNDO, change=merge)

    found = side_by_side(before, freeze_all(collection))

    assert found.turned == {(dog.wnid, puppy.wnid): (undo,)}
    assert set(found.comparison.causes) == {BY_TAXONOMY}


def test_a_merge_that_was_undone_before_the_next_snapshot_is_the_cause_of_nothing():
    collection = make_settled_collection(20, names=("cat", "dog", "puppy"))
    _cat, dog, puppy = collection.ordered_classes()
    before = freeze_all(collection)
    change(Kind.UNDO, change=change(Kind.MERGE, synset=puppy.wnid, target=dog.wnid))
    relabel(labelled(collection, dog), puppy)

    found = side_by_side(before, freeze_all(collection))

    assert found.turned == {}
    assert set(found.comparison.causes) == {BY_REFIT}


def test_a_noun_that_was_split_turned_into_its_parts():
    collection = make_settled_collection(20)
    cat, dog = collection.ordered_classes()
    before = freeze_all(collection)
    husky, pug = (ledger.plant(name, "") for name in ("husky", "pug"))
    number = change(Kind.SPLIT, synset=dog.wnid, parts=[husky.wnid, pug.wnid])
    relabel(collection.questions.exclude(label=cat), husky, state="settled", open_places=0, confidence=0.99)

    found = side_by_side(before, freeze_all(collection))

    assert found.turned[dog.wnid, husky.wnid] == (number,)
    assert set(found.comparison.causes) == {BY_TAXONOMY}


def test_a_noun_that_was_retired_and_restored_turned_back():
    collection = make_settled_collection(20, names=("cat", "dog"))
    _cat, dog = collection.ordered_classes()
    puppy = ledger.plant("puppy", "")
    change(Kind.ADD, synset=puppy.wnid, hypernyms=[dog.wnid])
    change(Kind.RETIRE, synset=puppy.wnid)
    before = freeze_all(collection)
    number = change(Kind.RESTORE, synset=puppy.wnid)
    collection.add_classes([Synset.objects.get(pk=puppy.pk)])
    relabel(labelled(collection, dog), puppy)

    found = side_by_side(before, freeze_all(collection))

    assert found.turned == {(dog.wnid, puppy.wnid): (number,)}
    assert set(found.comparison.causes) == {BY_TAXONOMY}


def test_a_noun_below_a_class_that_moved_below_another_turned_the_one_into_the_other():
    collection = make_settled_collection(20)
    cat, dog = collection.ordered_classes()
    fox = ledger.plant("fox", "")
    change(Kind.ADD, synset=fox.wnid, hypernyms=[cat.wnid])
    before = freeze_all(collection)
    number = change(Kind.MOVE, synset=fox.wnid, target=dog.wnid)
    relabel(labelled(collection, cat), dog)

    found = side_by_side(before, freeze_all(collection))

    assert found.turned == {(cat.wnid, dog.wnid): (number,)}


def test_changes_of_words_turn_nothing():
    collection = make_settled_collection(20)
    cat, dog = collection.ordered_classes()
    before = freeze_all(collection)
    change(Kind.RENAME, synset=cat.wnid, name="moggy")
    relabel(labelled(collection, cat), dog)

    found = side_by_side(before, freeze_all(collection))

    assert found.turned == {}
    assert set(found.comparison.causes) == {BY_REFIT}


def test_a_label_that_is_a_new_class_changed_by_the_classes():
    collection = make_settled_collection(20)
    cat, _dog = collection.ordered_classes()
    before = freeze_all(collection)
    cow = ledger.plant("cow", "")
    change(Kind.ADD, synset=cow.wnid, hypernyms=[collection.root.wnid])
    collection.add_classes([Synset.objects.get(pk=cow.pk)])
    relabel(labelled(collection, cat), cow, n_votes=9)

    found = side_by_side(before, freeze_all(collection)).comparison

    assert set(found.causes) == {BY_CLASSES}


def test_a_picture_that_was_withdrawn_is_told_from_one_that_is_no_longer_sure_enough():
    collection = make_settled_collection(20)
    cat, _dog = collection.ordered_classes()
    before = freeze_all(collection)
    first, second, *_ = labelled(collection, cat)
    first.image.withdraw()
    collection.questions.filter(pk=second.pk).update(state="open", label=None, confidence=None)

    found = side_by_side(before, freeze_all(collection)).comparison

    assert dict(found.gone) == {WITHDRAWN: 1, UNSURE: 1}


def test_what_is_left_over_in_one_of_both_went_and_came_for_the_reason_given_there():
    collection = make_settled_collection(20, names=("husky", "dog", "pet"))
    husky, dog, pet = collection.ordered_classes()
    make(Kind.MOVE, synset=husky.wnid, target=dog.wnid)
    classes = (dog.wnid, pet.wnid)
    first = freeze_all(collection, classes=classes)
    number = make(Kind.ADD_PARENT, synset=husky.wnid, hypernym=pet.wnid)
    second = freeze_all(collection, classes=classes)
    make(Kind.UNDO, change=number)
    collection.questions.filter(label=dog).update(n_votes=4)  # otherwise it is the first one again
    third = freeze_all(collection, classes=classes)

    went, came = side_by_side(first, second).comparison, side_by_side(second, third).comparison

    assert set(went.gone) == {SEVERAL}
    assert set(came.came) == {LEFT_OVER}
    assert went.open.n_gone == came.open.n_came > 0


def test_coarser_classes_change_labels_and_finer_ones_have_pictures_go():
    collection = make_settled_collection(20)
    cat, _dog = collection.ordered_classes()
    fine = freeze_all(collection)
    coarse = freeze_all(collection, classes=(collection.root.wnid,))
    few = freeze_all(collection, classes=(cat.wnid,))

    up, down = side_by_side(fine, coarse).comparison, side_by_side(coarse, few).comparison

    assert dict(up.causes) == {BY_CLASSES: up.open.n_changed} == {BY_CLASSES: 16}
    assert set(down.gone) == {CLASS_GONE}


def test_a_withdrawal_is_told_though_the_snapshots_were_compared_before():
    collection = make_settled_collection(20)
    cat, _dog = collection.ordered_classes()
    before = freeze_all(collection)
    gone = labelled(collection, cat).first()
    collection.questions.filter(pk=gone.pk).update(state="open", label=None, confidence=None)
    after = freeze_all(collection)
    assert dict(side_by_side(before, after).comparison.gone) == {UNSURE: 1}

    gone.image.withdraw()

    assert dict(side_by_side(before, after).comparison.gone) == {WITHDRAWN: 1}


def test_of_test_labels_only_their_number_is_known():
    collection = make_settled_collection(20)
    cat, dog = collection.ordered_classes()
    before = freeze_all(collection)
    label = collection.questions.filter(image__split=TEST).first().label
    n = relabel(labelled(collection, label, TEST), dog if label == cat else cat, n_votes=5)

    found = side_by_side(before, freeze_all(collection)).comparison

    assert (found.secret.n_changed, found.open.n_changed) == (n, 0)
    assert (dict(found.causes), found.pairs, found.changed) == ({}, [], [])


def test_snapshots_of_two_collections_are_not_compared():
    with pytest.raises(NotComparableError, match="Expected two snapshots of one collection; found one of"):
        side_by_side(make_snapshot(n_questions=10), make_snapshot(n_questions=10))


def test_a_snapshot_is_not_compared_with_itself():
    snapshot = make_snapshot(n_questions=10)

    with pytest.raises(NotComparableError, match="Expected an older snapshot and a newer one; found 1 and 1"):
        side_by_side(snapshot, snapshot)
