"""A folder of backups: files by the hash of what is in them, so that none is kept twice. Imports no Django.

objects/ab/ab12...          what was in a file, named by its SHA-256
2026-05-01T030000Z/         one backup; it appears under this name when it is whole
    manifest.json           what it is of, and the digests of the two beside it
    database                the dump
    files.jsonl             a line for each file: its storage, name, hash and size
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO
from uuid import uuid4

FORMAT = 1
MANIFEST, DATABASE, FILES = "manifest.json", "database", "files.jsonl"
UNFINISHED = ".unfinished-"
PIECE = 2**20


class BackupError(Exception):
    """A backup that cannot be made or read; the message says what was expected, what was found, and where."""


@dataclass(frozen=True)
class Kept:
    """A file of a backup. modified: when it was changed last, in seconds since 1970."""

    storage: str
    name: str
    sha256: str
    size: int
    modified: float


@dataclass(frozen=True)
class Backup:
    """One whole backup."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def database(self) -> Path:
        return self.folder / DATABASE

    def files(self) -> Iterator[Kept]:
        with (self.folder / FILES).open(encoding="utf-8") as lines:
            for line in lines:
                yield Kept(**json.loads(line))


class Archive:
    def __init__(self, folder: Path) -> None:
        self.folder, self._objects = folder, folder / "objects"

    def backups(self) -> list[Backup]:
        """Return the whole backups, the oldest first."""
        found = sorted(path.parent for path in self.folder.glob(f"[!.]*/{MANIFEST}"))
        return [_read(folder) for folder in found]

    def backup(self, name: str = "") -> Backup:
        """Return the backup of this name, or the latest. Raises BackupError."""
        found = {backup.name: backup for backup in self.backups()}
        if not found:
            raise BackupError(f"Expected a backup in {self.folder}; found none.")
        if not name:
            return found[max(found)]
        if name not in found:
            raise BackupError(f"Expected one of {', '.join(found)}; found {name!r}.")
        return found[name]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from changing the archive. Raises BackupError if somebody does."""
        self._objects.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BackupError(f"Another backup into {self.folder} is being made.") from error
            for left in self.folder.glob(f"{UNFINISHED}*"):
                shutil.rmtree(left)
            yield

    def begin(self) -> Path:
        """Return an empty folder for the next backup, which is none until finish()."""
        folder = self.folder / f"{UNFINISHED}{uuid4().hex}"
        folder.mkdir()
        return folder

    def finish(self, folder: Path, files: Iterable[Kept], **told: Any) -> Backup:
        """Make a backup of `folder`, which has a database, and of `files`, whose contents were put."""
        n_files = n_bytes = 0
        with (folder / FILES).open("w", encoding="utf-8") as lines:
            for kept in files:
                lines.write(json.dumps(asdict(kept)) + "\n")
                n_files, n_bytes = n_files + 1, n_bytes + kept.size
        manifest = {
            "format": FORMAT,
            "made_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
            **told,
            "n_files": n_files,
            "n_bytes": n_bytes,
            "digests": {name: digest(folder / name) for name in (DATABASE, FILES)},
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        os.sync()  # all is on the disk before it has a name
        named = self.folder / f"{datetime.now(tz=UTC):%Y-%m-%dT%H%M%S.%fZ}"
        folder.rename(named)
        return _read(named)

    def put(self, file: BinaryIO) -> tuple[str, int]:
        """Keep what is in `file`; return its hash and size."""
        found, size = hashlib.sha256(), 0
        with NamedTemporaryFile(dir=self._objects, prefix=UNFINISHED, delete=False) as copy:
            beside = Path(copy.name)
            try:
                while piece := file.read(PIECE):
                    found.update(piece)
                    copy.write(piece)
                    size += len(piece)
                copy.close()
                kept = self.object(found.hexdigest())
                kept.parent.mkdir(exist_ok=True)
                beside.replace(kept)
            finally:
                beside.unlink(missing_ok=True)
        return found.hexdigest(), size

    def object(self, sha256: str) -> Path:
        return self._objects / sha256[:2] / sha256

    def verify(self, backup: Backup) -> None:
        """Read every byte of a backup. Raises BackupError at the first that is not as it was."""
        for name, expected in backup.manifest["digests"].items():
            _compare(backup.folder / name, expected)
        for sha256 in {kept.sha256 for kept in backup.files()}:
            _compare(self.object(sha256), sha256)

    def prune(self, keep: int) -> int:
        """Delete all but the latest `keep` backups, and what only those had; return how many backups that were."""
        with self.alone():
            backups = self.backups()
            old = backups[: max(0, len(backups) - keep)]
            for backup in old:
                unnamed = self.folder / f"{UNFINISHED}{uuid4().hex}"
                backup.folder.rename(unnamed)
                shutil.rmtree(unnamed)
            if old:
                wanted = {kept.sha256 for backup in self.backups() for kept in backup.files()}
                for path in self._objects.glob("*/*"):
                    if path.name not in wanted:
                        path.unlink()
            for path in self._objects.glob(f"{UNFINISHED}*"):
                path.unlink()
            return len(old)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file. Raises BackupError where it is missing."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise BackupError(f"Expected the file {path}; it is missing.") from error


def _compare(path: Path, expected: str) -> None:
    if (found := digest(path)) != expected:
        raise BackupError(f"{path}: expected SHA-256 {expected}; found {found}.")


def _read(folder: Path) -> Backup:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["format"] != FORMAT:
        raise BackupError(f"{folder}: expected format {FORMAT}; found {manifest['format']}.")
    return Backup(folder, manifest)
