"""What nouns mean in a collection: their definitions and pictures of them."""

import pytest
from django.urls import reverse

from labeling.meanings import MOST_NOUNS, MOST_SAMPLES, meanings
from labeling.models import Example, Question
from labeling.splits import TRAIN
from tests.factories import make_collection, make_settled_collection, make_synset
from tests.labeling.trees import make_menagerie, noun

pytestmark = pytest.mark.django_db


def train_pictures(collection):
    return [each.image for each in collection.questions.filter(image__split=TRAIN).order_by("pk")]


def test_the_organisers_examples_come_before_settled_pictures():
    collection = make_settled_collection(n_questions=10, splits=[TRAIN] * 10)
    cat = collection.ordered_classes()[0]
    good, bad = train_pictures(collection)[:2]
    Example.objects.choose(collection, cat, good, is_good=True, note="mind the whiskers")
    Example.objects.choose(collection, cat, bad, is_good=False)

    [meaning] = meanings(collection, [cat])

    assert [(sample.image, sample.note) for sample in meaning.good] == [(good, "mind the whiskers")]
    assert [sample.image for sample in meaning.bad] == [bad]


def test_without_examples_the_surest_settled_pictures_are_shown():
    collection = make_settled_collection(n_questions=20, splits=[TRAIN] * 20)
    dog = collection.ordered_classes()[1]
    surest = collection.questions.filter(label=dog, image__split=TRAIN).last()
    Question.objects.filter(pk=surest.pk).update(confidence=1)

    [meaning] = meanings(collection, [dog])

    assert meaning.good[0].image == surest.image
    assert len(meaning.good) == MOST_SAMPLES
    labels = collection.questions.filter(image__in=[sample.image for sample in meaning.good])
    assert set(labels.values_list("label", "image__split")) == {(dog.pk, TRAIN)}


def test_a_gold_questions_picture_is_never_a_sample():
    collection = make_settled_collection(n_questions=2)
    cat = collection.ordered_classes()[0]
    Question.objects.filter(collection=collection).update(label=cat, truth=cat, is_gold=True)

    [meaning] = meanings(collection, [cat])

    assert meaning.good == []


def test_an_inner_noun_is_shown_by_pictures_of_the_nouns_below_it():
    collection = make_menagerie(n_questions=3)
    for question, name in zip(collection.questions.order_by("pk"), ("husky", "husky", "corgi"), strict=True):
        type(question).objects.filter(pk=question.pk).update(
            state="settled", label=noun(name), confidence=0.99
        )

    [dog, cat] = meanings(collection, [noun("dog"), noun("cat")])

    shown = [collection.questions.get(image=sample.image).label.name for sample in dog.good]
    assert sorted(shown) == ["corgi", "husky", "husky"]  # two breeds share the four places
    assert cat.good == []


def test_the_part_tells_of_the_nouns_that_were_asked_for_in_their_order(client):
    collection = make_collection(names=("cat", "dog", "eel"))
    cat, _dog, eel = collection.ordered_classes()
    url = reverse("labeling:meanings", args=[collection.slug])

    asked = {"noun": [eel.wnid, cat.wnid, "n99999999"]}
    page, part = client.get(url, asked), client.get(url, asked, headers={"HX-Request": "true"})

    for response in (page, part):
        assert [meaning.noun for meaning in response.context["meanings"]] == [eel, cat]
        assert "what eel means" in response.text
    assert ("<html" in page.text, "<html" in part.text) == (True, False)


def test_the_part_keeps_sensitive_nouns_to_itself(client):
    collection = make_collection()
    secret = make_synset("secret", collection.root)
    type(secret).objects.filter(pk=secret.pk).update(is_sensitive=True, sensitive_reason="a test")

    response = client.get(reverse("labeling:meanings", args=[collection.slug]), {"noun": secret.wnid})

    assert "what secret means" not in response.text


def test_the_page_shows_all_nouns_some_at_a_time(client):
    collection = make_collection(names=tuple(f"bird {i:02}" for i in range(MOST_NOUNS + 1)))
    url = reverse("labeling:meanings", args=[collection.slug])

    first, second = client.get(url), client.get(url, {"page": 2})

    assert "what bird 00 means" in first.text
    assert "More nouns" in first.text
    assert [meaning.noun.name for meaning in second.context["meanings"]] == ["bird 12"]
    assert "More nouns" not in second.text
