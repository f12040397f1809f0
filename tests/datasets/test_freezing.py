import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from datasets.freezing import NothingToFreezeError
from datasets.models import Snapshot
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Collection, CollectionClass, Image
from labeling.splits import split_of
from taxonomy.models import Change, Synset
from tests.factories import (
    freeze_all,
    make_collection,
    make_picture,
    make_settled_collection,
    make_synset,
    make_vote,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    """Ten settled questions: six pictures train, two validate, two test."""
    return make_settled_collection(10)


def test_every_settled_picture_is_frozen_with_its_label(collection):
    snapshot = freeze_all(collection)

    settled = collection.questions.order_by("image__sha256")
    assert [(row.sha256, row.wnid, row.synset) for row in snapshot.rows()] == list(
        settled.values_list("image__sha256", "label__wnid", "label__name")
    )
    assert snapshot.n_images == 10


def test_a_picture_is_in_the_split_that_follows_from_it(collection):
    snapshot = freeze_all(collection)

    assert all(row.split == split_of(row.sha256) for row in snapshot.rows())
    assert snapshot.card["by_split"] == {"train": 6, "val": 2, "test": 2}


def test_a_row_names_the_picture_by_its_file(collection):
    row = next(freeze_all(collection).rows())

    assert Image.objects.get(sha256=row.sha256).file.name == f"{row.sha256[:2]}/{row.file_name}"


@pytest.mark.parametrize("change", [{"state": "undecided"}, {"state": "open"}, {"confidence": 0.97}])
def test_what_is_not_settled_surely_enough_is_left_out(collection, change):
    question = collection.questions.first()
    collection.questions.filter(pk=question.pk).update(**change)

    frozen = {row.sha256 for row in freeze_all(collection).rows()}

    assert len(frozen) == 9
    assert question.image.sha256 not in frozen


def test_the_least_confidence_can_be_given(collection):
    collection.questions.update(confidence=0.9)

    assert freeze_all(collection, min_confidence=0.9).n_images == 10
    with pytest.raises(NothingToFreezeError):
        freeze_all(collection)  # its target is 0.98


def test_a_withdrawn_picture_is_left_out(collection):
    image = Image.objects.first()
    Image.objects.filter(pk=image.pk).update(withdrawn_at=timezone.now())

    assert image.sha256 not in {row.sha256 for row in freeze_all(collection).rows()}


def test_a_label_that_is_no_class_any_more_is_left_out(collection):
    cat = collection.ordered_classes()[0]
    CollectionClass.objects.filter(collection=collection, synset=cat).delete()

    assert {row.synset for row in freeze_all(collection).rows()} == {"dog"}


def test_nothing_settled_is_refused_with_a_sentence():
    collection = make_collection(n_questions=1)

    with pytest.raises(NothingToFreezeError, match=r"confidence of at least 0\.98; found none"):
        freeze_all(collection)

    assert not Snapshot.objects.exists()


def test_freezing_again_returns_the_same_snapshot(collection):
    first = freeze_all(collection)

    assert freeze_all(collection) == first
    assert Snapshot.objects.count() == 1


def test_freezing_what_has_changed_makes_the_next_snapshot(collection):
    first = freeze_all(collection)
    collection.questions.filter(pk=collection.questions.first().pk).update(state="undecided")

    second = freeze_all(collection)

    assert (first.number, second.number) == (1, 2)
    assert first.digest != second.digest


def test_each_collection_numbers_its_own_snapshots(collection):
    freeze_all(collection)

    assert freeze_all(make_settled_collection(10)).number == 1


def test_a_snapshot_keeps_its_labels_when_the_collection_changes(collection):
    snapshot = freeze_all(collection)
    before = list(snapshot.rows())

    collection.questions.update(label=collection.ordered_classes()[0])

    assert list(Snapshot.objects.get().rows()) == before


def test_a_snapshot_keeps_its_nouns_as_they_stood(collection):
    snapshot = freeze_all(collection)
    cat = collection.ordered_classes()[0]
    Synset.objects.filter(pk=cat.pk).update(name="moggy")

    frozen = Snapshot.objects.get(pk=snapshot.pk).taxonomy["nouns"]

    assert frozen[cat.wnid] == {"name": "cat", "gloss": cat.gloss, "hypernyms": [collection.root.wnid]}
    assert frozen[collection.root.wnid]["hypernyms"] == []


def test_every_noun_above_a_class_is_frozen_and_no_other():
    living = make_synset("living thing")
    pet, canine = make_synset("pet", living), make_synset("canine", living)
    dog, _cactus = make_synset("dog", pet, canine), make_synset("cactus", living)
    collection = make_settled_collection(10)
    collection.questions.update(label=dog)
    collection.collectionclass_set.all().delete()
    collection.set_classes([dog])

    nouns = freeze_all(collection).taxonomy["nouns"]

    assert {noun["name"] for noun in nouns.values()} == {"living thing", "pet", "canine", "dog"}
    assert nouns[dog.wnid]["hypernyms"] == sorted([pet.wnid, canine.wnid])


def test_a_class_without_pictures_keeps_its_place(collection):
    collection.questions.update(label=collection.ordered_classes()[1])

    snapshot = freeze_all(collection)

    cat, dog = collection.ordered_classes()
    assert snapshot.classes == [cat.wnid, dog.wnid]
    assert snapshot.card["by_class"] == {
        cat.wnid: {"train": 0, "val": 0, "test": 0},
        dog.wnid: {"train": 6, "val": 2, "test": 2},
    }


def test_the_card_says_how_the_labels_were_made(collection):
    collection.questions.filter(pk=collection.questions.first().pk).update(state="open", open_places=2)
    cat = collection.ordered_classes()[0]
    make_vote(collection, cat)
    make_vote(collection, cat, User.objects.create_simulated("Ada"))

    snapshot = freeze_all(collection, min_confidence=0.6)

    kinds = {"person": 1, "guest": 0, "imported": 0, "simulated": 1, "forgotten": 0}
    assert snapshot.card["annotators"] == kinds
    assert snapshot.card["n_votes"] == 9 * 3
    assert snapshot.card["policy"] == {"target_confidence": 0.98, "min_votes": 2, "max_votes": 10}


def test_a_snapshot_names_the_version_of_the_taxonomy(collection):
    assert freeze_all(collection).taxonomy_version == Change.objects.version()


def test_a_picture_stays_in_its_split_in_the_next_snapshot(collection):
    first = {row.sha256: row.split for row in freeze_all(collection).rows()}
    collection.questions.filter(image__sha256=min(first)).update(state="undecided")

    second = {row.sha256: row.split for row in freeze_all(collection).rows()}

    assert len(second) == 9
    assert second.items() <= first.items()


def test_the_command_freezes_a_collection(collection, capsys):
    call_command("freeze", collection.slug, "--may-lack")

    snapshot = Snapshot.objects.get()
    assert capsys.readouterr().out == f"{snapshot}: 10 pictures, digest {snapshot.digest}.\n"


def test_the_command_says_what_it_cannot_freeze():
    with pytest.raises(CommandError, match="There is no collection 'birds'"):
        call_command("freeze", "birds")
    with pytest.raises(CommandError, match="found none"):
        call_command("freeze", make_collection().slug)


def settle_for(collection: Collection, image: Image, **confidences: float) -> None:
    """Settle that `image` shows each of these nouns of a collection that verifies."""
    for name, confidence in confidences.items():
        question = collection.questions.get(image=image, about__name=name)
        collection.questions.filter(pk=question.pk).update(
            state="settled", label=question.about, confidence=confidence, n_votes=2
        )


def test_a_picture_that_is_settled_for_a_noun_and_one_below_it_is_frozen_as_the_lower_one():
    collection = make_collection(1, ("dog", "cat"), kind=Collection.Kind.VERIFY)
    dog, cat = collection.ordered_classes()
    husky = make_synset("husky", dog)
    collection.set_classes([dog, husky, cat])
    add_pictures(collection, [IncomingPicture("a.png", make_picture())], source="a test")
    image = collection.questions.get(about=husky).image

    settle_for(collection, image, dog=0.999, husky=0.98)

    [row] = freeze_all(collection).rows()
    assert (row.sha256, row.synset, row.confidence) == (image.sha256, "husky", 0.98)


def test_a_picture_that_is_settled_for_nouns_side_by_side_is_frozen_as_the_surer_one():
    collection = make_collection(2, ("dog", "cat"), kind=Collection.Kind.VERIFY)
    first, second = Image.objects.filter(questions__collection=collection).distinct().order_by("sha256")

    settle_for(collection, first, dog=0.98, cat=0.99)
    settle_for(collection, second, dog=0.98)

    rows = {row.sha256: row.synset for row in freeze_all(collection).rows()}
    assert rows == {first.sha256: "cat", second.sha256: "dog"}
    assert freeze_all(collection).card["by_class"][collection.ordered_classes()[0].wnid]
    assert freeze_all(collection).n_images == 2


def test_a_picture_that_does_not_show_the_noun_is_not_frozen():
    collection = make_collection(2, kind=Collection.Kind.VERIFY)
    collection.questions.update(state="absent", confidence=0.999)

    with pytest.raises(NothingToFreezeError):
        freeze_all(collection)
