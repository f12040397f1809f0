"""A backup into the place of what is here: all of it, or nothing."""

import hashlib
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts.models import User
from labeling.models import Image
from operations import dumping, stored_files
from operations.archive import Archive, Backup, BackupError, Kept
from taxonomy.models import Synset


class NotEmptyError(BackupError):
    """There is something here that a restore would take away."""


def marker() -> Path:
    """Where it is written which restore has begun to change what is here, and has not ended."""
    return Path(settings.VAR_DIR) / "restoring"


def restore(folder: Path, name: str = "", *, replace: bool = False) -> Backup:
    """Restore the backup `name`, or the latest one. Raises BackupError before anything is changed.

    replace: whatever is here may go.
    Files that are missing here come first: nothing knows of them yet. Then the rows, in one transaction. Then the
    files that differ, and those that the backup has not go. Until the transaction ends all is as it was; from there
    on, a restore that was killed is finished by the same one again.
    """
    archive = Archive(folder)
    with archive.alone():
        backup = archive.backup(name)
        _refuse_others(backup)
        if not replace and _is_anything_here():
            raise NotEmptyError(
                "Expected an empty site to restore into; this one has people, pictures or nouns. "
                "With --replace they go."
            )
        archive.verify(backup)
        differing = _add_missing(archive, backup)
        marker().write_text(f"{backup.folder}\n")
        dumping.load(backup.database, backup.manifest["rows"])
        for kept in differing:
            _write(archive, kept)
        _delete_others(backup)
        marker().unlink()
    return backup


def _refuse_others(backup: Backup) -> None:
    if (made_of := backup.manifest["database"]) != connection.vendor:
        raise BackupError(f"Expected a backup of {connection.vendor}; {backup.name} is one of {made_of}.")
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := [each for each in backup.manifest["migrations"] if each not in known]:
        raise BackupError(
            f"{backup.name} was made by a newer version of the site: this one does not know {unknown[0]}."
        )


def _is_anything_here() -> bool:
    tables = connection.introspection.table_names()
    return any(
        model._meta.db_table in tables and model._default_manager.exists() for model in (User, Image, Synset)
    )


def _add_missing(archive: Archive, backup: Backup) -> list[Kept]:
    """Write the files that are not here; return those that are, and are others."""
    here = {(what, name) for what in stored_files.STORAGES for name in stored_files.names(what)}
    differing = []
    for kept in backup.files():
        if (kept.storage, kept.name) not in here:
            _write(archive, kept)
        elif not _is_same(kept):
            differing.append(kept)
    return differing


def _is_same(kept: Kept) -> bool:
    if stored_files.storage(kept.storage).size(kept.name) != kept.size:
        return False
    with closing(stored_files.open_file(kept.storage, kept.name)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == kept.sha256  # type: ignore[arg-type]


def _write(archive: Archive, kept: Kept) -> None:
    with archive.object(kept.sha256).open("rb") as content:
        stored_files.write(kept.storage, kept.name, content)


def _delete_others(backup: Backup) -> None:
    wanted = {(kept.storage, kept.name) for kept in backup.files()}
    for what in stored_files.STORAGES:
        for name in [name for name in stored_files.names(what) if (what, name) not in wanted]:
            stored_files.storage(what).delete(name)
