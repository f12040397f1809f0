"""The whole site into a folder of backups: its rows and every file, those that are there already not again."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import django
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from operations import dumping, stored_files
from operations.archive import DATABASE, Archive, Backup, Kept

Key = tuple[str, str]  # storage and name


@dataclass(frozen=True)
class Report:
    backup: Backup
    n_copied: int  # of its files; the others were there


def back_up(folder: Path) -> Report:
    """Back the site up into `folder`. Raises BackupError.

    People go on working. The files are gone over twice, before the rows are read and after, since what a row names
    has to be there: what was deleted meanwhile was found before, what was added is found after.
    """
    archive = Archive(folder)
    with archive.alone():
        copying = _Copying(archive)
        before = copying.copy()
        unfinished = archive.begin()
        counts = dumping.dump(unfinished / DATABASE)
        files = {**before, **copying.copy()}
        backup = archive.finish(unfinished, files.values(), **_about(), rows=counts)
    return Report(backup, copying.n_copied)


def _about() -> dict[str, object]:
    applied = MigrationLoader(connection).applied_migrations
    return {
        "database": connection.vendor,
        "django": django.get_version(),
        "migrations": sorted(f"{app}.{name}" for app, name in applied),
    }


class _Copying:
    def __init__(self, archive: Archive) -> None:
        self._archive, self.n_copied = archive, 0
        latest = archive.backups()[-1:]
        self._known: dict[Key, Kept] = {
            (kept.storage, kept.name): kept for backup in latest for kept in backup.files()
        }

    def copy(self) -> dict[Key, Kept]:
        """Keep every file that is new or was changed; return all that are there."""
        found = {
            (kept.storage, kept.name): kept for what in stored_files.STORAGES for kept in self._copy(what)
        }
        self._known |= found
        return found

    def _copy(self, what: str) -> Iterator[Kept]:
        for name in stored_files.names(what):
            known = self._known.get((what, name))
            # A picture is named by what is in it.
            if known and (what == "pictures" or self._is_unchanged(known)):
                yield known
            elif (kept := self._keep(what, name)) is not None:
                yield kept

    def _is_unchanged(self, known: Kept) -> bool:
        files = stored_files.storage(known.storage)
        try:
            size, modified = files.size(known.name), files.get_modified_time(known.name).timestamp()
        except FileNotFoundError:
            return False
        return (size, modified) == (known.size, known.modified)

    def _keep(self, what: str, name: str) -> Kept | None:
        """Copy one file; None if it has gone since it was listed."""
        try:
            modified = stored_files.storage(what).get_modified_time(name).timestamp()
            with closing(stored_files.open_file(what, name)) as file:
                sha256, size = self._archive.put(file)
        except FileNotFoundError:
            return None
        self.n_copied += 1
        return Kept(what, name, sha256, size, modified)
