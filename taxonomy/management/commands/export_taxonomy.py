from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from tqdm import tqdm

from taxonomy.exporting import export_synsets
from taxonomy.formats import format_of, write_records
from taxonomy.models import Change, Synset, SynsetNotFoundError
from taxonomy.records import SynsetFileError


class Command(BaseCommand):
    help = "Write the taxonomy to a file (CSV, JSON or SKOS) that import_taxonomy reads back exactly."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="FILE")
        parser.add_argument(
            "--under", metavar="NOUN", help="only this noun, all below it and all above those"
        )

    @transaction.atomic
    def handle(self, *, path: Path, under: str | None, **options: Any) -> None:
        Change.objects.lock()
        # A file that is there stays as it was until the new one is whole.
        part = path.with_name(f"{path.name}.part")
        try:
            synset = Synset.objects.named(under) if under else None
            records = tqdm(export_synsets(synset), unit=" nouns", disable=None)
            write_records(records, part, format_of(path))
        except (SynsetFileError, SynsetNotFoundError) as error:
            part.unlink(missing_ok=True)
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"{path}: expected a file that can be written; found {error.strerror}."
            ) from error
        part.replace(path)
        self.stdout.write(f"{records.n:,} nouns written to {path}.")
