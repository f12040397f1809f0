"""The files of the site, wherever they are kept: a folder or S3."""

from collections.abc import Iterator
from typing import BinaryIO, cast

from django.core.files import File
from django.core.files.storage import Storage, storages

STORAGES = {"pictures": "default", "private": "private"}
# What the doctor writes, for a moment.
NOT_KEPT = "operations/"


def storage(what: str) -> Storage:
    return storages[STORAGES[what]]


def names(what: str) -> Iterator[str]:
    """Yield the name of each file."""
    for name in _below(storage(what), ""):
        if not name.startswith(NOT_KEPT):
            yield name


def _below(files: Storage, folder: str) -> Iterator[str]:
    try:
        folders, here = files.listdir(folder)
    except FileNotFoundError:  # nothing was ever written there, or it has just gone
        return
    for name in here:
        if name:  # S3 lists a folder within itself, without a name
            yield f"{folder}{name}"
    for name in folders:
        yield from _below(files, f"{folder}{name}/")


def open_file(what: str, name: str) -> BinaryIO:
    return cast(BinaryIO, storage(what).open(name, "rb"))


def write(what: str, name: str, content: BinaryIO) -> None:
    """Write a file in the place of one of that name."""
    kept = storage(what).save(name, File(content))
    if kept != name:
        raise OSError(f"Expected to write {name}; it became {kept}.")
