"""A picture that settled as an inner noun is said to show one of an undecided kind, wherever its label is told."""

import pytest
from django.urls import reverse

from labeling import people, progress
from labeling.models import Collection, Question
from tests.factories import make_collection, make_synset, make_user
from tests.labeling.organisers import make_organiser
from tests.labeling.trees import make_menagerie, noun, vote

pytestmark = pytest.mark.django_db
WORDS = "dog, kind undecided"


@pytest.fixture
def organiser():
    return make_organiser()


@pytest.fixture
def dog(organiser):
    """A picture that two said is a dog, and one that two said is a husky."""
    collection = make_menagerie(n_questions=2, owner=organiser)
    for name in ("dog", "husky"):
        for _ in range(2):
            vote(collection, name)
    return Question.objects.get(label=noun("dog"))


def text(client, address):
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


# The rule


def test_only_a_settled_noun_that_is_no_class_is_of_an_undecided_kind(dog):
    husky = Question.objects.get(label=noun("husky"))

    assert (dog.is_inner, dog.label_words) == (True, WORDS)
    assert (husky.is_inner, husky.label_words) == (False, "husky")
    Question.objects.filter(pk=dog.pk).update(state="open")
    assert not Question.objects.get(pk=dog.pk).is_inner
    Question.objects.filter(pk=dog.pk).update(state="undecided", label=None)
    assert Question.objects.get(pk=dog.pk).label_words == ""


def test_a_noun_that_is_no_class_and_above_none_is_just_itself(dog):
    stray = make_synset("stray", dog.collection.root)
    Question.objects.filter(pk=dog.pk).update(label=stray)

    assert Question.objects.get(pk=dog.pk).label_words == "stray"
    assert dog.collection.inner_among([stray.pk]) == set()


def test_lists_and_counts_and_rows_follow_the_same_rule(dog):
    told = {each.pk: each.is_inner for each in Question.objects.telling_inner()}

    assert told == {each.pk: each.is_inner for each in Question.objects.all()}
    labels = [each.label_id for each in Question.objects.all()]
    assert dog.collection.inner_among(labels) == {dog.label_id}


def test_the_noun_that_a_question_is_about_is_never_of_an_undecided_kind():
    collection = make_collection(1, kind=Collection.Kind.VERIFY)
    cat, dog = collection.ordered_classes()
    collection.questions.filter(about=cat).update(state="settled", label=cat, confidence=0.99)
    collection.set_classes([dog])  # as after a split of cat

    assert not collection.questions.get(about=cat).is_inner
    assert collection.inner_among([cat.pk]) == set()


def test_telling_it_of_a_list_costs_no_query_for_each(dog, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert {each.label_words for each in Question.objects.examples().telling_inner()} == {WORDS, "husky"}


# The pages


def test_pictures_of_a_noun_say_it(client, dog):
    page = text(client, reverse("labeling:synset-pictures", args=[dog.label.wnid]))

    assert f">{WORDS}</bdi></a>" in page
    assert f"Picture labelled “{WORDS}”" in page
    assert ">husky</bdi></a>" in page


def test_the_home_page_and_the_collections_page_say_it(client, dog):
    collection = text(client, dog.collection.get_absolute_url())

    assert collection.count(f">{WORDS}</bdi></a>") == 2  # a picture, and the list of nouns
    assert f">{WORDS}</bdi></a>" in text(client, "/")
    assert {words for _noun, words, _n in progress.settled(dog.collection)[1]} == {WORDS, "husky"}


def test_the_pictures_own_page_says_it(client, dog):
    assert f">{WORDS}</bdi></a>" in text(client, dog.image.get_about_url())


def test_ones_own_votes_say_it(client, dog):
    first, other = dog.votes.select_related("annotator").order_by("pk")
    other.synset = noun("husky")
    other.save()

    client.force_login(first.annotator)
    assert "Settled as you said; its kind is undecided." in text(client, reverse("labeling:my-votes"))
    client.force_login(other.annotator)
    assert f">{WORDS}</a>." in text(client, reverse("labeling:my-votes"))


def test_ones_own_votes_cost_the_same_queries_for_one_as_for_two(dog, django_assert_max_num_queries):
    annotator = make_user()

    def n_queries():
        with django_assert_max_num_queries(9) as queries:
            people.own_votes(annotator, None)
        return len(queries)

    first = dog.votes.first()
    first.annotator = annotator
    first.save()
    one = n_queries()
    husky = Question.objects.get(label=noun("husky")).votes.first()
    husky.annotator = annotator
    husky.save()

    assert n_queries() == one


def test_the_owners_pages_say_it(client, organiser, dog):
    client.force_login(organiser)
    Question.objects.filter(pk=dog.pk).update(n_votes=3)
    dog.votes.create(
        annotator=make_user(), synset=noun("cat"), answer="present", taxonomy_version=1, lease_number=9**9
    )

    dashboard = text(client, reverse("labeling:dashboard", args=[dog.collection.slug]))
    examples = text(client, reverse("labeling:examples", args=[dog.collection.slug]) + "?show=all")

    assert f'<th scope="row"><bdi>{WORDS}</bdi></th>' in dashboard
    assert f"<figcaption><bdi>{WORDS}" in dashboard
    assert WORDS in examples
