"""What can be downloaded of a snapshot: files that are kept, small ones that are written out, and archives."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from django.core.files.storage import default_storage
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.storage import private_storage
from datasets import citing, describing, formats
from datasets.card import public_card
from datasets.formats.checksums import checksums
from datasets.formats.virtual import Stored, VirtualFile
from datasets.manifest import canonical
from datasets.models import Edition, Snapshot
from datasets.models.editions import VOTES
from datasets.publishing import HELD_BACK, MANIFEST, MANIFEST_CSV, REMAINDER, about

PARQUET, CSV, JSON, MARKDOWN, TEXT = (
    "application/vnd.apache.parquet",
    "text/csv; charset=utf-8",
    "application/json",
    "text/markdown; charset=utf-8",
    "text/plain; charset=utf-8",
)
JSON_LD = "application/ld+json"
SUMS, CROISSANT = "SHA256SUMS", "croissant.json"
# What is kept with an edition, in the order of pages.
_KEPT = {
    MANIFEST: (PARQUET, _("Every picture with its part, label and licence; test pictures without a label.")),
    MANIFEST_CSV: (CSV, _("The same as lines of text.")),
    VOTES: (PARQUET, _("The votes on training and validation pictures, by pseudonyms.")),
    REMAINDER: (CSV, _("Pictures that settled and are in no class, and why.")),
    HELD_BACK: (
        CSV,
        _("Pictures that are left out since it was frozen, and what stands for them in the digest."),
    ),
}
# What is written out whenever it is asked for; the SHA-256 of the first three are in the seal, or are the digest.
_WRITTEN: dict[str, tuple[str, Any, Callable[[Snapshot], bytes]]] = {
    "taxonomy.json": (
        JSON,
        _("The classes in the order of their labels, and every noun above them."),
        lambda snapshot: canonical(snapshot.taxonomy),
    ),
    "card.json": (
        JSON,
        _("The data card, for programs."),
        lambda snapshot: canonical(public_card(snapshot.card)),
    ),
    "seal.json": (
        JSON,
        _("The SHA-256 of each part; its own is the digest."),
        lambda snapshot: canonical(snapshot.seal),
    ),
    "card.md": (
        MARKDOWN,
        _("The data card, to read."),
        lambda snapshot: describing.card_markdown(snapshot).encode(),
    ),
}


@dataclass(frozen=True)
class Entry:
    """One file in the list of downloads."""

    name: str
    n_bytes: int | None  # None: it is written out when it is asked for
    sha256: str | None  # None: not worked out yet
    media_type: str
    words: Any  # what it is for
    n_pictures: int | None = None


def listing(edition: Edition) -> list[Entry]:
    """Return everything that can be downloaded of an edition, but for what names the others."""
    kept = [
        Entry(name, edition.files[name]["n_bytes"], edition.files[name]["sha256"], media_type, words)
        for name, (media_type, words) in _KEPT.items()
        if name in edition.files
    ]
    written = [_written(edition.snapshot, name) for name in _WRITTEN]
    archives = [
        Entry(
            each["name"],
            each["n_bytes"],
            edition.sums.get(each["name"]),
            each["media_type"],
            each["purpose"],
            each["n_pictures"],
        )
        for each in edition.archives
    ]
    return [*kept, *written, *archives]


def _written(snapshot: Snapshot, name: str) -> Entry:
    media_type, words, write = _WRITTEN[name]
    data = write(snapshot)
    return Entry(name, len(data), hashlib.sha256(data).hexdigest(), media_type, words)


@dataclass(frozen=True)
class Body:
    """A file to send."""

    name: str
    media_type: str
    etag: str
    n_bytes: int
    read: Callable[[int, int], Iterator[bytes]]
    stored_as: str = ""  # in the private storage, if it lies there just so
    close: Callable[[], None] = lambda: None


class NoSuchFileError(LookupError):
    """A snapshot has no file of this name."""


def body(edition: Edition, name: str, url_of: Callable[[str], str]) -> Body:
    """Return the file of this name. Raises NoSuchFileError.

    url_of: from a file's name to its whole address, and from "" to that of the snapshot's page.
    """
    if name in edition.files:
        stored_as, (media_type, _words) = edition.stored_as(name), _KEPT[name]
        file = cast(BinaryIO, private_storage().open(stored_as, "rb"))
        stored = Stored(file, edition.files[name]["n_bytes"])
        return Body(
            name, media_type, _etag(edition, name), stored.n_bytes, stored.read, stored_as, file.close
        )
    if name in _WRITTEN:
        media_type, _words, write = _WRITTEN[name]
        return _text(name, media_type, write(edition.snapshot))
    if name == SUMS:
        return _text(name, TEXT, sums(edition).encode())
    if name == CROISSANT:
        about_it = citing.described(edition.snapshot, listing(edition), url_of(""), url_of)
        return _text(name, JSON_LD, canonical(about_it))
    media_types = {each["name"]: each["media_type"] for each in edition.archives}
    if name not in media_types:
        raise NoSuchFileError(
            gettext("Expected a file of %(snapshot)s; found %(name)s.")
            % {"snapshot": edition.snapshot, "name": repr(name[:80])}
        )
    manifest = cast(BinaryIO, edition.open(MANIFEST))
    virtual = _virtual(edition, name, manifest)
    return Body(
        name, media_types[name], _etag(edition, name), virtual.n_bytes, virtual.read, close=manifest.close
    )


def _etag(edition: Edition, name: str) -> str:
    made = [edition.snapshot.digest, edition.key, formats.LAYOUT, name]
    return hashlib.sha256("\n".join(made).encode()).hexdigest()[:32]


def _text(name: str, media_type: str, data: bytes) -> Body:
    return Body(
        name,
        media_type,
        hashlib.sha256(data).hexdigest()[:32],
        len(data),
        lambda start, stop: iter([data[start:stop]]),
    )


def sums(edition: Edition) -> str:
    """Return the checksums that are known, as sha256sum reads them."""
    return checksums((each.name, each.sha256) for each in listing(edition) if each.sha256)


@contextmanager
def archive(edition: Edition, name: str) -> Iterator[VirtualFile]:
    """Lend an archive of an edition. Raises formats.UnknownFileError."""
    with edition.open(MANIFEST) as manifest:
        yield _virtual(edition, name, manifest)


def _virtual(edition: Edition, name: str, manifest: BinaryIO) -> VirtualFile:
    snapshot = edition.snapshot
    return formats.open_virtual(
        name, manifest, snapshot.taxonomy, open_picture, about(snapshot), edition.memo
    )


def open_picture(sha256: str, file_name: str) -> BinaryIO:
    """Open a picture's file by what the manifest says of it. Raises FileNotFoundError."""
    return cast(BinaryIO, default_storage.open(f"{sha256[:2]}/{file_name}", "rb"))
