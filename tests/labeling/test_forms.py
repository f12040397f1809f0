import pytest

from labeling.forms import VoteForm
from tests.factories import make_collection, make_synset

pytestmark = pytest.mark.django_db
UNCLEAR = "Choose one of the nouns, or say that you cannot tell."


def fill(collection, **data) -> VoteForm:
    return VoteForm(data, choices=collection.ordered_classes())


def test_a_class_is_an_answer():
    collection = make_collection()
    cat = collection.ordered_classes()[0]

    form = fill(collection, answer="present", synset=cat.wnid, seconds="1.5")

    assert form.is_valid()
    assert (form.cleaned_data["synset"], form.cleaned_data["seconds"]) == (cat, 1.5)


def test_cannot_tell_is_an_answer():
    form = fill(make_collection(), answer="cannot_tell", synset="", seconds="")

    assert form.is_valid()
    assert (form.cleaned_data["synset"], form.cleaned_data["seconds"]) == (None, None)


def test_nothing_chosen_is_no_answer():
    assert fill(make_collection(), answer="present").non_field_errors() == [UNCLEAR]


def test_a_class_that_one_cannot_tell_is_no_answer():
    collection = make_collection()

    form = fill(collection, answer="cannot_tell", synset=collection.ordered_classes()[0].wnid)

    assert form.non_field_errors() == [UNCLEAR]


def test_a_noun_of_another_collection_is_no_answer():
    form = fill(make_collection(), answer="present", synset=make_synset("stone").wnid)

    assert form.errors.keys() == {"synset"}


def test_nobody_answers_before_seeing_the_picture():
    form = fill(make_collection(), answer="cannot_tell", seconds="-1")

    assert form.errors.keys() == {"seconds"}
