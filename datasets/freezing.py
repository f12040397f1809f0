"""Freezings as they wait, run and end: a Collection -> a Snapshot. See reading.py and sealing.py for what is done."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
from django.db.models import Case, Exists, OuterRef, Value, When
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _

from accounts.models import User
from config.outages import is_full
from config.storage import private_storage
from datasets import publishing, reading, sealing
from datasets.card import card, lacking
from datasets.choosing import Choice, FreezeRefusedError, Plan, plan, taxonomy_of
from datasets.models import Edition, FreezePolicy, Freezing, FreezingLostError, Snapshot
from datasets.models.freezings import HEARTBEAT_EVERY_S
from labeling.likeness import straddling
from labeling.models import Collection, Image, PictureFileError, Vote
from labeling.splits import SPLITS

logger = logging.getLogger(__name__)

N_READERS = 2  # so that the database looks up one part while another is weighed
MEASURED = 1000  # pictures whose files are read between two heartbeats
MOST_NAMED = 5  # classes that a sentence names


class NothingToFreezeError(FreezeRefusedError):
    """The collection has no settled question that would go in."""


class LackingPicturesError(FreezeRefusedError):
    """A class has no picture in some part."""


class FullDiskError(FreezeRefusedError):
    """There is no room for the snapshot's files."""


class AlreadyFreezingError(Exception):
    """Somebody else is freezing this collection."""


def freeze(collection: Collection, choice: Choice | None = None, asked_by: User | None = None) -> Snapshot:
    """Freeze what is settled now, in this process; return the snapshot, which is an earlier one where nothing has
    changed since. Raises FreezeRefusedError, and AlreadyFreezingError where somebody else does.
    """
    asked = enqueue(collection, choice or Choice(), asked_by)
    freezing = Freezing.objects.claim(asked.pk)
    snapshot = run(freezing) if freezing else None
    if snapshot is None:
        raise AlreadyFreezingError(
            _("Expected that nobody else freezes %(collection)s; found that freezing %(asked)s is running.")
            % {"collection": collection, "asked": asked.pk}
        )
    return snapshot


def enqueue(collection: Collection, choice: Choice, asked_by: User | None = None) -> Freezing:
    """Have a worker freeze a collection; return what waits or runs. Raises FreezeRefusedError if the choice cannot
    be met, whatever has settled.
    """
    plan(collection, choice)
    return Freezing.objects.enqueue(
        collection, choice.to_json(), cause=Freezing.Cause.ASKED, asked_by=asked_by
    )


def enqueue_due() -> int:
    """Have the collections frozen whose policies say that enough new labels have settled; return how many."""
    due = FreezePolicy.objects.due()
    for policy in due:
        # A choice that cannot be met any more fails with its sentence, for whoever set it to read.
        Freezing.objects.enqueue(policy.collection, policy.options, cause=Freezing.Cause.GROWTH)
    return len(due)


def freeze_waiting() -> int:
    """Run the freezings that wait, the oldest first, until there is none; return how many this worker took."""
    n_taken = 0
    while freezing := Freezing.objects.claim_next():
        n_taken += 1
        try:
            run(freezing)
        except FreezeRefusedError as error:
            logger.info("%s: %s", freezing, error)  # its row says so too
    return n_taken


def sweep() -> None:
    """Let wait again what a dead worker left, and have frozen what is due."""
    Freezing.objects.lost().requeue()
    enqueue_due()


def is_anything_to_do() -> bool:
    """Say whether a worker is needed, and none is at work."""
    if Freezing.objects.running().exists():
        return False  # it takes what waits by itself
    return (
        Freezing.objects.waiting().exists()
        or bool(publishing.missing())
        or Edition.objects.unsummed().exists()
    )


def run(freezing: Freezing) -> Snapshot | None:
    """Make the snapshot of a freezing that was claimed, from where the attempt before it stopped. Safe to be killed
    at any moment. None if it was taken from this worker. What is refused fails it with the sentence, and is raised.
    """
    try:
        with _room():
            snapshot = _Run(freezing).make()
    except FreezingLostError as error:
        logger.warning("%s", error)
        return None
    except FreezeRefusedError as error:
        freezing.fail(error)
        _clear(freezing)
        raise
    except BaseException:  # Ctrl-C too: nobody would go on with it
        freezing.fail(gettext("It broke off; the log of whoever ran it says why."))
        _clear(freezing)
        raise
    _clear(freezing)
    return snapshot


@contextmanager
def _room() -> Iterator[None]:
    """Say that the disk is full where it is."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        where = f" ({error.filename})" if error.filename else ""
        raise FullDiskError(
            gettext(
                "Expected room for the snapshot’s files; found a full disk%(where)s. Nothing of it was kept."
            )
            % {"where": where}
        ) from error


def _clear(freezing: Freezing) -> None:
    """Delete the files of its parts, of all attempts."""
    storage = private_storage()
    try:
        folders, _files = storage.listdir(freezing.folder)
    except FileNotFoundError:
        return
    for folder in folders:
        _folders, files = storage.listdir(f"{freezing.folder}/{folder}")
        for file in files:
            storage.delete(f"{freezing.folder}/{folder}/{file}")
        storage.delete(f"{freezing.folder}/{folder}")
    storage.delete(freezing.folder)
    freezing.parts.all().delete()


class _Run:
    """One attempt at a freezing."""

    def __init__(self, freezing: Freezing) -> None:
        self.freezing, self.collection = freezing, freezing.collection
        self.told_at = time.monotonic()

    def make(self) -> Snapshot:
        while True:
            try:
                plan = self._plan()
                self._read(plan)
                return self._seal(plan)
            except reading.TaxonomyChangedError:
                # Nobody who changes the nouns has to wait for a freezing.
                self.freezing.begin_anew(plan={}, state=Freezing.State.CHECKING)

    def _plan(self) -> Plan:
        """Return what the attempt before this one went by; or what holds now, where that is no longer so."""
        now = plan(self.collection, Choice.from_json(self.freezing.options))
        if self.freezing.plan == now.to_json():
            return now
        n_settled = self.collection.questions.settled().count()
        n_parts = reading.n_parts_of(n_settled)
        self.freezing.begin_anew(plan=now.to_json(), n_parts=n_parts, n_settled=n_settled)
        return now

    def _read(self, plan: Plan) -> None:
        freezing = self.freezing
        self._measure()
        alike = self._alike()
        freezing.tell(state=Freezing.State.READING)
        done = set(freezing.parts.values_list("number", flat=True))
        wanted = {
            reading.prefix_of(number, freezing.n_parts): number
            for number in range(freezing.n_parts)
            if number not in done
        }
        readers = [reading.Reader(self.collection, plan, alike) for _ in range(N_READERS)]
        for prefix, part in reading.read_parts(readers, list(wanted)):
            sealing.keep(freezing, wanted[prefix], prefix, part)

    def _measure(self) -> None:
        """Have the size and the checksum of every picture known: those that came in long ago are read. Raises
        MissingPictureError.
        """
        unknown = Image.objects.filter(crc32=None, withdrawn_at=None, questions__collection=self.collection)
        try:
            while some := list(unknown.order_by("pk").values_list("pk", flat=True)[:MEASURED]):
                Image.objects.filter(pk__among=some).measure()
                self.freezing.tell()
        except PictureFileError as error:
            raise reading.MissingPictureError(str(error)) from error

    def _alike(self) -> set[str]:
        """Return the SHA-256 of the pictures that look like one of a later part, and so are left out."""
        part = Case(*(When(split=split, then=Value(place)) for place, split in enumerate(SPLITS)))
        images = Image.objects.shown().filter(
            Exists(self.collection.questions.filter(image=OuterRef("pk"))), perceptual_hash__isnull=False
        )
        rows = images.values_list("pk", "perceptual_hash", part).iterator(chunk_size=20_000)
        table = np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(-1, 3)
        keys, hashes, parts = table.T
        found = keys[straddling(hashes, parts)]
        return set(Image.objects.filter(pk__among=found.tolist()).values_list("sha256", flat=True))

    def _seal(self, plan: Plan) -> Snapshot:
        freezing = self.freezing
        freezing.tell(state=Freezing.State.SEALING)
        counts = card((part.found for part in freezing.parts.all()), plan.classes)
        self._refuse(plan, counts)
        account = {**counts, **_account(self.collection, plan)}
        snapshot, is_new = sealing.seal(freezing, taxonomy_of(plan.classes), account, self._tick)
        if not is_new:
            freezing.finish(snapshot, is_new=False)
        return snapshot

    def _refuse(self, plan: Plan, counts: Mapping[str, Any]) -> None:
        if not sum(counts["by_split"].values()):
            raise NothingToFreezeError(
                gettext(
                    "%(collection)s: expected settled questions with a confidence of at least %(floor).2f; "
                    "found none."
                )
                % {"collection": self.collection, "floor": plan.floor}
            )
        lacks = lacking(counts["by_class"])
        if lacks and not plan.may_lack:
            raise LackingPicturesError(_say_lacking(lacks, counts))

    def _tick(self) -> None:
        if time.monotonic() - self.told_at >= HEARTBEAT_EVERY_S:
            self.freezing.tell()
            self.told_at = time.monotonic()


def _say_lacking(lacks: list[tuple[str, str]], counts: Mapping[str, Any]) -> str:
    names = {
        wnid: taxonomy["name"] for wnid, taxonomy in taxonomy_of({wnid for wnid, _ in lacks})["nouns"].items()
    }
    by_class: dict[str, list[str]] = {}
    for wnid, split in lacks:
        by_class.setdefault(wnid, []).append(split)
    named = [f"{names[wnid]} ({', '.join(splits)})" for wnid, splits in list(by_class.items())[:MOST_NAMED]]
    more = len(by_class) - len(named)
    if more:
        named.append(ngettext("%(n)d more", "%(n)d more", more) % {"n": more})
    return gettext(
        "Expected a picture of every class in each of the parts train, val and test; found none for: %(named)s. "
        "Choose other classes or a lower confidence, or allow classes to lack pictures."
    ) % {"named": "; ".join(named)}


def _account(collection: Collection, plan: Plan) -> dict[str, Any]:
    """Return how the labels were made, for the data card."""
    cast = Vote.objects.filter(annotator=OuterRef("pk"), question__collection=collection)
    annotators = User.objects.filter(Exists(cast))
    accuracy = collection.questions.accuracy()
    return {
        "annotators": {kind: annotators.filter(kind=kind).count() for kind in User.Kind.values},
        "accuracy": None if accuracy is None else round(accuracy, 6),
        "kind": collection.kind,
        "guide": collection.guide,
        "policy": {
            "target_confidence": collection.target_confidence,
            "min_votes": collection.min_votes,
            "max_votes": collection.max_votes,
        },
    }
