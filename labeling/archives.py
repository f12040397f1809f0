"""A folder, a ZIP or a TAR -> its files, one after the other. Pure; holds one file at a time.

Nothing is ever written where a member's name points, and still a name that climbs is refused: who made it meant harm.
What a system leaves behind by itself is passed over in silence: directories, all that is below `__MACOSX/`, and files
named `.DS_Store`, `Thumbs.db`, `desktop.ini` or `._...`. Everything else is either given or refused by name.
"""

import bz2
import gzip
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labeling.pictures import MAX_BYTES

JUNK = {".DS_Store", "Thumbs.db", "desktop.ini"}
# A picture is packed already, so packing it again gains little. What unpacks to many times its size is a bomb.
# Source: Fifield, A better zip bomb (2019): DEFLATE reaches 1,032.
MAX_RATIO = 100
FREE_BYTES = 2**20  # up to here nobody is harmed, however well it was packed
MAX_HEADER_BYTES = 2**20  # of a tar's own notes, as long names are
STEP = 2**16
# How an archive begins. A tar says what it is behind its first name.
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
OTHER_ARCHIVES = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd")
BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError,
    NotImplementedError, RuntimeError, IndexError,
)  # fmt: skip


class ArchiveError(ValueError):
    """There is nothing to read at all; the message says what was expected and found."""


@dataclass(frozen=True)
class Entry:
    """One file: either its bytes or why they were not taken."""

    name: str  # its path within the folder or archive
    data: bytes | None
    why: str = ""


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the files of a folder, of a ZIP or of a TAR (.tar, .tar.gz, .tar.bz2, .tar.xz), in a stable order.

    A folder's files come in the order of their names, an archive's as they lie in it. One that is broken, too large,
    too well packed, encrypted, a link, a device, an archive itself, or whose name climbs, is refused and the others
    are given. Raises ArchiveError if `path` is neither a folder nor an archive.
    """
    if path.is_dir():
        yield from _in_folder(path)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise ArchiveError(f"{path}: expected a folder or an archive; found {error.strerror}.") from error
    with file:
        if not is_archive(file):
            raise ArchiveError(f"{path}: expected a folder, a ZIP or a TAR; found another kind of file.")
        yield from unpack(file)


def is_archive(file: IO[bytes]) -> bool:
    """Say whether `file` begins as a ZIP or a TAR, packed or not; leave it at its start."""
    file.seek(0)
    start = file.read(512)
    file.seek(0)
    return start.startswith(b"PK") or _is_tar(start) or _packing(start) is not None


def unpack(file: IO[bytes]) -> Iterator[Entry]:
    """Yield the files of an archive that is open, as `read_entries` does. It must be one that can seek."""
    file.seek(0)
    start = file.read(512)
    file.seek(0)
    yield from _in_zip(file) if start.startswith(b"PK") else _in_tar(file, _packing(start))


def count_files(file: IO[bytes]) -> int | None:
    """Return how many files `unpack` gives of an archive, a broken one counting as one, and 1 of another file.

    None where only reading all of it would tell, as of a TAR.
    """
    if not is_archive(file):
        return 1
    if file.read(2) != b"PK":
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            return sum(_is_given(member) for member in archive.infolist())
    except BROKEN:
        return 1


def printable(name: str) -> str:
    """Return `name` with what is no text, or would command a terminal, as question marks."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _is_tar(start: bytes) -> bool:
    return start[257:262] == b"ustar"


def _packing(start: bytes) -> str | None:
    return next((name for magic, name in PACKED.items() if start.startswith(magic)), None)


def _is_junk(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts[:-1] or parts[-1] in JUNK or parts[-1].startswith("._")


def _why_not_name(name: str) -> str:
    """Return why a member of this name is refused; "" if it is not."""
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return "Expected a path within the archive; found one from the root of a disk."
    if ".." in path.split("/"):
        return "Expected a path within the archive; found one that climbs out of it."
    return ""


def _why_not_size(n_bytes: int) -> str:
    if n_bytes <= MAX_BYTES:
        return ""
    return f"Expected at most {MAX_BYTES // 2**20} MiB; found {n_bytes / 2**20:,.1f} MiB."


def _entry(name: str, data: bytes) -> Entry:
    """Give a file that was read, unless it is too large or an archive."""
    why = _why_not_size(len(data))
    is_another = data.startswith((b"PK\x03\x04", *OTHER_ARCHIVES)) or _packing(data) is not None
    if not why and (is_another or _is_tar(data)):
        why = "Expected a picture; found an archive within. Unpack it, or take it in by itself."
    return Entry(name, None if why else data, why)


def _broken(name: str, error: Exception) -> Entry:
    return Entry(
        name, None, f"Expected a whole file; found one that cannot be read ({error or type(error).__name__})."
    )


# --- Folders ---------------------------------------------------------------------------------------------------


def _in_folder(root: Path) -> Iterator[Entry]:
    """Yield what lies below `root`, a folder's own files before those of the folders in it."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as found:
                items = sorted(found, key=lambda item: item.name)
        except OSError as error:
            yield _broken(folder, error)
            continue
        inner = []
        for item in items:
            name = folder + item.name
            if item.is_symlink():
                yield Entry(name, None, "Expected a file; found a symbolic link.")
            elif item.is_dir():
                if item.name != "__MACOSX":
                    inner.append(f"{name}/")
            elif not _is_junk(name):
                yield _file(name, item)
        waiting += reversed(inner)


def _file(name: str, item: "os.DirEntry[str]") -> Entry:
    if not item.is_file():
        return Entry(name, None, "Expected a file; found a device or a pipe.")
    try:
        if why := _why_not_size(item.stat().st_size):
            return Entry(name, None, why)
        with open(item.path, "rb") as file:
            return _entry(name, file.read(MAX_BYTES + 1))
    except OSError as error:
        return _broken(name, error)


# --- ZIP -------------------------------------------------------------------------------------------------------


def _in_zip(file: IO[bytes]) -> Iterator[Entry]:
    try:
        archive = zipfile.ZipFile(file)
    except BROKEN as error:
        raise ArchiveError(f"Expected a whole ZIP archive; found {error}.") from error
    with archive:
        for member in archive.infolist():
            if _is_given(member):
                yield _zip_member(archive, member)


def _is_given(member: zipfile.ZipInfo) -> bool:
    return not member.is_dir() and not _is_junk(member.filename)


def _zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Entry:
    name = member.filename
    if why := _why_not_name(name) or _why_not_kind(member) or _why_not_size(member.file_size):
        return Entry(name, None, why)
    if member.file_size > FREE_BYTES and member.file_size > MAX_RATIO * member.compress_size:
        return _bomb(name, member.file_size, member.compress_size)
    try:
        with archive.open(member) as file:
            return _entry(name, file.read(MAX_BYTES + 1))  # the size that it declares may be a lie
    except BROKEN as error:
        return _broken(name, error)


def _why_not_kind(member: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "Expected a file; found a symbolic link."
    if kind not in (0, stat.S_IFREG):
        return "Expected a file; found a device or a pipe."
    return "Expected a file that anybody can read; found an encrypted one." if member.flag_bits & 1 else ""


def _bomb(name: str, n_unpacked: int, n_packed: int) -> Entry:
    times = n_unpacked // max(n_packed, 1)
    return Entry(name, None, f"Expected a picture; found a file that unpacks to {times:,} times its size.")


# --- TAR -------------------------------------------------------------------------------------------------------


class _BombError(OSError):
    """What is unpacked is so much more than what was read that it cannot be pictures."""


class _Unpacked:
    """The bytes of a packed tar, unpacked as they are asked for, until they are too many for what was read."""

    def __init__(self, file: IO[bytes], packing: str | None) -> None:
        self._packed = file
        openers: dict[str | None, Any] = {
            "gzip": gzip.open,
            "bzip2": bz2.open,
            "xz": lzma.open,
            None: lambda f: f,
        }
        self._file = openers[packing](file)
        self._n_given = 0

    def read(self, n_bytes: int) -> bytes:
        data: bytes = self._file.read(n_bytes)
        self._n_given += len(data)
        if self._n_given > FREE_BYTES + MAX_BYTES + MAX_RATIO * self._packed.tell():
            raise _BombError
        return data


class _Member(tarfile.TarInfo):
    """A member whose own notes are bounded: Python reads those whole, whatever size they declare."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        is_note = self.type in (
            tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
            tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
        )  # fmt: skip
        if is_note and self.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError("a name or note of many megabytes")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


def _in_tar(file: IO[bytes], packing: str | None) -> Iterator[Entry]:
    place = "(the first file)"
    try:
        unpacked: Any = _Unpacked(file, packing)
        with tarfile.open(fileobj=unpacked, mode="r|", tarinfo=_Member) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # it grows with the archive
                place = member.name
                if not member.isdir() and not _is_junk(member.name):
                    yield _tar_member(archive, member)
                place = f"(what follows {member.name})"
    except _BombError:
        yield Entry(place, None, f"Expected pictures; found what unpacks to over {MAX_RATIO} times its size.")
    except BROKEN as error:
        # Where a member ends is known from what stands before it, so nothing behind a broken place can be found.
        yield _broken(place, error)


def _tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    if why := _why_not_name(member.name) or _why_not_tar_kind(member) or _why_not_size(member.size):
        return Entry(member.name, None, why)
    file = archive.extractfile(member)
    assert file is not None  # noqa: S101  # as it is a regular file
    return _entry(member.name, file.read(MAX_BYTES + 1))


def _why_not_tar_kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "Expected a file; found a symbolic link."
    if member.islnk():
        return "Expected a file; found a hard link."
    if not member.isreg() or member.issparse():
        return "Expected a file; found a device, a pipe or a file with holes."
    return ""
