"""Freezings that break off, wait, and go on."""

import threading
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from datasets import freezing, reading, sealing
from datasets.choosing import Choice
from datasets.models import Edition, Freezing, FreezingLostError, Snapshot
from datasets.reading import n_parts_of, prefix_of
from labeling.models import Image
from taxonomy import ledger
from taxonomy.models import Change
from tests.factories import freeze_all, make_settled_collection, make_vote

pytestmark = pytest.mark.django_db
ALL = Choice(may_lack=True, with_votes=True)


@pytest.fixture
def collection():
    collection = make_settled_collection(40)
    collection.questions.filter(pk=collection.questions.first().pk).update(state="open", open_places=1)
    make_vote(collection, collection.ordered_classes()[0])
    collection.questions.update(state="settled", open_places=0, confidence=0.99)
    collection.questions.filter(label=None).update(label=collection.ordered_classes()[0])
    return collection


@pytest.fixture
def in_parts(monkeypatch):
    """Sixteen parts of a few pictures each."""
    monkeypatch.setattr(reading, "QUESTIONS_A_PART", 20)


def private_files():
    storage = storages["private"]

    def below(folder):
        folders, files = storage.listdir(folder)
        yield from (f"{folder}/{file}" for file in files)
        for each in folders:
            yield from below(f"{folder}/{each}")

    try:
        return {*below("freezings"), *below("snapshots")}
    except FileNotFoundError:
        return set()


def die_in_part(monkeypatch, number):
    """Have the worker die, without a word, when it keeps this part."""
    keep = sealing.keep

    def dying(of, which, *args):
        if which == number:
            raise SystemExit("killed")
        keep(of, which, *args)

    monkeypatch.setattr(sealing, "keep", dying)
    monkeypatch.setattr(Freezing, "fail", lambda *_args: None)
    monkeypatch.setattr(freezing, "_clear", lambda *_args: None)


def claim(collection, choice=ALL):
    return Freezing.objects.claim(freezing.enqueue(collection, choice).pk)


@pytest.mark.parametrize(
    ("n", "n_parts"), [(0, 1), (20_000, 1), (20_001, 16), (320_001, 256), (3_200_000, 256)]
)
def test_a_part_has_some_twenty_thousand_pictures_at_most(n, n_parts):
    assert n_parts_of(n) == n_parts


def test_a_part_is_what_begins_alike():
    assert prefix_of(0, 1) == ""
    assert [prefix_of(number, 16) for number in (0, 15)] == ["0", "f"]
    assert [prefix_of(number, 256) for number in (0, 171)] == ["00", "ab"]


def test_the_digest_does_not_depend_on_the_number_of_parts(collection, monkeypatch):
    whole = freeze_all(collection, with_votes=True)
    monkeypatch.setattr(reading, "QUESTIONS_A_PART", 1)

    assert freezing.freeze(collection, ALL) == whole
    assert Freezing.objects.latest().n_parts == 256


def test_a_killed_freezing_goes_on_from_its_last_part_to_the_same_digest(collection, in_parts, monkeypatch):
    with monkeypatch.context() as patch:
        die_in_part(patch, 9)
        with pytest.raises(SystemExit):
            freezing.run(claim(collection))
    assert not Snapshot.objects.exists()
    assert Freezing.objects.get().parts.count() == 9

    read = []
    monkeypatch.setattr(
        reading.Reader,
        "read",
        lambda self, prefix, read_=reading.Reader.read: read.append(prefix) or read_(self, prefix),
    )
    Freezing.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=10))
    freezing.sweep()
    assert freezing.freeze_waiting() == 1

    resumed = Snapshot.objects.get()
    assert read == ["9", "a", "b", "c", "d", "e", "f"]
    assert [row.sha256 for row in resumed.rows()] == sorted(Image.objects.values_list("sha256", flat=True))
    assert freezing.freeze(collection, ALL) == resumed  # one that was not killed finds the same


def test_a_worker_that_was_taken_for_dead_keeps_nothing(collection, in_parts, monkeypatch):
    slow = claim(collection)
    Freezing.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=10))
    freezing.sweep()
    quick = Freezing.objects.claim_next()

    assert freezing.run(slow) is None
    assert freezing.run(quick) == Snapshot.objects.get()
    with pytest.raises(FreezingLostError):
        slow.tell()
    assert all(row.wnid for row in Snapshot.objects.get().rows())


def test_a_worker_that_dies_again_and_again_is_given_up(collection):
    freezing.enqueue(collection, ALL)
    for _ in range(3):
        assert Freezing.objects.claim_next()
        Freezing.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=10))
        freezing.sweep()

    failed = Freezing.objects.get()
    assert (failed.state, failed.error[:26]) == ("failed", "It broke off 3 times and g")
    assert freezing.freeze(collection, ALL)


def test_one_freezing_of_a_collection_at_a_time(collection):
    first = freezing.enqueue(collection, ALL)

    assert freezing.enqueue(collection, Choice(may_lack=True)) == first
    Freezing.objects.claim(first.pk)
    with pytest.raises(freezing.AlreadyFreezingError, match=f"freezing {first.pk} is running"):
        freezing.freeze(collection, ALL)


def test_a_change_of_the_nouns_meanwhile_begins_it_anew(collection, in_parts, monkeypatch):
    cat = collection.ordered_classes()[0]
    keep = sealing.keep

    def renaming(of, number, *args):
        keep(of, number, *args)
        if number == 5 and of.plan["version"] == version:
            ledger.make("rename", {"synset": cat.wnid, "name": "moggy"}, author=None, reason="a test")

    version = Change.objects.version()
    freezing.enqueue(collection, ALL)
    monkeypatch.setattr(sealing, "keep", renaming)

    freezing.freeze_waiting()

    snapshot = Snapshot.objects.get()
    assert snapshot.taxonomy_version > version
    assert {row.synset for row in snapshot.rows()} == {"moggy", "dog"}


def test_nothing_of_the_parts_is_left_when_it_has_ended(collection, in_parts):
    before = private_files()

    snapshot = freeze_all(collection)

    new = private_files() - before
    assert new
    assert all(name.startswith(f"{snapshot.folder}/") for name in new)
    assert not Freezing.objects.get().parts.exists()


def test_a_full_disk_is_said_and_leaves_nothing(collection, in_parts, monkeypatch):
    freeze_all(collection)
    before = private_files()
    collection.questions.filter(pk=collection.questions.first().pk).update(confidence=0.985)
    storage = type(storages["private"])
    n_written = 0

    def save(self, name, content, save_=storage._save):
        nonlocal n_written
        n_written += 1
        if n_written > 70:  # sixteen parts of four files, and some of the snapshot's own
            raise OSError(28, "No space left on device", name)
        return save_(self, name, content)

    monkeypatch.setattr(storage, "_save", save)
    with pytest.raises(
        freezing.FullDiskError, match="Expected room for the snapshot’s files; found a full disk"
    ):
        freezing.freeze(collection, ALL)

    assert n_written == 71
    assert private_files() == before
    assert (Snapshot.objects.count(), Edition.objects.count()) == (1, 1)
    assert Freezing.objects.latest().state == "failed"


def test_a_missing_picture_is_named_and_nothing_is_frozen(collection):
    image = Image.objects.order_by("sha256").first()
    storages["default"].delete(image.file.name)

    with pytest.raises(reading.MissingPictureError, match=f"1 are not there, the first is {image.file.name}"):
        freezing.freeze(collection, ALL)
    assert not Snapshot.objects.exists()

    image.withdraw()
    assert freezing.freeze(collection, ALL).n_images == 39


def test_what_is_refused_is_said_in_its_row(collection):
    with pytest.raises(freezing.LackingPicturesError, match="found none for"):
        freezing.freeze(make_settled_collection(3))

    failed = Freezing.objects.get()
    assert failed.state == "failed"
    assert "Choose other classes or a lower confidence" in failed.error


@pytest.mark.django_db(transaction=True)
def test_parts_that_are_read_at_the_same_time_make_the_same_snapshot(monkeypatch):
    collection = make_settled_collection(40)
    whole = freezing.freeze(collection, ALL)
    monkeypatch.setattr(reading, "QUESTIONS_A_PART", 20)
    threads = set()
    read = reading.Reader.read
    monkeypatch.setattr(
        reading.Reader, "read", lambda *args: threads.add(threading.current_thread()) or read(*args)
    )

    assert freezing.freeze(collection, ALL) == whole
    assert (len(threads), threading.main_thread() in threads) == (freezing.N_READERS, False)


@pytest.mark.django_db(transaction=True)
def test_what_is_wrong_with_one_part_ends_them_all(monkeypatch):
    collection = make_settled_collection(40)
    monkeypatch.setattr(reading, "QUESTIONS_A_PART", 20)
    image = Image.objects.order_by("sha256")[20]
    storages["default"].delete(image.file.name)

    with pytest.raises(reading.MissingPictureError, match=image.file.name):
        freezing.freeze(collection, ALL)

    assert Freezing.objects.get().state == "failed"
    assert not Snapshot.objects.exists()


def test_it_is_heard_of_while_its_parts_are_put_together(collection, in_parts, monkeypatch):
    monkeypatch.setattr(freezing, "HEARTBEAT_EVERY_S", 0)
    told = []
    monkeypatch.setattr(
        Freezing,
        "tell",
        lambda self, tell=Freezing.tell, **fields: told.append(self.state) or tell(self, **fields),
    )

    freezing.freeze(collection, ALL)

    # Of sixteen parts the rows are read once, and leaves, votes and what is left over twice.
    assert told.count("sealing") >= 7 * 16
