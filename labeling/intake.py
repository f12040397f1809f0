"""Pictures -> rows: each file is checked, stored once, and asked about in a collection."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from labeling.models import Collection, Image, Question
from labeling.pictures import Picture, PictureError, check_picture
from labeling.splits import split_of
from taxonomy.models import Synset

BATCH = 500  # pictures a transaction
POSITIONS = 2**31 - 1


@dataclass(frozen=True)
class IncomingPicture:
    name: str  # for reports: a file name or an archive member
    data: bytes
    truth: Synset | None = None  # the answer, where it is known beforehand


@dataclass
class Report:
    n_added: int = 0  # pictures that the collection did not have before
    refused: list[tuple[str, str]] = field(default_factory=list)  # name, why
    questions: dict[str, int] = field(default_factory=dict)  # name -> its question's primary key


def add_pictures(
    collection: Collection,
    incoming: Iterable[IncomingPicture],
    *,
    source: str,
    licence: str = "",
    credit: str = "",
) -> Report:
    """Take pictures into `collection`; a broken one is reported and the others go in.

    Batches are kept one by one, and a picture that is there already is not added twice, so stopping is safe and
    repeating goes on.
    """
    report = Report()
    incoming = iter(incoming)
    while batch := list(islice(incoming, BATCH)):
        checked = list(_checked(batch, report))
        with transaction.atomic():
            images = _store([p for _i, p in checked], source=source, licence=licence, credit=credit)
            _ask(collection, [(i, images[p.sha256]) for i, p in checked], report)
    return report


def _checked(batch: list[IncomingPicture], report: Report) -> Iterator[tuple[IncomingPicture, Picture]]:
    for picture in batch:
        try:
            yield picture, check_picture(picture.data)
        except PictureError as error:
            report.refused.append((picture.name, str(error)))


def _store(pictures: list[Picture], **about: str) -> dict[str, int]:
    """Keep files and rows of those pictures that are new; return every one's primary key by SHA-256."""
    hashes = {picture.sha256: picture for picture in pictures}
    present = set(Image.objects.filter(sha256__in=hashes).values_list("sha256", flat=True))
    new = [picture for sha256, picture in hashes.items() if sha256 not in present]
    Image.objects.bulk_create(
        [
            Image(
                sha256=p.sha256,
                file=_save(f"{p.sha256[:2]}/{p.sha256}.{p.ending}", p.data),
                thumbnail=_save(f"{p.sha256[:2]}/{p.sha256}.small.{p.ending}", p.thumbnail),
                width=p.width,
                height=p.height,
                split=split_of(p.sha256),
                **about,
            )
            for p in new
        ],
        ignore_conflicts=True,  # somebody else may bring the same picture at this moment
    )
    return dict(Image.objects.filter(sha256__in=hashes).values_list("sha256", "pk"))


def _save(name: str, data: bytes | None) -> str:
    return default_storage.save(name, ContentFile(data)) if data else ""


def _ask(collection: Collection, wanted: list[tuple[IncomingPicture, int]], report: Report) -> None:
    """Make one question for each picture that the collection does not ask about yet."""
    present = _questions(collection, wanted)
    shuffled = random.SystemRandom()
    new = {image: incoming for incoming, image in wanted if image not in present}
    Question.objects.bulk_create(
        [
            Question(
                collection=collection,
                image_id=image,
                position=shuffled.randrange(POSITIONS),
                truth=incoming.truth,
            )
            for image, incoming in new.items()
        ],
        ignore_conflicts=True,
    )
    report.n_added += len(new)
    questions = _questions(collection, wanted)
    report.questions.update({incoming.name: questions[image] for incoming, image in wanted})


def _questions(collection: Collection, wanted: list[tuple[IncomingPicture, int]]) -> dict[int, int]:
    """Return the primary key of each wanted picture's question by that of the picture."""
    images = [image for _incoming, image in wanted]
    return dict(collection.questions.filter(image__in=images).values_list("image", "pk"))
