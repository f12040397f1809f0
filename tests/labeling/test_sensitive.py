"""Sensitive and unseen nouns: nobody is asked for them, no page shows them, no network learns them."""

import csv
import io

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from labeling.models import Lease, NotAClassError, Question
from labeling.splits import TEST
from taxonomy import ledger
from tests.factories import freeze_all, make_collection, make_lease, make_settled_collection, make_user
from training.models import Run, SensitiveNounsError

pytestmark = pytest.mark.django_db


def mark(synset, is_imageable=True, sensitive_reason="names people"):
    arguments = {"synset": synset.wnid, "is_imageable": is_imageable, "sensitive_reason": sensitive_reason}
    ledger.make("mark", arguments, author=None, reason="a test")


def mark_unseen(synset):
    mark(synset, is_imageable=False, sensitive_reason="")


@pytest.mark.parametrize("marked", [mark, mark_unseen])
def test_a_marked_class_is_not_offered_and_a_vote_for_it_is_refused(marked, client):
    lease = make_lease()
    cat, dog = lease.question.collection.ordered_classes()
    marked(cat)

    assert [str(synset) for synset in lease.question.collection.offered()] == ["dog"]
    with pytest.raises(NotAClassError):
        lease.cast(cat)
    lease.refresh_from_db()
    assert lease.cast(dog).synset == dog


def test_a_marked_class_is_in_no_page_or_answer_of_its_collection(client):
    collection = make_settled_collection(names=("secret noun", "dog"))
    secret, _dog = collection.ordered_classes()
    pages = [collection.get_absolute_url(), f"/api/collections/{collection.slug}/", "/"]
    before = [client.get(page).content.decode() for page in pages]
    assert all("secret noun" in page for page in before[:2])

    mark(secret)

    assert not any("secret noun" in client.get(page).content.decode() for page in pages)


def test_a_collection_about_a_sensitive_noun_asks_nobody():
    collection = make_collection(n_questions=1)

    mark(collection.root)
    collection.refresh_from_db()

    assert Lease.objects.hand_out(collection, make_user(), 1) == []
    assert not Lease.objects.might_come(collection, make_user())


def test_a_collection_about_a_noun_that_cannot_be_seen_as_such_still_asks_for_its_kinds():
    collection = make_collection(n_questions=1)

    mark_unseen(collection.root)

    assert len(Lease.objects.hand_out(collection, make_user(), 1)) == 1


def test_a_sensitive_class_is_not_frozen():
    collection = make_settled_collection()
    cat, dog = collection.ordered_classes()

    mark(cat)

    snapshot = freeze_all(collection)
    assert snapshot.classes == [dog.wnid]
    assert snapshot.n_images == collection.questions.filter(label=dog).count()


def test_a_snapshot_with_a_class_that_has_become_sensitive_is_not_trained_on():
    snapshot = freeze_all(make_settled_collection())
    assert Run.objects.enqueue_usual(snapshot, "perceptron")

    mark(snapshot.collection.ordered_classes()[0])

    with pytest.raises(SensitiveNounsError, match=r"has cat\. Freeze a new one"):
        Run.objects.enqueue_usual(snapshot, "mlp")
    with pytest.raises(CommandError, match="has cat"):
        call_command("start_run", snapshot.collection.slug, "mlp")
    assert Run.objects.enqueue_usual(freeze_all(snapshot.collection), "mlp")


def test_the_form_that_starts_a_training_says_why_not(client):
    snapshot = freeze_all(make_settled_collection())
    mark(snapshot.collection.ordered_classes()[0])
    client.force_login(make_user(is_staff=True))

    new = reverse("training:create")
    recipe = client.get(new, {"snapshot": snapshot.pk, "network": "perceptron"}).context["form"].initial

    page = client.post(new, {name: value for name, value in recipe.items() if value is not False})

    assert "Freeze a new one" in page.content.decode()
    assert not Run.objects.exists()


def test_pages_and_manifest_of_an_older_snapshot_leave_a_sensitive_class_out_but_for_test_rows(client):
    snapshot = freeze_all(make_settled_collection(names=("secret noun", "dog")))
    secret = snapshot.collection.ordered_classes()[0]
    mark(secret)

    page = client.get(snapshot.get_absolute_url()).content.decode()
    manifest = reverse("datasets:file", args=[snapshot.collection.slug, 1, "manifest.csv"])
    lines = client.get(manifest).getvalue()

    rows = list(csv.DictReader(io.StringIO(lines.decode())))
    assert "secret noun" not in page
    assert secret.wnid not in {row["wnid"] for row in rows}
    n_test = Question.objects.filter(image__split=TEST).count()
    assert sum(row["split"] == TEST for row in rows) == n_test
