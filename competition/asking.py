"""A network that was handed in -> what it says of the contest's test pictures. For workers; imports no PyTorch.

It is asked in a process that has the pictures and nothing else: see competition.sandbox and decision 24. Twice, once
to see which pictures it takes and what it costs, and once for its answers.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files.storage import default_storage

from competition.answers import Answers
from competition.models import Submission
from competition.predictions import PredictionsError
from competition.sandbox import heads, running, weights
from competition.sandbox.answering import Collector
from competition.sandbox.bounds import (
    LEAST_SIDE_PX,
    MOST_NETWORK_BYTES,
    MOST_PACK_BYTES,
    MOST_SIDE_PX,
    Limits,
    RefusedError,
    one_line,
)
from competition.sandbox.request import Pictures, Request
from datasets.models import Snapshot
from training.packing import pack

logger = logging.getLogger(__name__)

PACKS_KEPT = 4  # sizes of test pictures, of all contests; they are packed again in minutes
UNPROTECTED = (
    "Networks cannot be run on this machine, which lacks a protection that this site requires; "
    "hand in guesses, or ask the organiser."
)
CANCELLED = "It was cancelled, or went to another worker, while it was asked."


def answers_of(submission: Submission, images: Sequence[str]) -> Answers:
    """Return what the network of `submission`, which this attempt has claimed, says of each of `images`, by their
    SHA-256; what it costs is kept on the submission, and how it was run on the attempt, for the organiser.

    Raises PredictionsError with a sentence for the author, and PackError where a picture cannot be read here.
    """
    told = _Told()
    try:
        with _network_file(submission) as network:
            answers = _ask(submission, images, network, told)
    except RefusedError as error:
        raise PredictionsError(str(error), told.log()) from error
    except running.StoppedError as error:
        raise PredictionsError(CANCELLED, told.log()) from error
    submission.note(told.log())
    return answers


def _ask(submission: Submission, images: Sequence[str], network: BinaryIO, told: "_Told") -> Answers:
    request = _request(submission, network)
    looked = _looked(told.run(submission, request, network))
    collector = Collector(len(images), len(request.classes))
    with _pictures(submission, images, looked["side_px"]) as (file, pictures):
        said = told.run(submission, replace(request, pictures=pictures), network, file, collector=collector)
    answers = collector.answers()
    speed = len(images) / said.seconds if said.seconds else None
    submission.tell(
        n_parameters=looked["n_parameters"],
        n_multiply_adds=looked["n_multiply_adds"],
        pictures_per_second=speed,
    )
    return answers


def _request(submission: Submission, network: BinaryIO) -> Request:
    """Return how to ask about the network in an open file, as far as that is known."""
    n_bytes = os.fstat(network.fileno()).st_size
    heads.refuse_by_head(submission.kind, network.read(heads.N_HEAD_BYTES), n_bytes)
    network.seek(0)
    config: dict[str, Any] = {}
    said: list[str] | None = None
    if submission.kind == Submission.Kind.WEIGHTS:
        about = submission.network or weights.read_header(network, n_bytes).about
        config, said = _plan(about)
    return Request(
        kind=submission.kind,
        network=network.fileno(),
        words=-1,
        classes=submission.contest.snapshot.classes,
        config=config,
        said=said,
        limits=Limits(memory_mib=settings.SANDBOX_MEMORY_MIB, seconds=settings.SANDBOX_SECONDS),
        required=tuple(settings.SANDBOX_REQUIRES),
    )


def _plan(about: dict[str, Any]) -> tuple[dict[str, Any], list[str] | None]:
    """Return the options of a network and its classes."""
    config, said = about.get("config"), about.get("classes")
    if not isinstance(config, dict):
        raise RefusedError(
            "Expected to be told of which network these weights are: the options of its training, as our own "
            "downloads hold them."
        )
    if said is not None and not isinstance(said, list):
        raise RefusedError("Expected the network's classes as a list.")
    return config, said


class _Told:
    """What the organiser may read of how a network was run."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def log(self) -> str:
        return "\n".join(self._lines)

    def run(
        self,
        submission: Submission,
        request: Request,
        *files: BinaryIO,
        collector: Collector | None = None,
    ) -> running.Said:
        """Run it once. Raises RefusedError with what it was refused for, and StoppedError."""
        said = running.run(
            lambda words: replace(request, words=words).to_json(),
            request.limits,
            [file.fileno() for file in files],
            most_bytes=collector.most_bytes if collector else 0,
            take=collector.take if collector else running.take_nothing,
            is_wanted=submission.beat,
        )
        self._lines += _told_of(said)
        if said.word("unprotected"):
            logger.error("%s: %s", submission, said.word("unprotected"))
            raise RefusedError(UNPROTECTED)
        if refused := said.word("refused"):
            raise RefusedError(one_line(str(refused)))
        if said.ending != running.WELL:
            raise RefusedError(
                "The network was ended before it had answered: it took more processor time or memory than it may, or "
                "broke the program that runs it."
            )
        return said


def _told_of(said: running.Said) -> Iterator[str]:
    if in_force := said.word("in_force"):
        yield f"Protections in force: {', '.join(map(str, in_force))}."
    for name, why in (said.word("lacking") or {}).items():
        yield f"Lacking: {name} ({why})."
    if unprotected := said.word("unprotected"):
        yield str(unprotected)
    yield f"The process {said.ending}."
    yield from said.log.decode("utf-8", "replace").replace("\0", "").splitlines()


def _looked(said: running.Said) -> dict[str, Any]:
    """Return what the process saw in the network; it is a stranger's word by now, so each figure is looked at."""
    looked = said.word("looked")
    side = looked.get("side_px") if isinstance(looked, dict) else None
    if type(side) is not int or not LEAST_SIDE_PX <= side <= MOST_SIDE_PX:
        raise RefusedError("Expected a network that can be looked at; the look at it ended without a word.")
    figures = {name: looked.get(name) for name in ("n_parameters", "n_multiply_adds")}
    known = {
        name: each if type(each) is int and 0 <= each < 2**63 else None for name, each in figures.items()
    }
    return {"side_px": side, **known}


@contextmanager
def _network_file(submission: Submission) -> Iterator[BinaryIO]:
    """Lend the file that was handed in, open for reading alone, wherever it is kept."""
    with tempfile.NamedTemporaryFile() as copy, submission.file.open("rb") as kept:
        if kept.size > MOST_NETWORK_BYTES:
            raise RefusedError(f"Expected at most {MOST_NETWORK_BYTES:,} bytes; found {kept.size:,}.")
        shutil.copyfileobj(kept, copy)
        copy.flush()
        with open(copy.name, "rb") as file:
            yield file


@contextmanager
def _pictures(
    submission: Submission, images: Sequence[str], side_px: int
) -> Iterator[tuple[BinaryIO, Pictures]]:
    """Lend the test pictures at one size, packed once for all networks that take it. Labels are not among them."""
    snapshot = submission.contest.snapshot
    n_bytes = 3 * side_px**2 * len(images)
    if n_bytes > MOST_PACK_BYTES:
        most = int((MOST_PACK_BYTES / (3 * len(images))) ** 0.5)
        raise RefusedError(
            f"Expected pictures of at most {most} px a side, as this contest has {len(images):,}; found {side_px}."
        )
    path = Path(settings.VAR_DIR) / "packs" / f"{snapshot.digest}-test-{side_px}.npy"

    def look_up(_n_packed: int) -> None:
        if not submission.beat():
            raise running.StoppedError(CANCELLED)

    packed = pack(_reader(snapshot, images), len(images), side_px, path, sha256=images, on_progress=look_up)
    os.utime(path)
    _forget_packs(path.parent)
    with path.open("rb") as file:
        yield file, Pictures(file.fileno(), packed.offset, len(images), side_px)  # type: ignore[attr-defined]  # a map


def _reader(snapshot: Snapshot, images: Sequence[str]) -> Any:
    """Return what reads the file of the picture at a place in `images`."""
    wanted = set(images)
    names = {row.sha256: row.file_name for row in snapshot.rows() if row.sha256 in wanted}

    def read(place: int) -> bytes:
        sha256 = images[place]
        with default_storage.open(f"{sha256[:2]}/{names[sha256]}") as file:
            data: bytes = file.read()
        return data

    return read


def _forget_packs(folder: Path) -> None:
    """Keep the sizes that were asked for last, so that nobody fills the disk with a network of each size."""
    packs = sorted(folder.glob("*-test-*.npy"), key=lambda path: path.stat().st_mtime)
    for path in packs[:-PACKS_KEPT]:
        with suppress(FileNotFoundError):  # another worker was faster
            path.unlink()
