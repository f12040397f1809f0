"""What somebody sends -> an Intake, stored whole; and in a worker an Intake -> pictures. See labeling.intake."""

import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import IO

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from accounts.models import User
from config.outages import is_full
from config.storage import private_storage
from labeling.archives import ArchiveError, count_files, is_archive, printable, unpack
from labeling.intake import IncomingPicture, as_incoming, take_in
from labeling.keeping import Tick, may_start_processes
from labeling.models import Collection, Intake, IntakeLostError
from labeling.models.intakes import HEARTBEAT_EVERY_S
from labeling.pictures import MAX_BYTES

logger = logging.getLogger(__name__)

# What is answered for within the request: a few pictures, which take about a second.
AT_ONCE_FILES = 20
AT_ONCE_BYTES = MAX_BYTES
# Starting other processes takes a second; checking this much takes several.
SPREAD_FROM_BYTES = 16 * 2**20
SENT_AS = 300  # letters of a file's name that are kept with its intake


def is_small(files: Sequence[UploadedFile]) -> bool:
    """Say whether what was sent can be checked while its sender waits: few pictures, and no archive."""
    if len(files) > AT_ONCE_FILES or (len(files) > 1 and _n_bytes(files) > AT_ONCE_BYTES):
        return False
    return not any(is_archive(file) for file in files)


def as_sent(files: Iterable[tuple[str, IO[bytes]]], folder: str = "") -> Iterator[IncomingPicture]:
    """Yield the pictures among files that were sent, by name, and those in archives behind the archives' names."""
    for name, file in files:
        if not is_archive(file):
            yield IncomingPicture(name, file.read(MAX_BYTES + 1), folder=folder)
            continue
        try:
            yield from as_incoming(unpack(file), within=f"{name}/", folder=folder)
        except ArchiveError as error:
            yield IncomingPicture(name, None, refusal=str(error))


def receive(
    collection: Collection,
    files: Sequence[UploadedFile],
    sender: User,
    *,
    source: str,
    licence: str = "",
    credit: str = "",
    folder: str = "",
) -> Intake:
    """Store what was sent, for a worker to take in. Where that breaks off, nothing is kept."""
    names = [printable(file.name or "")[:SENT_AS] for file in files]
    intake = Intake.objects.create(
        collection=collection,
        sender=sender,
        name=names[0],
        names=names,
        size=_n_bytes(files),
        source=source,
        licence=licence,
        credit=credit,
        folder=folder,
    )
    try:
        for place, file in enumerate(files):
            file.seek(0)
            private_storage().save(intake.stored_as(place), file)
    except BaseException:
        Intake.objects.filter(pk=intake.pk).forget()
        raise
    intake.let_wait()
    return intake


def _n_bytes(files: Iterable[UploadedFile]) -> int:
    return sum(file.size or 0 for file in files)


# --- In a worker -----------------------------------------------------------------------------------------------


def take_in_waiting() -> int:
    """Take in what waits, the oldest first, until there is none; return how many this worker took."""
    n_taken = 0
    while intake := Intake.objects.claim_next():
        work(intake)
        n_taken += 1
    return n_taken


def work(intake: Intake) -> None:
    """Take in what an intake brought, which this attempt has claimed, from where the attempt before it stopped.

    Safe to be killed at any moment: what became of a picture is noted in the transaction that keeps it. What breaks
    off otherwise waits to be tried again, and is raised.
    """
    try:
        _work(intake)
    except IntakeLostError as error:
        logger.info("%s", error)  # somebody else has it, or its sender is gone
    except _NotThereError:
        intake.fail(_("What was received is not in the storage any more. Send it again."))
    except BaseException as error:
        intake.mine().requeue(_full() if is_full(error) else "")
        raise


def _full() -> str:
    return _(
        "The disk is full where pictures are kept; what was taken in before that stays. Send it again once there is "
        "room."
    )


def _work(intake: Intake) -> None:
    tick = _pulse(intake)
    is_spread = intake.size >= SPREAD_FROM_BYTES and may_start_processes()
    n_processes = (os.cpu_count() or 1) if is_spread else 1
    with ExitStack() as stack:
        stored = [stack.enter_context(_open(intake, place)) for place in range(len(intake.names))]
        counts = [count_files(file) for file in stored]
        intake.expect(None if None in counts else sum(filter(None, counts)))
        incoming = _ticking(as_sent(zip(intake.names, stored, strict=True), intake.folder), tick)
        outcomes = take_in(
            intake.collection,
            islice(incoming, intake.n_done, None),
            source=intake.source,
            licence=intake.licence,
            credit=intake.credit,
            n_processes=n_processes,
            record=intake.record,
            tick=tick,
        )
        for _outcome in outcomes:
            pass  # each was recorded
    intake.finish()


class _NotThereError(Exception):
    """What was received is not where it was stored."""


def _open(intake: Intake, place: int) -> IO[bytes]:
    try:
        return private_storage().open(intake.stored_as(place))
    except FileNotFoundError as error:
        raise _NotThereError from error


def _pulse(intake: Intake) -> Tick:
    """Return what beats for an intake, when called often, every few seconds."""
    last = time.monotonic()

    def tick() -> None:
        nonlocal last
        if time.monotonic() - last >= HEARTBEAT_EVERY_S:
            intake.beat()
            last = time.monotonic()

    return tick


def _ticking(pictures: Iterable[IncomingPicture], tick: Tick) -> Iterator[IncomingPicture]:
    for picture in pictures:
        tick()
        yield picture


def sweep() -> None:
    """Let wait again what a dead worker left, and delete what nobody needs any more."""
    Intake.objects.lost().requeue()
    Intake.objects.give_up_unstored()
    Intake.objects.sweep_files()
