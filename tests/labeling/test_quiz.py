"""The quiz before a first grid: what is asked, by its URLs, and how it is marked."""

import json
import re
from random import Random

import pytest
from django.urls import reverse

from accounts.models import User
from labeling import quiz
from labeling.models import Collection, Example, QuizPass
from taxonomy.importing import import_synsets
from taxonomy.models import Synset
from tests.factories import make_collection, make_record, make_synset, make_user
from tests.labeling.grids import make_examples, make_verifying

pytestmark = pytest.mark.django_db


@pytest.fixture
def annotator(client):
    user = make_user()
    client.force_login(user)
    return user


def address_of(collection, noun=None) -> str:
    return reverse("labeling:quiz", args=[collection.slug, (noun or cat_of(collection)).wnid])


def cat_of(collection) -> Synset:
    return collection.ordered_classes()[0]


def ask(client, collection):
    return client.get(address_of(collection), {"ask": ""})


def drawn(client) -> dict:
    return client.session["quiz"]


def right_answers(client) -> dict[str, str]:
    kept = drawn(client)
    goods = dict(Example.objects.values_list("pk", "is_good"))
    pictures = {f"picture-{i}": "yes" if goods[pk] else "no" for i, pk in enumerate(kept["pictures"])}
    return {"meaning": str(kept["meanings"].index(kept["synset"])), **pictures}


def wrong_meaning(client) -> str:
    kept = drawn(client)
    return str(next(place for place, pk in enumerate(kept["meanings"]) if pk != kept["synset"]))


# --- Before a first grid -----------------------------------------------------------------------------------


def test_a_first_grid_of_a_noun_begins_with_what_it_means(client, annotator):
    collection = make_verifying(20, guide="Toys do not count.")
    make_examples(collection, [True, False])

    response = client.get(reverse("labeling:label", args=[collection.slug]), follow=True)

    assert response.request["PATH_INFO"] == address_of(collection)
    page = response.content.decode()
    for words in ("what cat means", "A picture of cat", "only seems to show cat", "Toys do not count."):
        assert words in page


def test_while_one_is_asked_the_meaning_stands_only_among_others(client, annotator):
    collection = make_verifying(1)

    page = ask(client, collection).content.decode()

    assert sorted(re.findall(r"what (?:cat|dog) means", page)) == ["what cat means", "what dog means"]


def test_right_answers_lead_to_the_grid_and_are_never_asked_again(client, annotator):
    collection = make_verifying(20)
    make_examples(collection, [True, False])
    ask(client, collection)

    response = client.post(address_of(collection), right_answers(client), follow=True)

    assert response.context["leases"]
    passed = QuizPass.objects.get()
    assert (passed.annotator, passed.collection, passed.synset) == (
        annotator,
        collection,
        cat_of(collection),
    )
    assert client.get(address_of(collection)).url.startswith(
        reverse("labeling:label", args=[collection.slug])
    )


def test_another_nouns_meaning_is_told_kindly_and_passes_nobody(client, annotator):
    collection = make_verifying(1)
    ask(client, collection)

    page = client.post(address_of(collection), {"meaning": wrong_meaning(client)}).content.decode()

    assert "What you chose is the meaning of <b>dog</b>" in page
    assert "Ask me again" in page
    assert not QuizPass.objects.exists()


@pytest.mark.parametrize(("is_good", "words"), [(True, "does show cat"), (False, "only seems to show cat")])
def test_a_picture_that_was_misjudged_is_shown_with_its_note(client, annotator, is_good, words):
    collection = make_verifying(20)
    make_examples(collection, [is_good])
    ask(client, collection)
    wrong = {"picture-0": "no" if is_good else "yes"}

    page = client.post(address_of(collection), right_answers(client) | wrong).content.decode()

    assert f"This one {words}. <bdi>note 0</bdi>" in page
    assert not QuizPass.objects.exists()


@pytest.mark.parametrize("data", [{}, {"meaning": "7"}, {"meaning": "dog"}, {"picture-0": "yes"}])
def test_an_answer_that_is_missing_or_none_is_asked_for(client, annotator, data):
    collection = make_verifying(20)
    make_examples(collection, [True])
    ask(client, collection)
    kept = drawn(client)

    response = client.post(address_of(collection), data)

    assert response.context["form"].errors
    assert drawn(client) == kept
    assert not QuizPass.objects.exists()


def test_who_tries_again_is_asked_in_another_order(client, annotator):
    collection = make_verifying(1, names=("cat", "dog", "cow", "hen", "bee"))

    orders = set()
    for _try in range(20):
        ask(client, collection)
        orders.add(tuple(drawn(client)["meanings"]))

    assert len(orders) > 1


def test_answers_to_no_quiz_that_was_drawn_here_are_not_marked(client, annotator):
    collection, other = make_verifying(1), make_verifying(1)
    ask(client, other)

    for place in ("0", "1"):
        client.post(address_of(collection), {"meaning": place})
        assert "meanings" in drawn(client)
        ask(client, other)

    assert not QuizPass.objects.exists()


def test_a_quiz_is_marked_once(client, annotator):
    collection = make_verifying(1)
    ask(client, collection)
    answers = right_answers(client)
    client.post(address_of(collection), {"meaning": wrong_meaning(client)})

    response = client.post(address_of(collection), answers)

    assert "form" in response.context  # drawn anew, since that drawing was used up
    assert not QuizPass.objects.exists()


def test_a_picture_that_left_the_examples_meanwhile_is_not_asked_about(client, annotator):
    collection = make_verifying(20)
    make_examples(collection, [True])
    ask(client, collection)
    answers = right_answers(client)
    Example.objects.all().delete()

    response = client.post(address_of(collection), answers)

    assert response.context["pictures"] == []


def test_the_page_tells_no_answer(client, annotator):
    collection = make_verifying(20)
    make_examples(collection, [True, False])

    page = ask(client, collection).content.decode()

    form = page[page.index("<form") :]
    for example in Example.objects.all():
        assert example.note not in form
    assert not re.search(r"note \d|is_good|A picture of|seems to show|value=\"t\d", form)
    assert re.findall(r'name="meaning" value="(\d)"', form) == ["0", "1"]
    assert re.findall(r'name="picture-\d" value="(\w+)"', form) == ["yes", "no", "yes", "no"]


def test_each_noun_and_each_collection_is_asked_by_itself(client, annotator):
    collection, other = make_verifying(1), make_verifying(1)
    cat, dog = collection.ordered_classes()
    quiz.pass_(collection, annotator, cat)

    assert not quiz.is_due(collection, annotator, cat)
    assert quiz.is_due(collection, annotator, dog)
    assert quiz.is_due(other, annotator, cat_of(other))
    assert quiz.is_due(collection, make_user(), cat)


def test_passing_twice_does_no_harm():
    collection, user = make_verifying(1), make_user()

    assert quiz.pass_(collection, user, cat_of(collection)) == quiz.pass_(
        collection, user, cat_of(collection)
    )


def test_a_noun_that_the_collection_does_not_ask_about_has_no_quiz(client, annotator):
    collection = make_verifying(1)

    response = client.get(address_of(collection, make_synset("stone")))

    assert response.url.startswith(reverse("labeling:label", args=[collection.slug]))
    assert client.get(reverse("labeling:quiz", args=[collection.slug, "n99999999"])).status_code == 404
    naming = make_collection(1)
    assert client.get(address_of(naming)).status_code == 404


# --- What is asked -----------------------------------------------------------------------------------------


def gloss(noun: Synset, words: str) -> None:
    Synset.objects.filter(pk=noun.pk).update(gloss=words)


def meanings(collection: Collection) -> set[str]:
    found = quiz.Quiz.draw(collection, cat_of(collection), Random(1))
    return {noun.gloss for noun in found.meanings} if found else set()


def test_without_any_other_meaning_there_is_no_quiz(client, annotator):
    collection = make_verifying(1, names=("cat",))

    assert meanings(collection) == set()
    response = client.get(reverse("labeling:label", args=[collection.slug]))
    assert response.context["noun"] == cat_of(collection)


def test_a_noun_without_a_meaning_has_no_quiz():
    collection = make_verifying(1)
    gloss(cat_of(collection), "")

    assert meanings(collection) == set()


def test_siblings_in_the_tree_lend_their_meanings_where_the_classes_are_too_few():
    collection = make_verifying(1, names=("cat",))
    make_synset("lynx", collection.root)

    assert meanings(collection) == {"what cat means", "what lynx means"}


def test_there_are_four_meanings_at_most_those_of_near_classes_first():
    collection = make_verifying(1, names=("cat", "dog", "cow", "hen"))
    for name in ("lynx", "lion", "puma"):
        make_synset(name, collection.root)

    assert meanings(collection) == {f"what {name} means" for name in ("cat", "dog", "cow", "hen")}


def test_wider_and_narrower_nouns_lend_no_meaning_as_it_would_not_be_wrong():
    collection = make_verifying(1, names=("cat", "dog"))
    cat, dog = collection.ordered_classes()
    kitten = make_synset("kitten", cat)
    collection.set_classes([cat, dog, kitten, collection.root])

    assert meanings(collection) == {"what cat means", "what dog means"}


def test_a_meaning_that_two_nouns_share_is_offered_once():
    collection = make_verifying(1, names=("cat", "dog", "cow"))
    cat, dog, cow = collection.ordered_classes()
    gloss(dog, "what cow means")

    found = quiz.Quiz.draw(collection, cat)

    assert sorted(noun.gloss for noun in found.meanings) == ["what cat means", "what cow means"]
    gloss(cow, "what cat means")
    assert len(quiz.Quiz.draw(collection, cat).meanings) == 2


def test_sensitive_nouns_are_never_shown():
    collection = make_verifying(1)
    dog = collection.ordered_classes()[1]
    Synset.objects.filter(pk=dog.pk).update(is_sensitive=True, sensitive_reason="a test")

    assert meanings(collection) == set()


def test_of_many_examples_one_good_and_one_bad_are_asked_about():
    collection = make_verifying(30)
    make_examples(collection, [True, True, True, False, False])

    for seed in range(10):
        found = quiz.Quiz.draw(collection, cat_of(collection), Random(seed))
        assert {example.is_good for example in found.pictures} == {True, False}


@pytest.mark.parametrize(("kinds", "n_asked"), [([], 0), ([True], 1), ([False] * 3, 2)])
def test_what_examples_there_are_is_asked_about_two_at_most(kinds, n_asked):
    collection = make_verifying(20)
    make_examples(collection, kinds)

    found = quiz.Quiz.draw(collection, cat_of(collection), Random(1))

    assert len({example.pk for example in found.pictures}) == n_asked


def test_many_siblings_do_not_all_have_to_be_read(django_assert_max_num_queries):
    collection = make_verifying(1, names=("cat",))
    root = collection.root.wnid
    records = [make_record(f"q{n:08}", f"animal {n}", root) for n in range(300)]
    import_synsets(records, reason="a test")

    with django_assert_max_num_queries(8):
        assert len(meanings(collection)) == quiz.MOST_MEANINGS


# --- Whose it is -------------------------------------------------------------------------------------------


def test_signing_up_keeps_what_a_guest_has_passed(client):
    collection = make_verifying(1)
    client.post(reverse("labeling:start", args=[collection.slug]))
    ask(client, collection)
    client.post(address_of(collection), right_answers(client))
    password = "a rare bird sings"

    client.post(
        reverse("accounts:sign-up"), {"username": "ada", "password1": password, "password2": password}
    )

    assert QuizPass.objects.get().annotator == User.objects.get(username="ada")


def test_what_one_has_passed_is_exported_and_goes_with_ones_name(client, annotator):
    collection = make_verifying(1)
    quiz.pass_(collection, annotator, cat_of(collection))
    others = quiz.pass_(collection, make_user(), cat_of(collection))

    response = client.get(reverse("accounts:export"))
    [row] = json.loads(b"".join(response.streaming_content))["quizzes"]
    assert (row["collection"], row["noun"]) == (collection.slug, "cat")
    assert "1 noun that you were found to know" in client.get(reverse("accounts:forget")).content.decode()

    client.post(reverse("accounts:forget"))
    assert QuizPass.objects.get() == others
