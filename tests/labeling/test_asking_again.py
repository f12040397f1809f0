"""Settled labels come back as questions since somebody who saw what a network says of them wants that."""

import pytest

from accounts.personal import export
from labeling import aggregation, disputing
from labeling.asking_again import AskedAgain, Doubt, ask_again, standing
from labeling.models import Collection, Dispute, Image, Lease, Network, Question
from tests.factories import make_collection, make_settled_collection, make_user
from tests.labeling.foretold import make_voted, of_part, say
from tests.labeling.grids import make_verifying

pytestmark = pytest.mark.django_db

NETWORK = "Run 1: mlp"


@pytest.fixture
def owner():
    return make_user()


@pytest.fixture
def collection(owner):
    return make_settled_collection(20, owner=owner)


def of(collection, *splits):
    return of_part(collection, *splits)


def doubt(question, sure=0.97):
    """That the network takes a picture for the other noun."""
    cat, dog = question.collection.ordered_classes()
    other = {cat: dog, dog: cat}[question.label]
    return Doubt(question.image.sha256, question.label.wnid, other.wnid, sure)


def ask(questions, owner=None, network=NETWORK):
    return ask_again(questions[0].collection, network, map(doubt, questions), owner or make_user())


def test_one_more_person_is_asked(collection, owner):
    question = of(collection, "val")[0]

    asked = ask([question], owner)

    question.refresh_from_db()
    assert asked == AskedAgain(n_asked=1, n_already=0, n_left=0)
    assert (question.state, question.open_places) == ("open", 1)
    assert Lease.objects.hand_out(collection, make_user(), 5)[0].question == question


def test_it_is_written_down_who_asked_and_what_the_network_says(collection, owner):
    question = of(collection, "val")[0]

    ask([question], owner)

    dispute = Dispute.objects.get()
    assert (dispute.question, dispute.label, dispute.asked_by) == (question, question.label, owner)
    assert (dispute.network.name, dispute.network.heard_at) == (NETWORK, None)
    assert (dispute.claim.wnid, dispute.probability) == (doubt(question).claim, 0.97)
    assert dispute.finding == "open"


def test_many_are_asked_about_at_once(collection):
    questions = of(collection, "train", "val")

    assert ask(questions) == AskedAgain(len(questions), 0, 0)
    assert collection.questions.open().count() == len(questions)


def test_asking_twice_asks_one_person(collection):
    question = of(collection, "val")[0]
    ask([question])

    again = ask([question])

    question.refresh_from_db()
    assert again == AskedAgain(n_asked=0, n_already=1, n_left=0)
    assert (question.open_places, Dispute.objects.count()) == (1, 1)


def test_once_for_each_network(collection):
    question = of(collection, "val")[0]
    ask([question])
    Question.objects.filter(pk=question.pk).update(state="settled", open_places=0, n_votes=4)

    assert ask([question]).n_asked == 0
    assert ask([question], network="another").n_asked == 1


def test_what_is_being_asked_is_not_asked_again(collection):
    question = of(collection, "val")[0]
    Question.objects.filter(pk=question.pk).update(state="open", open_places=1)

    assert ask([question]) == AskedAgain(0, 1, 0)
    assert not Dispute.objects.exists()


def test_the_test_part_is_left_alone_whatever_its_state(collection):
    settled, opened = of(collection, "test")[:2]
    Question.objects.filter(pk=opened.pk).update(state="open", open_places=1)

    assert ask([settled, opened]) == AskedAgain(0, 0, 2)
    assert not Dispute.objects.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda question: Question.objects.filter(pk=question.pk).update(truth=question.label, is_gold=True),
        lambda question: Image.objects.get(pk=question.image_id).withdraw(),
        lambda question: Question.objects.filter(pk=question.pk).update(state="undecided"),
    ],
    ids=["gold", "withdrawn", "undecided"],
)
def test_what_cannot_be_asked_is_left_and_the_others_are_asked(collection, spoil):
    spoilt, other = of(collection, "val")[:2]
    spoil(spoilt)

    assert ask([spoilt, other]) == AskedAgain(1, 0, 1)
    assert Dispute.objects.get().question == other


def test_a_picture_of_another_collection_is_left(collection):
    stranger = make_collection(1, splits=("val",)).questions.get()

    found = ask_again(collection, NETWORK, [Doubt(stranger.image.sha256, "x", "y", 0.9)], make_user())

    assert found == AskedAgain(0, 0, 1)


def test_asking_about_nothing_asks_nobody(collection):
    assert ask_again(collection, NETWORK, [], make_user()) == AskedAgain(0, 0, 0)
    assert not Network.objects.exists()


def test_how_pictures_stand(collection, owner, django_assert_num_queries):
    asked, settled, gold = of(collection, "val")[:3]
    ask([asked], owner)
    Question.objects.filter(pk=gold.pk).update(truth=gold.label, is_gold=True)
    doubts = [doubt(each) for each in (asked, settled, gold, of(collection, "test")[0])]

    with django_assert_num_queries(4):
        found = standing(collection, NETWORK, doubts)

    assert found.keys() == {asked.image.sha256, settled.image.sha256}
    assert not found[asked.image.sha256].is_possible
    assert found[asked.image.sha256].dispute.finding == "open"
    assert found[settled.image.sha256].is_possible


def test_of_a_picture_with_a_question_about_each_noun_that_with_the_label_is_asked(owner):
    collection = make_verifying(1, owner=owner, splits=("val",))
    cat, dog = collection.ordered_classes()
    about_cat, about_dog = (collection.questions.get(about=noun) for noun in (cat, dog))
    Question.objects.filter(pk=about_cat.pk).update(state="settled", label=cat, confidence=0.9, open_places=0)
    Question.objects.filter(pk=about_dog.pk).update(
        state="settled", label=dog, confidence=0.99, open_places=0
    )
    sent = Doubt(about_cat.image.sha256, cat.wnid, dog.wnid, 0.9)

    assert ask_again(collection, NETWORK, [sent], owner).n_asked == 1

    assert Dispute.objects.get().question == about_cat
    Question.objects.filter(pk=about_cat.pk).update(state="absent", label=None, n_votes=3, open_places=0)
    assert Dispute.objects.get().finding == "changed"


# What follows


def test_a_network_that_was_only_named_is_heeded_by_no_refit(collection, owner):
    ask(of(collection, "val")[:1], owner)

    assert not Network.objects.unheeded().exists()
    assert Network.objects.of(collection).first() is None


def test_what_people_picked_out_takes_no_room_from_what_networks_dispute(monkeypatch):
    monkeypatch.setattr(disputing, "MOST_SHARE", 0.01)  # one of a hundred
    collection = make_voted(100, target_confidence=0.9)
    aggregation.refit(Collection.objects.get(pk=collection.pk))
    ask(of(collection, "val")[:1])

    say(collection, wrong=of(collection, "train")[:1], sure=0.999)
    aggregation.refit(Collection.objects.get(pk=collection.pk))

    assert Dispute.objects.filter(asked_by=None, network__name="a network").count() == 1


def test_a_refit_leaves_the_question_to_whoever_is_asked():
    collection = make_voted(60, target_confidence=0.9)
    aggregation.refit(Collection.objects.get(pk=collection.pk))
    question = of(collection, "val")[0]
    ask([question])

    aggregation.refit(Collection.objects.get(pk=collection.pk))

    question.refresh_from_db()
    assert (question.state, question.open_places) == ("open", 1)


def test_one_more_vote_for_the_label_upholds_it():
    collection = make_voted(60, target_confidence=0.9)
    aggregation.refit(Collection.objects.get(pk=collection.pk))
    question = of(collection, "val")[0]
    ask([question])

    [lease] = Lease.objects.hand_out(collection, make_user(), 1)
    lease.cast(question.label)

    assert Dispute.objects.get().finding == "upheld"


def test_somebody_is_told_what_they_asked_and_may_be_forgotten(collection, owner):
    question = of(collection, "val")[0]
    ask([question], owner)

    assert question.image.sha256 in "".join(export(owner))
    owner.delete()
    assert Dispute.objects.get().asked_by is None
