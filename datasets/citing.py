"""A snapshot in the words of those who cite it, and in Croissant's, which machines find and load."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from datasets.formats.croissant import Description, File, croissant
from datasets.formats.rows import classes_of
from datasets.models import Snapshot

if TYPE_CHECKING:
    from datasets.downloads import Entry

NOT_SAID = "Not said: see the credit of each picture."


def citation(snapshot: Snapshot, url: str) -> str:
    """Return one line that says which pictures and labels these are, and proves it."""
    return f"{snapshot} ({snapshot.created_at.year}). {url} SHA-256 {snapshot.digest}"


def described(
    snapshot: Snapshot, entries: Iterable["Entry"], url: str, url_of: Callable[[str], str]
) -> dict[str, Any]:
    """Return croissant.json of a snapshot with these files.

    url: of its page; url_of: from a file's name to its address. Checksums are that of the whole file.
    """
    card = snapshot.card
    text = (
        f"{snapshot.n_images:,} pictures under {snapshot.n_classes:,} nouns, labelled by people in a browser. "
        f"{snapshot.collection.guide}".strip()
    )
    licences = [licence for licence in card.get("licences", {}) if licence]
    files = [
        File(
            entry.name,
            url_of(entry.name),
            entry.n_bytes or 0,
            entry.media_type,
            entry.sha256,
            str(entry.words),
        )
        for entry in entries
    ]
    return croissant(
        Description(
            name=str(snapshot),
            text=text,
            url=url,
            version=f"{snapshot.number}.0.0",
            published_on=snapshot.created_at.date(),
            licences=licences or [NOT_SAID],
            citation=citation(snapshot, url),
            creators=[f"The volunteers of {snapshot.collection}"],
            digest=snapshot.digest,
            files=files,
            classes=classes_of(snapshot.taxonomy),
        )
    )
