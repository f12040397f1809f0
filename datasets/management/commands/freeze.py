from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.choosing import Choice, FreezeRefusedError
from datasets.freezing import AlreadyFreezingError, freeze
from labeling.models import Collection


class Command(BaseCommand):
    help = "Freeze a collection's settled questions into a snapshot."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="SLUG")
        parser.add_argument("--min-confidence", type=float, help="the collection's target, unless given")
        parser.add_argument(
            "--class",
            dest="classes",
            action="append",
            metavar="WNID",
            help="a class, at any depth; labels below count for it; may be repeated (the collection's, unless given)",
        )
        parser.add_argument(
            "--with-votes",
            action="store_true",
            help="keep the votes too, except on test pictures, by pseudonyms",
        )
        parser.add_argument(
            "--may-lack", action="store_true", help="though a class has no picture in train, val or test"
        )

    def handle(
        self,
        *,
        collection: str,
        min_confidence: float | None,
        classes: list[str] | None,
        with_votes: bool,
        may_lack: bool,
        **options: Any,
    ) -> None:
        found = Collection.objects.filter(slug=collection).first()
        if found is None:
            raise CommandError(f"There is no collection {collection!r}.")
        choice = Choice(min_confidence, tuple(classes) if classes else None, with_votes, may_lack)
        try:
            snapshot = freeze(found, choice)
        except (FreezeRefusedError, AlreadyFreezingError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{snapshot}: {snapshot.n_images:,} pictures, digest {snapshot.digest}.")
