import pytest
from django.core.cache import cache

from labeling.models import Question
from taxonomy.models import Synset
from tests.factories import freeze_all, make_question, make_settled_collection, make_snapshot, make_user
from training.models import Run, TrainingPolicy

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot():
    return make_snapshot(n_questions=10)


def make_question_settled(snapshot):
    """Let one more picture of the snapshot's collection have a label."""
    question = make_question(snapshot.collection)
    label = snapshot.collection.ordered_classes()[0]
    Question.objects.filter(pk=question.pk).update(state="settled", label=label, confidence=0.99, n_votes=3)


def make_policy(collection, networks=("perceptron",), **fields):
    return TrainingPolicy.objects.create(collection=collection, networks=list(networks), **fields)


def test_each_named_network_is_queued_on_a_snapshot_once(snapshot):
    author = make_user()
    make_policy(snapshot.collection, ["perceptron", "mlp"], author=author, size_px=8)

    assert TrainingPolicy.objects.follow() == 2
    assert TrainingPolicy.objects.follow() == 0

    runs = Run.objects.order_by("pk")
    assert [(run.network, run.author, run.options.size_px) for run in runs] == [
        ("perceptron", author, 8),
        ("mlp", author, 8),
    ]


def test_snapshots_from_before_the_policy_are_left_alone(snapshot):
    make_policy(snapshot.collection, after=snapshot.number)
    assert TrainingPolicy.objects.follow() == 0

    make_question_settled(snapshot)
    later = freeze_all(snapshot.collection)

    assert later.number > snapshot.number
    assert TrainingPolicy.objects.follow() == 1
    assert Run.objects.get().snapshot == later


@pytest.mark.parametrize("status", ["finished", "failed", "cancelled"])
def test_a_run_that_is_there_however_it_ended_is_not_repeated(snapshot, status):
    make_policy(snapshot.collection)
    TrainingPolicy.objects.follow()
    Run.objects.update(status=status, error="why")

    assert TrainingPolicy.objects.follow() == 0
    assert Run.objects.get().status == status


def test_another_collections_snapshots_are_none_of_its_business(snapshot):
    make_policy(make_settled_collection(4))

    assert TrainingPolicy.objects.follow() == 0


def test_what_has_become_sensitive_is_left_out_and_told_once(snapshot, caplog):
    cache.clear()
    make_policy(snapshot.collection)
    Synset.objects.filter(wnid=snapshot.classes[0]).update(is_sensitive=True, sensitive_reason="a test")

    assert TrainingPolicy.objects.follow() == 0
    assert TrainingPolicy.objects.follow() == 0

    assert caplog.text.count("Expected a snapshot without sensitive nouns") == 1
    assert not Run.objects.exists()


def test_a_network_that_nobody_knows_holds_up_no_other(snapshot, caplog):
    cache.clear()
    make_policy(snapshot.collection, ["resent", "perceptron"])

    assert TrainingPolicy.objects.follow() == 1

    assert "'resent'" in caplog.text
