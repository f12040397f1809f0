"""The order in which a collection's nouns stand on buttons and keys, which its organiser sets."""

import re

import numpy as np
import pytest
from django.urls import reverse

from labeling import aggregation
from labeling.consensus import Parameters
from labeling.models import Choices, Collection, Question
from taxonomy.models import Change
from tests.factories import make_collection, make_user, make_vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    return make_collection(n_questions=3, names=("cat", "dog", "fox"), min_votes=3, max_votes=9)


def names(collection):
    return [noun.name for noun in Collection.objects.get(pk=collection.pk).ordered_classes()]


def press(client, collection, way, name):
    client.force_login(make_user(is_staff=True))
    noun = next(noun for noun in collection.ordered_classes() if noun.name == name)
    return client.post(
        reverse("labeling:change-classes", args=[collection.slug]), {way: noun.wnid}, follow=True
    )


def test_a_noun_moves_up_and_down_by_one(client, collection):
    press(client, collection, "up", "fox")
    up = names(collection)
    press(client, collection, "down", "cat")

    assert up == ["cat", "fox", "dog"]
    assert names(collection) == ["fox", "cat", "dog"]


@pytest.mark.parametrize(("way", "name"), [("up", "cat"), ("down", "fox")])
def test_beyond_the_ends_a_noun_stays(client, collection, way, name):
    press(client, collection, way, name)

    assert names(collection) == ["cat", "dog", "fox"]


def test_the_page_says_where_it_is_and_leads_back_to_the_button(client, collection):
    fox = collection.ordered_classes()[2]

    page = press(client, collection, "up", "fox").content.decode()

    assert "“fox” is number 2 now." in page
    assert f'name="up" value="{fox.wnid}" autofocus' in page


def test_at_the_end_the_other_button_is_led_to(client, collection):
    dog = collection.ordered_classes()[1]

    page = press(client, collection, "up", "dog").content.decode()

    assert f'name="up" value="{dog.wnid}" disabled' in page
    assert f'name="down" value="{dog.wnid}" autofocus' in page


def test_a_noun_that_is_none_of_them_is_not_found(client, collection):
    client.force_login(make_user(is_staff=True))
    url = reverse("labeling:change-classes", args=[collection.slug])

    assert client.post(url, {"up": collection.root.wnid}).status_code == 404


def test_nobody_else_moves_them(client, collection):
    client.force_login(make_user())
    url = reverse("labeling:change-classes", args=[collection.slug])

    assert client.post(url, {"up": collection.ordered_classes()[1].wnid}).status_code == 404
    assert names(collection) == ["cat", "dog", "fox"]


def test_keys_follow_the_order(client, collection):
    press(client, collection, "up", "fox")

    page = client.get(reverse("labeling:label", args=[collection.slug]))

    # The keys are 1, 2, 3 in the order in which the nouns stand.
    assert [each["name"] for each in page.context["level"]["choices"]] == ["cat", "fox", "dog"]
    assert re.findall(r'data-key="([0-9])"', page.content.decode()) == ["1", "2", "3"]


def test_what_was_learnt_of_the_nouns_moves_with_them(client, collection):
    cat, dog, fox = collection.ordered_classes()
    for said in (cat, cat, cat, dog, dog, fox):
        make_vote(collection, said)
    aggregation.refit(collection)
    before = learnt(collection)

    press(client, collection, "up", "fox")

    assert names(collection) == ["cat", "fox", "dog"]
    assert learnt(collection) == before


def learnt(collection):
    """By name: how common each noun is, how often each is taken for another, and from which fit it is known."""
    choices = Choices.of(Collection.objects.get(pk=collection.pk), None, Change.objects.version())
    named = [noun.name for noun in choices.synsets]
    prior, confusion = choices.parameters.prior, choices.parameters.confusion
    assert choices.fit is not None
    return (
        choices.fit,
        dict(zip(named, prior.tolist(), strict=True)),
        {(a, b): confusion[i, j] for i, a in enumerate(named) for j, b in enumerate(named)},
    )


def test_votes_in_another_order_decide_the_same(collection):
    cat, dog, fox = collection.ordered_classes()
    for said in (cat, cat, cat, cat, dog, fox, dog, dog, dog):
        make_vote(collection, said)
    aggregation.refit(collection)
    before = list(Question.objects.order_by("pk").values_list("state", "label__name"))

    collection.move_class(collection.ordered_classes()[2], -2)
    aggregation.refit(collection)

    assert names(collection) == ["fox", "cat", "dog"]
    assert list(Question.objects.order_by("pk").values_list("state", "label__name")) == before


def test_in_a_collection_that_verifies_they_move_too(client):
    collection = make_collection(n_questions=1, kind="verify")

    press(client, collection, "down", "cat")

    assert names(collection) == ["dog", "cat"]


def test_parameters_in_another_order_are_of_the_same_classes():
    confusion = np.array([[0, 0.9, 0.1], [0.3, 0, 0.7], [0.5, 0.5, 0]])
    parameters = Parameters(np.array([0.5, 0.3, 0.2]), confusion, (8.0, 2.0))

    found = parameters.reordered([2, 0, 1])

    np.testing.assert_array_equal(found.prior, [0.2, 0.5, 0.3])
    # The third is now the first: it is taken for the first, now the second, half the time.
    np.testing.assert_array_equal(found.confusion, [[0, 0.5, 0.5], [0.1, 0, 0.9], [0.7, 0.3, 0]])
