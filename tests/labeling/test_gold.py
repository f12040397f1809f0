"""Questions whose answer is known: who gets how many, what they decide, and what one is told."""

import pytest

from labeling import aggregation
from labeling.models import Lease, NotUndoneError, Question, Vote, Walk
from tests.factories import make_collection, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    """Ten questions; every one that is handed out is gold as long as there is any: three are, and show a cat."""
    collection = make_collection(n_questions=10, min_votes=1, gold_share=0.5)
    cat, _dog = collection.ordered_classes()
    known = collection.questions.exclude(image__split="test").order_by("pk")[:3]
    collection.questions.filter(pk__in=list(known.values_list("pk", flat=True))).update(
        is_gold=True, truth=cat, label=cat, state="settled", confidence=1
    )
    return collection


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr("labeling.models.leases.random", lambda: 0.0)


def gold_leases(collection, annotator, count=10):
    leases = Lease.objects.hand_out(collection, annotator, count)
    return [lease for lease in leases if lease.question.is_gold]


@pytest.mark.usefixtures("always")
def test_gold_questions_come_among_the_others_each_once(collection):
    annotator = make_user()

    first = gold_leases(collection, annotator, 2)
    for lease in first:
        lease.cast(None)
    rest = gold_leases(collection, annotator)

    assert (len(first), len(rest)) == (2, 1)
    assert Question.objects.filter(is_gold=True, open_places__gt=0).count() == 0


def test_without_luck_nothing_is_gold(collection, monkeypatch):
    monkeypatch.setattr("labeling.models.leases.random", lambda: 0.99)

    assert gold_leases(collection, make_user()) == []


@pytest.mark.usefixtures("always")
def test_a_gold_lease_that_is_given_back_opens_no_place(collection):
    leases = gold_leases(collection, make_user(), 3)

    assert Lease.objects.filter(pk__in=[lease.pk for lease in leases]).release() == 3
    assert set(Question.objects.filter(is_gold=True).values_list("state", "open_places")) == {("settled", 0)}


@pytest.mark.usefixtures("always")
def test_a_gold_question_keeps_its_answer_whatever_is_said_and_whatever_is_fitted(collection):
    cat, dog = collection.ordered_classes()
    for _ in range(4):
        [lease] = gold_leases(collection, make_user(), 1)
        lease.cast(dog)
    aggregation.refit(collection)

    assert set(Question.objects.filter(is_gold=True).values_list("label", "state")) == {(cat.pk, "settled")}
    assert Vote.objects.filter(synset=dog).count() == 4


@pytest.mark.usefixtures("always")
def test_one_is_told_what_was_known_and_it_counts(client, collection):
    cat, dog = collection.ordered_classes()
    annotator = make_user()
    right, wrong = gold_leases(collection, annotator, 2)
    client.force_login(annotator)

    votes = [{"lease": right.pk, "synset": cat.wnid}, {"lease": wrong.pk, "synset": dog.wnid}]
    results = [
        client.post("/api/votes/", {"votes": votes}, content_type="application/json").json()["results"]
        for _ in range(2)
    ]

    assert [each["gold"] for each in results[0]] == [
        {"is_right": True, "noun": "cat"},
        {"is_right": False, "noun": "cat"},
    ]
    assert [each["status"] for each in results[1]] == ["repeated", "repeated"]
    walk = Walk.objects.get(annotator=annotator)
    assert (walk.n_gold, walk.n_gold_right) == (2, 1)


@pytest.mark.usefixtures("always")
def test_an_answer_after_which_one_was_told_cannot_be_taken_back(collection):
    [lease] = gold_leases(collection, make_user(), 1)
    lease.cast(collection.ordered_classes()[1])

    with pytest.raises(NotUndoneError, match="you were not told"):
        Lease.objects.take_back(lease.annotator, lease.pk)


def test_an_ordinary_question_tells_nothing(client, collection):
    annotator = make_user()
    lease = next(
        lease for lease in Lease.objects.hand_out(collection, annotator, 10) if not lease.question.is_gold
    )
    client.force_login(annotator)

    votes = [{"lease": lease.pk, "synset": collection.ordered_classes()[0].wnid}]
    [result] = client.post("/api/votes/", {"votes": votes}, content_type="application/json").json()["results"]

    assert result["gold"] is None


def test_gold_grows_rare_as_it_becomes_sure_how_often_somebody_is_right(collection):
    def rate(n_gold, n_right):
        return Walk(collection=collection, n_gold=n_gold, n_gold_right=n_right).gold_rate

    # Beta(1, 1) has a standard deviation of 0.29, Beta(10, 1) of 0.083, Beta(101, 1) of 0.0097.
    assert rate(0, 0) == 0.5
    assert rate(9, 9) == pytest.approx(0.415, abs=0.005)
    assert rate(100, 100) == pytest.approx(0.048, abs=0.002)
    assert rate(100, 50) > rate(100, 100)
