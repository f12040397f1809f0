"""What keeps files in a folder. Imports nothing of the site, so that what only checks pictures starts fast."""

import os
import threading
from contextlib import suppress

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class FolderStorage(FileSystemStorage):
    """A folder in which a file appears at once and whole, or not at all, as on S3: where the disk is full or the
    process is killed, what was there before stays, and nobody reads a part of a file.
    """

    def _save(self, name: str, content: File) -> str:
        path = self.path(name)
        beside = beside_of(path)
        try:
            name_beside = os.path.relpath(beside, self.location)
            kept = super()._save(name_beside, content)  # type: ignore[misc]  # unknown to its stub
            os.replace(self.path(kept), path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.remove(beside)
            raise
        return name


def beside_of(path: str) -> str:
    """Return where this thread writes what is to be renamed to `path`."""
    return f"{path}.{os.getpid()}-{threading.get_ident()}"
