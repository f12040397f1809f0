from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operations.archive import BackupError
from operations.restoring import restore


class Command(BaseCommand):
    help = (
        "Restore a backup: every byte of it is verified first, then it takes the place of all that is here."
    )
    # The database may be an empty one.
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--backup", default="", metavar="NAME", help="the latest unless another is said")
        parser.add_argument(
            "--replace", action="store_true", help="though there is something here, which goes"
        )

    def handle(self, *, folder: Path, backup: str, replace: bool, **options: Any) -> None:
        if not folder.is_dir():
            raise CommandError(f"Expected a folder of backups; {folder} is none.")
        try:
            restored = restore(folder, backup, replace=replace)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{restored.name} was verified and restored. Run manage.py migrate, then start the site's processes."
        )
