"""Rows for tests, each by one plain function with working defaults."""

import hashlib
import io
from collections.abc import Sequence
from datetime import timedelta
from itertools import count, cycle
from typing import Any

import numpy as np
from django.utils import timezone
from PIL import Image as PillowImage

from accounts.models import User
from competition.models import Contest, Phase
from datasets.choosing import Choice
from datasets.freezing import freeze
from datasets.models import Snapshot
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Collection, Image, Lease, Question, Vote
from labeling.splits import TEST, TRAIN, VAL, split_of
from taxonomy.importing import import_synsets
from taxonomy.models import Synset
from taxonomy.models.synsets import copy_in
from taxonomy.records import Lemma, SynsetRecord
from training.models import Epoch, Run

MIXED = (TRAIN,) * 6 + (VAL,) * 2 + (TEST,) * 2

_numbers = count(1)


def make_user(**fields: Any) -> User:
    return User.objects.create_user(f"user-{next(_numbers)}", **fields)


def make_record(wnid: str, name: str, *hypernyms: str, sense: int = 1) -> SynsetRecord:
    return SynsetRecord(wnid, (Lemma(name, sense),), hypernyms, f"what {name} means")


def make_synset(name: str, *hypernyms: Synset) -> Synset:
    """Add a noun under `hypernyms` through the importer, so that ancestry and ledger are right."""
    wnid = f"t{next(_numbers):08}"
    import_synsets([make_record(wnid, name, *(h.wnid for h in hypernyms))], reason="a test")
    return Synset.objects.get(wnid=wnid)


def make_picture(seed: int | None = None, size: tuple[int, int] = (8, 8), image_format: str = "PNG") -> bytes:
    """Return the bytes of a picture of noise, another one for another seed."""
    rng = np.random.default_rng(next(_numbers) if seed is None else seed)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, image_format)
    return file.getvalue()


def make_photograph(seed: int, size: tuple[int, int]) -> bytes:
    """Return a JPEG of smooth colours: of one seed the same picture in every size."""
    rng = np.random.default_rng(seed)
    colours = PillowImage.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    file = io.BytesIO()
    colours.resize(size, PillowImage.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def make_picture_of(split: str) -> bytes:
    """Return a picture whose hash falls into `split`, so that no split is empty by bad luck."""
    pictures = iter(make_picture, None)
    return next(data for data in pictures if split_of(hashlib.sha256(data).hexdigest()) == split)


def make_collection(
    n_questions: int = 0,
    names: tuple[str, ...] = ("cat", "dog"),
    splits: tuple[str, ...] = MIXED,
    **fields: Any,
) -> Collection:
    """Make an open collection whose classes are `names` under one root, with `n_questions` pictures of `splits` in
    turns. One that verifies asks about each class of each picture.
    """
    number = next(_numbers)
    root = make_synset(f"animal {number}")
    collection = Collection.objects.create(
        slug=f"collection-{number}", name=f"Collection {number}", root=root, **fields
    )
    collection.set_classes(make_synset(name, root) for name in names)
    if n_questions:
        turns = cycle(splits)
        incoming = [IncomingPicture(f"{i}.png", make_picture_of(next(turns))) for i in range(n_questions)]
        add_pictures(collection, incoming, source="a test")
    return collection


def make_image(split: str | None = None) -> Image:
    """Make a picture with its file, in a collection of its own."""
    return make_question(split=split).image


def make_question(
    collection: Collection | None = None, truth: Synset | None = None, split: str | None = None
) -> Question:
    """Ask about one more picture, of `split` if that is given."""
    collection = collection or make_collection()
    data = make_picture_of(split) if split else make_picture()
    report = add_pictures(collection, [IncomingPicture("a.png", data, truth)], source="a test")
    return Question.objects.get(pk=report.questions["a.png"])


def make_lease(collection: Collection | None = None, annotator: User | None = None) -> Lease:
    collection = collection or make_collection(n_questions=1)
    [lease] = Lease.objects.hand_out(collection, annotator or make_user(), 1)
    return lease


def make_vote(collection: Collection, synset: Synset | None, annotator: User | None = None) -> Vote:
    return make_lease(collection, annotator).cast(synset)


def make_many_questions(collection: Collection, files: Sequence[str], size: tuple[int, int] = (1, 1)) -> None:
    """Ask about a picture for each of `files`, by rows alone: nothing looks at the files, so it is fast."""
    now = timezone.now()
    columns = ["sha256", "file", "display", "thumbnail", "width", "height", "source", "licence", "credit", "split",
               "created_at"]  # fmt: skip
    rows = ((f"f{i:063x}", file, "", "", *size, "", "", "", TRAIN, now) for i, file in enumerate(files))
    copy_in(Image, columns, rows)
    images = Image.objects.filter(sha256__startswith="f" + "0" * 40).values_list("pk", flat=True)
    columns = ["collection_id", "image_id", "position", "is_gold", "is_starter", "state", "open_places",
               "n_votes"]  # fmt: skip
    asked = ((collection.pk, pk, at, False, False, "waiting", 0, 0) for at, pk in enumerate(images))
    copy_in(Question, columns, asked)


def make_settled_collection(n_questions: int = 40, **fields: Any) -> Collection:
    """Make a collection whose questions all settled, the classes taking turns."""
    collection = make_collection(n_questions, **fields)
    classes = collection.ordered_classes()
    for place, question in enumerate(collection.questions.order_by("image__sha256")):
        Question.objects.filter(pk=question.pk).update(
            state="settled", label=classes[place % len(classes)], confidence=0.99, n_votes=3
        )
    return collection


def freeze_all(collection: Collection, **chosen: Any) -> Snapshot:
    """Freeze what has settled, though a class may have no picture in some part."""
    return freeze(collection, Choice(**{"may_lack": True, **chosen}))


def make_snapshot(**fields: Any) -> Snapshot:
    return freeze_all(make_settled_collection(**fields))


def make_run(snapshot: Snapshot | None = None, network: str = "perceptron", **fields: Any) -> Run:
    run = Run.objects.enqueue_usual(snapshot or make_snapshot(), network)
    Run.objects.filter(pk=run.pk).update(**fields)
    run.refresh_from_db()
    return run


def make_epoch(run: Run, number: int = 1, **figures: float) -> Epoch:
    """Write down an epoch of `run` with figures that a training might have."""
    usual = {"train_loss": 2.0, "val_loss": 2.1, "val_top1_error": 0.5, "val_top5_error": 0.1}
    speed = {"learning_rate": 0.01, "pictures_per_second": 100.0, "seconds": 1.0}
    run.record([{"number": number, **usual, **speed, **figures}])
    return run.epochs.get(number=number)


def make_phase(snapshot: Snapshot | None = None, **fields: Any) -> Phase:
    """Make a contest with one phase, open since yesterday."""
    number = next(_numbers)
    contest = Contest.objects.create(
        slug=f"contest-{number}",
        salt="",  # so that a picture is in the same part each time
        name=f"Contest {number}",
        year=2026,
        snapshot=snapshot or make_snapshot(),
    )
    fields.setdefault("opens_at", timezone.now() - timedelta(days=1))
    fields.setdefault("public_share", 1)
    return Phase.objects.create(contest=contest, name="Open", **fields)
