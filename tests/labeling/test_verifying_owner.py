"""What the owner of a collection that verifies sees and may do."""

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from labeling import overview
from labeling.models import ClassRefusedError, Collection, Lease, NotReadyError, Question, Vote
from tests.factories import make_collection, make_synset, make_user
from tests.labeling.organisers import make_organiser

pytestmark = pytest.mark.django_db

PRESENT, ABSENT = Vote.Answer.PRESENT, Vote.Answer.ABSENT


@pytest.fixture
def owner(client):
    user = make_organiser()
    client.force_login(user)
    return user


def make_verifying(owner, n_pictures: int = 2, **fields) -> Collection:
    return make_collection(n_pictures, kind=Collection.Kind.VERIFY, owner=owner, gold_share=0, **fields)


def ask(collection: Collection, *answers: str) -> Question:
    """Have new people answer the first question."""
    for answer in answers:
        noun = collection.ordered_classes()[0]
        [lease] = Lease.objects.hand_out_grid(collection, make_user(), noun, 1).leases
        lease.answer(answer)
    return Question.objects.get(pk=lease.question_id)


def open_page(client, name: str, collection: Collection, query: str = "") -> str:
    response = client.get(reverse(f"labeling:{name}", args=[collection.slug]) + query)
    assert response.status_code == 200
    return response.content.decode()


# --- Its kind ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["choose", "verify"])
def test_whoever_makes_a_collection_says_what_it_asks(client, owner, kind):
    root = make_synset("animal")

    client.post(
        reverse("labeling:make"),
        {
            "name": "Dogs", "kind": kind, "root": root.wnid, "target_confidence": 0.98, "min_votes": 2,
            "max_votes": 10, "gold_share": 0.05,
        },
    )  # fmt: skip

    assert Collection.objects.get().kind == kind


def test_the_kind_can_change_until_there_are_pictures():
    collection = make_collection()
    collection.kind = Collection.Kind.VERIFY

    collection.full_clean()


def test_the_kind_stays_once_there_are_pictures(client, owner):
    collection = make_verifying(owner)
    assert "It stays, since there are pictures" in open_page(client, "edit", collection)
    collection.kind = Collection.Kind.CHOOSE

    with pytest.raises(ValidationError, match="What is asked stays as it is"):
        collection.full_clean()


# --- Its nouns ---------------------------------------------------------------------------------------------


def test_one_noun_is_enough_to_be_opened():
    collection = make_collection(0, ("cat",), kind=Collection.Kind.VERIFY, is_open=False)

    collection.open()

    assert collection.is_open


def test_without_a_noun_there_is_nothing_to_open():
    collection = make_collection(0, (), kind=Collection.Kind.VERIFY, is_open=False)

    with pytest.raises(NotReadyError, match="Choose a noun"):
        collection.open()


def test_a_noun_that_pictures_are_asked_about_is_not_removed():
    collection = make_collection(0, ("cat", "dog"), kind=Collection.Kind.VERIFY)
    cat, dog = collection.ordered_classes()
    image = make_collection(1).questions.get().image
    Question.objects.create(collection=collection, image=image, about=cat, position=1)

    with pytest.raises(ClassRefusedError, match="Cat stays: there are pictures that are asked about it"):
        collection.remove_class(cat)
    collection.remove_class(dog)
    assert collection.ordered_classes() == [cat]


# --- Pages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["edit", "examples", "gold", "dashboard", "pictures", "collection"])
def test_every_page_of_the_owner_opens(client, owner, name):
    collection = make_verifying(owner, target_confidence=0.9)
    ask(collection, PRESENT, PRESENT)
    ask(collection, ABSENT, ABSENT)

    open_page(client, name, collection)


def test_progress_says_what_is_there_and_what_is_not(client, owner):
    collection = make_verifying(owner, target_confidence=0.9)
    ask(collection, PRESENT, PRESENT)
    ask(collection, ABSENT, ABSENT)

    page = open_page(client, "collection", collection)

    assert "<b>2</b> of <b>4</b> questions about pictures are decided," in page
    assert "Shows it 1" in page
    assert "Does not show it 1" in page


def test_examples_are_chosen_among_pictures_that_are_asked_about_the_noun(client, owner):
    collection = make_verifying(owner, 3, splits=("train",))
    _cat, dog = collection.ordered_classes()

    response = client.get(reverse("labeling:examples", args=[collection.slug]) + f"?noun={dog.wnid}&show=all")

    assert {question.about for question in response.context["page"]} == {dog}
    assert len(response.context["page"].object_list) == 3


def test_only_settled_pictures_become_gold(owner):
    collection = make_verifying(owner, splits=("train",), target_confidence=0.9)
    there, not_there = ask(collection, PRESENT, PRESENT), ask(collection, ABSENT, ABSENT)

    assert collection.use_as_gold([there.pk, not_there.pk]) == 1
    there.refresh_from_db()
    assert (there.is_gold, there.truth) == (True, there.about)


# --- The dashboard -----------------------------------------------------------------------------------------


def test_agreement_is_over_whether_the_noun_is_there(owner):
    agreeing = make_verifying(owner, target_confidence=0.9)
    ask(agreeing, PRESENT, PRESENT)
    ask(agreeing, ABSENT, ABSENT)
    differing = make_verifying(owner)
    ask(differing, PRESENT, ABSENT)

    assert overview.report(agreeing).agreement.alpha == 1
    assert overview.report(differing).agreement.alpha == 0


def test_votes_and_decisions_are_measured_by_known_answers(owner):
    collection = make_verifying(owner, target_confidence=0.9)
    cat, dog = collection.ordered_classes()
    first, second = ask(collection, PRESENT, PRESENT), ask(collection, ABSENT, ABSENT)
    Question.objects.filter(pk=first.pk).update(truth=cat)
    Question.objects.filter(pk=second.pk).update(truth=dog)

    found = overview.report(collection).agreement

    assert (found.n_known, found.label_accuracy) == (2, 1.0)
    assert (found.n_known_votes, found.vote_accuracy) == (4, 1.0)
    Question.objects.filter(pk=second.pk).update(truth=cat)
    assert overview.report(collection).agreement.vote_accuracy == 0.5


def test_a_hard_picture_says_what_was_answered(client, owner):
    collection = make_verifying(owner, splits=("train",), max_votes=9, target_confidence=0.999)
    question = ask(collection, PRESENT, ABSENT)
    assert ask(collection, PRESENT) == question

    [hard] = overview.report(collection).hardest

    assert hard.question == question
    assert hard.said == [("it shows this", 2, 67), ("it does not show this", 1, 33)]
    page = open_page(client, "dashboard", collection)
    assert "it does not show this" in page
    assert "Confused nouns" not in page


# --- Volunteers --------------------------------------------------------------------------------------------


def test_ones_own_votes_are_compared_with_what_was_decided(client):
    collection = make_verifying(make_user(), 1, splits=("train",), min_votes=2, target_confidence=0.9)
    annotator = make_user()
    cat, dog = collection.ordered_classes()
    for noun, answer in ((cat, ABSENT), (dog, PRESENT)):
        [lease] = Lease.objects.hand_out_grid(collection, annotator, noun).leases
        lease.answer(answer)
        [other] = Lease.objects.hand_out_grid(collection, make_user(), noun).leases
        other.answer(ABSENT)
    Question.objects.filter(about=dog).update(state="absent", label=None, open_places=0)
    client.force_login(annotator)

    page = client.get(reverse("labeling:my-votes")).content.decode()

    assert page.count("Settled as you said.") == 1
    assert "Settled as not showing" in page
    assert "Not <a" in page
