from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from taxonomy.formats import read_records
from taxonomy.importing import ImportRefusedError, import_synsets
from taxonomy.records import SynsetFileError


class Command(BaseCommand):
    help = "Add the nouns of a file (CSV, JSON or SKOS) to the taxonomy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="FILE")

    def handle(self, *, path: Path, **options: Any) -> None:
        try:
            # disable=None draws the bar on a terminal only, so log files stay short.
            records = tqdm(read_records(path), unit=" nouns", disable=None)
            n_added = import_synsets(records, reason=f"import of {path.name}")
        except (SynsetFileError, ImportRefusedError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{n_added:,} nouns added from {path}.")
