"""What is learnt of those who have votes enough for a confusion of their own, from a refit to the next vote."""

import numpy as np
import pytest

from labeling import aggregation
from labeling.models import Choices, Collection, Question, Skill, Vote
from tests.factories import make_collection, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    """Twelve cats and twelve dogs that three people know, and a fourth who says cat of every picture."""
    collection = make_collection(n_questions=24, min_votes=2, max_votes=6)
    cat, dog = collection.ordered_classes()
    people = [make_user() for _ in range(4)]
    for number, question in enumerate(collection.questions.order_by("pk")):
        shown = cat if number % 2 else dog
        for annotator, said in zip(people, (shown, shown, shown, cat), strict=True):
            cast(question, annotator, said)
    collection.questions.update(n_votes=4, state="open")
    return collection


def cast(question, annotator, said):
    Vote.objects.create(
        question=question,
        annotator=annotator,
        synset=said,
        answer="present",
        taxonomy_version=1,
        lease_number=1000 * question.pk + annotator.pk,
    )


def of_annotator(collection, annotator):
    return Skill.objects.get(collection=collection, annotator=annotator).own_confusion()


def always_cat(collection):
    return collection.skills.order_by("pk").last().annotator


def test_a_refit_keeps_the_confusion_of_whoever_has_votes_enough(collection):
    aggregation.refit(collection)

    own = of_annotator(collection, always_cat(collection))
    cats, dogs = own
    np.testing.assert_allclose(own.sum(axis=1), 1)
    assert cats[0] > 0.75  # of a cat they say cat
    assert dogs[0] > 0.6  # and of a dog


def test_single_questions_are_weighed_as_the_refit_weighs_them(collection):
    aggregation.refit(collection)
    choices = Choices.now(Collection.objects.get(pk=collection.pk))
    skills = {skill.annotator_id: skill.mean for skill in collection.skills.all()}

    assert len(choices.own(skills)) == 4
    for question in collection.questions.all():
        said = {vote.annotator_id: choices.place(vote.synset_id) for vote in question.votes.all()}
        belief = choices.weigh(said, skills)
        assert choices.synsets[belief.argmax()] == question.label
        assert belief.max() == pytest.approx(question.confidence, rel=1e-4)


def test_a_vote_of_who_always_says_one_noun_settles_nothing(collection):
    aggregation.refit(collection)
    cat = collection.ordered_classes()[0]
    voters = list(Skill.objects.filter(collection=collection).order_by("annotator"))
    choices = Choices.now(Collection.objects.get(pk=collection.pk))
    skills = {skill.annotator_id: skill.mean for skill in voters}

    clicked = choices.weigh({voters[3].annotator_id: choices.place(cat.pk)}, skills)
    known = choices.weigh({voters[0].annotator_id: choices.place(cat.pk)}, skills)

    assert abs(clicked[0] - 0.5) < 0.2 < 0.4 < known[0] - 0.5


def test_the_confusions_of_another_fit_do_not_count(collection):
    aggregation.refit(collection)
    Skill.objects.update(fit=None)

    everybody = collection.skills.values_list("annotator", flat=True)
    assert not Choices.now(Collection.objects.get(pk=collection.pk)).own(everybody)


def test_nobodys_confusion_is_read_twice(collection, django_assert_num_queries):
    aggregation.refit(collection)
    choices = Choices.now(Collection.objects.get(pk=collection.pk))
    first, second, *_others = collection.skills.values_list("annotator", flat=True)
    stranger = make_user().pk

    with django_assert_num_queries(1):
        assert choices.own([first, stranger]).keys() == {first}
    with django_assert_num_queries(0):
        assert choices.own([stranger, first]).keys() == {first}
    with django_assert_num_queries(1):
        assert choices.own([first, second]).keys() == {first, second}


def test_confusions_follow_the_order_of_the_nouns(collection):
    aggregation.refit(collection)
    annotator = always_cat(collection)
    before = of_annotator(collection, annotator)

    collection.move_class(collection.ordered_classes()[1], -1)

    np.testing.assert_allclose(of_annotator(collection, annotator), before[::-1, ::-1], rtol=1e-6)
    assert [noun.name for noun in collection.ordered_classes()] == ["dog", "cat"]


def test_gold_tells_who_is_right(collection):
    # Against three who agree: what is known counts for more than how many say so.
    cat = collection.ordered_classes()[0]
    Question.objects.update(is_gold=True, truth=cat, state="settled", label=cat, confidence=1)

    report = aggregation.refit(collection)

    skills = {skill.annotator_id: skill.mean for skill in collection.skills.all()}
    clicker = always_cat(collection)
    assert skills.pop(clicker.pk) > max(skills.values())
    assert report.n_known == 0  # gold is what it is known to be, and measures no consensus


def test_gold_of_a_collection_that_verifies_tells_too():
    collection = make_collection(n_questions=6, kind="verify", min_votes=1, max_votes=9)
    cat, dog = collection.ordered_classes()
    truthful, contrary = make_user(), make_user()
    for number, question in enumerate(collection.questions.filter(about=cat).order_by("pk")):
        is_there = number % 2 == 0
        question.is_gold, question.truth = True, cat if is_there else dog
        question.state, question.n_votes = "settled" if is_there else "absent", 2
        question.save()
        for annotator, says in ((truthful, is_there), (contrary, not is_there)):
            Vote.objects.create(
                question=question,
                annotator=annotator,
                synset=cat,
                answer="present" if says else "absent",
                taxonomy_version=1,
                lease_number=1000 * question.pk + annotator.pk,
            )

    aggregation.refit(collection)

    skills = {skill.annotator_id: skill.mean for skill in collection.skills.all()}
    assert skills[truthful.pk] > 0.8 > 0.4 > skills[contrary.pk]
