"""What is known of annotators follows a change of the taxonomy with their fit, and its undo gives it back exactly."""

import numpy as np
import pytest

from labeling import aggregation
from labeling.models import Choices, Collection, Question, Reclass, Vote
from tests.factories import make_collection, make_synset, make_user
from tests.labeling.test_following import commit

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    """Cats and dogs, some of the cats called kitties, named by three people who know and a fourth who says cat."""
    collection = make_collection(36, names=("cat", "kitty", "dog"), min_votes=2, max_votes=6)
    cat, kitty, dog = collection.ordered_classes()
    people = [make_user() for _ in range(4)]
    for number, question in enumerate(collection.questions.order_by("pk")):
        shown = (cat, kitty, dog)[number % 3]
        for annotator, said in zip(people, (shown, shown, shown if number % 7 else dog, cat), strict=True):
            Vote.objects.create(
                question=question, annotator=annotator, synset=said, answer="present", taxonomy_version=1
            )
    collection.questions.update(n_votes=4, state="open")
    aggregation.refit(collection)
    return Collection.objects.get(pk=collection.pk)


def known(collection) -> list[tuple[int, float, float, bytes | None]]:
    return list(collection.skills.known())


def weighed_with(collection) -> dict[int, np.ndarray]:
    """Return the own confusions with which the next votes are weighed."""
    collection = Collection.objects.get(pk=collection.pk)
    return Choices.now(collection).own(collection.skills.values_list("annotator", flat=True))


def test_own_confusions_count_on_after_a_merge(collection):
    cat, kitty, _dog = collection.ordered_classes()
    assert {own.shape for own in weighed_with(collection).values()} == {(3, 3)}

    commit("merge", synset=kitty.wnid, target=cat.wnid)

    own = weighed_with(collection)
    assert len(own) == 4
    assert {each.shape for each in own.values()} == {(2, 2)}
    assert min(own[max(own)][:, 0]) > 0.6  # the fourth says cat of anything


def test_a_merge_learns_what_a_refit_over_the_classes_after_it_would(collection):
    cat, kitty, _dog = collection.ordered_classes()
    commit("merge", synset=kitty.wnid, target=cat.wnid)
    collection = Collection.objects.get(pk=collection.pk)
    learnt, parameters = known(collection), collection.latest_fit.parameters

    aggregation.refit(collection)

    assert known(collection) == learnt
    assert collection.latest_fit.parameters == parameters


def test_they_count_on_where_a_class_merely_changes_its_noun(collection):
    cat, _kitty, _dog = collection.ordered_classes()
    feline = make_synset("feline", collection.root)
    before, own = known(collection), weighed_with(collection)

    commit("merge", synset=cat.wnid, target=feline.wnid)

    assert known(collection) == before
    np.testing.assert_equal(weighed_with(collection), own)


@pytest.mark.parametrize("is_refitted", [False, True])
def test_undoing_a_merge_gives_back_what_was_known(collection, is_refitted):
    cat, kitty, _dog = collection.ordered_classes()
    before, own = known(collection), weighed_with(collection)
    change = commit("merge", synset=kitty.wnid, target=cat.wnid)
    assert known(collection) != before
    if is_refitted:
        aggregation.refit(collection)

    commit("undo", change=change.pk)

    assert known(collection) == before
    np.testing.assert_equal(weighed_with(collection), own)


def test_undoing_the_undoing_gives_it_once_more(collection):
    cat, kitty, _dog = collection.ordered_classes()
    merge = commit("merge", synset=kitty.wnid, target=cat.wnid)
    merged, own = known(collection), weighed_with(collection)
    undo = commit("undo", change=merge.pk)

    commit("undo", change=undo.pk)

    assert known(collection) == merged
    np.testing.assert_equal(weighed_with(collection), own)


def test_an_undo_leaves_out_annotators_who_are_gone(collection):
    cat, kitty, _dog = collection.ordered_classes()
    change = commit("merge", synset=kitty.wnid, target=cat.wnid)
    kept, gone = Reclass.objects.get(), make_user()
    kept.known_before["skills"].append([gone.pk, 3.0, 1.0, None])
    kept.save()
    gone.delete()

    commit("undo", change=change.pk)

    assert len(known(collection)) == 4


def test_undoing_a_change_that_kept_no_skills_leaves_them_as_they_are(collection):
    cat, _kitty, _dog = collection.ordered_classes()
    before = known(collection)
    feline = make_synset("feline", collection.root)
    change = commit("merge", synset=cat.wnid, target=feline.wnid)
    Reclass.objects.update(known_before=None)

    commit("undo", change=change.pk)

    assert known(collection) == before


def test_gold_tells_the_fit_of_a_change_who_is_right(collection):
    cat, kitty, _dog = collection.ordered_classes()
    # All pictures are known to be cats, whatever three of four say.
    Question.objects.update(is_gold=True, truth=kitty, state="settled", label=kitty, confidence=1)

    commit("merge", synset=kitty.wnid, target=cat.wnid)

    *others, (_who, right, wrong, _own) = known(collection)
    assert right / (right + wrong) > 0.9
    assert all(right / (right + wrong) < 0.9 for _who, right, wrong, _own in others)


def test_a_gold_question_shows_after_a_merge_what_it_is_known_to_show(collection):
    cat, kitty, dog = collection.ordered_classes()
    gold = collection.questions.filter(label=dog).first()
    Question.objects.filter(pk=gold.pk).update(is_gold=True, truth=kitty, label=kitty, confidence=1, fit=None)

    commit("merge", synset=kitty.wnid, target=cat.wnid)

    gold.refresh_from_db()
    assert (gold.label, gold.state, gold.confidence, gold.fit) == (cat, "settled", 1, None)
