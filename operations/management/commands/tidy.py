from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from operations import tidying


class Command(BaseCommand):
    help = "Delete what nobody needs any more, as beat has done every night."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count only")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        for chore in tidying.chores():
            n = chore.count() if dry_run else chore.do()
            self.stdout.write(f"{n:,} {chore.name}{' would go' if dry_run else ''}")
