"""A worker that is killed in the middle of a freezing: the next one goes on, to the digest of one that was not."""

import hashlib
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from datasets import freezing
from datasets.choosing import Choice
from datasets.models import Freezing, Snapshot
from datasets.models.freezings import LOST_AFTER
from datasets.reading import QUESTIONS_A_PART
from datasets.tasks import freeze_waiting
from labeling.models import Collection, Image, Question
from labeling.splits import split_of
from taxonomy.models.synsets import copy_in
from tests.factories import make_collection
from tests.faults.conftest import kill_group, wait_until

N_PICTURES = QUESTIONS_A_PART + 2000  # so that there are sixteen parts
A_FREEZER = ("--queues", "snapshots")
EVERYTHING = Choice(may_lack=True)


@pytest.fixture
def collection() -> Collection:
    """Many settled pictures, whose files are empty."""
    collection = make_collection()
    now = timezone.now()
    hashes = [hashlib.sha256(f"picture {i}".encode()).hexdigest() for i in range(N_PICTURES)]
    for sha256 in hashes:
        default_storage.save(f"{sha256[:2]}/{sha256}.png", ContentFile(b""))
    columns = ["sha256", "file", "display", "thumbnail", "width", "height", "source", "licence", "credit", "split",
               "n_bytes", "crc32", "created_at"]  # fmt: skip
    copy_in(
        Image,
        columns,
        (
            (each, f"{each[:2]}/{each}.png", "", "", 1, 1, "", "", "", split_of(each), 1, 0, now)
            for each in hashes
        ),
    )
    images = list(Image.objects.order_by("sha256").values_list("pk", flat=True))
    labels = [synset.pk for synset in collection.ordered_classes()]
    columns = ["collection_id", "image_id", "position", "is_gold", "is_starter", "state", "open_places", "n_votes",
               "label_id", "confidence"]  # fmt: skip
    copy_in(
        Question,
        columns,
        (
            (collection.pk, image, i, False, False, "settled", 0, 2, labels[i % 2], 0.99)
            for i, image in enumerate(images)
        ),
    )
    return collection


def state(freezing_: Freezing) -> str:
    freezing_.refresh_from_db()
    return freezing_.state


def test_a_freezing_goes_on_after_its_worker_was_killed(start_worker, collection):
    asked = freezing.enqueue(collection, EVERYTHING)
    freeze_waiting.delay()
    worker = start_worker(*A_FREEZER)
    wait_until(lambda: asked.parts.count() >= 2, "two parts are read")

    kill_group(worker)
    n_read = asked.parts.count()
    assert state(asked) == "reading"
    assert not Snapshot.objects.exists()
    Freezing.objects.update(heartbeat_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    freezing.sweep()
    freeze_waiting.delay()
    start_worker(*A_FREEZER)
    wait_until(lambda: state(asked) == "finished", "the freezing is finished")

    assert n_read < 16
    assert asked.attempt == 2
    resumed = Snapshot.objects.get()
    assert resumed.n_images == N_PICTURES
    # One that nobody killed finds the same content and so makes no other snapshot.
    assert freezing.freeze(collection, EVERYTHING) == resumed
    assert Freezing.objects.latest().attempt == 1
