"""A collection's settled questions -> the rows of one part of a snapshot: pictures whose SHA-256 begin alike."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Count, F
from django.utils.translation import gettext

from accounts.sql import IS_POSTGRESQL, one_moment
from datasets.choosing import ByAncestry, FreezeRefusedError, Plan
from datasets.manifest import ManifestRow, RemainderRow, VoteRow
from datasets.rolling import LOOKS_ALIKE, UNTOLD
from labeling import agreement
from labeling.models import Collection, Question, Vote
from labeling.models.questions import NONE_OF_THESE, PRESENT
from labeling.splits import SPLITS, TEST
from taxonomy.models import Change, Synset

QUESTIONS_A_PART = 20_000
FEW = 8  # files of a folder that are asked for one by one; where more are wanted, the folder is listed
# Bounds of the groups in which labels are counted by their confidence.
CONFIDENCES = (0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
MOST_COUNTED = 20  # votes on a picture; pictures with more are counted with these


class TaxonomyChangedError(Exception):
    """The taxonomy changed while a snapshot was made, so parts of it would hold labels from before and after."""


class MissingPictureError(FreezeRefusedError):
    """The storage of pictures lacks one that would be frozen."""


class Settled(NamedTuple):
    """A settled question with its picture."""

    question: int
    sha256: str
    file: str
    wnid: str
    name: str
    confidence: float
    n_votes: int
    split: str
    licence: str
    credit: str
    n_bytes: int
    crc32: int


_COLUMNS = (
    "pk", "image__sha256", "image__file", "label__wnid", "label__name", "confidence", "n_votes", "image__split",
    "image__licence", "image__credit", "image__n_bytes", "image__crc32",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """What was read of one part, in the order of the pictures' SHA-256."""

    rows: list[ManifestRow]
    remainder: list[RemainderRow]
    votes: list[VoteRow]  # with the annotators' primary keys
    found: dict[str, Any]  # its counts: see `count`


def n_parts_of(n_settled: int) -> int:
    """Return in how many parts so many questions are read: a power of 16, so that a part is a prefix in hex."""
    n_parts = 1
    while n_parts * QUESTIONS_A_PART < n_settled:
        n_parts *= 16
    return n_parts


def prefix_of(number: int, n_parts: int) -> str:
    """Return what the SHA-256 of a part's pictures begin with."""
    n_digits = (n_parts.bit_length() - 1) // 4
    return f"{number:0{n_digits}x}" if n_digits else ""


class Reader:
    """Reads the parts of one snapshot."""

    def __init__(self, collection: Collection, plan: Plan, alike: AbstractSet[str]) -> None:
        """alike: SHA-256 of the pictures that look like one of a later part."""
        self.collection, self.plan, self.alike = collection, plan, alike
        self.roll_up = ByAncestry(plan.classes)
        self.place = {wnid: label for label, wnid in enumerate(plan.classes)}
        self.names = dict(Synset.objects.filter(wnid__in=plan.classes).values_list("wnid", "name"))
        self.becomes = Synset.objects.resolution()
        self.wnids: dict[int, str] = {}

    def read(self, prefix: str) -> Part:
        """Read one part as it stands at one moment. Raises TaxonomyChangedError, MissingPictureError."""
        with one_moment():
            if Change.objects.version() != self.plan.version:
                raise TaxonomyChangedError
            settled = [Settled._make(row) for row in self._settled(prefix).values_list(*_COLUMNS)]
            self.roll_up.learn({each.wnid for each in settled})
            labelled = [self._label(list(group)) for _sha256, group in groupby(settled, attrgetter("sha256"))]
            frozen = {each.question: row for each, row in labelled if isinstance(row, ManifestRow)}
            said = self._said(frozen)
            votes = self._votes(frozen) if self.plan.with_votes else []
        refuse_missing(each.file for each, _row in labelled)
        rows = [row for _each, row in labelled if isinstance(row, ManifestRow)]
        remainder = [row for _each, row in labelled if isinstance(row, RemainderRow)]
        return Part(rows, remainder, votes, {**count(rows, remainder), **self._agreement(frozen, said)})

    def _settled(self, prefix: str) -> Any:
        questions = Question.objects.settled().filter(
            confidence__gte=self.plan.floor, image__withdrawn_at=None, label__isnull=False
        )
        if prefix:
            questions = questions.filter(image__sha256__gte=prefix, image__sha256__lt=_after(prefix))
        if prefix and not IS_POSTGRESQL:
            # Else SQLite reads all of the collection for each part.
            questions = questions.alias(of=F("collection") + 0).filter(of=self.collection.pk)
        else:
            questions = questions.filter(collection=self.collection)
        return questions.order_by("image__sha256", "pk")

    def _label(self, group: Sequence[Settled]) -> tuple[Settled, ManifestRow | RemainderRow]:
        """Return what becomes of one picture, and the question that says it.

        One that was asked about several nouns may be settled to show several. Of a noun and one below it the one
        below is its label, since that says both; of nouns that lie side by side the more confident one, since a
        network learns one class of a picture.
        """
        if len(group) == 1:
            return self._kept(group[0])
        placed = {each: self.roll_up.place(each.wnid) for each in group}
        fitting = [each for each, (wnid, _why) in placed.items() if wnid is not None]
        lowest = self.roll_up.lowest({each.wnid for each in fitting}) if len(fitting) > 1 else None
        candidates = [each for each in fitting if lowest is None or each.wnid in lowest] or group
        return self._kept(max(candidates, key=lambda each: (each.confidence, each.n_votes, each.wnid)))

    def _kept(self, said: Settled) -> tuple[Settled, ManifestRow | RemainderRow]:
        wnid, why = self.roll_up.place(said.wnid)
        if said.sha256 in self.alike:
            wnid, why = None, LOOKS_ALIKE
        return said, (self._row(said, wnid) if wnid is not None else _remainder(said, why))

    def _row(self, said: Settled, wnid: str) -> ManifestRow:
        return ManifestRow(
            said.sha256,
            said.file.rpartition("/")[2],
            wnid,
            self.names[wnid],
            said.confidence,
            said.n_votes,
            said.split,
            said.licence,
            said.credit,
            said.n_bytes,
            said.crc32,
        )

    def _said(self, frozen: Mapping[int, ManifestRow]) -> list[tuple[int, int | None, str, int]]:
        """Return how often each answer was given to each question."""
        votes = Vote.objects.filter(question__among=frozen, narrowing=None)
        return list(votes.values_list("question", "synset", "answer").annotate(n=Count("pk")).order_by())

    def _votes(self, frozen: Mapping[int, ManifestRow]) -> list[VoteRow]:
        open_ = {pk: row.sha256 for pk, row in frozen.items() if row.split != TEST}
        cast = Vote.objects.filter(question__among=open_, narrowing=None).order_by("pk")
        rows = list(cast.values_list("question", "annotator", "synset", "answer", "seconds"))
        self._learn_wnids(synset for _q, _a, synset, _answer, _s in rows)
        votes = [
            VoteRow(open_[question], annotator, self._wnid(synset), answer, seconds)
            for question, annotator, synset, answer, seconds in rows
        ]
        return sorted(
            votes, key=attrgetter("sha256")
        )  # those on one picture stay in the order they were cast

    def _learn_wnids(self, synsets: Iterable[int | None]) -> None:
        unknown = {pk for pk in synsets if pk is not None} - self.wnids.keys()
        if not unknown:
            return
        today: dict[int, int | None] = {pk: self.becomes.get(pk, pk) for pk in unknown}
        wnids = dict(Synset.objects.filter(pk__among={*today.values()} - {None}).values_list("pk", "wnid"))
        self.wnids |= {pk: wnids.get(counts_as or -1, "") for pk, counts_as in today.items()}
        self.roll_up.learn({*self.wnids.values()} - {""})

    def _wnid(self, synset: int | None) -> str:
        """Return what a vote for a noun counts for today; "" for nothing."""
        return self.wnids[synset] if synset is not None else ""

    def _agreement(
        self, frozen: Mapping[int, ManifestRow], said: Sequence[tuple[int, int | None, str, int]]
    ) -> dict[str, Any]:
        """Return how far the votes agree with the labels, by class, and with each other. Test pictures count in the
        latter alone.
        """
        self._learn_wnids(synset for _question, synset, _answer, _n in said)
        by_class: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        cells: Counter[tuple[int, int]] = Counter()
        for question, synset, answer, n in said:
            row, meant = frozen[question], self._meant(synset, answer)
            if meant is None:
                continue
            cells[question, meant] += n
            if row.split != TEST:
                agrees = meant == (1 if self.collection.is_verifying else self.place[row.wnid])
                by_class[row.wnid][0] += n
                by_class[row.wnid][1] += n * agrees
        table = np.array([(q, meant, n) for (q, meant), n in sorted(cells.items())], dtype=np.int64).reshape(
            -1, 3
        )
        tally = agreement.tally(*table.T)
        return {
            "said": dict(by_class),
            "tally": [tally.votes, tally.differing, {str(k): n for k, n in tally.of_label.items()}],
        }

    def _meant(self, synset: int | None, answer: str) -> int | None:
        """Return a number for what an answer says of the classes; None where it says nothing."""
        if self.collection.is_verifying:
            return int(answer == PRESENT) if synset is not None else None
        if answer == NONE_OF_THESE:
            return -1
        wnid = self._wnid(synset)
        if not wnid or synset is None:
            return None
        rolled, _why = self.roll_up.place(wnid)
        return self.place[rolled] if rolled is not None else len(self.place) + synset


def read_parts(readers: Sequence[Reader], prefixes: Sequence[str]) -> Iterator[tuple[str, Part]]:
    """Yield (prefix, part) of each, in their order; as many are read at a time as there are readers, each in a thread
    with a connection of its own. Inside a transaction, which no other connection sees, they are read one by one.
    """
    if connection.in_atomic_block or len(prefixes) == 1:
        yield from ((prefix, readers[0].read(prefix)) for prefix in prefixes)
        return
    free = SimpleQueue[Reader]()
    for reader in readers:
        free.put(reader)

    def read(prefix: str) -> Part:
        reader = free.get()
        try:
            return reader.read(prefix)
        finally:
            free.put(reader)
            connection.close()  # this thread's

    with ThreadPoolExecutor(len(readers)) as pool:
        # A few ahead: a part that is read waits in memory.
        ahead = deque[tuple[str, Future[Part]]]()
        try:
            for prefix in prefixes:
                ahead.append((prefix, pool.submit(read, prefix)))
                if len(ahead) > len(readers):
                    first, part = ahead.popleft()
                    yield first, part.result()
            yield from ((prefix, part.result()) for prefix, part in ahead)
        finally:
            for _prefix, part in ahead:
                part.cancel()


def _after(prefix: str) -> str:
    """Return what comes after everything that begins with `prefix`."""
    return prefix + "g"


def _remainder(said: Settled, why: str) -> RemainderRow:
    return RemainderRow(said.sha256, said.wnid, said.name, said.confidence, said.n_votes, said.split, why)


def count(rows: Sequence[ManifestRow], remainder: Sequence[RemainderRow]) -> dict[str, Any]:
    """Return the counts of one part; those of all parts add up."""
    by_class: dict[str, list[int]] = defaultdict(lambda: [0] * len(SPLITS))
    for row in rows:
        by_class[row.wnid][SPLITS.index(row.split)] += 1
    told = [row for row in rows if row.split != TEST]
    groups = np.searchsorted(CONFIDENCES, [row.confidence for row in told], side="right")
    return {
        "by_class": dict(by_class),
        "remainder": dict(Counter(map(_told_reason, remainder))),
        "confidence": np.bincount(groups, minlength=len(CONFIDENCES) + 1).tolist(),
        "n_votes": sum(row.n_votes for row in rows),
        "votes": _as_json(Counter(min(row.n_votes, MOST_COUNTED) for row in rows)),
        "licences": dict(Counter(row.licence for row in rows)),
        "n_bytes": sum(row.n_bytes for row in rows),
    }


def _told_reason(row: RemainderRow) -> str:
    """Return the reason that is counted: all but those of test pictures are listed, so a count would tell these."""
    return UNTOLD if row.split == TEST and row.reason != LOOKS_ALIKE else row.reason


def _as_json(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(key): n for key, n in counts.items()}


def refuse_missing(files: Iterable[str]) -> None:
    """Look whether the storage of pictures has all of these. Raises MissingPictureError."""
    missing = sorted(_missing(files))
    if missing:
        raise MissingPictureError(
            gettext(
                "Expected the file of every picture in the storage; %(n)d are not there, the first is %(file)s. "
                "Put it back, or withdraw the picture."
            )
            % {"n": len(missing), "file": missing[0]}
        )


def _missing(files: Iterable[str]) -> Iterator[str]:
    wanted: dict[str, set[str]] = defaultdict(set)
    for file in files:
        folder, _slash, name = file.rpartition("/")
        wanted[folder].add(name)
    for folder, names in wanted.items():
        for name in names - _there(folder, names):
            yield f"{folder}/{name}"


def _there(folder: str, names: AbstractSet[str]) -> AbstractSet[str]:
    if len(names) <= FEW:
        return {name for name in names if default_storage.exists(f"{folder}/{name}")}
    try:
        _folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return set()
    return set(files)
