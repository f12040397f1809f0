"""A Snapshot -> an Edition: the files that anybody may download, made from it with what is held back today."""

import csv
import hashlib
import io
import tempfile
from collections.abc import Callable
from typing import Any, BinaryIO

from django.core.files import File

from config.storage import private_storage
from datasets import formats
from datasets.models import Edition, Snapshot
from datasets.models.editions import VOTES, held_back, held_back_key
from datasets.public import HeldBackRow, public_remainder, write_public

MANIFEST, MANIFEST_CSV, REMAINDER, HELD_BACK = (
    "manifest.parquet",
    "manifest.csv",
    "remainder.csv",
    "withdrawn.csv",
)
REMAINDER_COLUMNS = ("sha256", "split", "reason", "wnid", "synset", "confidence", "n_votes", "leaf")
AT_ONCE = 50_000  # pictures of a snapshot whose files are made while somebody waits, in a second
Save = Callable[[str, BinaryIO], str]
Tick = Callable[[], None]


def about(snapshot: Snapshot) -> str:
    """Return what archives say of the snapshot they were made from, the same for all of its editions."""
    return f"{snapshot.collection.name}\nDigest of the snapshot: {snapshot.digest}\n"


class AtWorkError(Exception):
    """The files without what was withdrawn last are being made."""


def current_edition(snapshot: Snapshot) -> Edition:
    """Return the edition with what is to be held back today. Where it is not there, a small one is made now; of a
    large one a worker is told, and AtWorkError raised.
    """
    found = Edition.objects.now(snapshot)
    if found is None and snapshot.n_images > AT_ONCE:
        raise AtWorkError(f"{snapshot}: its files are being made anew.")
    edition = found or publish_now(snapshot)
    edition.snapshot = snapshot
    return edition


def publish_missing() -> int:
    """Make the large editions that are wanted today and not there; return how many those were."""
    wanted = missing()
    for snapshot in wanted:
        publish_now(snapshot)
    return len(wanted)


def missing() -> list[Snapshot]:
    """Return the large snapshots of which the edition that is wanted today is not there."""
    large = Snapshot.objects.filter(n_images__gt=AT_ONCE).select_related("collection")
    return [snapshot for snapshot in large if Edition.objects.now(snapshot) is None]


def publish_now(snapshot: Snapshot) -> Edition:
    """Make and keep the edition with what is to be held back today."""
    edition = publish(snapshot, lambda name, file: private_storage().save(name, File(file)))
    # Two that make one at once write the same files.
    Edition.objects.bulk_create([edition], ignore_conflicts=True)
    return Edition.objects.get(snapshot=snapshot, key=edition.key)


def publish(snapshot: Snapshot, save: Save, tick: Tick = lambda: None) -> Edition:
    """Make the public files of a snapshot whose own files are there; return the edition, which is not kept yet.

    tick: called now and then; what it raises ends it.
    """
    withdrawn, sensitive = held_back(snapshot)
    edition = Edition(snapshot=snapshot, key=held_back_key(withdrawn, sensitive), files={})
    with tempfile.TemporaryFile() as rows, tempfile.TemporaryFile() as lines:
        with snapshot.open("manifest") as private:
            left_out = write_public(
                private,
                snapshot.classes,
                rows,
                lines,
                withdrawn=withdrawn,
                sensitive=sensitive,
                tick=tick,
            )
        # What was frozen before there were seals does not say how large its pictures are.
        if snapshot.seal:
            edition.archives = [
                each._asdict()
                for each in formats.listing(rows, snapshot.taxonomy, about(snapshot), edition.memo)
            ]
        _keep(edition, MANIFEST, rows, save)
        _keep(edition, MANIFEST_CSV, lines, save)
    with tempfile.TemporaryFile() as lines:
        _write_csv(lines, REMAINDER_COLUMNS, public_remainder(snapshot.remainder_rows()))
        _keep(edition, REMAINDER, lines, save)
    with tempfile.TemporaryFile() as lines:
        _write_csv(lines, HeldBackRow._fields, left_out)
        _keep(edition, HELD_BACK, lines, save)
    if snapshot.votes:
        with snapshot.open("votes") as file:
            edition.files[VOTES] = _measured(file)
    edition.n_held_back = len(left_out)
    return edition


def _write_csv(file: BinaryIO, header: Any, rows: Any) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    text.detach()


def _keep(edition: Edition, name: str, file: BinaryIO, save: Save) -> None:
    edition.files[name] = _measured(file)
    save(edition.stored_as(name), file)


def _measured(file: Any) -> dict[str, Any]:
    n_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    whole = hashlib.sha256()
    while chunk := file.read(2**20):
        whole.update(chunk)
    return {"n_bytes": n_bytes, "sha256": whole.hexdigest()}
