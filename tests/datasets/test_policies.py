"""Collections that are frozen by themselves."""

from datetime import timedelta

import pytest
from django.utils import timezone

from datasets import freezing, tasks
from datasets.choosing import Choice
from datasets.models import FreezePolicy, Freezing, Snapshot
from tests.factories import freeze_all, make_settled_collection

pytestmark = pytest.mark.django_db
ALL = Choice(may_lack=True).to_json()


def settle(collection, n):
    """Have n more of its questions settle."""
    some = collection.questions.exclude(state="settled").values_list("pk", flat=True)[:n]
    collection.questions.filter(pk__in=list(some)).update(state="settled")


@pytest.fixture
def collection():
    """Twenty pictures of which none has settled."""
    collection = make_settled_collection(20)
    collection.questions.update(state="undecided")
    FreezePolicy.objects.create(collection=collection, every=5, options=ALL)
    return collection


def numbers():
    return list(Snapshot.objects.order_by("number").values_list("number", "n_images"))


def test_a_snapshot_is_made_whenever_enough_new_labels_have_settled(collection):
    for n, expected in [(4, []), (1, [(1, 5)]), (4, [(1, 5)]), (3, [(1, 5), (2, 12)])]:
        settle(collection, n)

        tasks.sweep_freezings()

        assert numbers() == expected


def test_a_snapshot_that_was_asked_for_counts_too(collection):
    settle(collection, 4)
    freeze_all(collection)
    settle(collection, 4)

    tasks.sweep_freezings()

    assert numbers() == [(1, 4)]


def test_a_collection_without_a_policy_is_not_frozen_by_itself(collection):
    FreezePolicy.objects.all().delete()
    settle(collection, 20)

    tasks.sweep_freezings()

    assert not Freezing.objects.exists()


def test_what_was_refused_is_not_tried_again_at_once(collection):
    FreezePolicy.objects.update(options=Choice().to_json())  # no class may lack pictures
    settle(collection, 5)

    for _ in range(3):
        tasks.sweep_freezings()

    assert [each.state for each in Freezing.objects.all()] == ["failed"]
    Freezing.objects.update(finished_at=timezone.now() - timedelta(hours=2))
    tasks.sweep_freezings()
    assert Freezing.objects.count() == 2


def test_a_choice_that_cannot_be_met_any_more_fails_with_its_sentence(collection):
    FreezePolicy.objects.update(options=Choice(classes=("gone",)).to_json())
    settle(collection, 5)

    tasks.sweep_freezings()

    assert "found “gone”" in Freezing.objects.get().error


def test_what_waits_is_frozen_though_its_message_was_lost(collection):
    settle(collection, 3)
    freezing.enqueue(collection, Choice(may_lack=True))

    tasks.sweep_freezings()

    assert numbers() == [(1, 3)]
