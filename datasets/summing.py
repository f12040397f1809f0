"""The checksums of archives, which exist nowhere before they are sent: worked out once, by making them."""

import hashlib
import time

from datasets import downloads
from datasets.models import Edition

TELL_EVERY_S = 10


def sum_waiting() -> int:
    """Work out the checksums of the editions that lack some, the latest first; return of how many editions."""
    n_taken = 0
    while edition := Edition.objects.claim_unsummed():
        sum_archives(edition)
        n_taken += 1
    return n_taken


def sum_archives(edition: Edition) -> None:
    """Work out the checksum of each archive of an edition that has none; safe to be killed at any moment.

    Raises PictureFileError where a picture's file is not as it was.
    """
    for archive in edition.archives:
        if archive["name"] not in edition.sums:
            edition.keep_sum(archive["name"], _sum(edition, archive["name"]))
    edition.all_summed()


def _sum(edition: Edition, name: str) -> str:
    told_at = time.monotonic()
    whole = hashlib.sha256()
    with downloads.archive(edition, name) as file:
        for chunk in file.read(0, file.n_bytes):
            whole.update(chunk)
            if time.monotonic() - told_at > TELL_EVERY_S:
                edition.still_summing()
                told_at = time.monotonic()
    return whole.hexdigest()
