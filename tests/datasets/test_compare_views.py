"""The page, the file and the API that tell what two snapshots differ in."""

import csv
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from datasets import compare_views
from labeling.models import Image
from labeling.splits import SPLITS, TEST, TRAIN
from taxonomy import ledger
from taxonomy.models import Synset
from taxonomy.models.ledger import Kind
from tests.factories import freeze_all, make_settled_collection, make_snapshot, make_user

pytestmark = pytest.mark.django_db


def page(collection, name="compare", **asked):
    query = "&".join(f"{key.rstrip('_')}={value}" for key, value in asked.items())
    return reverse(f"datasets:{name}", args=[collection.slug]) + f"?{query}"


def labelled(collection, label, split=TRAIN):
    return collection.questions.filter(label=label, image__split=split).order_by("image__sha256")


def make_collection(n_questions=20):
    """Make a settled collection whose classes take turns in each part; of ten pictures six are for training."""
    collection = make_settled_collection(n_questions)
    classes = collection.ordered_classes()
    for split in SPLITS:
        for place, question in enumerate(collection.questions.filter(image__split=split).order_by("pk")):
            collection.questions.filter(pk=question.pk).update(label=classes[place % 2])
    return collection


def make_two(n_changed=1, **fields):
    """Make two snapshots: of so many training pictures a cat became a dog, with two more votes."""
    collection = make_collection()
    cat, dog = collection.ordered_classes()
    before = freeze_all(collection)
    keys = labelled(collection, cat).values_list("pk", flat=True)[:n_changed]
    collection.questions.filter(pk__in=list(keys)).update(label=dog, n_votes=5, **fields)
    return before, freeze_all(collection)


def text(response):
    """Return a page in words, its tags left out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def file_rows(client, collection, **asked):
    body = client.get(page(collection, "changes", **asked)).getvalue().decode()
    return list(csv.DictReader(body.splitlines()))


def without_token(response):
    return re.sub(rb'X-CSRFToken": "\w+"|csrfmiddlewaretoken" value="\w+"', b"", response.content)


def test_the_two_latest_snapshots_are_compared_unless_others_are_named(client):
    before, after = make_two(n_changed=2)

    response = client.get(page(after.collection))

    assert (response.context["older"], response.context["newer"]) == (before, after)
    assert "Of 16 labels, 2 changed." in text(response)
    assert "cat → dog" in text(response)
    assert "2 more votes" in text(response)


def test_the_older_one_comes_first_whichever_is_named_first(client):
    before, after = make_two()

    response = client.get(page(after.collection, from_=2, to=1))

    assert (response.context["older"], response.context["newer"]) == (before, after)


@pytest.mark.parametrize(
    ("numbers", "status"), [((1, 2), 200), ((1, 3), 404), (("x", 2), 404), ((1, ""), 404)]
)
@pytest.mark.parametrize("name", ["compare", "changes"])
def test_a_snapshot_that_is_not_there_is_not_found(client, name, numbers, status):
    _before, after = make_two()

    response = client.get(page(after.collection, name, from_=numbers[0], to=numbers[1]))

    assert response.status_code == status


def test_a_collection_with_one_snapshot_says_what_will_be_here(client):
    snapshot = make_snapshot(n_questions=10)

    response = client.get(page(snapshot.collection))

    assert "There is one snapshot so far." in text(response)


def test_a_snapshot_and_itself_are_not_compared(client):
    _before, after = make_two()

    response = client.get(page(after.collection, from_=2, to=2))

    assert "Choose two different ones" in text(response)
    assert client.get(page(after.collection, "changes", from_=2, to=2)).status_code == 404


def test_two_snapshots_with_the_same_labels_say_so(client):
    collection = make_collection()
    freeze_all(collection)
    collection.questions.update(confidence=0.98)
    freeze_all(collection)

    response = client.get(page(collection))

    assert "No label changed, and no picture came or went." in text(response)
    assert "All differences" not in text(response)
    assert response.context["comparison"].drift.n_less_sure == 16


def test_a_change_of_the_nouns_is_a_link(client):
    collection = make_collection()
    cat, dog = collection.ordered_classes()
    freeze_all(collection)
    change = ledger.make(Kind.MERGE, {"synset": cat.wnid, "target": dog.wnid}, author=None, reason="a test")
    labelled(collection, cat).update(label=dog)
    freeze_all(collection)

    response = client.get(page(collection))

    assert f'<a href="{change.get_absolute_url()}">change {change.pk}</a>' in response.content.decode()


def test_pictures_are_shown_a_page_at_a_time(client, monkeypatch):
    monkeypatch.setattr(compare_views, "A_PAGE", 2)
    _before, after = make_two(n_changed=3)

    first = client.get(page(after.collection, from_=1, to=2))
    second = client.get(page(after.collection, from_=1, to=2, page=2))

    shown = [row.image.sha256 for each in (first, second) for row in each.context["pictures"]]
    assert shown == [each.sha256 for each in first.context["comparison"].changed]
    assert "?from=1&amp;to=2&amp;page=2#pictures" in first.content.decode()


def test_a_picture_that_was_withdrawn_since_is_not_shown(client):
    _before, after = make_two(n_changed=2)
    gone, stays = client.get(page(after.collection)).context["comparison"].changed

    Image.objects.get(sha256=gone.sha256).withdraw()

    said = client.get(page(after.collection)).content.decode()
    assert stays.sha256 in said
    assert gone.sha256 not in said


def test_a_noun_that_was_marked_sensitive_since_is_not_told(client):
    before, after = make_two(n_changed=2)
    dog = Synset.objects.get(wnid=after.classes[1])
    picture = client.get(page(after.collection)).context["comparison"].changed[0].sha256

    Synset.objects.filter(pk=dog.pk).update(is_sensitive=True, sensitive_reason="a test")

    response = client.get(page(after.collection))
    answer = client.get(reverse("compare-snapshots", args=[before.pk, after.pk])).json()
    assert "dog" not in text(response)
    assert picture not in response.content.decode()
    assert response.context["n_more_pairs"] == 1
    assert (answer["n_changed"], answer["pairs"]) == (2, [])


def test_the_file_has_every_difference(client):
    _before, after = make_two(n_changed=3)
    cat, dog = after.classes

    rows = file_rows(client, after.collection, from_=1, to=2)

    assert len(rows) == 3
    assert {(row["old_wnid"], row["old"], row["new_wnid"], row["new"]) for row in rows} == {
        (cat, "cat", dog, "dog")
    }
    assert {(row["what"], row["old_votes"], row["new_votes"], row["why"]) for row in rows} == {
        ("changed", "3", "5", "votes")
    }
    assert [row["sha256"] for row in rows] == sorted(row["sha256"] for row in rows)


def test_of_what_is_held_back_the_file_tells_no_label(client):
    _before, after = make_two(n_changed=3)
    picture = file_rows(client, after.collection)[0]["sha256"]

    Image.objects.get(sha256=picture).withdraw()

    told = [row for row in file_rows(client, after.collection) if row["sha256"] == picture]
    assert [{key for key, value in row.items() if value} for row in told] == [
        {"sha256", "split", "what", "why"}
    ]
    assert told[0]["why"] == "withdrawn"


def test_of_a_noun_that_is_sensitive_the_file_tells_nothing(client):
    _before, after = make_two(n_changed=3)
    Synset.objects.filter(wnid=after.classes[0]).update(is_sensitive=True, sensitive_reason="a test")

    rows = file_rows(client, after.collection)

    assert {row["why"] for row in rows} == {"its noun is sensitive"}
    assert not any(row["old"] or row["new"] or row["old_confidence"] for row in rows)


def told_of(client, collection, first, **changed):
    """Return all that is told of two snapshots, the second with one test label changed; nothing stays of that one."""
    with transaction.atomic():
        collection.questions.filter(pk=first.pk).update(**changed)
        after = freeze_all(collection)
        before = collection.snapshots.get(number=1)
        shown = client.get(page(collection, from_=1, to=2))
        listed = client.get(page(collection, "changes", from_=1, to=2)).getvalue()
        answer = client.get(reverse("compare-snapshots", args=[before.pk, after.pk])).json()
        transaction.set_rollback(True)
    assert answer["n_test_changed"] == 1
    return without_token(shown), listed, {key: answer[key] for key in answer if key != "newer"}


@pytest.mark.parametrize("is_staff", [False, True])
def test_nothing_tells_which_test_label_changed_or_how(client, is_staff, monkeypatch):
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)
    if is_staff:
        client.force_login(make_user(is_staff=True))
    collection = make_collection()
    cat, dog = collection.ordered_classes()
    freeze_all(collection)
    one, other = labelled(collection, cat, TEST)[:2]
    third = labelled(collection, dog, TEST)[0]

    told = [
        told_of(client, collection, one, label=dog, n_votes=4),
        told_of(client, collection, other, label=dog, n_votes=9, confidence=0.999),
        told_of(client, collection, third, label=cat),
    ]

    assert told[0] == told[1] == told[2]


def test_programs_get_the_numbers(client):
    before, after = make_two(n_changed=3, confidence=0.995)
    cat, dog = after.classes

    said = client.get(reverse("compare-snapshots", args=[after.pk, before.pk])).json()

    assert said == {
        "older": before.pk, "newer": after.pk, "n_kept": 13, "n_changed": 3, "n_came": 0, "n_gone": 0,
        "n_test_changed": 0, "causes": {"votes": 3}, "came": {}, "gone": {},
        "n_surer": 0, "n_less_sure": 0, "mean_drift": 0.0, "n_pairs": 1,
        "pairs": [{"old": cat, "new": dog, "n": 3, "causes": {"votes": 3}, "changes": []}],
        "classes_came": [], "classes_gone": [],
    }  # fmt: skip


def test_programs_are_told_why_two_snapshots_are_not_compared(client):
    one, other = make_snapshot(n_questions=10), make_snapshot(n_questions=10)

    response = client.get(reverse("compare-snapshots", args=[one.pk, other.pk]))

    assert response.status_code == 400
    assert "Expected two snapshots of one collection" in str(response.json())
    assert client.get(reverse("compare-snapshots", args=[one.pk, 999])).status_code == 404


def test_the_page_asks_as_much_of_the_database_for_many_pictures_as_for_few(client):
    counts = []
    for n_changed in (1, 4):
        _before, after = make_two(n_changed)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page(after.collection)).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_the_command_says_what_changed():
    _before, after = make_two(n_changed=3)
    out = StringIO()

    call_command("compare_snapshots", after.collection.slug, "1", "2", stdout=out)

    assert "Labels: 3 of 16 changed (votes 3)." in out.getvalue()
    assert "3  cat (" in out.getvalue()


def test_the_command_refuses_numbers_that_are_none():
    _before, after = make_two()
    slug = after.collection.slug

    with pytest.raises(CommandError, match=f"Expected the number of a snapshot of '{slug}'; found 7"):
        call_command("compare_snapshots", slug, "1", "7")
    with pytest.raises(CommandError, match="Expected an older snapshot and a newer one; found 2 and 1"):
        call_command("compare_snapshots", slug, "2", "1")
