"""What goes into a snapshot: classes at any depth, what is left over, and why."""

import hashlib

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from datasets.choosing import FreezeRefusedError
from datasets.reading import Reader
from labeling import likeness
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Collection, Image, Question, Vote
from labeling.splits import SPLITS
from taxonomy.importing import import_synsets
from taxonomy.models import Synset
from tests.factories import (
    freeze_all,
    make_photograph,
    make_record,
    make_settled_collection,
    make_snapshot,
    make_synset,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def dogs():
    """A collection under animal, asked for dog, husky and cat, with twelve pictures that settled as one of them or as
    animal.
    """
    collection = make_settled_collection(12, names=("dog", "cat"))
    dog, cat = collection.ordered_classes()
    husky = make_synset("husky", dog)
    collection.set_classes([dog, husky, cat])
    labels = [dog, husky, cat, collection.root] * 3
    for question, label in zip(collection.questions.order_by("image__sha256"), labels, strict=True):
        Question.objects.filter(pk=question.pk).update(label=label)
    return collection


def by_noun(snapshot):
    counts = [row.synset for row in snapshot.rows()]
    return {name: counts.count(name) for name in counts}


def left_over(snapshot):
    return sorted((row.synset, row.reason) for row in snapshot.remainder_rows())


def wnids(collection, *names):
    return tuple(Synset.objects.get(name=name, collections=collection).wnid for name in names)


def test_the_collections_nouns_are_the_classes_and_what_is_above_them_is_left_over(dogs):
    snapshot = freeze_all(dogs)

    assert by_noun(snapshot) == {"dog": 3, "husky": 3, "cat": 3}
    assert left_over(snapshot) == [(dogs.root.name, "too coarse")] * 3
    assert (snapshot.n_images, snapshot.n_remainder) == (9, 3)


def test_the_card_counts_why_pictures_are_left_over_but_for_test_pictures(dogs):
    dogs.questions.exclude(label__name="cat").update(label=dogs.root)

    snapshot = freeze_all(dogs)

    splits = [row.split for row in snapshot.remainder_rows()]
    n_test = splits.count("test")
    counts = {"too coarse": len(splits) - n_test, "test picture": n_test}
    assert snapshot.card["remainder"] == {reason: n for reason, n in counts.items() if n}
    assert {row.reason for row in snapshot.remainder_rows()} == {"too coarse"}


def test_labels_below_a_chosen_class_count_for_it(dogs):
    snapshot = freeze_all(dogs, classes=wnids(dogs, "cat", "dog"))

    assert by_noun(snapshot) == {"dog": 6, "cat": 3}
    assert snapshot.classes == list(wnids(dogs, "cat", "dog"))
    husky = wnids(dogs, "husky")[0]
    assert husky not in snapshot.taxonomy["nouns"]


def test_the_root_may_be_the_only_class(dogs):
    snapshot = freeze_all(dogs, classes=[dogs.root.wnid])

    assert by_noun(snapshot) == {dogs.root.name: 12}
    assert left_over(snapshot) == []


def test_what_is_no_kind_of_a_class_is_left_over(dogs):
    snapshot = freeze_all(dogs, classes=wnids(dogs, "husky"))

    assert by_noun(snapshot) == {"husky": 3}
    expected = [("cat", "no class"), ("dog", "too coarse"), (dogs.root.name, "too coarse")] * 3
    assert left_over(snapshot) == sorted(expected)


def test_of_two_classes_side_by_side_a_kind_of_both_is_in_neither(dogs):
    pet = make_synset("pet")
    cat = Synset.objects.get(name="cat", collections=dogs)
    siamese = make_synset("siamese", cat, pet)
    dogs.questions.filter(label=cat).update(label=siamese)

    snapshot = freeze_all(dogs, classes=[cat.wnid, pet.wnid, *wnids(dogs, "dog")])

    assert ("siamese", "several classes") in left_over(snapshot)
    assert by_noun(snapshot) == {"dog": 6}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (
            {"classes": ("n99999999",)},
            "Expected the wnid of a noun of the tree as a class; found “n99999999”",
        ),
        ({"classes": ()}, "Expected at least one noun as a class; found none"),
        ({"min_confidence": 0}, "Expected a least confidence above 0 and up to 1; found 0"),
        ({"min_confidence": 1.5}, "Expected a least confidence above 0 and up to 1; found 1.5"),
    ],
)
def test_a_choice_that_cannot_be_met_is_refused(dogs, chosen, expected):
    with pytest.raises(FreezeRefusedError, match=expected):
        freeze_all(dogs, **chosen)


def test_a_sensitive_noun_is_no_class(dogs):
    Synset.objects.filter(name="husky", collections=dogs).update(is_sensitive=True, sensitive_reason="a test")

    with pytest.raises(FreezeRefusedError, match="not sensitive; “husky”"):
        freeze_all(dogs, classes=wnids(dogs, "husky"))


def settle(collection):
    label = collection.ordered_classes()[0]
    collection.questions.update(state="settled", open_places=0, label=label, confidence=0.99, n_votes=3)


def test_pictures_that_look_alike_and_were_put_into_two_parts_are_not_both_frozen():
    collection = make_settled_collection(1, splits=("train",))
    pictures = [make_photograph(1, (640, 480)), make_photograph(1, (320, 240))]
    add_pictures(collection, [IncomingPicture("a.jpg", pictures[0])], source="a test")
    first = Image.objects.latest("pk")
    # Two uploads at the same moment do not see each other; this one came to the other part.
    sha256 = hashlib.sha256(pictures[1]).hexdigest()
    other = "val" if first.split == "test" else "test"
    default_storage.save(f"{sha256[:2]}/{sha256}.jpg", ContentFile(pictures[1]))
    second = Image.objects.create(
        sha256=sha256,
        file=f"{sha256[:2]}/{sha256}.jpg",
        width=320,
        height=240,
        split=other,
        perceptual_hash=first.perceptual_hash ^ 0b101,
        n_bytes=len(pictures[1]),
        crc32=7,
    )
    Question.objects.create(collection=collection, image=second, position=1)
    settle(collection)

    snapshot = freeze_all(collection)

    earlier = min(first, second, key=lambda image: SPLITS.index(image.split))
    [left] = snapshot.remainder_rows()
    assert (left.sha256, left.reason, bool(left.salt)) == (earlier.sha256, "looks alike", True)
    assert earlier.sha256 not in {row.sha256 for row in snapshot.rows()}
    assert snapshot.n_images == 2


def test_a_picture_without_a_size_is_measured_on_the_way(dogs):
    image = Image.objects.filter(questions__label__name="cat").first()
    n_bytes, crc32 = image.n_bytes, image.crc32
    Image.objects.filter(pk=image.pk).update(n_bytes=None, crc32=None)

    [row] = [row for row in freeze_all(dogs).rows() if row.sha256 == image.sha256]

    assert (row.n_bytes, row.crc32) == (n_bytes, crc32)


def test_a_picture_whose_bytes_are_others_than_came_in_is_refused(dogs):
    image = Image.objects.first()
    Image.objects.filter(pk=image.pk).update(n_bytes=None, crc32=None)
    with default_storage.open(image.file.name, "wb") as file:
        file.write(b"something else")

    with pytest.raises(FreezeRefusedError, match=image.sha256[:12]):
        freeze_all(dogs)


def test_reading_a_part_asks_as_much_for_many_pictures_as_for_few(django_assert_num_queries):
    from datasets.choosing import Choice, plan

    for n in (2, 30):
        collection = make_settled_collection(n)
        reader = Reader(collection, plan(collection, Choice()), set())
        reader.read("")
        with django_assert_num_queries(3):  # the taxonomy's version, the labels, what was said
            assert len(reader.read("").rows) == n


# --- Laws ----------------------------------------------------------------------------------------------------------


def make_rows(hashes, *, slug="law"):
    """Make a settled collection with a picture for each (number, perceptual hash), whose files are empty."""
    import_synsets(
        [make_record("l1", "law"), make_record("l2", "rule", "l1"), make_record("l3", "norm", "l1")],
        reason="t",
    )
    nouns = list(Synset.objects.filter(wnid__in=("l2", "l3")).order_by("wnid"))
    collection = Collection.objects.create(slug=slug, name="Law", root=Synset.objects.get(wnid="l1"))
    collection.set_classes(nouns)
    annotators = [User.objects.create_user(f"{slug}-{place}") for place in range(3)]
    for number, look in hashes:
        add(collection, number, look, nouns[number % 2], annotators)
    return collection


def add(collection, number, look, label, annotators):
    sha256 = hashlib.sha256(f"picture {number}".encode()).hexdigest()
    name = f"{sha256[:2]}/{sha256}.png"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(b""))
    alike = Image.objects.near_each({0: look}) if look is not None else []
    there = Image.objects.filter(pk__in=[other for _image, other, _distance in alike]).values_list(
        "split", flat=True
    )
    from labeling.splits import split_of

    image, _ = Image.objects.get_or_create(
        sha256=sha256,
        defaults={
            "file": name, "width": 1, "height": 1, "perceptual_hash": look, "n_bytes": 1 + number, "crc32": number,
            "split": max(there, key=SPLITS.index) if there else split_of(sha256),
        },
    )  # fmt: skip
    question = Question.objects.create(
        collection=collection, image=image, position=number, state="settled", label=label,
        confidence=0.98 + number / 1e6, n_votes=len(annotators),
    )  # fmt: skip
    for place, annotator in enumerate(annotators):
        said = label if place else None
        Vote.objects.create(
            question=question, annotator=annotator, synset=said, answer="present" if said else "cannot_tell",
            taxonomy_version=0, seconds=None if place else 1.25,
        )  # fmt: skip


# Few looks, so that many pictures look alike: each is near the next but one at most.
LOOKS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([0, 0b111, 0b111111, 0b111111111, 2**40 - 1, None])),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row[0],
)


@settings(max_examples=25, deadline=None)
@given(LOOKS, st.data())
def test_no_two_that_look_alike_are_in_two_parts_and_none_ever_moves(looks, data):
    from django.db import transaction

    class Done(Exception):
        pass

    try:
        with transaction.atomic():
            some = data.draw(st.integers(1, len(looks)))
            collection = make_rows(looks[:some])
            first = {row.sha256: row.split for row in freeze_all(collection).rows()}
            nouns, annotators = collection.ordered_classes(), []
            for number, look in looks[some:]:
                add(collection, number, look, nouns[0], annotators)

            second = {row.sha256: row.split for row in freeze_all(collection).rows()}

            for splits in (first, second):
                assert len(splits) == len({*splits})
                seen = Image.objects.filter(sha256__in=splits).exclude(perceptual_hash=None)
                rows = [(splits[image.sha256], image.perceptual_hash) for image in seen]
                for split, look in rows:
                    for other_split, other in rows:
                        if (look ^ other).bit_count() <= likeness.NEAR:
                            assert split == other_split
            assert all(first[sha256] == split for sha256, split in second.items() if sha256 in first)
            raise Done
    except Done:
        pass


def test_the_same_votes_and_taxonomy_give_the_same_digest_on_every_database(settings):
    settings.SECRET_KEY = "a test's"
    collection = make_rows([(number, None) for number in range(40)])

    snapshot = freeze_all(collection, with_votes=True)

    assert snapshot.card["by_split"] == {"train": 31, "val": 2, "test": 7}
    # Found on SQLite; the tests run on PostgreSQL too.
    assert snapshot.digest == "17c9b9ccc013d996bbe77d4ab0e35277d721268459be7318c894bd12512860df"


def test_a_snapshot_of_another_collection_with_the_same_pictures_has_other_salts():
    one, other = (make_snapshot(n_questions=10) for _ in range(2))

    salts = [{row.salt for row in snapshot.rows() if row.salt} for snapshot in (one, other)]

    assert all(len(each) == 2 for each in salts)
    assert not salts[0] & salts[1]
