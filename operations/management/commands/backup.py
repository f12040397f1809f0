from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operations.archive import Archive, BackupError
from operations.backing_up import back_up


class Command(BaseCommand):
    help = "Back the whole site up into a folder: rows, pictures and private files, none twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--keep", type=int, metavar="N", help="delete all but the latest N backups in it")

    def handle(self, *, folder: Path, keep: int | None, **options: Any) -> None:
        if keep is not None and keep < 1:
            raise CommandError(f"--keep: expected 1 or more; found {keep}.")
        try:
            report = back_up(folder)
            n_pruned = Archive(folder).prune(keep) if keep else 0
        except BackupError as error:
            raise CommandError(str(error)) from error
        told = report.backup.manifest
        self.stdout.write(
            f"{report.backup.folder}: {sum(told['rows'].values()):,} rows of {len(told['rows'])} tables and "
            f"{told['n_files']:,} files ({told['n_bytes'] / 2**20:,.1f} MiB), {report.n_copied:,} of them copied now."
        )
        if n_pruned:
            self.stdout.write(f"{n_pruned} older backups were deleted.")
