"""The pages of whoever organises a collection."""

import re

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from labeling.models import Collection, Example, Image, Question, Skill, Vote
from labeling.models.examples import MOST_EXAMPLES
from taxonomy import ledger
from taxonomy.forms import picked
from taxonomy.models import Synset
from tests.factories import (
    make_collection,
    make_question,
    make_settled_collection,
    make_synset,
    make_user,
    make_vote,
)
from tests.labeling.organisers import make_organiser

pytestmark = pytest.mark.django_db
PAGES = ["edit", "examples", "gold", "dashboard"]
BUTTONS = ["change-classes", "open", "close"]


@pytest.fixture
def organiser(client) -> User:
    """Signed in."""
    user = make_organiser()
    client.force_login(user)
    return user


@pytest.fixture
def nouns() -> dict[str, Synset]:
    """animal › (dog › (husky, poodle), cat, unicorn, which nobody has seen)"""
    animal = make_synset("animal")
    dog = make_synset("dog", animal)
    found = {
        "animal": animal,
        "dog": dog,
        "husky": make_synset("husky", dog),
        "poodle": make_synset("poodle", dog),
        "cat": make_synset("cat", animal),
        "unicorn": make_synset("unicorn", animal),
        "oak": make_synset("oak"),
    }
    Synset.objects.filter(pk=found["unicorn"].pk).update(is_imageable=False)
    return found


@pytest.fixture
def collection(organiser, nouns) -> Collection:
    """A collection of the organiser's, closed and without nouns."""
    return Collection.objects.create(
        slug="animals", name="Animals", root=nouns["animal"], owner=organiser, is_open=False
    )


def page(client, name: str, collection: Collection, **query) -> str:
    response = client.get(reverse(f"labeling:{name}", args=[collection.slug]), query)
    assert response.status_code == 200
    return response.content.decode()


def press(client, button: str, collection: Collection, **data) -> str:
    """Press a button; return what the page says then."""
    address = reverse(f"labeling:{button}", args=[collection.slug])
    return client.post(address, data, follow=True).content.decode()


def add(client, collection: Collection, noun: Synset, reach: str = "noun") -> str:
    return press(client, "change-classes", collection, noun=noun.wnid, reach=reach)


def names(collection: Collection) -> list[str]:
    return [synset.name for synset in collection.ordered_classes()]


def filled_in(noun: Synset, **fields) -> dict[str, object]:
    return {
        "name": "Garden birds",
        "kind": "choose",
        "root": picked(noun),
        "target_confidence": 0.98,
        "min_votes": 2,
        "max_votes": 10,
        "gold_share": 0.05,
        **fields,
    }


def make_training_question(collection: Collection) -> Question:
    return make_question(collection, split="train")


# --- Who may ----------------------------------------------------------------------------------------------


def test_an_organiser_makes_a_collection_that_is_theirs_and_closed(client, organiser, nouns):
    response = client.post(reverse("labeling:make"), filled_in(nouns["animal"]))

    made = Collection.objects.get()
    assert response.url == reverse("labeling:edit", args=[made.slug]) + "#nouns"
    assert (made.owner, made.is_open, made.root, made.slug) == (
        organiser,
        False,
        nouns["animal"],
        "garden-birds",
    )


def test_members_of_the_group_organisers_may_make_a_collection(client):
    user = make_user()
    user.groups.add(Group.objects.get(name="Organisers"))
    client.force_login(user)

    assert client.get(reverse("labeling:make")).status_code == 200


def test_staff_may_make_a_collection(client):
    client.force_login(make_user(is_staff=True))

    assert client.get(reverse("labeling:make")).status_code == 200


def test_strangers_are_asked_to_sign_in(client):
    collection = make_collection()

    for address in (reverse("labeling:make"), reverse("labeling:dashboard", args=[collection.slug])):
        assert client.get(address).url.startswith(reverse("accounts:sign-in"))


@pytest.mark.parametrize("name", ["make", "pick-root"])
def test_who_is_no_organiser_may_not_make_a_collection(client, name):
    client.force_login(make_user())

    assert client.get(reverse(f"labeling:{name}")).status_code == 403


def test_a_guest_may_not_make_a_collection_whatever_groups_they_are_in(client):
    guest = User.objects.create_guest()
    guest.groups.add(Group.objects.get(name="Organisers"))
    client.force_login(guest)

    assert client.get(reverse("labeling:make")).status_code == 403


@pytest.mark.parametrize("name", [*PAGES, "pick-class"])
def test_only_the_owner_and_staff_find_the_owners_pages(client, organiser, collection, name):
    address = reverse(f"labeling:{name}", args=[collection.slug])
    assert client.get(address).status_code == 200
    client.force_login(make_user(is_staff=True))
    assert client.get(address).status_code == 200

    client.force_login(make_user())

    assert client.get(address).status_code == 404


@pytest.mark.parametrize("name", [*BUTTONS, "edit", "examples", "gold"])
def test_only_the_owner_and_staff_press_the_owners_buttons(client, collection, name):
    client.force_login(make_user())

    assert client.post(reverse(f"labeling:{name}", args=[collection.slug])).status_code == 404


@pytest.mark.parametrize("name", BUTTONS)
def test_a_button_opened_as_a_page_does_nothing(client, collection, name):
    response = client.get(reverse(f"labeling:{name}", args=[collection.slug]))

    assert response.status_code == 302
    collection.refresh_from_db()
    assert not collection.is_open


def test_the_ways_to_these_pages_are_shown_to_whom_they_are_open(client, collection):
    edit, make = reverse("labeling:edit", args=[collection.slug]), reverse("labeling:make")
    assert edit in client.get(collection.get_absolute_url()).content.decode()
    assert make in client.get(reverse("labeling:collections")).content.decode()

    client.force_login(make_user())

    assert edit not in client.get(collection.get_absolute_url()).content.decode()
    assert make not in client.get(reverse("labeling:collections")).content.decode()


# --- What it is -------------------------------------------------------------------------------------------


def test_a_second_collection_of_a_name_gets_an_address_of_its_own(client, organiser, nouns):
    for _ in range(3):
        client.post(reverse("labeling:make"), filled_in(nouns["animal"]))

    found = Collection.objects.order_by("pk").values_list("slug", flat=True)
    assert list(found) == ["garden-birds", "garden-birds-2", "garden-birds-3"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"slug": "new"}, "“new” is an address of this site."),
        ({"slug": "a b"}, "valid “slug”"),
        ({"name": "鸟"}, "No address could be made from this name."),
        ({"root": "gryphon"}, "found &#x27;gryphon&#x27;"),
        ({"target_confidence": 0.3}, "The target confidence lies between 0.5 and 1."),
        ({"min_votes": 5, "max_votes": 4}, "at most no fewer than at least"),
        ({"gold_share": 0.6}, "The share of gold questions lies between 0 and 0.5."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_refused_in_a_sentence(client, organiser, nouns, fields, said):
    response = client.post(reverse("labeling:make"), filled_in(nouns["animal"], **fields))

    assert said in response.content.decode()
    assert not Collection.objects.exists()


def test_a_collection_without_latin_letters_in_its_name_can_be_given_an_address(client, organiser, nouns):
    client.post(reverse("labeling:make"), filled_in(nouns["animal"], name="鸟", slug="birds"))

    assert Collection.objects.get().slug == "birds"


def test_a_sensitive_noun_is_no_root(client, organiser, nouns):
    ledger.make(
        "mark",
        {"synset": nouns["animal"].wnid, "is_imageable": True, "sensitive_reason": "a test"},
        author=None,
        reason="a test",
    )

    response = client.post(reverse("labeling:make"), filled_in(nouns["animal"]))

    assert "“animal” is marked as sensitive" in response.content.decode()


def test_the_database_refuses_a_share_of_gold_above_half(collection):
    with pytest.raises(IntegrityError), transaction.atomic():
        Collection.objects.update(gold_share=0.51)

    collection.gold_share = 0.5
    collection.full_clean()


def test_an_owner_edits_the_policy_and_the_guide(client, collection, nouns):
    press(client, "edit", collection, **filled_in(nouns["animal"], guide="Look at the beak.", min_votes=3))

    collection.refresh_from_db()
    assert (collection.guide, collection.min_votes, collection.name) == (
        "Look at the beak.",
        3,
        "Garden birds",
    )


def test_a_refused_edit_keeps_the_pages_heading(client, collection, nouns):
    said = press(client, "edit", collection, **filled_in(nouns["animal"], name="Birds", min_votes=11))

    assert "<title>Edit Animals" in said


def test_an_address_can_change_until_volunteers_have_been_there(client, collection, nouns):
    press(client, "edit", collection, **filled_in(nouns["animal"], slug="beasts"))
    collection.refresh_from_db()
    assert collection.slug == "beasts"
    Collection.objects.update(is_open=True)

    press(client, "edit", collection, **filled_in(nouns["animal"], slug="creatures"))

    collection.refresh_from_db()
    assert collection.slug == "beasts"


def test_a_root_that_leaves_nouns_outside_is_refused(client, collection, nouns):
    collection.add_classes([nouns["cat"], nouns["husky"]])

    said = press(client, "edit", collection, **filled_in(nouns["dog"]))

    assert "1 of its nouns are no kind of dog: cat." in said
    collection.refresh_from_db()
    assert collection.root == nouns["animal"]


# --- Its nouns --------------------------------------------------------------------------------------------


def test_nouns_are_added_in_the_order_in_which_they_are_chosen(client, collection, nouns):
    add(client, collection, nouns["husky"])
    add(client, collection, nouns["cat"])

    said = add(client, collection, nouns["animal"], "leaves")

    assert names(collection) == ["husky", "cat", "poodle"]
    assert "1 noun added." in said


def test_all_hyponyms_are_added_by_one_press_without_those_nobody_can_see(client, collection, nouns):
    said = add(client, collection, nouns["animal"], "hyponyms")

    assert names(collection) == ["cat", "dog"]
    assert "2 nouns added." in said


def test_what_a_press_would_add_is_said_in_numbers_before(client, collection, nouns):
    add(client, collection, nouns["cat"])

    said = " ".join(page(client, "edit", collection, noun=picked(nouns["animal"])).split())

    assert "Add animal itself" in said
    assert "Add 1 hyponym of animal" in said
    assert "Add all 2 leaves below animal" in said
    assert "1 more is a choice already." in said
    assert "1 that is sensitive or cannot be seen stays out." in said


def test_a_leaf_is_added_by_itself_alone(client, collection, nouns):
    said = page(client, "edit", collection, noun=picked(nouns["husky"]))

    assert "Add husky itself" in said
    assert "below husky" not in said


def test_htmx_gets_the_numbers_alone(client, collection, nouns):
    address = reverse("labeling:edit", args=[collection.slug])

    response = client.get(address, {"noun": picked(nouns["dog"])}, headers={"HX-Request": "true"})

    assert "labeling/_own_reach.html" in [template.name for template in response.templates]
    assert b"<html" not in response.content


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unicorn", "“unicorn” cannot be seen in a picture, so nobody is asked for it."),
        ("oak", "“oak” is no kind of animal, which all nouns of this collection are."),
    ],
)
def test_a_noun_that_cannot_be_asked_for_here_is_refused(client, collection, nouns, name, said):
    assert said in page(client, "edit", collection, noun=nouns[name].wnid)

    assert said in add(client, collection, nouns[name])

    assert names(collection) == []


def test_a_sensitive_noun_is_refused(client, collection, nouns):
    ledger.make(
        "mark",
        {"synset": nouns["cat"].wnid, "is_imageable": True, "sensitive_reason": "a test"},
        author=None,
        reason="a test",
    )

    said = add(client, collection, nouns["cat"])

    assert "“cat” is marked as sensitive, so nobody is asked for it." in said
    assert names(collection) == []


def test_more_nouns_than_a_collection_can_have_are_refused_together(client, collection, nouns, monkeypatch):
    monkeypatch.setattr("labeling.models.collections.MOST_CLASSES", 2)

    said = add(client, collection, nouns["animal"], "leaves")

    assert "A collection has at most 2 nouns: 0 and 3 more are too many." in said
    assert names(collection) == []


def test_a_noun_is_removed_and_the_others_keep_their_order(client, collection, nouns):
    collection.add_classes([nouns["husky"], nouns["cat"], nouns["poodle"]])

    press(client, "change-classes", collection, remove=nouns["cat"].wnid)

    assert names(collection) == ["husky", "poodle"]


def test_once_there_are_votes_nouns_are_added_but_not_removed(client, organiser, nouns):
    collection = make_collection(n_questions=1, owner=organiser)
    cat = collection.ordered_classes()[0]
    make_vote(collection, cat)

    said = press(client, "change-classes", collection, remove=cat.wnid)
    add(client, collection, collection.root)

    assert "Cat stays: votes were cast with it among the choices" in said
    assert names(collection) == ["cat", "dog", collection.root.name]


def test_the_picker_finds_nouns_below_the_root_alone(client, collection, nouns):
    assert nouns["oak"].wnid in client.get(reverse("labeling:pick-root"), {"q": "oak"}).content.decode()

    assert nouns["husky"].wnid in page(client, "pick-class", collection, q="hus")
    assert nouns["oak"].wnid not in page(client, "pick-class", collection, q="oak")


@pytest.mark.parametrize("data", [{}, {"noun": "gryphon"}, {"noun": "cat", "reach": "all"}, {"noun": "\0"}])
def test_a_form_that_names_nothing_adds_nothing(client, collection, nouns, data):
    assert press(client, "change-classes", collection, **data)

    assert names(collection) == []


# --- Open and close ---------------------------------------------------------------------------------------


def test_a_collection_is_opened_and_closed_by_the_same_persons_buttons(client, collection, nouns):
    collection.add_classes([nouns["cat"], nouns["dog"]])

    press(client, "open", collection)
    collection.refresh_from_db()
    assert collection.is_open

    press(client, "close", collection)
    collection.refresh_from_db()
    assert not collection.is_open


def test_a_collection_with_one_noun_stays_closed(client, collection, nouns):
    collection.add_classes([nouns["cat"]])

    said = press(client, "open", collection)

    assert "Choose two nouns at least" in said
    collection.refresh_from_db()
    assert not collection.is_open


def test_the_buttons_say_in_numbers_what_they_do(client, organiser):
    collection = make_collection(n_questions=3, owner=organiser, is_open=False)
    assert "Opening asks volunteers about 3 pictures, with 2 nouns" in page(client, "edit", collection)
    collection.open()
    make_vote(collection, None)

    said = " ".join(page(client, "edit", collection).split())

    assert "Closing stops the 3 pictures that are being asked and keeps 0 that wait." in said


# --- Examples ---------------------------------------------------------------------------------------------


def test_an_example_stands_in_the_guide_with_its_note(client, organiser):
    collection = make_collection(owner=organiser)
    cat = collection.ordered_classes()[0]
    question = make_training_question(collection)

    press(
        client,
        "examples",
        collection,
        noun=cat.wnid,
        question=question.pk,
        note="the whiskers",
        is_good="yes",
    )

    example = Example.objects.get()
    assert (example.synset, example.image, example.is_good) == (cat, question.image, True)
    shown = client.get(collection.get_absolute_url()).content.decode()
    assert "What to look for" in shown
    assert "<figcaption><bdi>cat<" in shown
    assert "the whiskers" in shown


def test_a_bad_example_says_what_it_is_not(client, organiser):
    collection = make_collection(owner=organiser)
    data = {
        "noun": collection.ordered_classes()[0].wnid,
        "question": make_training_question(collection).pk,
        "note": "",
    }

    press(client, "examples", collection, **data, is_good="no")

    assert "<figcaption>not cat<" in client.get(collection.get_absolute_url()).content.decode()


def test_a_picture_chosen_again_changes_what_it_says(client, organiser):
    collection = make_collection(owner=organiser)
    data = {
        "noun": collection.ordered_classes()[0].wnid,
        "question": make_training_question(collection).pk,
        "note": "",
    }
    press(client, "examples", collection, **data, is_good="yes")

    press(client, "examples", collection, **data, is_good="no")

    assert list(Example.objects.values_list("is_good", flat=True)) == [False]


def test_no_test_picture_becomes_an_example(client, organiser):
    collection = make_collection(owner=organiser)
    question = make_question(collection, split="test")
    wnid = collection.ordered_classes()[0].wnid

    press(client, "examples", collection, noun=wnid, question=question.pk, is_good="yes")

    assert not Example.objects.exists()
    assert question.image.sha256 not in page(client, "examples", collection, show="all")


def test_an_example_of_a_test_picture_is_shown_nowhere(client, organiser):
    collection = make_collection(owner=organiser)
    cat = collection.ordered_classes()[0]
    known, secret = (make_question(collection, split=split).image for split in ("train", "test"))
    for image in (known, secret):
        Example.objects.create(collection=collection, synset=cat, image=image, is_good=True)

    shown = client.get(collection.get_absolute_url()).content.decode()

    assert known.sha256 in shown
    assert secret.sha256 not in shown


def test_an_example_whose_picture_was_withdrawn_is_shown_no_more(client, organiser):
    collection = make_collection(owner=organiser)
    question = make_training_question(collection)
    Example.objects.choose(collection, collection.ordered_classes()[0], question.image, is_good=True)
    assert question.image.sha256 in client.get(collection.get_absolute_url()).content.decode()

    Image.objects.update(withdrawn_at=timezone.now())

    assert question.image.sha256 not in client.get(collection.get_absolute_url()).content.decode()


def test_somebody_elses_picture_is_no_example(client, organiser):
    collection = make_collection(owner=organiser)
    other = make_training_question(make_collection())

    said = press(
        client,
        "examples",
        collection,
        noun=collection.ordered_classes()[0].wnid,
        question=other.pk,
        is_good="yes",
    )

    assert not Example.objects.exists()
    assert "Select a valid choice." in said


def test_a_noun_has_only_so_many_examples(client, organiser):
    collection = make_collection(owner=organiser)
    cat = collection.ordered_classes()[0]
    questions = [make_training_question(collection) for _ in range(MOST_EXAMPLES + 1)]
    for question in questions[:-1]:
        Example.objects.choose(collection, cat, question.image, is_good=True)

    said = press(client, "examples", collection, noun=cat.wnid, question=questions[-1].pk, is_good="yes")

    assert "has 12 examples already" in said
    assert Example.objects.count() == MOST_EXAMPLES


def test_an_example_is_taken_out(client, organiser):
    collection = make_collection(owner=organiser)
    cat = collection.ordered_classes()[0]
    example = Example.objects.choose(collection, cat, make_training_question(collection).image, is_good=True)

    press(client, "examples", collection, noun=cat.wnid, remove=example.pk)

    assert not Example.objects.exists()


def test_pictures_are_offered_by_their_label_or_by_what_somebody_took_them_for(client, organiser):
    collection = make_collection(owner=organiser)
    cat, dog = collection.ordered_classes()
    question = make_training_question(collection)
    make_vote(collection, cat)
    Question.objects.update(state="settled", open_places=0, label=dog, confidence=0.99)

    def is_offered(noun, show):
        return question.image.sha256 in page(client, "examples", collection, noun=noun.wnid, show=show)

    assert is_offered(dog, "labelled")
    assert is_offered(cat, "named")
    assert not is_offered(cat, "labelled")
    assert not is_offered(dog, "named")


# --- Gold questions ---------------------------------------------------------------------------------------


def test_a_settled_picture_becomes_gold_with_its_label_as_the_answer(client, organiser):
    collection = make_settled_collection(n_questions=10)
    Collection.objects.update(owner=organiser)
    question = collection.questions.filter(image__split="train").first()
    assert question.image.sha256 in page(client, "gold", collection, show="settled")

    press(client, "gold", collection, question=[question.pk], use="1")

    question.refresh_from_db()
    assert question.is_gold
    assert question.truth == question.label
    assert question.image.sha256 in page(client, "gold", collection, show="gold")


def test_a_known_answer_is_not_overwritten_by_a_label(client, organiser):
    collection = make_settled_collection(n_questions=2)
    Collection.objects.update(owner=organiser)
    cat, dog = collection.ordered_classes()
    collection.questions.update(truth=cat, label=dog)

    press(
        client, "gold", collection, question=list(collection.questions.values_list("pk", flat=True)), use="1"
    )

    assert set(collection.questions.filter(is_gold=True).values_list("truth", flat=True)) == {cat.pk}


def test_what_is_not_settled_and_test_pictures_become_no_gold(client, organiser):
    collection = make_settled_collection(n_questions=10)
    Collection.objects.update(owner=organiser)
    of_test = collection.questions.filter(image__split="test").first()
    Question.objects.exclude(pk=of_test.pk).update(state="open")

    said = press(
        client, "gold", collection, question=list(collection.questions.values_list("pk", flat=True)), use="1"
    )

    assert "0 pictures are gold now." in said


def test_gold_that_is_taken_out_keeps_its_known_answer(client, organiser):
    collection = make_settled_collection(n_questions=1)
    Collection.objects.update(owner=organiser)
    question = collection.questions.get()
    collection.use_as_gold([question.pk])

    press(client, "gold", collection, question=[question.pk], no_longer="1")

    question.refresh_from_db()
    assert not question.is_gold
    assert question.truth == question.label


def test_a_press_without_a_picture_says_so(client, collection):
    assert "Choose one picture at least." in press(client, "gold", collection, use="1")


def test_the_database_refuses_gold_without_an_answer():
    question = make_question()

    with pytest.raises(IntegrityError), transaction.atomic():
        Question.objects.filter(pk=question.pk).update(is_gold=True)
    with pytest.raises(ValidationError):
        Question(collection=question.collection, image=question.image, position=1, is_gold=True).full_clean()


# --- Dashboard --------------------------------------------------------------------------------------------


def test_an_empty_dashboard_says_what_will_be_there(client, collection):
    said = page(client, "dashboard", collection)

    for words in (
        "No picture yet.",
        "No vote in the last 30 days.",
        "Nobody yet.",
        "Pictures on which people",
    ):
        assert words in said


def test_a_dashboard_shows_every_part_of_the_report(client, organiser):
    collection = make_settled_collection(n_questions=10)
    Collection.objects.update(owner=organiser)
    cat, dog = collection.ordered_classes()
    guest = User.objects.create_guest()
    for number, question in enumerate(collection.questions.all()):
        for place, (annotator, synset) in enumerate([(guest, cat), (organiser, dog)]):
            Vote.objects.create(
                question=question,
                annotator=annotator,
                synset=synset,
                answer="present",
                taxonomy_version=1,
                lease_number=2 * number + place + 1,
            )
    Skill.objects.create(collection=collection, annotator=guest, right=9, wrong=1)

    said = " ".join(page(client, "dashboard", collection).split())

    assert "<b>10</b> of <b>10</b> pictures are settled." in said
    assert "Nothing is left to ask." in said
    assert f"Guest {guest.pk}" in said
    assert guest.username not in said
    assert said.count("<rect x=") >= 1  # today's votes
    assert "It is computed over all 10 pictures" in said
    assert re.search(r">cat</bdi></th><td><bdi>dog", said)


def test_a_dashboard_says_honestly_that_it_cannot_foretell(client, organiser):
    collection = make_collection(n_questions=3, owner=organiser)

    assert "There are not enough votes yet to say" in page(client, "dashboard", collection)


@pytest.mark.parametrize("name", PAGES)
def test_an_owners_page_takes_as_many_queries_for_many_pictures(client, organiser, name):
    def n_queries(n_questions: int) -> int:
        collection = make_settled_collection(n_questions=n_questions)
        Collection.objects.filter(pk=collection.pk).update(owner=organiser)
        cat = collection.ordered_classes()[0]
        for image in Image.objects.filter(questions__collection=collection, split="train")[
            : n_questions // 5
        ]:
            Example.objects.choose(collection, cat, image, is_good=True)
            Skill.objects.create(collection=collection, annotator=make_user(), right=3, wrong=1)
        with CaptureQueriesContext(connection) as queries:
            page(client, name, collection)
        return len(queries)

    assert n_queries(10) == n_queries(40)


@pytest.mark.parametrize("name", PAGES)
def test_no_owners_page_has_styles_or_scripts_of_its_own(client, organiser, name):
    collection = make_settled_collection(n_questions=10)
    Collection.objects.update(owner=organiser)

    said = page(client, name, collection)

    assert not re.search(r"<style|\sstyle=|<script(?! [^>]*src=)|\son[a-z]+=", said)
