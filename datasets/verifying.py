"""Every byte of a snapshot, read again: what is not as it was frozen, in sentences."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.files.storage import default_storage

from config.storage import private_storage
from datasets.card import public_card
from datasets.manifest import (
    ManifestError,
    ManifestRow,
    RemainderRow,
    Row,
    VoteRow,
    digest_of,
    json_seal,
    leaf,
    read_rows,
    seal_of,
)
from datasets.models import Edition, Snapshot

CHUNK = 2**20


def verify(snapshot: Snapshot) -> Iterator[str | None]:
    """Yield a sentence for each thing that is wrong, and None for each thing that was found right: the seal, each
    part of it, each kept file of each edition, and each picture that is not withdrawn.
    """
    yield from _seal(snapshot)
    for edition in snapshot.editions.all():
        yield from _files(edition)
    yield from _pictures(snapshot)


def _seal(snapshot: Snapshot) -> Iterator[str | None]:
    if not snapshot.seal:
        yield "Frozen before snapshots had seals: its digest cannot be proved."
        return
    yield _unless(digest_of(snapshot.seal), snapshot.digest, "The digest of the seal")
    parts: dict[str, Any] = {
        "taxonomy": lambda: json_seal(snapshot.taxonomy),
        "card": lambda: json_seal(public_card(snapshot.card)),
        "rows": lambda: _leaves(snapshot, "manifest", ManifestRow),
        "remainder": lambda: _leaves(snapshot, "remainder", RemainderRow),
        "votes": lambda: _leaves(snapshot, "votes", VoteRow),
    }
    for name, sealed in snapshot.seal.items():
        try:
            yield _unless(parts[name](), sealed, f"The SHA-256 of its {name}")
        except FileNotFoundError:
            yield f"Expected the file of its {name} at {getattr(snapshot, _FILES[name]).name}; it is not there."
        except ManifestError as error:
            yield f"The file of its {name}: {error}"


_FILES = {"rows": "manifest", "remainder": "remainder", "votes": "votes"}


def _leaves(snapshot: Snapshot, name: str, kind: type[Row]) -> str:
    with snapshot.open(name) as file:
        return seal_of(map(leaf, read_rows(kind, file)))


def _files(edition: Edition) -> Iterator[str | None]:
    for name, kept in edition.files.items():
        stored_as = edition.stored_as(name)
        try:
            with private_storage().open(stored_as, "rb") as file:
                n_bytes, sha256, _crc32 = _measured(file)
        except FileNotFoundError:
            yield f"Expected the file {stored_as}; it is not there."
            continue
        yield _unless(n_bytes, kept["n_bytes"], f"The size of {stored_as}")
        yield _unless(sha256, kept["sha256"], f"The SHA-256 of {stored_as}")


def _pictures(snapshot: Snapshot) -> Iterator[str | None]:
    withdrawn = snapshot.withdrawn_here()
    try:
        for row in snapshot.rows():
            if row.sha256 not in withdrawn:
                yield _picture(row)
    except (FileNotFoundError, ManifestError):
        return  # told with the seal


def _picture(row: ManifestRow) -> str | None:
    name = f"{row.sha256[:2]}/{row.file_name}"
    try:
        with default_storage.open(name, "rb") as file:
            n_bytes, sha256, crc32 = _measured(file)
    except FileNotFoundError:
        return f"Expected the picture {name}; it is not there."
    if not row.n_bytes:
        n_bytes, crc32 = row.n_bytes, row.crc32  # frozen before these were kept
    return (
        _unless(sha256, row.sha256, f"The SHA-256 of the picture {name}")
        or _unless(n_bytes, row.n_bytes, f"The size of the picture {name}")
        or _unless(crc32, row.crc32, f"The CRC-32 of the picture {name}")
    )


def _measured(file: Any) -> tuple[int, str, int]:
    """Return the size, the SHA-256 and the CRC-32 of a file, read to its end."""
    n_bytes, whole, crc32 = 0, hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        n_bytes += len(chunk)
        whole.update(chunk)
        crc32 = zlib.crc32(chunk, crc32)
    return n_bytes, whole.hexdigest(), crc32


def _unless(found: object, expected: object, what: str) -> str | None:
    return None if found == expected else f"{what}: expected {expected}; found {found}."


def wrong(checks: Iterable[str | None]) -> list[str]:
    """Return the sentences."""
    return [sentence for sentence in checks if sentence is not None]
