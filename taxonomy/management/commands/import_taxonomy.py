from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from taxonomy.formats import read_records
from taxonomy.importing import ImportRefusedError, import_synsets
from taxonomy.models import Synset
from taxonomy.records import SynsetFileError


class Command(BaseCommand):
    help = "Add the nouns of a file (CSV, JSON or SKOS) to the taxonomy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="FILE")

    def handle(self, *, path: Path, **options: Any) -> None:
        try:
            # disable=None draws the bar on a terminal only, so log files stay short.
            records = read_records(path)
            bar = tqdm(records, unit=" nouns", disable=None)
            n_added = import_synsets(bar, reason=f"import of {path.name}")
        except (SynsetFileError, ImportRefusedError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{n_added:,} nouns added from {path}.")
        retired = set(Synset.objects.retired().values_list("wnid", flat=True))
        n_retired = sum(record.wnid in retired for record in records if not record.is_retired)
        if n_retired:
            self.stdout.write(
                f"{n_retired:,} of its nouns are here, but retired: restore them in the editor."
            )
