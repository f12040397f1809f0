"""Inner nouns: which are answers, and what becomes of them."""

import pytest
from django.urls import reverse

from labeling.broader import hierarchy, places_below
from labeling.models import Choices, Lease, NotAClassError, Vote
from tests.factories import make_collection, make_lease, make_synset, make_user
from tests.labeling.trees import make_menagerie, noun

ANIMAL, CANINE, DOG, HUSKY, CORGI, WOLF, CAT, PET = range(1, 9)
# (ancestor, descendant): animal over canine over dog and wolf; dog over husky and corgi; pet over corgi and cat.
PAIRS = [
    *((noun, noun) for noun in range(1, 9)),
    *((ANIMAL, noun) for noun in (CANINE, DOG, HUSKY, CORGI, WOLF, CAT, PET)),
    *((CANINE, noun) for noun in (DOG, HUSKY, CORGI, WOLF)),
    *((DOG, noun) for noun in (HUSKY, CORGI)),
    *((PET, noun) for noun in (CORGI, CAT)),
]
CLASSES = {HUSKY: 0, CORGI: 1, WOLF: 2, CAT: 3}


def between(classes=CLASSES, offered=None, askable=frozenset(range(2, 9)), pairs=PAIRS):
    below = places_below(
        {pk: (place,) for pk, place in classes.items()}, [p for p in pairs if p[1] in classes]
    )
    return hierarchy(below, classes, offered or set(classes.values()), askable, pairs)


def test_the_nouns_between_root_and_classes_are_answers_with_those_below_them():
    found = between()

    assert found.inner == (CANINE, DOG, PET)
    assert [found.places[pk] for pk in found.inner] == [(0, 1, 2), (0, 1), (1, 3)]


def test_the_parents_of_a_noun_are_the_next_inner_nouns_above_it():
    assert between().parents == {
        CANINE: (), PET: (), DOG: (CANINE,), HUSKY: (DOG,), CORGI: (DOG, PET), WOLF: (CANINE,), CAT: (PET,)
    }  # fmt: skip


def test_of_nouns_with_the_same_classes_the_lowest_is_an_answer():
    without_wolf = {HUSKY: 0, CORGI: 1, CAT: 2}

    found = between(without_wolf)

    assert found.inner == (DOG, PET)
    assert found.places[CANINE] == (0, 1)  # a vote for it would still count
    assert found.parents[DOG] == ()


def test_a_noun_that_is_a_class_is_no_inner_noun_nor_is_one_that_says_the_same():
    found = between({DOG: 0, HUSKY: 1, CAT: 2})

    assert found.inner == ()


def test_a_noun_with_one_class_below_it_is_no_answer():
    assert between({HUSKY: 0, WOLF: 1, CAT: 2}).inner == (CANINE,)


def test_a_noun_that_may_not_be_asked_for_gives_way_to_the_one_above_it():
    found = between(askable={CANINE, PET})

    assert found.inner == (CANINE, PET)
    assert found.parents[HUSKY] == (CANINE,)


def test_classes_that_nobody_is_asked_for_make_no_inner_noun():
    assert between(offered={0, 2, 3}).inner == (CANINE,)


def test_a_thousand_classes_are_quickly_done():
    classes = {pk: pk for pk in range(1000)}
    pairs = [(pk, pk) for pk in classes]
    for level, width in enumerate((500, 250, 100, 50, 20, 10, 5, 2), start=1):
        pairs += [(level * 10_000 + pk % width, pk) for pk in classes]

    found = between(classes, askable={pk for pk, _low in pairs}, pairs=pairs)

    assert len(found.inner) == 937
    assert found.places[80_000] == tuple(range(0, 1000, 2))


# --- As rows ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_collection_has_the_nouns_between_its_root_and_its_classes():
    choices = Choices.now(make_menagerie())

    assert [synset.name for synset in choices.inner] == ["canine", "dog"]
    assert choices.broader == {noun("canine").pk: (0, 1, 2), noun("dog").pk: (0, 1)}
    assert choices.parents[noun("husky").pk] == (noun("dog").pk,)
    assert choices.parents[noun("dog").pk] == (noun("canine").pk,)


@pytest.mark.django_db
def test_nothing_of_it_is_read_for_a_collection_that_verifies():
    collection = make_menagerie(n_questions=0, kind="verify")

    choices = Choices.read(collection, None)

    assert (choices.broader, choices.inner, choices.parents) == ({}, (), {})


@pytest.mark.django_db
def test_a_vote_for_an_inner_noun_is_kept():
    lease = make_lease(make_menagerie())

    vote = lease.cast(noun("dog"))

    assert (vote.synset, vote.answer) == (noun("dog"), Vote.Answer.PRESENT)


@pytest.mark.django_db
def test_a_noun_that_is_neither_class_nor_inner_noun_is_refused():
    lease = make_lease(make_menagerie())

    with pytest.raises(NotAClassError, match="Expected one of the classes of Menagerie; found animal"):
        lease.cast(lease.question.collection.root)


@pytest.mark.django_db
def test_a_collection_that_verifies_takes_no_inner_noun(client):
    collection = make_menagerie(n_questions=0, kind="verify")

    data = client.get(f"/api/collections/{collection.slug}/").json()

    assert data["broader"] == []


@pytest.mark.django_db
def test_the_api_tells_the_inner_nouns_of_a_collection(client):
    collection = make_menagerie()

    canine, dog = client.get(f"/api/collections/{collection.slug}/").json()["broader"]

    assert (canine["name"], canine["gloss"], canine["parents"]) == ("canine", "what canine means", [])
    assert (dog["wnid"], dog["parents"]) == (noun("dog").wnid, [canine["wnid"]])
    assert dog["classes"] == [noun("husky").wnid, noun("corgi").wnid]


@pytest.mark.django_db
def test_the_api_takes_an_inner_noun_as_an_answer_and_no_other(client):
    annotator = make_user()
    client.force_login(annotator)
    leases = Lease.objects.hand_out(make_menagerie(n_questions=2), annotator, 2)
    votes = [
        {"lease": leases[0].pk, "synset": noun("dog").wnid, "answer": "present"},
        {"lease": leases[1].pk, "synset": make_synset("stone").wnid, "answer": "present"},
    ]

    answer = client.post("/api/votes/", {"votes": votes}, content_type="application/json").json()

    assert [result["status"] for result in answer["results"]] == ["recorded", "refused"]
    assert Vote.objects.get().synset == noun("dog")


@pytest.mark.django_db
def test_the_form_takes_an_inner_noun_as_an_answer_and_no_other(client):
    annotator = make_user()
    client.force_login(annotator)
    collection = make_menagerie(n_questions=2)

    for wnid in (noun("dog").wnid, collection.root.wnid):
        [lease] = Lease.objects.hand_out(collection, annotator, 1)
        client.post(reverse("labeling:cast-vote", args=[lease.pk]), {"synset": wnid})

    assert [vote.synset for vote in Vote.objects.all()] == [noun("dog")]


@pytest.mark.django_db
def test_an_inner_noun_above_the_answer_of_a_gold_question_is_right_and_another_is_wrong(monkeypatch):
    collection = make_menagerie(n_questions=1, gold_share=0.5)
    collection.questions.update(is_gold=True, truth=noun("wolf"))

    monkeypatch.setattr("labeling.models.leases.random", lambda: 0.0)
    for name in ("canine", "dog", "wolf"):
        make_lease(collection).cast(noun(name))

    walks = collection.walk_set.order_by("pk").values_list("n_gold", "n_gold_right")
    assert list(walks) == [(1, 1), (1, 0), (1, 1)]


@pytest.mark.django_db
def test_a_flat_collection_has_no_inner_noun():
    assert Choices.now(make_collection(names=("cat", "dog"))).inner == ()
