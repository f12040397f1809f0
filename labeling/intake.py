"""Pictures -> rows: each file is checked, stored once, and asked about in a collection."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from labeling.archives import Entry, printable
from labeling.candidates import Candidates, NoCandidateError
from labeling.keeping import Kept, Tick, Wait, checker, nothing
from labeling.likeness import near_pairs
from labeling.metadata import Known
from labeling.models import Arrival, Choices, Collection, Image, NearDuplicate, Question, random_position
from labeling.models.images import ImageQuerySet
from labeling.splits import assign_splits
from taxonomy.models import Ancestry, Change, Synset, SynsetNotFoundError

BATCH = 256  # pictures a transaction,
BATCH_BYTES = (
    32 * 2**20
)  # and how many bytes of them wait for it, so that memory does not grow with their sizes
N_WAITING = 2  # batches being checked by other processes while one is written to the database
Record = Callable[[list["Outcome"]], object]
Asked = tuple[int, int | None]  # the picture and the noun that a question is about, by primary key


class Status(StrEnum):
    ADDED = "added"  # the collection did not have it before
    THERE = "there"  # it did
    REFUSED = "refused"


@dataclass(frozen=True)
class IncomingPicture:
    name: str  # for reports: a file name or an archive member
    data: bytes | None  # None where it was refused before it was read
    truth: Synset | None = None  # the answer, where it is known beforehand
    about: tuple[Synset, ...] = ()  # the nouns that it is asked about, where the collection verifies;
    folder: str = ""  # unless they are known, that of this name
    source: str = ""  # where it differs from that of the others, as do these
    licence: str = ""
    credit: str = ""
    refusal: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    name: str
    status: Status
    why: str = ""  # it was refused
    question: int | None = None  # the primary key
    sha256: str = ""  # of the picture as it is kept
    near: tuple[str, ...] = ()  # SHA-256 of pictures of the collection that a new one looks like


@dataclass
class Report:
    n_added: int = 0  # pictures that the collection did not have before
    refused: list[tuple[str, str]] = field(default_factory=list)  # name, why
    questions: dict[str, int] = field(default_factory=dict)  # name -> its question's primary key


class IntakeRefusedError(ValueError):
    """What is known of the pictures does not fit the collection; the message names the line. Nothing was taken in."""


def add_pictures(
    collection: Collection,
    incoming: Iterable[IncomingPicture],
    *,
    source: str,
    licence: str = "",
    credit: str = "",
) -> Report:
    """Take pictures into `collection` and remember what became of each; for many, see `take_in`."""
    report = Report()
    for outcome in take_in(collection, incoming, source=source, licence=licence, credit=credit):
        report.n_added += outcome.status == Status.ADDED
        if outcome.question is None:
            report.refused.append((outcome.name, outcome.why))
        else:
            report.questions[outcome.name] = outcome.question
    return report


def take_in(
    collection: Collection,
    incoming: Iterable[IncomingPicture],
    *,
    source: str,
    licence: str = "",
    credit: str = "",
    n_processes: int = 1,
    record: Record = lambda _outcomes: None,
    tick: Tick = nothing,
) -> Iterator[Outcome]:
    """Take pictures into `collection`, and yield what became of each in their order; a bad one is refused and the
    others go in.

    Batches are kept one by one. A picture that is there already is known by its bytes and not decoded again, so
    stopping is safe and repeating goes on. Memory grows neither with the number of pictures nor with what they say
    of themselves. Checking is spread over `n_processes`; with 1 everything happens in this one.

    `record` is called in each batch's transaction with what became of it; where it raises, nothing of the batch is
    kept. `tick` is called every second or so while pictures are checked.
    """
    about = {"source": source, "licence": licence, "credit": credit}
    n_waiting = N_WAITING if n_processes > 1 else 0
    waiting: deque[_Batch] = deque()
    with checker(n_processes, tick) as check:
        for pictures in _batches(incoming):
            if collection.is_verifying:
                pictures = _with_nouns(Candidates(collection), pictures)
            hashes = [None if p.data is None else hashlib.sha256(p.data).hexdigest() for p in pictures]
            known = Image.objects.sent_as(filter(None, hashes))
            sent = zip(hashes, pictures, strict=True)
            fresh = {h: p.data for h, p in sent if h and p.data is not None and h not in known}
            named = [
                replace(picture, data=None) for picture in pictures
            ]  # the bytes go with the checking alone
            waiting.append(_Batch(named, hashes, known, list(fresh), check(list(fresh.values()))))
            del pictures, fresh, sent
            if len(waiting) > n_waiting:
                yield from _write(collection, waiting.popleft(), about, record)
        while waiting:
            yield from _write(collection, waiting.popleft(), about, record)


@dataclass(frozen=True)
class _Batch:
    pictures: list[IncomingPicture]  # without their bytes
    hashes: list[str | None]  # of the bytes of each as they were sent
    known: dict[str, int]  # those that were here before: hash of what was sent -> the image's primary key
    fresh: list[str]  # hashes of those that are being checked
    wait: Wait


def _batches(incoming: Iterable[IncomingPicture]) -> Iterator[list[IncomingPicture]]:
    batch: list[IncomingPicture] = []
    n_bytes = 0
    for picture in incoming:
        batch.append(picture)
        n_bytes += len(picture.data or b"")
        if len(batch) >= BATCH or n_bytes >= BATCH_BYTES:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch


def _with_nouns(candidates: Candidates, pictures: list[IncomingPicture]) -> list[IncomingPicture]:
    """Find out which nouns each picture is asked about, and refuse those of which it is not known."""
    found = []
    for picture in pictures:
        try:
            about = picture.about or candidates.of_folder(picture.folder)
            found.append(replace(picture, about=about))
        except NoCandidateError as error:
            found.append(replace(picture, data=None, refusal=picture.refusal or str(error)))
    return found


def _write(collection: Collection, batch: _Batch, about: Mapping[str, str], record: Record) -> list[Outcome]:
    """Keep the rows of one batch, and say what became of each of its pictures."""
    checked: dict[str, Kept | str] = dict(zip(batch.fresh, batch.wait(), strict=True))
    kept = {sent: found for sent, found in checked.items() if isinstance(found, Kept)}
    said: dict[str, IncomingPicture] = {}
    for picture, sent in zip(batch.pictures, batch.hashes, strict=True):
        said.setdefault(sent or "", picture)
    alike = _Alike.find(kept.values())  # before the transaction, so that votes need not wait for it
    near, splits = alike.named(collection), alike.splits()
    with transaction.atomic():
        keys = _store(kept, {sent: _about(said[sent], about) for sent in kept}, splits)
        images = batch.known | {sent: keys[picture.sha256] for sent, picture in kept.items()}
        # Of several files with one picture, the first one brings in what is asked.
        wanted: dict[Asked, IncomingPicture] = {}
        for picture, sent in zip(batch.pictures, batch.hashes, strict=True):
            for asked in _asked(picture, images.get(sent or "")):
                wanted.setdefault(asked, picture)
        added, questions = _ask(collection, wanted)
        sha256 = dict(
            Image.objects.filter(pk__in={image for image, _about in wanted}).values_list("pk", "sha256")
        )

        def outcome(picture: IncomingPicture, sent: str | None) -> Outcome:
            if sent is None or sent not in images:
                why = picture.refusal if sent is None else str(checked[sent])
                return Outcome(picture.name, Status.REFUSED, why)
            image = images[sent]
            mine = _asked(picture, image)
            status = Status.ADDED if any(wanted[a] is picture and a in added for a in mine) else Status.THERE
            named = near.get(sha256[image], ()) if status == Status.ADDED else ()
            return Outcome(picture.name, status, "", questions[mine[0]], sha256[image], named)

        outcomes = [outcome(*each) for each in zip(batch.pictures, batch.hashes, strict=True)]
        record(outcomes)
    # When others can see them, so that of two batches at once the later one finds what they have alike.
    NearDuplicate.objects.find(collection, {image for image, _about in added})
    return outcomes


def _asked(picture: IncomingPicture, image: int | None) -> list[Asked]:
    """Return what is asked about a picture that was kept as `image`."""
    if image is None:
        return []
    return [(image, noun.pk) for noun in picture.about] or [(image, None)]


def _about(picture: IncomingPicture, about: Mapping[str, str]) -> dict[str, str]:
    """Return where a picture comes from: what is known of it, or else of all."""
    own = {"source": picture.source, "licence": picture.licence, "credit": picture.credit}
    return {name: own[name] or of_all for name, of_all in about.items()}


def _store(
    kept: dict[str, Kept], about: dict[str, dict[str, str]], splits: Mapping[str, str]
) -> dict[str, int]:
    """Keep the rows of those pictures that are new, which have a split by SHA-256, and what each was sent as; return
    every one's primary key by SHA-256.
    """
    pictures = {picture.sha256: (picture, about[sent]) for sent, picture in kept.items()}
    Image.objects.bulk_create(
        [
            Image(
                sha256=sha256,
                file=picture.file,
                display=picture.display,
                thumbnail=picture.thumbnail,
                width=picture.width,
                height=picture.height,
                perceptual_hash=picture.perceptual_hash,
                n_bytes=picture.n_bytes,
                crc32=picture.crc32,
                split=splits[sha256],
                **said,
            )
            for sha256, (picture, said) in pictures.items()
            if sha256 in splits
        ],
        ignore_conflicts=True,  # somebody else may bring the same picture at this moment
    )
    keys = dict(Image.objects.filter(sha256__in=pictures).values_list("sha256", "pk"))
    others = [
        Arrival(sha256=sent, image_id=keys[picture.sha256])
        for sent, picture in kept.items()
        if sent != picture.sha256
    ]
    if others:
        Arrival.objects.bulk_create(others, ignore_conflicts=True)
    return keys


def _ask(collection: Collection, wanted: dict[Asked, IncomingPicture]) -> tuple[set[Asked], dict[Asked, int]]:
    """Make each question that the collection does not ask yet.

    Return those that it did not, and the primary key of every one.
    """
    here = collection.questions.filter(image__in={image for image, _about in wanted})
    before = set(here.values_list("image", "about"))
    new = {asked: picture for asked, picture in wanted.items() if asked not in before}
    make = _about_nouns if collection.is_verifying else _about_anything
    Question.objects.bulk_create(make(collection, new), ignore_conflicts=True)
    questions: dict[Asked, int] = {
        (image, about): pk for image, about, pk in here.values_list("image", "about", "pk")
    }
    return {*new}, questions


def _about_anything(collection: Collection, wanted: Mapping[Asked, IncomingPicture]) -> list[Question]:
    return [
        Question(collection=collection, image_id=image, position=random_position(), truth=picture.truth)
        for (image, _about), picture in wanted.items()
    ]


def _about_nouns(collection: Collection, wanted: Mapping[Asked, IncomingPicture]) -> list[Question]:
    """Lay the questions out noun by noun. Who is known to show a kind of a noun is known to show that noun."""
    Change.objects.hold_still()
    choices = Choices.read(collection, None)
    pairs = {(about, picture.truth.pk) for (_image, about), picture in wanted.items() if picture.truth}
    above = Ancestry.objects.filter(
        ancestor__in={about for about, _truth in pairs}, descendant__in={truth for _about, truth in pairs}
    )
    shows = pairs & set(above.values_list("ancestor", "descendant"))

    def make(image: int, about: int | None, truth: int | None) -> Question:
        place = choices.place(about)
        return Question(
            collection=collection,
            image_id=image,
            about_id=about,
            position=random_position(place),
            # A change of the taxonomy may have taken the noun at this moment.
            state=Question.State.UNDECIDED if place is None else Question.State.WAITING,
            truth_id=about if (about, truth) in shows else truth,
        )

    return [
        make(image, about, picture.truth.pk if picture.truth else None)
        for (image, about), picture in wanted.items()
    ]


@dataclass(frozen=True)
class _Alike:
    """What the pictures of a batch that are new look like: each other, and those that came before."""

    new: list[str]  # their SHA-256
    within: list[tuple[int, int]]  # every two of them that look alike, by place in `new`
    # By place in `new`: primary keys of those before that look like it, of any collection.
    there: dict[int, list[int]]

    @classmethod
    def find(cls, kept: Iterable[Kept]) -> "_Alike":
        hashes = {picture.sha256: picture.perceptual_hash for picture in kept}
        before = set(Image.objects.filter(sha256__in=hashes).values_list("sha256", flat=True))
        new = [sha256 for sha256 in hashes if sha256 not in before]
        looks = {i: value for i, sha256 in enumerate(new) if (value := hashes[sha256]) is not None}
        places = [*looks]
        pairs = near_pairs(np.array([*looks.values()], dtype=np.int64))
        there: dict[int, list[int]] = {}
        # They have no primary keys yet; numbers below 0 are nobody's.
        for image, other, _distance in Image.objects.near_each({~i: value for i, value in looks.items()}):
            there.setdefault(~image, []).append(other)
        return cls(new, [(places[i], places[j]) for i, j in pairs], there)

    def splits(self) -> dict[str, str]:
        """Return the split of each that is new, by SHA-256. The withdrawn count too: people know of their split."""
        known = dict(self._others().values_list("pk", "split"))
        beside = {i: [known[other] for other in others] for i, others in self.there.items()}
        return dict(zip(self.new, assign_splits(self.new, self.within, beside), strict=True))

    def named(self, collection: Collection) -> dict[str, tuple[str, ...]]:
        """Return the SHA-256 of what each looks like, of the collection and of each other, by its own."""
        asked = self._others().shown().filter(questions__collection=collection)
        names = dict(asked.values_list("pk", "sha256"))
        near: dict[str, tuple[str, ...]] = {
            self.new[i]: tuple(names[other] for other in others if other in names)
            for i, others in self.there.items()
        }
        for i, j in self.within:
            for one, other in ((self.new[i], self.new[j]), (self.new[j], self.new[i])):
                near[one] = (*near.get(one, ()), other)
        return near

    def _others(self) -> ImageQuerySet:
        return Image.objects.filter(pk__in={other for others in self.there.values() for other in others})


# --- What is known of files beforehand -------------------------------------------------------------------------


def as_incoming(
    entries: Iterable[Entry],
    known: Mapping[str, Known] | None = None,
    truths: Mapping[str, Synset] | None = None,
    nouns: Mapping[str, tuple[Synset, ...]] | None = None,
    within: str = "",
    folder: str = "",
) -> Iterator[IncomingPicture]:
    """Yield each file of a folder or archive with what is known of it; `within` goes before its name, and `folder`
    is what those lie in that lie in none of its folders.
    """
    known, truths, nouns = known or {}, truths or {}, nouns or {}
    nothing = Known(line=0)
    for entry in entries:
        row = known.get(entry.name, nothing)
        yield IncomingPicture(
            within + printable(entry.name),
            entry.data,
            truths.get(row.label),
            nouns.get(row.about, ()),
            PurePosixPath(entry.name.replace("\\", "/")).parent.name or folder,
            row.source,
            row.licence,
            row.credit,
            entry.why,
        )


def known_nouns(collection: Collection, known: Mapping[str, Known]) -> dict[str, tuple[Synset, ...]]:
    """Return the nouns that each `about` in `known` names.

    Raises IntakeRefusedError with the line of the first that names another than a class, or of any where the
    collection does not ask about single nouns.
    """
    first_lines: dict[str, int] = {}
    for row in known.values():
        if row.about:
            first_lines.setdefault(row.about, row.line)
    candidates = Candidates(collection)
    nouns: dict[str, tuple[Synset, ...]] = {}
    for about, line in first_lines.items():
        if not collection.is_verifying:
            raise IntakeRefusedError(
                _(
                    "Metadata line %(line)s: expected nothing in the column about, since %(collection)s asks "
                    "what is in a picture; found %(about)s."
                )
                % {"line": line, "collection": collection, "about": repr(about)}
            )
        try:
            nouns[about] = candidates.named(about)
        except NoCandidateError as error:
            raise IntakeRefusedError(
                _("Metadata line %(line)s: %(error)s") % {"line": line, "error": error}
            ) from error
    return nouns


def known_answers(collection: Collection, known: Mapping[str, Known]) -> dict[str, Synset]:
    """Return the noun of each label in `known`.

    Raises IntakeRefusedError with the line of the first that the taxonomy lacks, or that is not below the
    collection's root.
    """
    first_lines: dict[str, int] = {}
    for row in known.values():
        if row.label:
            first_lines.setdefault(row.label, row.line)
    truths: dict[str, Synset] = {}
    for label, line in first_lines.items():
        try:
            truths[label] = Synset.objects.named(label)
        except SynsetNotFoundError as error:
            raise IntakeRefusedError(
                _("Metadata line %(line)s: %(error)s") % {"line": line, "error": error}
            ) from error
    below = set(Ancestry.objects.below(collection.root))
    for label, synset in truths.items():
        if synset.pk not in below:
            raise IntakeRefusedError(
                _("Metadata line %(first_lines)s: expected a kind of %(root)s; found %(synset)s.")
                % {"first_lines": first_lines[label], "root": collection.root, "synset": synset}
            )
    return truths
