"""The parts of a freezing -> one Snapshot: its files, its seal, its row."""

import hashlib
import hmac
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.db import transaction

from config.storage import private_storage
from datasets.card import public_card
from datasets.manifest import (
    ManifestRow,
    RemainderRow,
    Row,
    VoteRow,
    digest_of,
    json_seal,
    leaf,
    read_rows,
    seal_of,
    write_rows,
)
from datasets.models import Edition, Freezing, FreezingPart, Snapshot
from datasets.publishing import publish
from datasets.reading import Part
from datasets.rolling import LOOKS_ALIKE
from labeling.models import Collection
from labeling.splits import TEST

LEAF_BYTES = 32
SALT_DIGITS = 32
Tick = Callable[[], None]


def keep(freezing: Freezing, number: int, prefix: str, part: Part) -> None:
    """Store what was read of one part, and note that it is whole. Raises FreezingLostError."""
    folder = f"{freezing.folder}/{freezing.attempt}-{prefix or 'all'}"
    _store(f"{folder}/rows.parquet", ManifestRow, part.rows)
    _store(f"{folder}/remainder.parquet", RemainderRow, part.remainder)
    _store(f"{folder}/votes.parquet", VoteRow, part.votes)
    private_storage().save(f"{folder}/leaves", ContentFile(b"".join(map(leaf, part.rows))))
    freezing.keep_part(number, folder, part.found)


def _store(name: str, kind: type[Row], rows: Iterable[Row]) -> None:
    with tempfile.TemporaryFile() as file:
        write_rows(kind, rows, file)
        file.seek(0)
        private_storage().save(name, File(file))


@dataclass(frozen=True)
class Parts:
    """What was read, as one."""

    parts: tuple[FreezingPart, ...]
    tick: Tick  # called for each part that is read again
    numbers: dict[int, int] = field(default_factory=dict)  # of annotators that came up

    def rows(self, kind: type[Row], name: str) -> Iterator[Row]:
        for part in self.parts:
            self.tick()
            with private_storage().open(f"{part.folder}/{name}.parquet", "rb") as file:
                yield from read_rows(kind, cast(BinaryIO, file))

    def leaves(self) -> Iterator[bytes]:
        """Yield the leaf of each row of the manifest as it is without a salt."""
        for part in self.parts:
            self.tick()
            with private_storage().open(f"{part.folder}/leaves", "rb") as file:
                data = file.read()
            yield from (data[place : place + LEAF_BYTES] for place in range(0, len(data), LEAF_BYTES))

    def votes(self) -> Iterator[VoteRow]:
        """Yield the votes with a number for each annotator, in the order in which they come up."""
        numbers = self.numbers
        for vote in self.rows(VoteRow, "votes"):
            number = numbers.setdefault(vote.annotator, len(numbers) + 1)
            yield VoteRow(vote.sha256, number, vote.wnid, vote.answer, vote.seconds)


def is_secret(row: ManifestRow | RemainderRow) -> bool:
    """Say whether a row's label is told nobody: a test picture's, and that of what looks like one of a later part."""
    return row.split == TEST or (isinstance(row, RemainderRow) and row.reason == LOOKS_ALIKE)


def seal(
    freezing: Freezing, taxonomy: Mapping[str, Any], card: Mapping[str, Any], tick: Tick
) -> tuple[Snapshot, bool]:
    """Make the snapshot of a freezing whose parts were all read; return it, and whether it is new: what has not
    changed since a snapshot is that snapshot.

    tick: called now and then; what it raises ends the sealing, with nothing kept.
    """
    parts = Parts(tuple(freezing.parts.all()), tick)
    voted = seal_of(map(leaf, parts.votes())) if freezing.plan["with_votes"] else ""
    content = json_seal(
        [
            taxonomy,
            card,
            seal_of(parts.leaves()),
            seal_of(map(leaf, parts.rows(RemainderRow, "remainder"))),
            voted,
        ]
    )
    same = freezing.collection.snapshots.filter(content=content).first()
    if same:
        return same, False
    return _make(freezing, parts, content, voted, taxonomy, card, tick), True


def _make(
    freezing: Freezing,
    parts: Parts,
    content: str,
    voted: str,
    taxonomy: Mapping[str, Any],
    card: Mapping[str, Any],
    tick: Tick,
) -> Snapshot:
    salt = _salts(content)
    with _kept() as save, ExitStack() as stack:
        rows, remainder, votes = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        seal = {"taxonomy": json_seal(taxonomy), "card": json_seal(public_card(card))}
        seal["rows"] = _write(
            ManifestRow,
            _salted(zip(parts.rows(ManifestRow, "rows"), parts.leaves(), strict=True), salt),
            rows,
            tick,
        )
        left = ((row, leaf(row)) for row in parts.rows(RemainderRow, "remainder"))
        seal["remainder"] = _write(RemainderRow, _salted(left, salt), remainder, tick)
        if voted:
            named = _pseudonyms(parts, len(parts.numbers), voted)
            seal["votes"] = _write(VoteRow, ((vote, leaf(vote)) for vote in named), votes, tick)
        digest = digest_of(seal)
        # Of this attempt alone: whoever took it for dead writes elsewhere.
        folder = f"snapshots/{freezing.collection.slug}/{freezing.pk}-{freezing.attempt}"
        snapshot = Snapshot(
            collection=freezing.collection,
            taxonomy=taxonomy,
            card=card,
            options=freezing.options,
            seal=seal,
            digest=digest,
            content=content,
            n_images=sum(card["by_split"].values()),
            n_remainder=sum(card["remainder"].values()),
            min_confidence=freezing.plan["floor"],
            taxonomy_version=freezing.plan["version"],
        )
        snapshot.manifest = save(f"{folder}/manifest.parquet", rows)
        snapshot.remainder = save(f"{folder}/remainder.parquet", remainder)
        if "votes" in seal:
            snapshot.votes = save(f"{folder}/votes.parquet", votes)
        edition = publish(snapshot, save, tick)
        tick()
        _show(freezing, snapshot, edition)
    return snapshot


@transaction.atomic
def _show(freezing: Freezing, snapshot: Snapshot, edition: Edition) -> None:
    """Number a snapshot whose files are there, and have everybody see it."""
    # One at a time for a collection, so that numbers follow each other.
    Collection.objects.select_for_update().get(pk=freezing.collection_id)
    last = freezing.collection.snapshots.order_by("-number").values_list("number", flat=True).first()
    snapshot.number = (last or 0) + 1
    snapshot.save(force_insert=True)
    edition.snapshot = snapshot
    edition.save(force_insert=True)
    freezing.finish(snapshot, is_new=True)


def _salts(content: str) -> Callable[[str], str]:
    """Return what makes a picture's salt: nobody can work it out without the site's key, and no two snapshots share
    one, so that nobody sees whose label stayed the same.
    """
    salt = _keyed(f"salts of snapshot {content}")
    return lambda sha256: salt(sha256)[:SALT_DIGITS]


def _keyed(purpose: str) -> Callable[[str], str]:
    """Return what makes 64 hex digits of a text, which nobody can work out without the site's key."""
    key = hmac.new(settings.SECRET_KEY.encode(), purpose.encode(), hashlib.sha256).digest()
    return lambda text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _salted(rows: Iterable[tuple[Any, bytes]], salt: Callable[[str], str]) -> Iterator[tuple[Any, bytes]]:
    """Yield (row, its leaf) anew, with a salt where the row is secret."""
    for row, bare in rows:
        if is_secret(row):
            row = row._replace(salt=salt(row.sha256))
            yield row, leaf(row)
        else:
            yield row, bare


def _pseudonyms(parts: Parts, n: int, voted: str) -> Iterator[VoteRow]:
    """Yield the votes with a pseudonym for each of `n` annotators, in an order that only votes with this seal have.

    The order follows from what is told anyway and the site's key: were test labels in it, they could be tried.
    """
    keyed = _keyed(f"pseudonyms of votes {voted}")
    shuffled = sorted(range(1, n + 1), key=lambda number: keyed(str(number)))
    pseudonym = {number: place for place, number in enumerate(shuffled, start=1)}
    for vote in parts.votes():
        yield VoteRow(vote.sha256, pseudonym[vote.annotator], vote.wnid, vote.answer, vote.seconds)


def _write(kind: type[Row], rows: Iterable[tuple[Row, bytes]], file: BinaryIO, tick: Tick) -> str:
    """Write rows whose leaves are known; return what the seal says of them."""
    whole = hashlib.sha256()

    def hashed() -> Iterator[Row]:
        for place, (row, of_row) in enumerate(rows):
            if place % 10_000 == 0:
                tick()
            whole.update(of_row)
            yield row

    write_rows(kind, hashed(), file)
    file.seek(0)
    return whole.hexdigest()


@contextmanager
def _kept() -> Iterator[Callable[[str, BinaryIO], str]]:
    """Lend what saves a file in the private storage; where the block breaks off, nothing that it saved is left."""
    saved: list[str] = []

    def save(name: str, file: BinaryIO) -> str:
        saved.append(name)
        file.seek(0)
        return private_storage().save(name, File(file))

    try:
        yield save
    except BaseException:
        for name in saved:
            private_storage().delete(name)
        raise
