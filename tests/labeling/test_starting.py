"""The starter set: questions that many are asked, and what they say of how sure a label of each noun has to be."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from labeling import aggregation, reopening, tasks
from labeling.models import Choices, Collection, Lease, Question, Target, Vote
from labeling.models.choices import forget_kept
from labeling.targets import shifted
from tests.factories import make_collection, make_question, make_user
from tests.labeling.grids import make_verifying
from tests.labeling.organisers import make_organiser

pytestmark = pytest.mark.django_db


def make_started(n_questions=6, n_starters=3, **fields):
    fields = {"names": ("cat", "dog", "fox"), "target_confidence": 0.8, "gold_share": 0, **fields}
    collection = make_collection(n_questions, n_starters=n_starters, **fields)
    tasks.follow_policies()
    return collection


def set_policy(collection, **policy):
    Collection.objects.filter(pk=collection.pk).update(**policy)
    collection.refresh_from_db()
    tasks.follow_policies()


def answer(collection, n_people, noun="cat"):
    """Have so many people say the same of every picture that they are asked about."""
    [said] = [each for each in collection.ordered_classes() if each.name == noun]
    for person in [make_user() for _ in range(n_people)]:
        for lease in Lease.objects.hand_out(collection, person, 50):
            lease.cast(said)


def starters(collection):
    return list(
        collection.questions.filter(is_starter=True).order_by("position").values_list("pk", flat=True)
    )


def cast(question, annotator, noun):
    Vote.objects.create(
        question=question,
        annotator=annotator,
        synset=noun,
        answer="present",
        taxonomy_version=1,
        lease_number=10_000 * question.pk + annotator.pk,
    )


@pytest.fixture
def breeds():
    """Sixty starters, each answered by ten people in turn: twenty cats and twenty malamutes, of which all say so, and
    twenty huskies, of which the first two say malamute.
    """
    collection = make_collection(
        60,
        names=("cat", "husky", "malamute"),
        n_starters=60,
        target_confidence=0.9,
        max_votes=12,
        gold_share=0,
    )
    tasks.follow_policies()
    cat, husky, malamute = collection.ordered_classes()
    people = [make_user() for _ in range(10)]
    for number, question in enumerate(collection.questions.order_by("pk")):
        shown = (cat, husky, malamute)[number % 3]
        for place in range(10):
            said = malamute if shown == husky and place < 2 else shown
            cast(question, people[(place + number) % 10], said)
    collection.questions.update(n_votes=10, state="open", open_places=0)
    return collection


# --- Which questions it is ---------------------------------------------------------------------------------


def test_a_new_collection_has_no_starter_set():
    collection = make_started(n_starters=0)

    assert starters(collection) == []


def test_the_first_by_their_random_positions_are_the_starter_set():
    collection = make_started(n_starters=3)

    in_order = list(collection.questions.order_by("position").values_list("pk", flat=True))
    assert starters(collection) == in_order[:3]


def test_of_a_collection_that_verifies_every_noun_is_in_it():
    collection = make_verifying(8, n_starters=6)
    tasks.follow_policies()

    abouts = list(collection.questions.filter(is_starter=True).values_list("about__name", flat=True))

    assert len(abouts) == 6
    assert {*abouts} == {"cat", "dog"}


def test_it_grows_with_the_pictures_and_shrinks_with_the_policy():
    collection = make_started(n_questions=2, n_starters=4)
    assert len(starters(collection)) == 2
    first = starters(collection)

    for _ in range(4):
        make_question(collection)
    tasks.follow_policies()
    grown = starters(collection)
    set_policy(collection, n_starters=1)

    assert len(grown) == 4
    assert {*first} < {*grown}
    assert starters(collection) == grown[:1]


def test_gold_questions_are_none():
    collection = make_collection(3, gold_share=0)
    cat = collection.ordered_classes()[0]
    collection.questions.update(truth=cat, is_gold=True)

    set_policy(collection, n_starters=2)

    assert starters(collection) == []


@pytest.mark.parametrize("fields", [{"starter_votes": 9}, {"n_starters": 10_001}])
def test_the_database_refuses_too_few_votes_and_too_many_questions(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_collection(0, **fields)
    make_collection(0, starter_votes=10, n_starters=10_000)


# --- How it is asked ---------------------------------------------------------------------------------------


def test_a_starter_question_settles_from_its_tenth_vote_and_any_other_as_always():
    collection = make_started(n_questions=4, n_starters=1)
    [starter] = starters(collection)

    answer(collection, 9)
    before = dict(collection.questions.values_list("pk", "state"))
    answer(collection, 1)

    assert before.pop(starter) == "open"
    assert {*before.values()} == {"settled"}
    assert set(collection.questions.values_list("state", flat=True)) == {"settled"}
    assert Question.objects.get(pk=starter).n_votes == 10


def test_a_starter_question_is_opened_for_all_who_are_to_be_asked():
    collection = make_started(n_questions=4, n_starters=1)

    Question.objects.feed(collection)

    assert list(collection.questions.order_by("position").values_list("open_places", flat=True)) == [
        10,
        2,
        2,
        2,
    ]


def test_what_settled_before_is_asked_again_once_it_is_a_starter_and_the_form_says_so():
    collection = make_started(n_questions=4, n_starters=0)
    answer(collection, 2)
    assert set(collection.questions.values_list("state", flat=True)) == {"settled"}
    collection.n_starters = 3
    effect = reopening.foretell(collection, collection.policy)

    set_policy(collection, n_starters=3)

    assert (effect.n_asked_again, effect.n_settled) == (3, 0)
    assert set(collection.questions.filter(is_starter=True).values_list("state", "open_places")) == {
        ("open", 1)
    }
    assert collection.questions.filter(state="settled").count() == 1
    assert not reopening.foretell(collection, collection.policy)


def test_starter_questions_that_are_none_any_more_settle_by_what_they_have():
    collection = make_started(n_questions=4, n_starters=3)
    answer(collection, 3)
    assert collection.questions.filter(state="open").count() == 3

    set_policy(collection, n_starters=0)

    assert set(collection.questions.values_list("state", "is_starter")) == {("settled", False)}


def test_a_refit_leaves_a_starter_question_open_that_has_too_few_votes():
    collection = make_started(n_questions=4, n_starters=1)
    answer(collection, 5)

    aggregation.refit(collection)

    assert list(collection.questions.order_by("position").values_list("state", flat=True)) == [
        "open",
        *["settled"] * 3,
    ]


# --- What it tells -----------------------------------------------------------------------------------------


def of_nouns(collection):
    return {
        target.noun.name: target for target in collection.targets.exclude(noun=None).select_related("noun")
    }


def test_a_refit_learns_that_breeds_need_more_agreement_than_cats(breeds):
    aggregation.refit(breeds)

    targets = of_nouns(breeds)
    assert targets["malamute"].confidence > targets["cat"].confidence
    assert {name: target.n_starters for name, target in targets.items()} == {
        "cat": 20,
        "husky": 20,
        "malamute": 40,
    }
    assert breeds.targets.get(noun=None).n_starters == 60


def test_a_vote_settles_by_its_nouns_own_target(breeds):
    aggregation.refit(breeds)
    cat, husky, malamute = breeds.ordered_classes()
    Target.objects.replace(breeds, {malamute.pk: (20.0, 10), cat.pk: (0.1, 10)})
    forget_kept()
    collection = Collection.objects.get(pk=breeds.pk)
    choices, question = Choices.now(collection), Question(collection=collection)

    question.decide(choices, [(pk, malamute.pk, "present") for pk in range(4)], {})
    as_malamute = question.state
    question.decide(choices, [(pk, cat.pk, "present") for pk in range(4)], {})

    assert (as_malamute, question.state) == ("open", "settled")
    assert choices.settling(collection.policy, cat).target_confidence == pytest.approx(shifted(0.9, 0.1))
    assert choices.settling(collection.policy, husky) == collection.policy


def test_a_refit_and_a_vote_decide_alike_by_the_targets(breeds):
    aggregation.refit(breeds)
    collection = Collection.objects.get(pk=breeds.pk)
    by_refit = dict(breeds.questions.values_list("pk", "state"))
    questions = list(breeds.questions.all())

    Vote.objects.decide(questions, lambda question: Choices.now(collection))

    assert {each.pk: each.state for each in questions} == by_refit
    assert not reopening.foretell(collection, collection.policy)


def test_another_wanted_share_moves_every_target(breeds):
    aggregation.refit(breeds)
    before = {name: target.confidence for name, target in of_nouns(breeds).items()}

    set_policy(breeds, target_confidence=0.95)

    assert all(target.confidence > before[name] for name, target in of_nouns(breeds).items())
    assert not reopening.foretell(breeds, breeds.policy)


def test_without_a_starter_set_one_target_holds_for_all(breeds):
    aggregation.refit(breeds)
    set_policy(breeds, n_starters=0)
    choices = Choices.now(breeds)

    policies = {Question(collection=breeds).policy(choices, noun) for noun in breeds.ordered_classes()}
    aggregation.refit(breeds)

    assert policies == {breeds.policy}
    assert not breeds.targets.exists()


def test_before_anybody_has_answered_the_starter_set_the_policys_target_holds():
    collection = make_started(n_questions=4, n_starters=2)
    answer(collection, 3)

    aggregation.refit(collection)

    assert [target.confidence for target in collection.targets.all()] == pytest.approx([0.8] * 4)


def test_of_a_collection_that_verifies_each_noun_has_its_target():
    collection = make_verifying(12, n_starters=24, target_confidence=0.9, min_votes=2, max_votes=12)
    tasks.follow_policies()
    people = [make_user() for _ in range(10)]
    for number, question in enumerate(collection.questions.order_by("about", "pk")):
        for place in range(10):
            # A third shows it. All see cats at once; where a dog is, the first two do not see it.
            is_seen = number % 3 == 0 and (question.about.name == "cat" or place >= 2)
            Vote.objects.create(
                question=question,
                annotator=people[(place + number) % 10],
                synset=question.about,
                answer="present" if is_seen else "absent",
                taxonomy_version=1,
            )
    collection.questions.update(n_votes=10, state="open", open_places=0)

    aggregation.refit(collection)

    targets = of_nouns(collection)
    assert targets["dog"].confidence > targets["cat"].confidence
    assert targets["dog"].n_starters == targets["cat"].n_starters == 12


def test_the_database_refuses_a_target_below_the_collections():
    collection = make_collection()
    with pytest.raises(IntegrityError), transaction.atomic():
        Target.objects.replace(collection, {None: (-0.1, 3)})
    Target.objects.replace(collection, {None: (0.0, 3)})


def test_who_cannot_tell_is_heard_as_by_the_vote_itself(breeds):
    question = breeds.questions.order_by("pk")[1]
    Vote.objects.create(question=question, annotator=make_user(), answer="cannot_tell", taxonomy_version=1)
    breeds.questions.filter(pk=question.pk).update(n_votes=11)

    aggregation.refit(breeds)

    assert {name: target.n_starters for name, target in of_nouns(breeds).items()}["husky"] == 20
    fit = breeds.fits.latest()
    assert fit.n_votes == 601


# --- What organisers see -----------------------------------------------------------------------------------


def test_the_quality_page_tells_each_nouns_target(client, breeds):
    owner = make_organiser()
    Collection.objects.filter(pk=breeds.pk).update(owner=owner)
    client.force_login(owner)
    before = client.get(reverse("labeling:quality", args=[breeds.slug])).content.decode()

    aggregation.refit(breeds)
    after = client.get(reverse("labeling:quality", args=[breeds.slug])).content.decode()

    assert "60 pictures are the starter set; 60 of them have their 10 votes." in after
    assert "No refit has read the starter set yet" in before
    for name, target in of_nouns(breeds).items():
        assert (
            f'<th scope="row"><bdi>{name}</bdi></th><td class="number"><b>{target.percent:.3f}&nbsp;%</b>'
            in after
        )


def test_a_collection_without_a_starter_set_says_nothing_of_it(client):
    collection = make_collection(1, owner=make_organiser())
    client.force_login(collection.owner)

    text = client.get(reverse("labeling:quality", args=[collection.slug])).content.decode()

    assert "starter" not in text


def test_the_page_of_why_says_that_a_starter_question_waits_for_its_ten(client):
    collection = make_started(n_questions=1, n_starters=1, owner=make_organiser())
    client.force_login(collection.owner)
    answer(collection, 3)
    question = collection.questions.get()

    text = client.get(reverse("labeling:why", args=[collection.slug, question.pk])).content.decode()

    assert (
        "It is in the starter set, of which each picture is asked of 10 people before it may settle." in text
    )
