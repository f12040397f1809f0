from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.freezing import NothingToFreezeError, freeze
from labeling.models import Collection


class Command(BaseCommand):
    help = "Freeze a collection's settled questions into a snapshot."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="SLUG")
        parser.add_argument("--min-confidence", type=float, help="the collection's target, unless given")

    def handle(self, *, collection: str, min_confidence: float | None, **options: Any) -> None:
        found = Collection.objects.filter(slug=collection).first()
        if found is None:
            raise CommandError(f"There is no collection {collection!r}.")
        try:
            snapshot = freeze(found, min_confidence)
        except NothingToFreezeError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{snapshot}: {snapshot.n_images:,} pictures, digest {snapshot.digest}.")
